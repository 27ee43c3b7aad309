//! The adapters against scripted vendors on loopback: the suites, and what only one vendor does.

#![cfg_attr(
    not(feature = "default"),
    allow(dead_code, unused_imports, reason = "each vendor takes a part of what they share")
)]

#[cfg(feature = "anthropic")]
mod anthropic;
#[cfg(feature = "assemblyai")]
mod assemblyai;
#[cfg(feature = "azure")]
mod azure;
mod caller;
#[cfg(feature = "cartesia")]
mod cartesia;
#[cfg(feature = "cartesia")]
mod cartesia_stt;
#[cfg(all(feature = "deepgram", feature = "openai"))]
mod chaos;
mod clock;
#[cfg(feature = "deepgram")]
mod deepgram;
#[cfg(feature = "deepgram")]
mod deepgram_agent;
#[cfg(feature = "elevenlabs")]
mod elevenlabs;
#[cfg(feature = "elevenlabs")]
mod elevenlabs_stt;
mod embeddings;
#[cfg(feature = "espeak-ng")]
mod espeak_ng;
#[cfg(all(feature = "deepgram", feature = "openai"))]
mod failover;
#[cfg(all(feature = "deepgram", feature = "openai"))]
mod fallback;
mod faults;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(feature = "gemini")]
mod gemini_live;
mod hearing;
#[cfg(feature = "default")]
mod languages;
#[cfg(all(feature = "anthropic", feature = "gemini", feature = "openai"))]
mod model_ends;
#[cfg(feature = "openai")]
mod openai;
#[cfg(feature = "openai")]
mod openai_compatible;
#[cfg(feature = "openai")]
mod openai_live;
#[cfg(feature = "openai")]
mod openai_realtime;
#[cfg(feature = "openai")]
mod openai_realtime_stt;
#[cfg(feature = "openai")]
mod openai_responses;
#[cfg(feature = "openai")]
mod openai_speech;
#[cfg(feature = "openai")]
mod openai_stt;
#[cfg(feature = "default")]
mod pages;
mod pages_of;
#[cfg(feature = "default")]
mod pauses;
#[cfg(all(feature = "anthropic", feature = "openai"))]
mod rates;
#[cfg(feature = "default")]
mod redirects;
mod registered;
mod scripted;
#[cfg(feature = "soniox")]
mod soniox;
#[cfg(feature = "speechmatics")]
mod speechmatics;
mod talk;
mod voice;
#[cfg(all(feature = "cartesia", feature = "deepgram", feature = "openai"))]
mod warm;
