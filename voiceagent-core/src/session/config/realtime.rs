use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a session has to know of a model that hears and speaks by itself.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RealtimeConfig {
    /// The model decides who speaks when; the session asks it for nothing but what the agent says
    /// on its own account.
    pub duplex: bool,
    /// Speech edges come from the model, and a duplex model has fallen silent when they begin.
    pub server_vad: bool,
    /// The model can be told what was heard.
    pub truncate: bool,
    /// How the model greets, in place of a greeting in fixed words.
    pub greeting: Option<Arc<str>>,
}
