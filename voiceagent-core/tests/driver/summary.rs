//! The model sums up long conversations beside the call.

use voiceagent_core::{
    Call, ErrorKind,
    llm::{LlmRequest, Message},
    session::SummaryConfig,
};
use voiceagent_testkit::fakes::{Answer, Caller, FakeLlm, Recording};

use crate::rig::{Folder, builder, events, ms, phone_line};

const NOTES: &str = "You take notes.";
const LONG: &str = "I have a question about the oil change that you made on my red car yesterday.";

/// A call whose conversation is too long from the first turn on, with what its summaries get.
async fn call(
    folder: &Folder,
    summary: impl Fn() -> Answer + Send + 'static,
) -> (Call, Caller, Recording<LlmRequest>) {
    let (line, caller) = phone_line();
    let llm = FakeLlm::new(move |request| match &*request.instructions {
        NOTES => summary(),
        _ => Answer::text("I see."),
    });
    let requests = llm.requests();
    let agent = builder(llm, &caller)
        .tune(|config| {
            let mut summary = SummaryConfig::default();
            (summary.budget, summary.keep) = (30, 10);
            summary.instructions = NOTES.into();
            config.summary = Some(summary);
        })
        .journals(folder.path())
        .build()
        .expect("the agent is complete");
    let call = agent.start(Box::new(line)).await.expect("all legs open");
    (call, caller, requests)
}

/// Three turns, all of which must be answered.
async fn talk(call: Call, caller: &Caller) {
    let line = call.line().clone();
    let told = tokio::spawn(events(call));
    for answers in 1..=3 {
        caller.speak(LONG, ms(1_500)).await;
        caller.hears(&"I see.".repeat(answers), ms(5_000)).await;
        tokio::time::sleep(ms(2_000)).await;
    }
    line.hang_up().expect("the call goes on");
    told.await.expect("nothing breaks down");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_long_conversation_is_summed_up_and_the_journal_replays() {
    let folder = Folder::new("summary");
    let (call, caller, requests) = call(&folder, || Answer::text("A red car.")).await;
    talk(call, &caller).await;
    let asked = requests.all();
    let notes: Vec<_> = asked.iter().filter(|request| &*request.instructions == NOTES).collect();
    assert!(!notes.is_empty() && notes.iter().all(|request| request.tools.is_empty()));
    assert!(notes[0].last_user_text().unwrap().starts_with(&format!("Caller: {LONG}")));
    let last = asked.iter().rfind(|request| &*request.instructions != NOTES).unwrap();
    let begins = &last.messages[0];
    assert!(
        matches!(begins, Message::Summary { text } if text.ends_with("A red car.")),
        "{begins:?}"
    );
    let recording = folder.recording();
    assert!(recording.replay() == recording.commands());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_that_cannot_sum_up_goes_on_answering() {
    type Failure = fn() -> Answer;
    let failures: [Failure; 4] = [
        || Answer::refuse(ErrorKind::RateLimited),
        || Answer::text("A red").then_break(ErrorKind::Disconnected),
        || Answer::text("A red").then_stall(),
        || Answer::default(),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let folder = Folder::new(&format!("no-summary-{number}"));
        let (call, caller, requests) = call(&folder, failure).await;
        talk(call, &caller).await;
        let last = requests.all().into_iter().rfind(|request| &*request.instructions != NOTES);
        let last = last.expect("it answered");
        assert_eq!(last.messages.len(), 5, "failure {number}: the conversation is whole");
    }
}
