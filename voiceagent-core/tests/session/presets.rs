//! What calls begin with: settings, tools, and a story that several files go on with.

use serde_json::json;
use voiceagent_core::{
    SessionConfig,
    audio::AudioFormat,
    tool::{Effect, ToolSpec},
};
use voiceagent_testkit::scenario::Scenario;

pub(crate) const REPLY: &str =
    "Yes, we have one. It is a red car and it is at the front of the shop.";

/// A call over the phone, with a detector of speech, and without drafts. Turns end by silence alone,
/// so that a test need not know what its words tell.
pub(crate) fn phone() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.format = Some(AudioFormat::MULAW_8K);
    config.marks = true;
    config.vad = true;
    config.speculation.enabled = false;
    config.endpointing.by_words = false;
    config
}

/// The same with a recognizer that can be asked for the rest of the words.
pub(crate) fn phone_with_finalize() -> SessionConfig {
    let mut config = phone();
    config.stt_finalize = true;
    config
}

pub(crate) fn tool(name: &str) -> ToolSpec {
    ToolSpec::new(name, "", json!({ "type": "object" }))
}

/// A tool that only looks something up, and may be left half done.
pub(crate) fn pure_tool(name: &str) -> ToolSpec {
    let mut tool = tool(name);
    tool.effect = Effect::Pure;
    tool.cancellable = true;
    tool
}

/// The agent has been answering since 2,100 ms, and will until 6,100 ms.
pub(crate) fn speaking(config: SessionConfig) -> Scenario {
    let mut call = Scenario::new(config);
    answers(&mut call, REPLY);
    call
}

/// The user asks at 1,000 ms, and the agent answers this from 2,100 to 6,100 ms.
pub(crate) fn answers(call: &mut Scenario, text: &str) {
    call.at(1_000).says("Do you have one?").at(2_000).model(text).at(2_100).voice(text, 4_000);
}
