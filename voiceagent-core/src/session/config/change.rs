use serde::{Deserialize, Serialize};

use super::{BargeInConfig, EndpointingConfig, IdleConfig, SessionConfig};
use crate::{Result, session::Session};

/// Settings that change while a call runs. What is `None` stays as it is.
///
/// ```
/// use voiceagent_core::session::{BargeInConfig, SettingsChange};
///
/// let mut barge_in = BargeInConfig::default();
/// barge_in.min_words = 2;
/// let change = SettingsChange::default().with_barge_in(barge_in);
/// # assert!(change.validate().is_ok());
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SettingsChange {
    /// When a turn is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpointing: Option<EndpointingConfig>,
    /// When the user stops the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barge_in: Option<BargeInConfig>,
    /// What happens when nobody says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleConfig>,
}

impl SettingsChange {
    /// Says when a turn is over from now on.
    #[must_use]
    pub fn with_endpointing(mut self, endpointing: EndpointingConfig) -> Self {
        self.endpointing = Some(endpointing);
        self
    }

    /// Says when the user stops the agent from now on.
    #[must_use]
    pub fn with_barge_in(mut self, barge_in: BargeInConfig) -> Self {
        self.barge_in = Some(barge_in);
        self
    }

    /// Says what happens from now on when nobody says anything.
    #[must_use]
    pub fn with_idle(mut self, idle: IdleConfig) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Checks that the settings make sense.
    ///
    /// # Errors
    ///
    /// As [`SessionConfig::validate`].
    pub fn validate(&self) -> Result<()> {
        self.endpointing.iter().try_for_each(EndpointingConfig::validate)?;
        self.barge_in.iter().try_for_each(BargeInConfig::validate)?;
        self.idle.iter().try_for_each(IdleConfig::validate)
    }

    /// Puts the new settings in the place of the old ones.
    pub(in crate::session) fn apply(self, config: &mut SessionConfig) {
        if let Some(endpointing) = self.endpointing {
            config.endpointing = endpointing;
        }
        if let Some(barge_in) = self.barge_in {
            config.barge_in = barge_in;
        }
        if let Some(idle) = self.idle {
            config.idle = idle;
        }
    }
}

impl Session {
    /// Goes by other settings from now on. Those that do not pass the check change nothing.
    pub(in crate::session) fn configure(&mut self, change: SettingsChange) {
        if change.validate().is_err() {
            return;
        }
        change.apply(&mut self.config);
        self.endpointing.configure(&self.config);
        self.barge_in.configure(self.config.barge_in);
    }
}
