//! What is written to people about their appointments.

use jiff::Timestamp;
use voiceagent_core::{Error, Result};

use crate::{
    config::PortalConfig,
    errand::{confirmation_text, reminder_text, written},
    portal::Links,
    spoken,
    store::{Appointment, Location},
};

/// What may stand in braces.
const PLACES: [&str; 7] = ["name", "service", "when", "place", "code", "phone", "link"];
/// The longest text, by characters: carriers take 1,600 of what is filled in.
const LONGEST: usize = 1_000;
const LINK: &str = "{link}";

/// The words of messages about appointments, and the links in them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices {
    confirmation: Option<String>,
    reminder: Option<String>,
    links: Option<Links>,
}

impl Notices {
    /// Those that a configuration words, without links.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) naming the field whose words are none, name
    /// what there is not, or ask for a link where there is no key for links.
    pub(crate) fn read(config: &PortalConfig) -> Result<Self> {
        let fields = [("confirmation", &config.confirmation), ("reminder", &config.reminder)];
        for (field, text) in fields {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.chars().count() > LONGEST || !is_filled(text) {
                return Err(Error::config(format!(
                    "field `portal.{field}` is no message; write up to {LONGEST} characters, with \
                     `{{{}}}` at most",
                    PLACES.join("}`, `{")
                )));
            }
            if text.contains(LINK) && config.key.is_none() {
                return Err(Error::config(format!(
                    "field `portal.{field}` names `{LINK}`, and there are no links without a key; \
                     put one into DEALERSHIP_PORTAL_KEY"
                )));
            }
        }
        let (confirmation, reminder) = (config.confirmation.clone(), config.reminder.clone());
        Ok(Self { confirmation, reminder, links: None })
    }

    /// Has these links written.
    pub(crate) fn with_links(mut self, links: Option<Links>) -> Self {
        self.links = links;
        self
    }

    /// To somebody who has booked, or moved.
    pub(crate) fn confirmation(
        &self,
        house: &str,
        (place, visit): (&Location, &Appointment),
        now: Timestamp,
    ) -> String {
        match &self.confirmation {
            Some(text) => self.filled(text, house, (place, visit), now),
            None => self.linked(confirmation_text(house, place, visit), visit, now),
        }
    }

    /// To somebody whose visit is tomorrow.
    pub(crate) fn reminder(
        &self,
        house: &str,
        (place, visit): (&Location, &Appointment),
        now: Timestamp,
    ) -> String {
        match &self.reminder {
            Some(text) => self.filled(text, house, (place, visit), now),
            None => self.linked(reminder_text(house, place, &visit.start), visit, now),
        }
    }

    /// Words of the program, and where to see more.
    fn linked(&self, text: String, visit: &Appointment, now: Timestamp) -> String {
        match &self.links {
            Some(links) => {
                let text = text.trim_end_matches('.');
                format!("{text}, or go to {}", links.to(visit, now))
            }
            None => text,
        }
    }

    /// Words of the house. What is filled in is not looked through for places again.
    fn filled(
        &self,
        text: &str,
        house: &str,
        (place, visit): (&Location, &Appointment),
        now: Timestamp,
    ) -> String {
        let mut parts = text.split('{');
        let mut said = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or(("", part));
            said += &match name {
                "name" => house.to_owned(),
                "service" => visit.service_name.clone(),
                "when" => spoken::moment(&visit.start),
                "place" => visit.location.clone(),
                "code" => visit.confirmation_code.clone(),
                "phone" => written(&place.phone),
                "link" => {
                    self.links.as_ref().map_or_else(String::new, |links| links.to(visit, now))
                }
                _ => String::new(),
            };
            said += rest;
        }
        said
    }
}

/// Whether all that stands for something is known.
fn is_filled(text: &str) -> bool {
    let mut bare = text.to_owned();
    for place in PLACES {
        bare = bare.replace(&format!("{{{place}}}"), "");
    }
    !bare.contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Secret;

    use super::*;

    #[test]
    fn a_message_that_names_what_there_is_not_is_told_by_its_field() {
        let told = |confirmation: &str, key: Option<&str>| {
            let config = PortalConfig {
                confirmation: Some(confirmation.to_owned()),
                key: key.map(Secret::new),
                ..PortalConfig::default()
            };
            Notices::read(&config).map(drop).map_err(|error| error.message().to_owned())
        };
        assert!(told("{name}: {service} {when} {place} {code} {phone}", None).is_ok());
        assert!(told("See {link}", Some("key")).is_ok());
        for wrong in ["", "  ", "Hello {first_name}", "{", "}", "{link"] {
            let told = told(wrong, Some("key")).unwrap_err();
            assert!(told.contains("field `portal.confirmation`"), "{wrong}: {told}");
            assert!(told.contains("`{name}`, `{service}`"), "{told}");
        }
        let told = told("See {link}", None).unwrap_err();
        assert!(told.contains("DEALERSHIP_PORTAL_KEY"), "{told}");
    }
}
