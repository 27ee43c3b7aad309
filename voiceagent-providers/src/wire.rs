//! What the vendors' protocols have in common.

pub(crate) mod address;
pub(crate) mod backoff;
pub(crate) mod connect;
pub(crate) mod embedding;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod format;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod llm;
pub(crate) mod models;
pub(crate) mod patience;
pub(crate) mod realtime;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod sse;
pub(crate) mod stt;
pub(crate) mod voice;
pub(crate) mod ws;
