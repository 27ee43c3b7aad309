//! The adapters against scripted vendors on loopback: the suites, and what only one vendor does.

#[cfg(feature = "deepgram")]
mod deepgram;
#[cfg(feature = "openai")]
mod openai;
#[cfg(feature = "openai")]
mod scripted;
