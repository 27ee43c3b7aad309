//! A car dealership that answers its phone: the data, the tools and the conversation.

pub mod clock;
pub mod phone;
pub mod spoken;
pub mod store;
pub mod tools;
pub mod vin;
