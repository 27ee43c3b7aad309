use std::{collections::BTreeMap, fmt};

use voiceagent_core::{Private, transport::Direction};

use super::house::House;
use crate::media_stream::is_name;

/// What a carrier says about a call that wants to be answered.
///
/// It prints without its fields, which hold numbers, names and places.
#[derive(Clone)]
pub struct VoiceWebhook {
    house: &'static House,
    call: String,
    fields: BTreeMap<String, String>,
}

impl VoiceWebhook {
    /// `None` when the request does not name its call, or by what cannot be a name.
    pub(super) fn new(house: &'static House, fields: Vec<(String, String)>) -> Option<Self> {
        let fields: BTreeMap<_, _> = fields.into_iter().collect();
        let call = fields.get(house.call).filter(|call| is_name(call))?.clone();
        Some(Self { house, call, fields })
    }

    /// The carrier's name for the call.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Who calls: a number in E.164 (from Plivo and Vonage without its `+`), `client:…`, `sip:…`,
    /// or words such as `anonymous`.
    #[must_use]
    pub fn from(&self) -> Option<Private> {
        self.field(self.house.from).map(Private::new)
    }

    /// Who is called.
    #[must_use]
    pub fn to(&self) -> Option<Private> {
        self.field(self.house.to).map(Private::new)
    }

    /// Which side began the call.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.field(self.house.direction) {
            Some(direction) if direction.starts_with("outbound") => Direction::Outbound,
            Some(_) | None => Direction::Inbound,
        }
    }

    /// Any field, by the name that the carrier gives it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl fmt::Debug for VoiceWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceWebhook").field("call", &self.call).finish_non_exhaustive()
    }
}
