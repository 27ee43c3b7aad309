use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use voiceagent_core::{Error, Result};

/// What a program does of all that there is to do. Several programs on one database may share it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<String>", into = "Vec<&'static str>")]
#[expect(clippy::exhaustive_structs, reason = "all that there is to do")]
pub struct Roles {
    /// The operator's side, what people write, and pages for those who get letters.
    pub web: bool,
    /// Phone calls, and the talk page.
    pub media: bool,
    /// Reminders, call backs, campaigns, calendars, leads, and forgetting what is too old.
    pub jobs: bool,
}

impl Roles {
    /// Everything.
    pub const ALL: Self = Self { web: true, media: true, jobs: true };

    const NONE: Self = Self { web: false, media: false, jobs: false };

    /// Their names, as they are written.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [("web", self.web), ("media", self.media), ("jobs", self.jobs)];
        all.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Roles {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut roles = Self::NONE;
        for name in text.split(',').map(str::trim) {
            let role = match name {
                "web" => &mut roles.web,
                "media" => &mut roles.media,
                "jobs" => &mut roles.jobs,
                _ => {
                    return Err(Error::config(
                        "these are no roles; write some of `web`, `media` and `jobs`, with commas \
                         between them",
                    ));
                }
            };
            *role = true;
        }
        Ok(roles)
    }
}

impl TryFrom<Vec<String>> for Roles {
    type Error = Error;

    fn try_from(names: Vec<String>) -> Result<Self> {
        names.join(",").parse()
    }
}

impl From<Roles> for Vec<&'static str> {
    fn from(roles: Roles) -> Self {
        roles.names()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_with_commas_and_what_is_none_is_refused() {
        for (text, names) in [
            ("web", vec!["web"]),
            ("jobs, web", vec!["web", "jobs"]),
            ("web,media,jobs", vec!["web", "media", "jobs"]),
        ] {
            let roles: Roles = text.parse().unwrap();
            assert_eq!(roles.names(), names, "{text}");
            assert_eq!(roles.to_string().parse::<Roles>().unwrap(), roles);
        }
        for wrong in ["", "web,", "worker", "web;jobs"] {
            let error = wrong.parse::<Roles>().unwrap_err();
            assert!(error.message().contains("`web`, `media` and `jobs`"), "{wrong}: {error}");
        }
    }
}
