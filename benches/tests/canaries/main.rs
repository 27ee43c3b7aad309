//! Canaries: a whole call with keys, tokens, a name and numbers that are like no other text, and a
//! search for them wherever they must not be: in what is logged down to TRACE, in errors, in `Debug`,
//! and in the journal.
//!
//! A program of its own, because the log that it reads is that of the whole process.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

mod carrier;
mod log;

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use voiceagent_core::{
    Agent, CallTime, Event, Secret,
    observer::{Observer, SpanObserver},
    tool::FunctionTool,
    transport::Transport,
};
use voiceagent_providers::{
    deepgram::{DeepgramStt, DeepgramSttConfig, DeepgramTts, DeepgramTtsConfig},
    openai::{OpenAiLlm, OpenAiLlmConfig},
};
use voiceagent_telephony::{front_door::FrontDoor, server};
use voiceagent_testkit::{
    clips,
    vendor::{
        ListenScript, ScriptedVendor, SpeakScript, SpeechVendor,
        chat::{ChatVendor, Dialect, Reply},
    },
};

use self::{carrier::Carrier, log::Log};

/// The caller, who is nobody else's business.
const NUMBER: &str = "+15005550199";
const NAME: &str = "Zebedia Quillfeather";
const WORDS: &str = "my name is Zebedia Quillfeather";

/// What only the carrier, and only the vendors, may know.
const CARRIER_KEY: &str = "canary-carrier-8f31c07d";
const MODEL_KEY: &str = "sk-canary-model-52be91a4";

/// For what has to happen; test machines are busy.
const SOON: Duration = Duration::from_secs(30);

#[derive(Deserialize, JsonSchema)]
struct Booking {
    /// Who comes.
    name: String,
    /// On which day of the month.
    day: u8,
}

/// Keeps the errors that the owner of a call is told.
#[derive(Debug)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl Observer for Errors {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        if matches!(event, Event::Failed { .. } | Event::FailedOver { .. } | Event::Ended { .. }) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
}

/// The vendors of the call. The model calls a tool twice, once with arguments that do not fit, and is
/// refused once with a complaint that repeats its key.
async fn vendors() -> (SpeechVendor, SpeechVendor, ChatVendor) {
    let ears = SpeechVendor::listen(ListenScript::utterances([WORDS, "goodbye"])).await;
    let voice = SpeechVendor::speak(SpeakScript::new()).await;
    let refusal = format!(r#"{{"error":{{"message":"Incorrect API key: {MODEL_KEY}"}}}}"#);
    let model = ChatVendor::replying(
        Dialect::OpenAi,
        [
            Reply::tool_call("book", &json!({ "name": NAME, "day": NUMBER })),
            Reply::tool_call("book", &json!({ "name": NAME, "day": 7 })),
            Reply::text(&format!("Thank you, {NAME}.")),
            Reply::refuse(401, refusal),
        ],
    )
    .await;
    (ears, voice, model)
}

/// The agent, and what of its parts can be printed.
fn agent(
    (ears, voice, model): &(SpeechVendor, SpeechVendor, ChatVendor),
    journals: &std::path::Path,
    errors: Arc<Mutex<Vec<String>>>,
) -> (Agent, Vec<String>) {
    let mut ear = DeepgramSttConfig::new(Secret::new(SpeechVendor::KEY));
    ear.base_url = ears.url();
    let mut mouth = DeepgramTtsConfig::new(Secret::new(SpeechVendor::KEY));
    mouth.base_url = voice.url();
    let mut mind = OpenAiLlmConfig::default();
    mind.api_key = Some(Secret::new(MODEL_KEY));
    mind.base_url = Some(model.url().into());
    let mut shown = vec![format!("{ear:?} {mouth:?} {mind:?}")];
    let stt = DeepgramStt::new(ear).unwrap();
    let (llm, tts) = (OpenAiLlm::new(mind).unwrap(), DeepgramTts::new(mouth).unwrap());
    shown.push(format!("{stt:?} {llm:?} {tts:?}"));
    let book = FunctionTool::new("book", "Books.", |booking: Booking, _context| async move {
        Ok(json!({ "booked": booking.name, "day": booking.day }))
    });
    let agent = Agent::builder()
        .stt(Arc::new(stt))
        .llm(Arc::new(llm))
        .tts(Arc::new(tts))
        .tool(book)
        .journals(journals)
        .observer(|call| SpanObserver::new(&call.id))
        .observer(move |_| Errors(Arc::clone(&errors)))
        // Drafts would ask the model more often than it has answers.
        .tune(|config| config.speculation.enabled = false)
        .build()
        .unwrap();
    shown.push(format!("{agent:?}"));
    (agent, shown)
}

#[tokio::test]
async fn rh11_and_rh12_no_canary_leaves_a_call_but_where_it_is_meant_to() {
    let log = Log::start();
    let journals = std::env::temp_dir().join(format!("voiceagent-canaries-{}", std::process::id()));
    fs::create_dir_all(&journals).unwrap();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let vendors = vendors().await;
    let (agent, mut shown) = agent(&vendors, &journals, Arc::clone(&errors));

    let listener = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (infos, mut called) = mpsc::channel(1);
    let door = FrontDoor::twilio()
        .auth_token(Secret::new(CARRIER_KEY))
        .public_url(url.clone())
        .on_call(move |stream| {
            let (agent, infos) = (agent.clone(), infos.clone());
            async move {
                infos.send(format!("{:?}", stream.call())).await.unwrap();
                agent.answer(Box::new(stream)).await;
            }
        });
    shown.push(format!("{door:?}"));
    let serving = tokio::spawn(server::serve(listener, door.build().unwrap()));

    let carrier = Carrier::new(&url, CARRIER_KEY);
    let refused = carrier.webhook(NUMBER, "forged").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let twiml = carrier.webhook(NUMBER, CARRIER_KEY).await;
    let token = carrier::parameter(&twiml, "token");
    let phone = carrier.dial(&twiml).connect().await.unwrap();
    shown.push(called.recv().await.unwrap());
    let used = carrier.dial(&twiml).connect().await.unwrap();
    used.wait_until_closed(SOON).await.unwrap();

    phone.speak(clips::HELLO.audio).await.unwrap();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    phone.wait_until_agent_quiet(Duration::from_millis(600), SOON).await.unwrap();
    phone.press('7').await.unwrap();
    phone.speak(clips::GOODBYE.audio).await.unwrap();
    vendors.2.until(|model| model.requests().len() >= 4).await;
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    phone.hang_up().await.unwrap();
    let journal = journal(&journals).await;
    serving.abort();
    let _ = fs::remove_dir_all(&journals);

    // The call was what it was meant to be, or nothing would be shown.
    assert!(journal.contains(WORDS) && journal.contains(NAME), "{journal}");
    assert!(log.lines() > 50 && log.holds_pii(NAME), "{} lines", log.lines());
    let errors = errors.lock().unwrap().join("\n");
    assert!(errors.contains("Llm"), "the model failed: {errors}");

    let digits = &NUMBER[1..];
    for secret in [CARRIER_KEY, MODEL_KEY, SpeechVendor::KEY, &*token] {
        log.assert_nowhere(secret);
        for text in shown.iter().chain([&errors, &journal]) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    for person in [digits, NAME, "Quillfeather"] {
        log.assert_only_in_pii(person);
        for text in shown.iter().chain([&errors]) {
            assert!(!text.contains(person), "{person} in {text}");
        }
    }
}

/// The journal of the call, once it is complete.
async fn journal(folder: &std::path::Path) -> String {
    let complete = async {
        loop {
            let files = fs::read_dir(folder).into_iter().flatten().flatten();
            let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
            if let Some(text) = texts.into_iter().find(|text| text.contains(r#""end""#)) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, complete).await.expect("the call ends")
}
