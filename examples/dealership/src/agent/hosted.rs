//! Calls that somebody else leads.

use voiceagent_core::{Result, transport::CallInfo};

use super::{HostedTalk, Makings, Occasion};

impl Makings {
    /// What a talk is led by that somebody else leads. Its line is theirs: its sound is recorded by
    /// nobody here.
    pub(crate) fn hosted(&self, call: &CallInfo, occasion: &Occasion) -> Result<HostedTalk> {
        Ok(HostedTalk {
            greeting: self.first_words(occasion),
            instructions: self.instructions(call, occasion),
            tools: self.tools(call, occasion)?,
        })
    }
}
