//! A whole phone call without a phone: a caller asks for an appointment, interrupts the agent and
//! hangs up. The vendors are stand-ins and time is virtual, so it is over in a moment.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{Agent, Event, audio::AudioFormat};
use voiceagent_testkit::fakes::{Answer, FakeLine, FakeLlm, FakeStt, FakeTool, FakeTts, FakeVad};

#[expect(clippy::print_stdout, reason = "the program shows a conversation")]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), voiceagent_core::Error> {
    let line = FakeLine::audio(AudioFormat::MULAW_8K);
    let caller = line.caller();
    let answers = [
        Answer::text("One moment, please.").then_call("book", json!({ "day": "Monday" })),
        Answer::text("You are booked for Monday at ten. We will send you a reminder before."),
        Answer::text("Very well, no reminder. Goodbye!"),
    ];
    let agent = Agent::builder()
        .instructions("You book appointments for a garage.")
        .greeting("Hello, this is the garage.")
        .stt(Arc::new(FakeStt::new(caller.words())))
        .llm(Arc::new(FakeLlm::answers(answers)))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
        .tool(FakeTool::returning("book", json!({ "booked": "Monday at 10:00" })))
        .build()?;
    let mut call = agent.start(Box::new(line)).await?;

    let conversation = async {
        let soon = Duration::from_secs(10);
        caller.hears("garage.", soon).await;
        caller.speak("An oil change on Monday please", Duration::from_secs(2)).await;
        caller.hears("We will", soon).await;
        caller.speak("No reminder thank you", Duration::from_secs(1)).await;
        caller.hears("Goodbye!", soon).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        caller.hang_up().await;
    };
    let report = async {
        while let Some((at, event)) = call.next_event().await {
            match event {
                Event::UserTurn { pii_text, .. } => println!("{at:?}  user: {pii_text}"),
                Event::ToolFinished { name, .. } => println!("{at:?}  tool: {name}"),
                Event::AgentStopped { pii_heard, interrupted, .. } => {
                    let cut = if interrupted { " [interrupted]" } else { "" };
                    println!("{at:?} agent: {pii_heard}{cut}");
                }
                Event::Ended { reason } => println!("{at:?} ended: {reason:?}"),
                _ => {}
            }
        }
    };
    tokio::join!(conversation, report);
    Ok(())
}
