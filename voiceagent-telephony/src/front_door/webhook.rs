use std::{collections::BTreeMap, fmt};

use voiceagent_core::{Private, transport::Direction};

use super::house::House;
use crate::{media_stream::is_name, signature::read_pairs};

/// What Twilio writes for callers without a number: the words ANONYMOUS, RESTRICTED, UNAVAILABLE,
/// UNKNOWN and BLOCKED on the keys of a phone ("Why am I getting calls from these strange
/// numbers?"). Nobody has these numbers, and all who hide theirs would be one person.
const HIDDEN: [&str; 5] = ["266696687", "7378742833", "86282452253", "8656696", "2562533"];

/// What the address of a voice webhook says of a call that we make, for carriers that say nothing.
const OUTBOUND: &str = "direction=outbound";

/// The address of a voice webhook for a call that we make.
pub(crate) fn outbound(voice_url: &str) -> String {
    let behind = if voice_url.contains('?') { '&' } else { '?' };
    format!("{voice_url}{behind}{OUTBOUND}")
}

/// What a carrier says about a call that wants to be answered.
///
/// It prints without its fields, which hold numbers, names and places.
#[derive(Clone)]
pub struct VoiceWebhook {
    house: &'static House,
    call: String,
    is_outbound: bool,
    fields: BTreeMap<String, String>,
    query: Vec<(String, String)>,
}

impl VoiceWebhook {
    /// `None` when the request does not name its call, or by what cannot be a name.
    pub(super) fn new(
        house: &'static House,
        query: Option<&str>,
        fields: Vec<(String, String)>,
    ) -> Option<Self> {
        let fields: BTreeMap<_, _> = fields.into_iter().collect();
        let call = fields.get(house.call).filter(|call| is_name(call))?.clone();
        // Vonage's field in reports; its answer webhook has none ("Voice API webhooks reference").
        let told = fields.get(house.direction).map(|told| told.starts_with("outbound"));
        let is_marked = || query.is_some_and(|query| query.split('&').any(|pair| pair == OUTBOUND));
        let is_outbound = told.unwrap_or_else(is_marked);
        // Where the signature leaves the address out, anybody between could have written there.
        let query = query.filter(|_| house.signs_url).map(read_pairs).unwrap_or_default();
        Some(Self { house, call, is_outbound, fields, query })
    }

    /// The carrier's name for the call.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Who calls: a number in E.164 (from Plivo and Vonage without its `+`), `client:…`, `sip:…`,
    /// or words such as `anonymous`, which is also said for the numbers that carriers write for
    /// callers who hide theirs.
    #[must_use]
    pub fn from(&self) -> Option<Private> {
        let from = self.field(self.house.from)?;
        let is_hidden = HIDDEN.contains(&from.trim_start_matches('+'));
        Some(Private::new(if is_hidden { "anonymous" } else { from }))
    }

    /// Who is called.
    #[must_use]
    pub fn to(&self) -> Option<Private> {
        self.field(self.house.to).map(Private::new)
    }

    /// Which side began the call; from Vonage, outbound if its webhook's address ends as
    /// [`VonageRest`](crate::vonage::VonageRest) writes it: in `?direction=outbound`.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.is_outbound { Direction::Outbound } else { Direction::Inbound }
    }

    /// Any field, by the name that the carrier gives it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// All fields, by their names.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What stands in the address of the webhook behind its `?`, decoded and in order; nothing from
    /// carriers whose signature leaves the address out: Telnyx and Vonage.
    pub fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for VoiceWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceWebhook").field("call", &self.call).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front_door::house;

    #[test]
    fn what_the_address_says_is_known_where_the_signature_holds_it() {
        let fields =
            |call: &str| vec![(call.to_owned(), "C1".to_owned()), ("b".to_owned(), "2".to_owned())];
        for (house, is_known) in [
            (&house::TWILIO, true),
            (&house::SIGNALWIRE, true),
            (&house::PLIVO, true),
            (&house::TELNYX, false),
            (&house::VONAGE, false),
        ] {
            let query = Some("template_id=inbound%403&lead=");
            let webhook = VoiceWebhook::new(house, query, fields(house.call)).unwrap();
            let told: Vec<_> = webhook.query().collect();
            let all = [("template_id", "inbound@3"), ("lead", "")];
            assert_eq!(told, if is_known { &all[..] } else { &[] }, "{:?}", house.carrier);
            assert!(webhook.fields().any(|field| field == ("b", "2")));
            assert!(!format!("{webhook:?}").contains("inbound@3"));
        }
    }
}
