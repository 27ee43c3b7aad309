//! The voice activity detectors of this crate against their contract.
#![cfg(any(feature = "rnnoise", feature = "silero"))]

#[cfg(feature = "rnnoise")]
mod rnnoise;
#[cfg(feature = "silero")]
mod silero;

use voiceagent_core::registry::Registry;

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}
