use std::{fs, path::PathBuf};

use bytes::Bytes;
use voiceagent_core::{
    CallTime, GenerationId, SessionConfig,
    audio::AudioFormat,
    llm::FinishReason,
    session::{Input, Session},
    stt::Transcript,
};
use voiceagent_replay::{Args, Outcome, run};

/// A folder that is gone when the test is over.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("voiceagent-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }

    pub(crate) fn put(&self, name: &str, journal: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, journal).expect("a journal can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a run of the tool says: how it ended, stdout, stderr. An error is its message.
pub(crate) fn tool(args: &[&str]) -> Result<(Outcome, String, String), String> {
    let args = std::iter::once("voiceagent-replay").chain(args.iter().copied());
    let args = <Args as clap::Parser>::try_parse_from(args).map_err(|error| error.to_string())?;
    let (mut out, mut progress) = (Vec::new(), Vec::new());
    let outcome = run(&args, &mut out, &mut progress).map_err(|it| it.message().to_owned())?;
    let text = |bytes| String::from_utf8(bytes).expect("the tool writes text");
    Ok((outcome, text(out), text(progress)))
}

/// The journal of a session that is fed these inputs, at milliseconds of the call.
pub(crate) fn journal(config: SessionConfig, inputs: &[(u64, Input)]) -> String {
    let head = serde_json::to_string(&config).expect("settings are plain data");
    let mut lines = vec![format!(r#"{{"voiceagent_journal":1,"config":{head}}}"#)];
    let mut session = Session::new(config);
    let mut feed = |session: &mut Session, at: CallTime, input: &Input| {
        let json = serde_json::to_string(input).expect("inputs are plain data");
        lines.push(format!(r#"{{"at":{},"input":{json}}}"#, at.as_micros()));
        session.handle(at, input.clone());
        while let Some(command) = session.poll() {
            let command = serde_json::to_string(&command).expect("commands are plain data");
            lines.push(format!(r#"{{"command":{command}}}"#));
        }
    };
    for (at, input) in inputs {
        let at = CallTime::from_millis(*at);
        while let Some((due, _)) = session.poll_timeout().filter(|(due, _)| *due <= at) {
            feed(&mut session, due, &Input::Timeout);
        }
        feed(&mut session, at, input);
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A detector, a recognizer that is done with speech at its end, and an answer that takes 300 ms.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::default();
    // Silence alone decides here.
    config.endpointing.by_words = false;
    config.format = Some(AudioFormat::MULAW_8K);
    config.vad = true;
    config.speculation.enabled = false;
    config
}

/// Speech from one moment to another, told 60 and 200 ms late, with its final 150 ms late.
pub(crate) fn says(from: u64, until: u64, text: &str) -> [(u64, Input); 3] {
    let moment = CallTime::from_millis;
    [
        (from + 60, Input::SpeechStarted { since: moment(from) }),
        (until + 150, Input::Transcript { transcript: Transcript::final_(text) }),
        (until + 200, Input::SpeechStopped { since: moment(until) }),
    ]
}

/// The answer of an attempt: text at once, audio of so many milliseconds 100 ms later.
pub(crate) fn answers(at: u64, attempt: u64, millis: usize) -> [(u64, Input); 4] {
    let generation = GenerationId::new(attempt);
    let payload = Bytes::from(vec![0x55; millis * 8]);
    [
        (at, Input::LlmText { generation, text: "Very well.".into() }),
        (at, Input::LlmFinished { generation, reason: FinishReason::Stop }),
        (at + 100, Input::Synthesized { generation, payload }),
        (at + 100, Input::SynthesisFinished { generation }),
    ]
}

/// A caller who pauses for 500 ms in the first sentence, is answered twice, and interrupts the
/// second answer after 800 ms. The agent waits 300 ms.
pub(crate) fn small_call() -> String {
    small_call_with(config())
}

pub(crate) fn small_call_with(config: SessionConfig) -> String {
    let mut inputs = vec![(0, Input::Opened)];
    inputs.extend(says(1_000, 1_600, "I would like"));
    inputs.extend(says(2_100, 2_800, "a table for two"));
    inputs.extend(answers(3_300, 2, 800));
    inputs.extend(says(5_000, 5_600, "at seven"));
    inputs.extend(answers(6_100, 3, 2_000));
    inputs.extend(says(7_000, 7_200, "no wait"));
    inputs.push((9_000, Input::HungUp));
    journal(config, &inputs)
}
