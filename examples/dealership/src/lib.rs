//! A car dealership that answers its phone: books, moves and cancels service visits.

pub mod brain;
pub mod config;
pub mod doctor;
pub mod talk;
pub mod terminal;
