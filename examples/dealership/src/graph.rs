//! Where a talk goes: fourteen nodes, between which the database decides.
//!
//! A turn of the caller is read for what it says (`signals`), the tables are asked for what is so
//! (`facts`), and pure functions of the two say where the talk goes (`router`). A model says what
//! is said in a node, with the instructions and tools of the node ([`Script`]); it cannot choose the
//! next one, and it can book, move or cancel in `execute` alone.
//!
//! No talk goes round for ever: each node may be come to so many times and holds a caller for so many
//! turns (`place`).

mod ask;
mod facts;
mod guide;
mod intent;
mod node;
mod offer;
mod place;
mod router;
mod script;
mod signals;

#[cfg(test)]
mod tests;

pub(crate) use self::guide::{Guide, Journey};
pub use self::{
    intent::Intent,
    node::{Node, Phase},
    script::{NodeChange, NodeScript, Script},
};
