//! Calls one after the other leave no memory behind. A program of its own, because the memory that it
//! counts is that of the whole process.

use std::{alloc::System, sync::Arc, time::Duration};

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use voiceagent_core::{Agent, audio::AudioFormat};
use voiceagent_testkit::fakes::{Answer, FakeLine, FakeLlm, FakeStt, FakeTool, FakeTts, FakeVad};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Calls after which everything that is made once, for all calls, has been made.
const FIRST: u32 = 5;

/// Calls that are watched. What one of them leaves behind is there so often.
const WATCHED: u32 = 30;

/// Bytes that all of them together may differ by: less than one for each call, and so nothing that
/// belongs to a call.
const SLACK: i128 = WATCHED as i128 - 1;

/// A call with a greeting, a tool, an answer that is interrupted, and a hang-up.
async fn call() {
    let line = FakeLine::audio(AudioFormat::MULAW_8K);
    let caller = line.caller();
    let llm = FakeLlm::answers([
        Answer::call("look", json!({ "day": "Monday" })),
        Answer::text("There is one at nine, one at ten, and there is one at eleven."),
        Answer::text("Nine it is."),
    ]);
    let agent = Agent::builder()
        .stt(Arc::new(FakeStt::new(caller.words())))
        .llm(Arc::new(llm))
        .tts(Arc::new(FakeTts::new()))
        .vad(Arc::new(FakeVad::default()))
        .tool(FakeTool::returning("look", json!({ "free": [9, 10, 11] })))
        .greeting("Good day.")
        .build()
        .expect("the agent is whole");
    let call = agent.start(Box::new(line)).await.expect("the call begins");
    caller.hears("Good day.", Duration::from_secs(5)).await;
    caller.speak("is there anything on Monday", Duration::from_millis(900)).await;
    caller.hears("one at nine", Duration::from_secs(9)).await;
    caller.speak("nine please", Duration::from_millis(900)).await;
    caller.hears("Nine it is.", Duration::from_secs(9)).await;
    caller.hang_up().await;
    drop(call);
}

fn calls(count: u32) {
    for _ in 0..count {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("the system has the means");
        runtime.block_on(call());
    }
}

/// What is allocated and not freed.
fn live() -> i128 {
    let stats = MEMORY.stats();
    stats.bytes_allocated as i128 - stats.bytes_deallocated as i128
}

#[test]
fn rg12_calls_one_after_the_other_leave_no_memory_behind() {
    calls(FIRST);
    let before = live();
    calls(WATCHED);
    let left = live() - before;
    assert!(left <= SLACK, "{left} bytes are left of {WATCHED} calls");
}
