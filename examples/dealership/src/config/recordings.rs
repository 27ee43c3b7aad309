use std::path::PathBuf;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use voiceagent_core::{Error, Result, Secret};

/// Recordings of calls, in stereo: the caller on the left, the agent on the right.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[recordings]`")]
#[non_exhaustive]
pub struct RecordingsConfig {
    /// The folder that they are written to; `None` records nothing.
    pub folder: Option<PathBuf>,
    /// Whose word decides whether one is kept.
    pub consent: RecordingConsent,
    /// Where they are brought when their call is over; `None` leaves them in the folder.
    pub bucket: Option<BucketConfig>,
}

/// Whose word decides whether a recording is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the law of a place knows these two")]
pub enum RecordingConsent {
    /// It is announced, and kept unless the caller says no.
    #[default]
    Announce,
    /// It is kept only if the caller says yes.
    Ask,
}

/// A bucket of a store that speaks S3.
///
/// Its keys come from the environment alone: `DEALERSHIP_S3_KEY` and `DEALERSHIP_S3_SECRET`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[recordings.bucket]`")]
#[non_exhaustive]
pub struct BucketConfig {
    /// Where the store is, such as `https://s3.eu-central-1.amazonaws.com`.
    pub url: String,
    /// The name of the bucket.
    pub name: String,
    /// The region; stores other than Amazon's take any.
    pub region: String,
    /// What the names of the recordings begin with.
    pub prefix: String,
    /// The name of the key.
    #[serde(skip)]
    pub key: String,
    /// The key itself.
    #[serde(skip)]
    pub secret: Secret,
}

impl RecordingsConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        let Some(bucket) = &mut self.bucket else { return };
        bucket.key = env("DEALERSHIP_S3_KEY").unwrap_or_default();
        bucket.secret = Secret::new(env("DEALERSHIP_S3_SECRET").unwrap_or_default());
    }

    pub(super) fn check(&self) -> Result<()> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let missing = |field: &str, why: &str| {
            Err(Error::config(format!("field `recordings.{field}` is missing; {why}")))
        };
        if self.folder.is_none() {
            return missing("folder", "recordings wait there until the bucket has them");
        }
        if !Url::parse(&bucket.url).is_ok_and(|url| url.has_host()) {
            return Err(Error::config(
                "field `recordings.bucket.url` is no address; write it like \
                 `https://s3.eu-central-1.amazonaws.com`",
            ));
        }
        if bucket.name.trim().is_empty() {
            return missing("bucket.name", "write the name of the bucket");
        }
        if bucket.key.is_empty() || bucket.secret.is_empty() {
            return Err(Error::config(
                "DEALERSHIP_S3_KEY or DEALERSHIP_S3_SECRET is not set; `recordings.bucket` needs both",
            ));
        }
        Ok(())
    }
}
