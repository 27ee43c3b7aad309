use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::{ConnectOptions, any::AnyConnectOptions};
use voiceagent_core::{Result, Secret};

use super::unusable;

/// Where a database is. Its text and its debugging form hold neither user nor password.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a file or a server")]
pub enum Place {
    /// SQLite, in a file.
    File(PathBuf),
    /// PostgreSQL, by its address: `postgres://user:password@host/database`.
    Server(Secret),
}

/// What the address of a server begins with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

impl Place {
    /// Whether it is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::File(path) => path.as_os_str().is_empty(),
            Self::Server(address) => address.expose().is_empty(),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }
}

/// How to connect to a server.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when the address is none.
pub(super) fn options(address: &Secret) -> Result<AnyConnectOptions> {
    // The cause may hold the address.
    AnyConnectOptions::from_str(address.expose()).map_err(|_| {
        unusable("it is no address of a server; write it like `postgres://user@host/database`")
    })
}

impl From<&str> for Place {
    fn from(text: &str) -> Self {
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            Self::Server(Secret::new(text))
        } else {
            Self::File(text.into())
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(address) => match options(address) {
                Ok(options) => {
                    let mut shown = options.to_url_lossy();
                    // The parameters may hold a password too. What has no host refuses these.
                    shown.set_query(None);
                    let _unset = shown.set_username("").and_then(|()| shown.set_password(None));
                    shown.fmt(f)
                }
                Err(_) => f.write_str("postgres://..."),
            },
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| text.as_str().into())
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        for address in [
            "postgres://ana:s3cret@db.example.com:5433/shop?password=s3cret",
            "postgresql://ana:s3cret@[::1]/shop",
            "postgres://ana:s3cret@%2Frun%2Fpostgresql/shop",
            "postgres://ana:s3cret@host:99999999/shop",
        ] {
            let place = Place::from(address);
            for shown in [place.to_string(), format!("{place:?}")] {
                assert!(!shown.contains("s3cret") && !shown.contains("ana"), "{shown}");
            }
        }
        let place = Place::from("postgres://ana:s3cret@db.example.com:5433/shop?sslmode=require");
        assert_eq!(place.to_string(), "postgres://db.example.com:5433/shop");
    }

    #[test]
    fn what_is_no_address_of_a_server_is_a_file() {
        for text in ["dealership.db", "/srv/postgres/a.db", "postgres.db", "sqlite:x", "C:\\a.db"] {
            assert_eq!(Place::from(text).file(), Some(Path::new(text)));
        }
    }
}
