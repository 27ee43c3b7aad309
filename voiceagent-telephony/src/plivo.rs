//! Call control by Plivo's REST API ("Voice API: Calls").

mod messages;
mod rest;

pub use rest::{PlivoConfig, PlivoRest};
