//! The adapters against scripted vendors on loopback: the suites, and what only one vendor does.

#[cfg(feature = "anthropic")]
mod anthropic;
#[cfg(feature = "deepgram")]
mod deepgram;
#[cfg(all(feature = "deepgram", feature = "openai"))]
mod fallback;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(feature = "openai")]
mod openai;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
mod scripted;
