//! When audio leaves, and with which wake-up.

use std::{sync::Arc, time::Duration};

use voiceagent_core::{
    Agent,
    transport::{Outbound, TransportCapabilities},
};
use voiceagent_testkit::fakes::{FakeLine, FakeLlm, FakeStt, FakeTts};

use crate::rig::{LONG, MULAW, ms};

#[tokio::test(start_paused = true)]
async fn audio_leaves_with_the_first_of_the_callers_frames_that_finds_room_for_it() {
    // No mark wakes the call, and the line sends a frame each 20 ms.
    let line = FakeLine::audio(MULAW).with_capabilities(TransportCapabilities::default());
    let caller = line.caller();
    let agent = Agent::builder()
        .greeting(LONG)
        .llm(Arc::new(FakeLlm::answers([])))
        .stt(Arc::new(FakeStt::new(caller.words())))
        .tts(Arc::new(FakeTts::new()))
        .tune(|config| config.playout.lead = ms(300))
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    tokio::time::sleep(ms(3_000)).await;
    let (mut begun, mut sent) = (None, Duration::ZERO);
    let mut pieces = 0;
    for (at, outbound) in caller.received() {
        let Outbound::Audio(frame) = outbound else { continue };
        let begun = *begun.get_or_insert(at);
        sent += MULAW.duration_of(MULAW.samples(frame.payload.len()));
        // The voice is faster than speech: by now it has come to its end, and wakes nobody.
        if at > ms(1_000) {
            let ahead = sent - (at - begun);
            assert!(ahead > ms(280) && ahead <= ms(300), "{ahead:?} ahead at {at:?}");
            pieces += 1;
        }
    }
    assert!(pieces > 15, "{pieces}");
    drop(call);
}
