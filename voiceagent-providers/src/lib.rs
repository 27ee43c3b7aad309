//! Speech recognition, language models, voices and detectors of speech and turns for voiceagent.
//!
//! Each vendor is a Cargo feature, and a module of this crate. [`register`] makes every vendor that
//! is compiled in available by name:
//!
//! ```
//! use serde_json::json;
//! use voiceagent_core::registry::Registry;
//!
//! let mut registry = Registry::default();
//! voiceagent_providers::register(&mut registry);
//! # #[cfg(feature = "deepgram")] {
//! let stt = registry
//!     .stt
//!     .build(json!({ "provider": "deepgram", "api_key": "your-key", "model": "nova-3" }))
//!     .unwrap();
//! assert_eq!(stt.name(), "deepgram");
//! # }
//! ```
//!
//! | Feature | What it adds |
//! |---|---|
//! | `anthropic` | a language model |
//! | `assemblyai` | a recognizer |
//! | `azure` | a recognizer, a voice |
//! | `cartesia` | a recognizer, a voice |
//! | `deepgram` | recognizers, voices, a speech-to-speech model |
//! | `elevenlabs` | a recognizer, a voice |
//! | `espeak-ng` | a voice, where the program of that name is installed |
//! | `gemini` | a language model, a speech-to-speech model, an embedder |
//! | `openai` | recognizers, language models, voices, speech-to-speech models, embedders; also of compatible servers |
//! | `rnnoise` | a voice activity detector and a noise suppressor |
//! | `silero` | a voice activity detector, from a model file |
//! | `smart-turn` | a turn detector, from a model file |
//! | `soniox` | a recognizer |
//! | `speechmatics` | a recognizer |
//!
//! All are on by default but the detectors: `rnnoise`, `silero` and `smart-turn`.
//!
//! Times are written as `"250ms"`, `"1.5s"`, or as a number of seconds.

#[cfg(feature = "anthropic")]
pub mod anthropic;
#[cfg(feature = "assemblyai")]
pub mod assemblyai;
#[cfg(feature = "azure")]
pub mod azure;
#[cfg(feature = "cartesia")]
pub mod cartesia;
#[cfg(feature = "deepgram")]
pub mod deepgram;
#[cfg(feature = "elevenlabs")]
pub mod elevenlabs;
#[cfg(feature = "espeak-ng")]
pub mod espeak_ng;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "gemini")]
pub mod gemini;
#[cfg(feature = "openai")]
pub mod openai;
#[cfg(feature = "rnnoise")]
pub mod rnnoise;
#[cfg(feature = "silero")]
pub mod silero;
#[cfg(feature = "smart-turn")]
pub mod smart_turn;
#[cfg(feature = "soniox")]
pub mod soniox;
#[cfg(feature = "speechmatics")]
pub mod speechmatics;
#[cfg_attr(
    not(feature = "default"),
    allow(dead_code, unused_imports, reason = "each vendor takes a part of what they share")
)]
mod wire;

use voiceagent_core::registry::Registry;

/// Adds every vendor that is compiled in.
#[allow(unused_variables, reason = "without a vendor there is nothing to add")]
pub fn register(registry: &mut Registry) {
    #[cfg(feature = "anthropic")]
    anthropic::register(registry);
    #[cfg(feature = "assemblyai")]
    assemblyai::register(registry);
    #[cfg(feature = "azure")]
    azure::register(registry);
    #[cfg(feature = "cartesia")]
    cartesia::register(registry);
    #[cfg(feature = "deepgram")]
    deepgram::register(registry);
    #[cfg(feature = "elevenlabs")]
    elevenlabs::register(registry);
    #[cfg(feature = "espeak-ng")]
    espeak_ng::register(registry);
    #[cfg(feature = "gemini")]
    gemini::register(registry);
    #[cfg(feature = "openai")]
    openai::register(registry);
    #[cfg(feature = "rnnoise")]
    rnnoise::register(registry);
    #[cfg(feature = "silero")]
    silero::register(registry);
    #[cfg(feature = "smart-turn")]
    smart_turn::register(registry);
    #[cfg(feature = "soniox")]
    soniox::register(registry);
    #[cfg(feature = "speechmatics")]
    speechmatics::register(registry);
}
