use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use voiceagent_core::{Error, Result, Secret};

/// One or more keys that requests may be signed with, so that keys can be rotated.
#[derive(Clone, Debug)]
pub(super) struct Keys(Vec<Secret>);

impl Keys {
    /// # Errors
    ///
    /// Without a key, or with an empty one: a check that lets everything through must not be made
    /// by mistake.
    pub(super) fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() || keys.iter().any(Secret::is_empty) {
            return Err(Error::config("auth_token: at least one, and none empty"));
        }
        Ok(Self(keys))
    }

    /// Whether one of the keys makes this HMAC-SHA1 over the pieces. Compares in constant time.
    pub(super) fn made_sha1(&self, pieces: &[&[u8]], signature: &[u8]) -> bool {
        self.0.iter().any(|key| sha1(key, pieces).verify_slice(signature).is_ok())
    }

    /// As [`made_sha1`](Self::made_sha1), with SHA-256.
    pub(super) fn made_sha256(&self, pieces: &[&[u8]], signature: &[u8]) -> bool {
        self.0.iter().any(|key| sha256(key, pieces).verify_slice(signature).is_ok())
    }
}

pub(super) fn sha1(key: &Secret, pieces: &[&[u8]]) -> Hmac<Sha1> {
    with(key, pieces)
}

pub(super) fn sha256(key: &Secret, pieces: &[&[u8]]) -> Hmac<Sha256> {
    with(key, pieces)
}

fn with<M: Mac + KeyInit>(key: &Secret, pieces: &[&[u8]]) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    for piece in pieces {
        mac.update(piece);
    }
    mac
}
