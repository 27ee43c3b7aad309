use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, ToSpan};
use sha2::Sha256;
use voiceagent_core::Secret;

/// A time that the agent offers: what a `slot_id` stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what the identifier carries, no more")]
pub struct Offer {
    /// The start. Offers are for whole minutes.
    pub start: Timestamp,
    /// The number of the advisor who was asked for.
    pub advisor: Option<i64>,
}

/// Writes and reads the `slot_id`s of one call.
///
/// An identifier is the base64url form (RFC 4648, section 5, no padding) of the start and the time
/// of the offer in minutes since 1970 (4 bytes each, big endian), the advisor's number or 0 (2
/// bytes), and the first 11 bytes of the HMAC-SHA256 of these and the code of the service. That is
/// 28 characters: short enough for a model to repeat without delay.
#[derive(Clone)]
pub struct OfferKey(Secret);

/// How long an offer stands: longer than anybody thinks about one, shorter than a day's changes.
const STANDS_MINUTES: i64 = 30;

const FIELDS: usize = 10;
const TAG: usize = 11;

impl OfferKey {
    /// A key from a secret that is this call's alone.
    #[must_use]
    pub fn new(call_secret: Secret) -> Self {
        Self(call_secret)
    }

    /// The identifier of an offer made now.
    #[must_use]
    pub fn write(&self, offer: Offer, service: &str, now: Timestamp) -> String {
        let advisor = offer.advisor.and_then(|no| u16::try_from(no).ok()).unwrap_or_default();
        let mut id = Vec::with_capacity(FIELDS + TAG);
        id.extend(minutes(offer.start).to_be_bytes());
        id.extend(minutes(now).to_be_bytes());
        id.extend(advisor.to_be_bytes());
        let tag = self.mac(&id, service).finalize().into_bytes();
        id.extend_from_slice(&tag[..TAG]);
        URL_SAFE_NO_PAD.encode_to_string(id)
    }

    /// The offer that an identifier stands for; `None` if it was made by another call, for another
    /// service, too long ago, or by nobody.
    #[must_use]
    pub fn read(&self, id: &str, service: &str, now: Timestamp) -> Option<Offer> {
        let id = URL_SAFE_NO_PAD.decode_to_vec(id.trim()).ok()?;
        let (fields, tag) = id.split_at_checked(FIELDS)?;
        if tag.len() != TAG {
            return None;
        }
        self.mac(fields, service).verify_truncated_left(tag).ok()?;
        let start = moment(fields[..4].try_into().ok()?)?;
        let made = moment(fields[4..8].try_into().ok()?)?;
        let expires = made.checked_add(STANDS_MINUTES.minutes()).ok()?;
        if now > expires || start <= now {
            return None;
        }
        let advisor = u16::from_be_bytes(fields[8..].try_into().ok()?);
        Some(Offer { start, advisor: (advisor != 0).then_some(i64::from(advisor)) })
    }

    fn mac(&self, fields: &[u8], service: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(fields);
        mac.update(service.as_bytes());
        mac
    }
}

impl fmt::Debug for OfferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfferKey")
    }
}

fn minutes(moment: Timestamp) -> u32 {
    u32::try_from(moment.as_second() / 60).expect("the year is before 10000")
}

fn moment(minutes: [u8; 4]) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(u32::from_be_bytes(minutes)) * 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> OfferKey {
        OfferKey::new(Secret::new(secret))
    }

    fn at(instant: &str) -> Timestamp {
        instant.parse().unwrap()
    }

    const NOW: &str = "2026-11-20T18:00:00Z";

    fn offer() -> Offer {
        Offer { start: at("2026-11-23T16:00:00Z"), advisor: Some(5) }
    }

    #[test]
    fn an_offer_is_read_back_as_it_was_made() {
        let id = key("a").write(offer(), "oil_change", at(NOW));
        assert_eq!(id.len(), 28);
        assert_eq!(key("a").read(&id, "oil_change", at("2026-11-20T18:29:00Z")), Some(offer()));
    }

    #[test]
    fn another_call_service_or_hour_makes_an_offer_void() {
        let id = key("a").write(offer(), "oil_change", at(NOW));
        assert_eq!(key("b").read(&id, "oil_change", at(NOW)), None);
        assert_eq!(key("a").read(&id, "major_service", at(NOW)), None);
        assert_eq!(key("a").read(&id, "oil_change", at("2026-11-20T18:31:00Z")), None);
    }

    #[test]
    fn a_change_of_any_character_makes_an_offer_void() {
        let id = key("a").write(offer(), "oil_change", at(NOW));
        for place in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key("a").read(&changed, "oil_change", at(NOW)), None, "{changed}");
        }
        for invented in ["", "slot_1", "2026-11-23T10:00", &id[..27], &format!("{id}AAAA")] {
            assert_eq!(key("a").read(invented, "oil_change", at(NOW)), None, "{invented}");
        }
    }

    #[test]
    fn a_time_that_has_begun_is_no_longer_offered() {
        let soon = Offer { start: at("2026-11-20T18:05:00Z"), advisor: None };
        let id = key("a").write(soon, "oil_change", at(NOW));
        assert_eq!(key("a").read(&id, "oil_change", at("2026-11-20T18:05:00Z")), None);
    }
}
