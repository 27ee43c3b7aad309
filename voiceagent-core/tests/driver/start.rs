//! How a call begins, or does not.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use voiceagent_core::{
    Agent, AgentBuilder, CallId, CallTime, Event, Result,
    observer::Observer,
    session::{EndReason, EndpointingConfig, SettingsChange},
    spoken::SpokenForm,
    store::ConversationStore,
    tool::{Tool, ToolContext, ToolSpec},
    transport::CallInfo,
};
use voiceagent_testkit::fakes::{
    Answer, FakeLine, FakeLlm, FakeRealtime, FakeStt, FakeTts, FakeVad, Reply, SttFault, TtsFault,
};

use crate::rig::{builder, ms, phone_line, timed_events};

/// A store that never recalls anybody.
#[derive(Debug)]
struct Hanging;

#[async_trait]
impl ConversationStore for Hanging {
    async fn load(&self, _call: &CallInfo) -> Result<Option<Value>> {
        std::future::pending().await
    }

    async fn save(&self, _call: &CallId, _state: Value) -> Result<()> {
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
struct Ends(Arc<Mutex<Vec<EndReason>>>);

impl Observer for Ends {
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        if let Event::Ended { reason } = event {
            self.0.lock().expect("nobody broke down").push(*reason);
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn observers_hear_of_a_call_that_nobody_waits_for_any_more_while_it_is_answered() {
    let ends = Ends::default();
    let seen = ends.clone();
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("Hello."))))
        .store(Arc::new(Hanging))
        .observer(move |_| seen.clone())
        .build()
        .unwrap();
    let line = Box::new(FakeLine::text());
    let started = tokio::time::timeout(Duration::from_millis(500), agent.start(line)).await;
    assert!(started.is_err(), "it is dropped before the store is given up");
    assert_eq!(*ends.0.lock().unwrap(), [EndReason::Failed]);
}

/// A tool that counts how often it is asked what it is.
#[derive(Debug)]
struct Asked(Arc<AtomicUsize>);

#[async_trait]
impl Tool for Asked {
    fn spec(&self) -> ToolSpec {
        self.0.fetch_add(1, Ordering::Relaxed);
        ToolSpec::new("ask", "Asks.", json!({ "type": "object" }))
    }

    async fn call(&self, _arguments: Value, _context: ToolContext) -> Result<Value> {
        Ok(json!("yes"))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn what_a_tool_is_was_asked_when_the_agent_was_built_and_is_not_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let line = FakeLine::text();
    let caller = line.caller();
    let answers = [Answer::call("ask", json!({})), Answer::text("They said yes.")];
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::answers(answers)))
        .tool(Asked(asked.clone()))
        .build()
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("ask them", Duration::from_millis(200)).await;
    caller.hears("They said yes.", Duration::from_secs(5)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn recognizer_and_voice_are_told_the_language_each_time_that_they_are_opened() {
    let (line, caller) = phone_line();
    let stt = FakeStt::new(caller.words()).with_faults([SttFault::Drop(ms(100))]);
    let tts = FakeTts::new().with_faults([TtsFault::End(ms(100))]);
    let (heard, spoken) = (stt.opened(), tts.opened());
    let agent = Agent::builder()
        .greeting("Guten Tag, hier ist die Bäckerei.")
        .language("de-AT")
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("Ja."))))
        .stt(Arc::new(stt))
        .tts(Arc::new(tts))
        .vad(Arc::new(FakeVad::default()))
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("Guten Tag.", ms(600)).await;
    caller.silence(ms(3_000)).await;
    let heard: Vec<_> = heard.all().into_iter().map(|options| options.language).collect();
    let spoken: Vec<_> = spoken.all().into_iter().map(|options| options.language).collect();
    assert_eq!(heard, [Some("de-AT".into()), Some("de-AT".into())]);
    assert_eq!(spoken, [Some("de-AT".into()), Some("de-AT".into())]);
    drop(call);
}

/// How long after the beginning of a call its only turn is decided, which would be open in English:
/// it ends with an article. The agent, its recognizer or its spoken form is told a language.
async fn decided(
    agent: Option<&str>,
    recognizer: Option<&str>,
    form: Option<&str>,
    change: Option<SettingsChange>,
) -> Duration {
    let (line, caller) = phone_line();
    let mut stt = FakeStt::new(caller.words());
    if let Some(tag) = recognizer {
        stt = stt.with_language(tag);
    }
    let llm = FakeLlm::new(|_| Answer::text("Ja."));
    let mut recipe = builder(llm, &caller).stt(Arc::new(stt));
    if let Some(tag) = agent {
        recipe = recipe.language(tag);
    }
    if let Some(tag) = form {
        recipe = recipe.spoken_form(SpokenForm::of(tag));
    }
    let call = recipe.build().expect("it is whole").start(Box::new(line)).await.expect("it begins");
    if let Some(change) = change {
        call.line().configure(change).expect("the settings make sense");
    }
    caller.speak("Nimm das, es ist an", ms(800)).await;
    caller.silence(ms(4_000)).await;
    caller.hang_up().await;
    let events = timed_events(call).await;
    let turn = events.iter().find(|(_, event)| matches!(event, Event::UserTurn { .. }));
    turn.expect("somebody has spoken").0.elapsed()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn t11_the_words_of_another_language_do_not_tell_how_long_is_waited() {
    let read = decided(None, None, None, None).await;
    for (agent, recognizer, form) in [
        (Some("en-GB"), None, None),
        (None, Some("en-US"), None),
        (Some("en-GB"), Some("de-AT"), None),
        (None, Some("en"), Some("en-US")),
    ] {
        assert_eq!(decided(agent, recognizer, form, None).await, read, "{agent:?} {recognizer:?}");
    }
    for (agent, recognizer, form) in [
        (Some("de-AT"), None, None),
        (Some("de-AT"), Some("en-US"), None),
        (None, Some("de-AT"), None),
        (None, Some("multi"), None),
        (None, None, Some("de")),
        (None, Some("en-US"), Some("de")),
    ] {
        let unread = decided(agent, recognizer, form, None).await;
        assert!(unread + ms(1_000) < read, "{agent:?} {recognizer:?} {form:?}: {unread:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn t11_settings_given_in_the_call_do_not_make_english_of_another_language() {
    let change = || SettingsChange::default().with_endpointing(EndpointingConfig::adaptive());
    let read = decided(None, None, None, Some(change())).await;
    for (agent, recognizer) in [(Some("de-AT"), None), (None, Some("de-AT"))] {
        let unread = decided(agent, recognizer, None, Some(change())).await;
        assert!(unread + ms(500) < read, "{unread:?} and {read:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks")]
async fn a_language_that_does_not_fit_is_found_before_a_call() {
    let agent = || Agent::builder().llm(Arc::new(FakeLlm::new(|_| Answer::text("Ja."))));
    let complaint = |agent: AgentBuilder| agent.build().unwrap_err().message().to_owned();
    assert_eq!(complaint(agent().language(" ")), "field `language` must be a tag like `en-US`");
    assert_eq!(
        complaint(agent().language("de").spoken_form(SpokenForm::english())),
        "`spoken_form.language` is `en-US`, and `language` is `de`"
    );
    assert!(agent().language("en-GB").spoken_form(SpokenForm::english()).build().is_ok());
    let (_line, caller) = phone_line();
    let model = FakeRealtime::replies(caller.words(), [Reply::text("Ja.")]);
    let model = Agent::builder().realtime(Arc::new(model)).language("de");
    assert!(complaint(model).contains("`language`"));
}
