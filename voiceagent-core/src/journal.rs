//! The record of a call, from which it can be played again.

pub(crate) mod base64;
