//! A car dealership that answers its phone: books, moves and cancels service visits.

pub mod brain;
pub mod talk;
pub mod terminal;
