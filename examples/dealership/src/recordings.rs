//! Recordings of calls: who has agreed to them, where they are, and when they go.
//!
//! The core writes them while a call goes on. A caller who says no is not recorded: the file goes at
//! that moment, and what is written to it after that is nowhere. A folder is where all of them begin;
//! with a [`Bucket`] it is a queue, from which a recording goes when the bucket has it.

mod bucket;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};
use voiceagent_core::{CallId, Error, Result};

pub(crate) use self::bucket::{Body, Bucket};
use crate::{
    call_files::{self, CallFiles},
    config::{RecordingConsent, RecordingsConfig},
    store::Store,
};

/// A file that so long nothing was written to is of a call that is over: silence is written too.
const AT_REST: Duration = Duration::from_secs(10 * 60);

/// The recordings of all calls.
#[derive(Clone, Debug)]
pub(crate) struct Recordings {
    files: CallFiles,
    consent: RecordingConsent,
    bucket: Option<Bucket>,
}

impl Recordings {
    /// As the configuration says; `None` if calls are not recorded.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) for a bucket that there cannot be.
    pub(crate) fn of(config: &RecordingsConfig) -> Result<Option<Self>> {
        let Some(folder) = &config.folder else { return Ok(None) };
        let bucket = config.bucket.as_ref().map(Bucket::open).transpose()?;
        Ok(Some(Self { files: CallFiles::recordings(folder), consent: config.consent, bucket }))
    }

    /// Where the core writes them.
    pub(crate) fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// Whether a call may be recorded of which this is known: `not_asked`, `granted` or `refused`.
    pub(crate) fn may_record(said: &str) -> bool {
        said != "refused"
    }

    /// Whether the recording of a call that is over is kept.
    fn may_keep(&self, said: &str) -> bool {
        match self.consent {
            RecordingConsent::Announce => said != "refused",
            RecordingConsent::Ask => said == "granted",
        }
    }

    /// Takes in what the caller says to being recorded. Returns whether they are.
    pub(crate) async fn answer(&self, call: &CallId, granted: bool) -> bool {
        let calls = [call.as_str().to_owned()];
        if !granted {
            self.files.remove(&calls).await;
        }
        // What was deleted does not come back by a yes, and what is typed has no sound.
        granted && !self.files.of(&calls).await.is_empty()
    }

    /// Does with the recording of a call that is over what the caller has said: it goes, or is brought
    /// to where it is kept.
    pub(crate) async fn settle(&self, store: &Store, call: &CallId) {
        let calls = [call.as_str().to_owned()];
        let files = self.files.of(&calls).await;
        if files.is_empty() {
            return;
        }
        let said = match store.call(call.as_str()).await {
            Ok(noted) => noted.map(|call| call.recording).unwrap_or_default(),
            Err(fault) => {
                // It is looked after when the store can be read.
                warn!(error = %Error::from(fault), "a recording waits");
                return;
            }
        };
        if !self.may_keep(&said) {
            call_files::remove_all(files).await;
            info!(%call, "recording.deleted");
            return;
        }
        info!(%call, "recording.kept");
        self.bring(files).await;
    }

    /// Brings files to the bucket, if there is one, and deletes those that it has.
    async fn bring(&self, files: Vec<PathBuf>) {
        let Some(bucket) = &self.bucket else { return };
        for file in files {
            match bucket.put(&file).await {
                Ok(()) => drop(call_files::remove_all(vec![file]).await),
                Err(error) => warn!(%error, "a recording stays in its folder for now"),
            }
        }
    }

    /// Does what was left undone: recordings of calls that nobody settled, those that the bucket did
    /// not take, and those that are kept no longer. Returns how many were deleted for their age.
    pub(crate) async fn look_after(&self, store: &Store, keep: Duration, now: Timestamp) -> u64 {
        let mut count = self.files.remove_older(keep).await;
        let resting = self.files.older(AT_REST).await;
        for file in resting {
            let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            match store.said_of_recording(name).await {
                // Calls of another database are none of ours.
                Ok(said) if said.is_empty() => {}
                Ok(said) if said.iter().all(|said| self.may_keep(said)) => {
                    self.bring(vec![file]).await;
                }
                Ok(_) => drop(call_files::remove_all(vec![file]).await),
                Err(fault) => warn!(error = %Error::from(fault), "a recording waits"),
            }
        }
        if let Some(bucket) = &self.bucket {
            let age = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
            let before = now.saturating_sub(age).unwrap_or(Timestamp::MIN);
            match bucket.remove_older(before).await {
                Ok(removed) => count += removed,
                Err(error) => warn!(%error, "old recordings are still in the bucket"),
            }
        }
        count
    }

    /// Deletes the recordings of these calls, wherever they are. Returns how many there were.
    ///
    /// # Errors
    ///
    /// When the bucket does not say that they are gone.
    pub(crate) async fn remove(&self, calls: &[String]) -> Result<u64> {
        let mut count = self.files.remove(calls).await;
        if let Some(bucket) = &self.bucket {
            count += bucket.remove(calls).await?;
        }
        Ok(count)
    }

    /// The names of the recordings of these calls.
    ///
    /// # Errors
    ///
    /// When the bucket does not answer.
    pub(crate) async fn names(&self, calls: &[String]) -> Result<Vec<String>> {
        let files = self.files.of(calls).await;
        let name = |file: &PathBuf| Some(file.file_name()?.to_str()?.to_owned());
        let mut names: Vec<String> = files.iter().filter_map(name).collect();
        if let Some(bucket) = &self.bucket {
            names.extend(bucket.names(calls).await?);
        }
        Ok(names)
    }

    /// The sound of a recording, by its name; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) async fn sound(&self, call: &str, name: &str) -> Result<Option<Body>> {
        // A name is no path: it is one of those that the call has.
        let calls = [call.to_owned()];
        let files = self.files.of(&calls).await;
        let found = files.into_iter().find(|file| file.file_name().is_some_and(|own| own == name));
        if let Some(file) = found {
            return Body::file(&file).await.map(Some);
        }
        match &self.bucket {
            Some(bucket) if bucket.names(&calls).await?.iter().any(|own| own == name) => {
                bucket.get(name).await.map(Some)
            }
            _ => Ok(None),
        }
    }
}
