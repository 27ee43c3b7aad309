//! What language models over HTTP have in common: a request, and an answer as server-sent events.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod call_ids;
pub(crate) mod client;
pub(crate) mod conversation;
pub(crate) mod events;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod keepsakes;
pub(crate) mod length;
pub(crate) mod said;
