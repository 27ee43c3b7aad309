//! The adapters against scripted vendors on loopback: the suites, and what only one vendor does.

#[cfg(feature = "anthropic")]
mod anthropic;
#[cfg(feature = "assemblyai")]
mod assemblyai;
#[cfg(feature = "azure")]
mod azure;
#[cfg(any(
    feature = "assemblyai",
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs",
    feature = "openai",
    feature = "soniox",
    feature = "speechmatics"
))]
mod caller;
#[cfg(feature = "cartesia")]
mod cartesia;
#[cfg(feature = "cartesia")]
mod cartesia_stt;
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
#[cfg(any(feature = "azure", feature = "cartesia", feature = "deepgram", feature = "elevenlabs"))]
mod faults;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(feature = "gemini")]
mod gemini_live;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "elevenlabs",
    feature = "openai",
    feature = "soniox",
    feature = "speechmatics"
))]
mod hearing;
#[cfg(feature = "openai")]
mod openai;
#[cfg(feature = "openai")]
mod openai_compatible;
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
mod registered;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
mod scripted;
#[cfg(feature = "soniox")]
mod soniox;
#[cfg(feature = "speechmatics")]
mod speechmatics;
#[cfg(any(feature = "deepgram", feature = "gemini", feature = "openai"))]
mod talk;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs",
    feature = "espeak-ng",
    feature = "openai"
))]
mod voice;
#[cfg(all(feature = "cartesia", feature = "deepgram", feature = "openai"))]
mod warm;
