//! What voices have in common, whatever their vendor.

pub(crate) mod body;
mod context;
pub(crate) mod context_codec;
pub(crate) mod contexts;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod line;
pub(crate) mod patience;
pub(crate) mod reader;
pub(crate) mod samples;
pub(crate) mod speeches;
pub(crate) mod spoken;
pub(crate) mod texts;

/// Items that wait in each direction of a link: more texts than a reply has, and some seconds of
/// audio, because vendors send it in pieces of 20 ms and more.
pub(crate) const CAPACITY: usize = 128;
