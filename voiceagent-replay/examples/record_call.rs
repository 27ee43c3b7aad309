//! Records a call between fakes, in virtual time, as `call-1.journal` in the folder that is given.
//!
//! The caller pauses in a sentence, is answered too early, and interrupts.

use std::{env, error::Error, fs, io, path::PathBuf, sync::Arc, time::Duration};

use voiceagent_core::{Agent, audio::AudioFormat};
use voiceagent_testkit::fakes::{Answer, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("give a folder")?);
    fs::create_dir_all(&folder)?;
    // A journal never takes the place of another; here it shall.
    match fs::remove_file(folder.join("call-1.journal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let ms = Duration::from_millis;
    let line = FakeLine::audio(AudioFormat::MULAW_8K);
    let caller = line.caller();
    let answers = ["When?", "At seven there is a table.", "Done."];
    let agent = Agent::builder()
        .stt(Arc::new(FakeStt::new(caller.words())))
        .llm(Arc::new(FakeLlm::answers(answers.map(Answer::text))))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
        .greeting("Hello!")
        .journals(&folder)
        .build()?;
    let call = agent.start(Box::new(line)).await?;
    caller.hears("Hello!", ms(3_000)).await;
    caller.speak("I would like", ms(600)).await;
    caller.silence(ms(450)).await;
    caller.speak("a table for two", ms(900)).await;
    caller.hears("is", ms(9_000)).await;
    caller.speak("yes that one", ms(700)).await;
    caller.hears("Done.", ms(5_000)).await;
    caller.hang_up().await;
    call.finished().await;
    Ok(())
}
