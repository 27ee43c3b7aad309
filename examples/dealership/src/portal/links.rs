use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, ToSpan};
use sha2::Sha256;
use uuid::Uuid;
use voiceagent_core::{Error, Result, Secret};

use super::PAGES;
use crate::{
    config::Config,
    store::{Appointment, AppointmentId},
};

/// How long a link is good after the visit: what it was can still be looked up.
const AFTER_HOURS: i64 = 48;
/// No link is good for longer, however far ahead the visit is.
const LONGEST_HOURS: i64 = 90 * 24;
/// What the tags are of, so that none of another purpose will do.
const PURPOSE: &[u8] = b"visit link 1";

const ID: usize = 16;
const FIELDS: usize = ID + 4;
const TAG: usize = 16;

/// Writes and reads the links of visits.
///
/// The token in a link is the base64url form (RFC 4648, section 5, no padding) of the appointment's
/// identifier (16 bytes), the end of the link in minutes since 1970 (4 bytes, big endian), and the
/// first 16 bytes of the HMAC-SHA256 of both. That is 48 characters. A new key ends all links.
#[derive(Clone)]
pub(crate) struct Links {
    key: Secret,
    base: String,
}

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sealed {
    /// The visit's, and in time.
    Good(AppointmentId),
    /// The visit's, and its time is over.
    Over,
    /// Not written by us.
    Foreign,
}

impl Links {
    /// Links below a public address, sealed with this key.
    pub(crate) fn new(key: Secret, public_url: &str) -> Self {
        Self { key, base: public_url.trim_end_matches('/').to_owned() }
    }

    /// What a configuration has for it; `None` without a key.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) where there is a key, and no address at which
    /// people reach the program.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
        let Some(key) = &config.portal.key else { return Ok(None) };
        let url = config.server.public_url.as_deref().ok_or_else(|| {
            Error::config("field `server.public_url` is missing; DEALERSHIP_PORTAL_KEY needs it")
        })?;
        Ok(Some(Self::new(key.clone(), url)))
    }

    /// The link to a visit, written now.
    pub(crate) fn to(&self, visit: &Appointment, now: Timestamp) -> String {
        format!("{}{PAGES}/{}", self.base, self.token(visit, now))
    }

    /// The token of a link that is written now.
    pub(super) fn token(&self, visit: &Appointment, now: Timestamp) -> String {
        let after = |moment: Timestamp, hours: i64| {
            moment.saturating_add(hours.hours()).unwrap_or(Timestamp::MAX)
        };
        let ends =
            after(visit.end.timestamp().max(now), AFTER_HOURS).min(after(now, LONGEST_HOURS));
        let ends = u32::try_from(ends.as_second() / 60).unwrap_or(u32::MAX);
        let mut token = Vec::with_capacity(FIELDS + TAG);
        token.extend(bytes(visit.id));
        token.extend(ends.to_be_bytes());
        let tag = self.mac(&token).finalize().into_bytes();
        token.extend_from_slice(&tag[..TAG]);
        URL_SAFE_NO_PAD.encode_to_string(token)
    }

    /// By what an installed app knows its visit, whatever the link; it opens nothing.
    pub(super) fn name(visit: &Appointment) -> String {
        URL_SAFE_NO_PAD.encode_to_string(bytes(visit.id))
    }

    /// What a token is worth now.
    pub(super) fn read(&self, token: &str, now: Timestamp) -> Sealed {
        self.opened(token).map_or(Sealed::Foreign, |(id, ends)| match now.as_second() / 60 < ends {
            true => Sealed::Good(id),
            false => Sealed::Over,
        })
    }

    fn opened(&self, token: &str) -> Option<(AppointmentId, i64)> {
        let token = URL_SAFE_NO_PAD.decode_to_vec(token).ok()?;
        let (fields, tag) = token.split_at_checked(FIELDS).filter(|(_, tag)| tag.len() == TAG)?;
        self.mac(fields).verify_truncated_left(tag).ok()?;
        let (id, ends) = fields.split_at(ID);
        let id = AppointmentId::parse(&Uuid::from_slice(id).ok()?.to_string())?;
        Some((id, i64::from(u32::from_be_bytes(ends.try_into().ok()?))))
    }

    fn mac(&self, fields: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes());
        mac.expect("a key of any length will do").chain_update(PURPOSE).chain_update(fields)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

fn bytes(id: AppointmentId) -> [u8; ID] {
    let id = Uuid::try_parse(&id.to_string());
    id.expect("an identifier is a UUID").into_bytes()
}
