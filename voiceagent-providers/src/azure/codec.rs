//! Azure's messages as events. Pure: no clock, no socket.

mod listen;
mod speak;

pub(super) use listen::PhraseCodec;
pub(super) use speak::{Manner, PieceCodec};

#[cfg(test)]
mod tests;
