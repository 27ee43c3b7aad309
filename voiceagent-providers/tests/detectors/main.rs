//! The detectors of speech and turns of this crate against their contracts.
#![cfg(any(feature = "rnnoise", feature = "silero", feature = "smart-turn"))]

#[cfg(feature = "rnnoise")]
mod rnnoise;
#[cfg(feature = "silero")]
mod silero;
#[cfg(feature = "smart-turn")]
mod smart_turn;

use voiceagent_core::registry::Registry;

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}
