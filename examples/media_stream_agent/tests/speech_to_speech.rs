//! A whole phone call with a speech-to-speech model: the carrier's media stream, the agent, and
//! OpenAI's Realtime API on loopback.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

use std::{sync::Arc, time::Duration};

use axum::Router;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use voiceagent_core::{Agent, Event, Line, Secret, tool::ToolContext};
use voiceagent_providers::openai::{OpenAiRealtime, OpenAiRealtimeConfig, TurnDetection};
use voiceagent_telephony::{
    media_stream::{MediaSocket, TokenCheck},
    server,
};
use voiceagent_testkit::{
    clips,
    fakes::{FakeTool, Recording, Reply},
    phone::PhoneCall,
    tone,
    vendor::{RealtimeScript, ScriptedVendor, SpeechVendor},
};

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(30);

const GREETING: &str = "Good morning.";
const LONG: &str = "You are booked for Monday at ten, and please bring the papers of the car, the \
     spare key, and the book of its services.";
const GOODBYE: &str = "Good bye.";

/// A call that goes on: the phone at one end, the vendor at the other, and the agent between.
struct OnCall {
    phone: PhoneCall,
    vendor: SpeechVendor,
    script: RealtimeScript,
    booked: Recording<(Value, ToolContext)>,
    line: Line,
    events: mpsc::UnboundedReceiver<Event>,
}

impl OnCall {
    async fn begin(turns: TurnDetection, replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = RealtimeScript::new();
        script.play(replies);
        script.hear(["I would like to book an appointment", "wait"]);
        let vendor = SpeechVendor::openai_realtime(script.clone()).await;
        let mut config = OpenAiRealtimeConfig::new(Secret::new(SpeechVendor::KEY));
        config.base_url = format!("{}/v1", vendor.url());
        config.turn_detection = turns;
        let tool = FakeTool::returning("book_appointment", json!({ "booked": true }));
        let booked = tool.calls();
        let agent = Agent::builder()
            .instructions("You answer the phone of a car dealership.")
            .realtime(Arc::new(OpenAiRealtime::new(config).unwrap()))
            .greet_by("Greet the caller.")
            .tool(tool)
            .build()
            .unwrap();
        let (told, mut calls) = mpsc::unbounded_channel();
        let (seen, events) = mpsc::unbounded_channel();
        let media = MediaSocket::twilio(TokenCheck::Off)
            .on_call(move |stream| {
                let (agent, told, seen) = (agent.clone(), told.clone(), seen.clone());
                async move {
                    let mut call = agent.start(Box::new(stream)).await.unwrap();
                    told.send(call.line().clone()).unwrap();
                    while let Some((_, event)) = call.next_event().await {
                        let _ = seen.send(event);
                    }
                }
            })
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let app = Router::new().merge(media.route("/ws"));
        tokio::spawn(server::serve(listener, app));
        let phone = PhoneCall::dial(url, [("", ""); 0]).await.unwrap();
        let line = timeout(SOON, calls.recv()).await.unwrap().unwrap();
        Self { phone, vendor, script, booked, line, events }
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = timeout(SOON, self.events.recv()).await.unwrap().expect("it goes on");
            if wanted(&event) {
                return event;
            }
        }
    }

    /// What the caller has heard, as the text that it spells: G.711 goes through untouched.
    async fn heard(&self) -> String {
        let heard = self.phone.heard().await.unwrap();
        tone::read(self.phone.carrier().format(), &heard.audio())
    }

    /// What the agent says next, and whether it was cut.
    async fn said(&mut self) -> (String, bool) {
        let stopped = self.until(|it| matches!(it, Event::AgentStopped { .. })).await;
        let Event::AgentStopped { pii_heard, interrupted, .. } = stopped else { unreachable!() };
        (pii_heard.to_string(), interrupted)
    }
}

/// The text without white space: between what is said before and after a tool some is made up.
fn letters(text: &str) -> String {
    text.chars().filter(|it| !it.is_whitespace()).collect()
}

impl OnCall {
    /// What was cut is remembered as it was heard: by the history of the session to a whole word,
    /// and by the vendor, who was told where the caller was, to a mark.
    async fn assert_remembered(&self, before: &str, (remembered, interrupted): (String, bool)) {
        assert!(interrupted, "{remembered}");
        let remembered = letters(&remembered);
        assert!(letters(&format!("{before}{LONG}")).starts_with(&remembered), "{remembered}");
        let heard = self.heard().await;
        assert!(letters(&heard).contains(&remembered), "{remembered:?} of {heard:?}");
        let sent = self.vendor.records().remove(0).texts;
        let sent = sent.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
        let cuts: Vec<_> = sent.filter(|it| it["type"] == "conversation.item.truncate").collect();
        let [cut] = &cuts[..] else { panic!("{cuts:?}") };
        // A character lasts 60 ms.
        let reached = (cut["audio_end_ms"].as_u64().unwrap() / 60) as usize;
        let of_this = remembered.len() - letters(before).len();
        assert!(letters(&LONG[..reached]).len() >= of_this, "{reached} {remembered:?}");
        assert!(heard.contains(&LONG[..reached.saturating_sub(2)]), "{reached} {heard:?}");
        assert!(self.script.complaints().is_empty(), "{:?}", self.script.complaints());
    }

    /// The agent takes its leave, and the caller hears all of it.
    async fn assert_goodbye(mut self) {
        self.line.say(GOODBYE).unwrap();
        self.line.hang_up().unwrap();
        assert_eq!(self.said().await, (GOODBYE.to_owned(), false));
        self.until(|event| matches!(event, Event::Ended { .. })).await;
        assert!(self.heard().await.ends_with(GOODBYE));
        assert!(self.script.complaints().is_empty(), "{:?}", self.script.complaints());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h13_a_call_with_a_tool_and_a_barge_in_is_remembered_as_it_was_heard() {
    let call = Reply::text("One moment.").then_call("book_appointment", json!({ "day": "Monday" }));
    let replies = [Reply::text(GREETING), call, Reply::text(LONG), Reply::text("Very well.")];
    let mut it = OnCall::begin(TurnDetection::Local, replies).await;
    assert_eq!(it.said().await, (GREETING.to_owned(), false));
    it.phone.speak(clips::APPOINTMENT).await.unwrap();
    it.until(|event| matches!(event, Event::AgentStarted { .. })).await;
    it.phone.silence(Duration::from_secs(2)).await.unwrap();
    assert_eq!(it.booked.count(), 1);
    // The caller has heard the first words of what follows the booking.
    it.phone.speak(clips::APPOINTMENT).await.unwrap();
    let said = it.said().await;
    it.assert_remembered("One moment.", said).await;
    assert_eq!(it.said().await, ("Very well.".to_owned(), false));
    it.assert_goodbye().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h13_with_the_vendors_turns_a_barge_in_is_remembered_as_it_was_heard() {
    let silence_duration = Some(Duration::from_millis(600));
    let turns =
        TurnDetection::ServerVad { threshold: None, prefix_padding: None, silence_duration };
    let replies = [Reply::text(GREETING), Reply::text(LONG), Reply::text("Very well.")];
    let mut it = OnCall::begin(turns, replies).await;
    assert_eq!(it.said().await, (GREETING.to_owned(), false));
    it.phone.speak(clips::APPOINTMENT).await.unwrap();
    it.until(|event| matches!(event, Event::AgentStarted { .. })).await;
    it.phone.silence(Duration::from_millis(1_500)).await.unwrap();
    it.phone.speak(clips::APPOINTMENT).await.unwrap();
    let said = it.said().await;
    it.assert_remembered("", said).await;
    assert_eq!(it.said().await, ("Very well.".to_owned(), false));
    it.assert_goodbye().await;
}
