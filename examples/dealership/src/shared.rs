//! What programs share beside the database, for a while: customers that were just looked up, what
//! was said in calls that go on, and how often something was done.
//!
//! It lies in Redis where the configuration names a server, so that all programs on the database
//! have it, else in this process. While the server does not answer, this process has it too: what
//! was there is missed, and nothing fails for want of it. Nothing here is the truth about anything.

#![cfg_attr(
    not(feature = "redis"),
    expect(clippy::unused_async, reason = "a server is waited for, where there can be one")
)]

mod local;
#[cfg(feature = "redis")]
mod remote;

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;
#[cfg(feature = "redis")]
use tracing::debug;
use voiceagent_core::{Error, Result, Secret};

use self::local::Local;
#[cfg(feature = "redis")]
use self::remote::Remote;

/// How long customers are known by their number.
pub(crate) const CUSTOMERS: Duration = Duration::from_secs(5 * 60);
/// How long what was said in a call is kept, from the last word on.
pub(crate) const SESSION: Duration = Duration::from_secs(60 * 60);

/// What programs share for a while. A clone shares the same.
#[derive(Clone)]
pub struct Shared(Arc<Parts>);

struct Parts {
    local: Local,
    #[cfg(feature = "redis")]
    remote: Option<Remote>,
}

/// Where it lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a server is there, or not, or none was named")]
pub enum Health {
    /// A server was named, and does not answer.
    Down,
    /// In this process, as the configuration wants it.
    Local,
    /// On a server that answers.
    Up,
}

impl Shared {
    /// Keeps it in this process.
    #[must_use]
    pub fn local() -> Self {
        Self(Arc::new(Parts {
            local: Local::default(),
            #[cfg(feature = "redis")]
            remote: None,
        }))
    }

    /// Keeps it on the Redis server at an address such as `redis://:password@host:6379/0`. Whether
    /// it answers is found out in the background.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when that is no address, or the program was
    /// built without the feature `redis`.
    pub fn at(address: &Secret) -> Result<Self> {
        #[cfg(feature = "redis")]
        {
            let remote = Some(Remote::new(address)?);
            Ok(Self(Arc::new(Parts { local: Local::default(), remote })))
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = address;
            Err(Error::config(
                "field `redis.url`: this program was built without the feature `redis`; leave it \
                 out, or build with `--features redis`",
            ))
        }
    }

    /// Whether that is an address of a server that this program can use.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub(crate) fn check(address: &Secret) -> Result<()> {
        #[cfg(feature = "redis")]
        remote::client(address)?;
        #[cfg(not(feature = "redis"))]
        Self::at(address)?;
        Ok(())
    }

    /// Where it lies now.
    #[must_use]
    pub fn health(&self) -> Health {
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            return if remote.is_up() { Health::Up } else { Health::Down };
        }
        Health::Local
    }

    /// Finds out again and again whether the server answers, until the future is dropped. Without a
    /// server there is nothing to find out.
    pub async fn watch(&self) {
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            remote.watch().await;
        }
        std::future::pending::<()>().await;
    }

    /// What was put under a key, if its time is not over.
    ///
    /// # Cancel safety
    ///
    /// This and all that follow may be dropped: the server has done it, or not.
    pub async fn get(&self, key: &str) -> Option<String> {
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote() {
            match remote.get(key).await {
                Ok(found) => return found,
                Err(error) => note(&error),
            }
        }
        self.0.local.get(key)
    }

    /// Puts something under a key, for a time.
    pub async fn put(&self, key: &str, value: &str, time: Duration) {
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote() {
            match remote.put(key, value, time).await {
                Ok(()) => return,
                Err(error) => note(&error),
            }
        }
        self.0.local.put(key, value, time);
    }

    /// Forgets what is under a key.
    pub async fn forget(&self, key: &str) {
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote()
            && let Err(error) = remote.forget(key).await
        {
            note(&error);
        }
        // What was put here while the server was away must not come back.
        self.0.local.forget(key);
    }

    /// Puts a version of something under a key, unless that version or a later one is there. Returns
    /// whether it was put: of several who write the same version at once, one does.
    pub async fn update(&self, key: &str, (version, value): (u64, &str), time: Duration) -> bool {
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote() {
            match remote.update(key, (version, value), time).await {
                Ok(done) => return done,
                Err(error) => note(&error),
            }
        }
        self.0.local.update(key, (version, value), time)
    }

    /// The version that is under a key, and what it is.
    pub async fn version(&self, key: &str) -> Option<(u64, String)> {
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote() {
            match remote.version(key).await {
                Ok(found) => return found,
                Err(error) => note(&error),
            }
        }
        self.0.local.version(key)
    }

    /// Whether something may be done once more, of which `most` are allowed within a time that
    /// begins with the first. Without the server, each program counts for itself.
    pub async fn admit(&self, what: &str, most: u32, within: Duration) -> bool {
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote() {
            match remote.count(what, within).await {
                Ok(count) => return count <= u64::from(most),
                Err(error) => note(&error),
            }
        }
        self.0.local.count(what, within) <= u64::from(most)
    }

    /// The server, if there is one that answers.
    #[cfg(feature = "redis")]
    fn remote(&self) -> Option<&Remote> {
        self.0.remote.as_ref().filter(|remote| remote.is_up())
    }
}

#[cfg(feature = "redis")]
fn note(error: &Error) {
    debug!(%error, "done in this process");
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is in it is about people.
        f.debug_struct("Shared").field("health", &self.health()).finish_non_exhaustive()
    }
}
