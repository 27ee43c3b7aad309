//! Call control by Vonage's REST API ("Voice API").

mod messages;
mod rest;

pub use rest::{VonageConfig, VonageRest};
