//! A car dealership that answers its phone: the data, the tools and the conversation.

pub mod brain;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod phone;
pub mod spoken;
pub mod store;
pub mod talk;
pub mod terminal;
pub mod tools;
pub mod vin;
