//! The places of business of a house.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Subcommand;
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::Deserialize;
use voiceagent_core::{Error, Result};

use crate::{
    phone::Phone,
    spoken,
    store::{Capacity, Closure, Premises, Store},
};

/// What is done with places of business from the command line.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum LocationsCommand {
    /// Writes the places of a file in TOML: new ones, and those whose numbers are known.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Shows the places, and when they are open.
    List,
    /// Sets when people are reminded of visits on the next day.
    RemindAt {
        /// By the clocks of the place, such as `17:30`.
        #[arg(value_parser = hour)]
        time: Time,
        /// The number of the place; without it, the first one.
        #[arg(long, value_parser = number)]
        place: Option<Phone>,
    },
}

impl LocationsCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or a place in it makes no sense, or the store cannot be used; the
    /// message says what.
    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<String> {
        match self {
            Self::Import { file } => {
                let told = |why: String| Error::config(format!("{}: {why}", file.display()));
                let text =
                    std::fs::read_to_string(file).map_err(|cause| told(cause.to_string()))?;
                let places = read(&text).map_err(|error| told(error.message().to_owned()))?;
                let mut lines = String::new();
                for place in &places {
                    let (_, is_new) = store.put_location(place, now).await?;
                    let word = if is_new { "new" } else { "changed" };
                    lines.push_str(&format!("{}: {word}.\n", place.name));
                }
                Ok(lines)
            }
            Self::List => {
                let mut lines = String::new();
                for place in store.locations().await? {
                    let hours = spoken::week(&store.hours(&place).await?);
                    let remind = place.remind_at.strftime("%H:%M");
                    let zone = place.zone.iana_name().unwrap_or("UTC");
                    lines.push_str(&format!(
                        "{}  {}  {zone}  reminds at {remind}\n  {hours}\n",
                        place.phone, place.name
                    ));
                }
                Ok(lines)
            }
            Self::RemindAt { time, place } => {
                let unknown = || Error::config("there is no place with this number");
                let id = match place {
                    Some(phone) => {
                        Some(store.location_called(phone).await?.ok_or_else(unknown)?.id)
                    }
                    None => None,
                };
                store.set_remind_at(id, *time).await?;
                Ok(format!("People are reminded at {}.\n", time.strftime("%H:%M")))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    location: Vec<Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    name: String,
    phone: String,
    timezone: String,
    address: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: Option<String>,
    remind_at: Option<String>,
    hours: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    closures: BTreeMap<String, Closed>,
    bays: Vec<Named>,
    #[serde(default)]
    advisors: Vec<Named>,
    #[serde(default)]
    salespeople: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    reason: String,
    open: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Name(String),
    Able {
        name: String,
        skills: Option<Vec<String>>,
        #[serde(default)]
        buffer_minutes: i64,
    },
}

impl Named {
    fn capacity(self, kind: &'static str) -> Capacity {
        let (name, skills, buffer_minutes) = match self {
            Self::Name(name) => (name, None, 0),
            Self::Able { name, skills, buffer_minutes } => (name, skills, buffer_minutes),
        };
        Capacity { kind, name, skills, buffer_minutes }
    }
}

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Reads a file of places.
fn read(text: &str) -> Result<Vec<Premises>> {
    let file: File = toml::from_str(text)
        .map_err(|wrong| Error::config(wrong.message().lines().collect::<Vec<_>>().join(" ")))?;
    file.location.into_iter().map(premises).collect()
}

fn premises(place: Place) -> Result<Premises> {
    let name = place.name.clone();
    let wrong = |what: &str| Error::config(format!("location `{name}`: {what}"));
    let phone = Phone::parse(&place.phone);
    let phone = phone.ok_or_else(|| wrong("`phone` is written like `+16305550200`"))?;
    TimeZone::get(&place.timezone)
        .map_err(|_| wrong("`timezone` is no IANA time zone; write it like `America/Chicago`"))?;
    let remind_at = place.remind_at.as_deref().map(hour).transpose().map_err(wrong)?;
    let mut hours = Vec::new();
    for (day, spans) in &place.hours {
        let weekday = WEEKDAYS.iter().zip(1_i8..).find(|(name, _)| **name == day.as_str());
        let (_, weekday) = weekday.ok_or_else(|| wrong("`hours` has days, such as `monday`"))?;
        for span in spans {
            let (opens, closes) = hours_of(span).ok_or_else(|| wrong(SPAN))?;
            hours.push((weekday, opens, closes));
        }
    }
    let mut closures = BTreeMap::new();
    for (date, Closed { reason, open }) in place.closures {
        let date: Date =
            date.parse().map_err(|_| wrong("`closures` has dates, such as `2026-12-25`"))?;
        let open = open.map(|span| hours_of(&span).ok_or_else(|| wrong(SPAN))).transpose()?;
        closures.insert(date, Closure { reason, open });
    }
    let kinds =
        [("bay", place.bays), ("advisor", place.advisors), ("salesperson", place.salespeople)];
    let resources: Vec<Capacity> = kinds
        .into_iter()
        .flat_map(|(kind, all)| all.into_iter().map(move |one| one.capacity(kind)))
        .collect();
    if resources.iter().any(|one| !(0..=240).contains(&one.buffer_minutes)) {
        return Err(wrong("`buffer_minutes` is a whole number up to 240"));
    }
    let address = [place.address, place.city, place.state, place.postal_code];
    let (name, zone) = (place.name, place.timezone);
    Ok(Premises { phone, name, zone, address, remind_at, hours, closures, resources })
}

const SPAN: &str = "hours are written like `08:00-18:00`";

fn hours_of(span: &str) -> Option<(Time, Time)> {
    let (opens, closes) = span.split_once('-')?;
    let (opens, closes) = (opens.trim().parse().ok()?, closes.trim().parse().ok()?);
    (opens < closes).then_some((opens, closes))
}

fn hour(written: &str) -> std::result::Result<Time, &'static str> {
    written.trim().parse().map_err(|_| "write the hour like `17:30`")
}

fn number(written: &str) -> std::result::Result<Phone, &'static str> {
    Phone::parse(written).ok_or("write it like +16305550200")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::store::{
        BookingRequest, Fault, JobKind, LocationId, Refusal, SlotSearch,
        tests::{customer, friday, request},
    };

    const DOWNTOWN: &str = r#"
        [[location]]
        name = "Bart's Downtown"
        phone = "+13125550200"
        timezone = "America/New_York"
        city = "Springfield"
        remind_at = "17:30"
        bays = ["Bay A"]
        advisors = [{ name = "Lee", skills = ["oil_change"], buffer_minutes = 15 }, "Max"]
        hours = { monday = ["07:00-12:00", "13:00-16:00"], sunday = ["10:00-12:00"] }
        closures = { 2026-12-24 = { reason = "Christmas Eve", open = "07:00-10:00" } }
    "#;

    async fn with_downtown() -> (Store, LocationId) {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let place = &read(DOWNTOWN).unwrap()[0];
        let (id, is_new) = store.put_location(place, friday()).await.unwrap();
        assert!(is_new);
        (store, id)
    }

    fn search(location: Option<LocationId>) -> SlotSearch {
        SlotSearch {
            service: "brake_inspection".to_owned(),
            from: date(2026, 11, 23),
            to: date(2026, 11, 23),
            earliest: None,
            latest: None,
            advisor: None,
            location,
            preferred: None,
            limit: 100,
        }
    }

    async fn starts(store: &Store, location: Option<LocationId>) -> Vec<String> {
        let found = store.find_slots(&search(location), friday()).await.unwrap();
        found.slots.iter().map(|slot| slot.start.strftime("%H:%M %Z").to_string()).collect()
    }

    #[tokio::test]
    async fn a_second_place_has_hours_bays_and_clocks_of_its_own() {
        let (store, downtown) = with_downtown().await;
        let first = starts(&store, None).await;
        assert!(first.contains(&"17:00 CST".to_owned()), "{first:?}");
        let second = starts(&store, Some(downtown)).await;
        assert_eq!(second.first().map(String::as_str), Some("07:00 EST"));
        assert!(!second.contains(&"11:30 EST".to_owned()), "the house closes at noon: {second:?}");

        let zoe = customer(&store, "Zoe").await;
        let at = |hour| date(2026, 11, 23).at(hour, 0, 0, 0).in_tz("America/New_York").unwrap();
        let ask = BookingRequest {
            location: Some(downtown),
            ..request(zoe, at(9).timestamp(), "downtown")
        };
        let visit = store.book(&ask, friday()).await.unwrap();
        assert_eq!((visit.location.as_str(), visit.is_elsewhere), ("Bart's Downtown", true));
        assert_eq!(visit.start.strftime("%H:%M %Z").to_string(), "09:00 EST");
        let zed = customer(&store, "Zed").await;
        let full = BookingRequest { customer: zed, key: "again".to_owned(), ..ask.clone() };
        let refused = store.book(&full, friday()).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(Refusal::SlotTaken)), "there is one bay");
        let elsewhere = BookingRequest { location: None, ..full };
        store.book(&elsewhere, friday()).await.unwrap();

        // It is moved where it is, and reminded of by its clocks, at the hour of the place.
        let change = crate::store::Change { appointment: visit.id, key: "m".to_owned() };
        let to = at(14).timestamp();
        let moved = store.reschedule(&change, to, None, friday()).await.unwrap();
        assert!(moved.is_elsewhere);
        let jobs = store.jobs(false).await.unwrap();
        let id = visit.id.to_string();
        let job = jobs.iter().find(|job| job.about == id && job.kind == JobKind::Reminder);
        let remind = date(2026, 11, 22).at(17, 30, 0, 0).in_tz("America/New_York").unwrap();
        assert_eq!(job.unwrap().run_at, remind.timestamp());
    }

    #[tokio::test]
    async fn a_place_is_changed_by_its_number_and_keeps_what_was_promised_there() {
        let (store, downtown) = with_downtown().await;
        let zoe = customer(&store, "Zoe").await;
        let nine = date(2026, 11, 23).at(9, 0, 0, 0).in_tz("America/New_York").unwrap();
        let ask =
            BookingRequest { location: Some(downtown), ..request(zoe, nine.timestamp(), "k") };
        store.book(&ask, friday()).await.unwrap();
        let changed =
            DOWNTOWN.replace("[\"Bay A\"]", "[\"Bay B\"]").replace("07:00-12:00", "08:00-12:00");
        let place = &read(&changed).unwrap()[0];
        assert_eq!(store.put_location(place, friday()).await.unwrap(), (downtown, false));
        let found = starts(&store, Some(downtown)).await;
        assert!(found.contains(&"09:30 EST".to_owned()), "the new bay is free: {found:?}");
        assert!(!found.contains(&"07:00 EST".to_owned()), "{found:?}");
        assert_eq!(store.upcoming(zoe, friday()).await.unwrap().len(), 1);
        // The name of the house is that of the first place.
        store.establish("Nair Motors", "America/Chicago", friday()).await.unwrap();
        let names: Vec<String> =
            store.locations().await.unwrap().into_iter().map(|place| place.name).collect();
        assert_eq!(names, ["Nair Motors", "Bart's Downtown"]);
    }

    #[tokio::test]
    async fn the_hour_of_reminders_is_set_for_each_place() {
        let (store, _) = with_downtown().await;
        let set = |place: Option<&str>| LocationsCommand::RemindAt {
            time: hour("16:45").unwrap(),
            place: place.map(|number| Phone::parse(number).unwrap()),
        };
        set(None).run(&store, friday()).await.unwrap();
        let told = LocationsCommand::List.run(&store, friday()).await.unwrap();
        assert!(told.contains("America/Chicago  reminds at 16:45"), "{told}");
        assert!(told.contains("America/New_York  reminds at 17:30"), "{told}");
        let unknown = set(Some("+19995550000")).run(&store, friday()).await.unwrap_err();
        assert!(unknown.message().contains("no place with this number"));
    }

    #[test]
    fn what_is_wrong_with_a_place_is_told_with_its_name() {
        for (from, to, told) in [
            ("+13125550200", "downtown", "`phone` is written like"),
            ("America/New_York", "Springfield", "`timezone` is no IANA"),
            ("\"17:30\"", "\"evening\"", "write the hour like"),
            ("07:00-12:00", "12:00-07:00", "hours are written like"),
            ("monday", "mondays", "`hours` has days"),
            ("2026-12-24", "christmas", "`closures` has dates"),
            ("= 15", "= -1", "`buffer_minutes` is"),
        ] {
            let error = read(&DOWNTOWN.replace(from, to)).unwrap_err();
            assert!(error.message().starts_with("location `Bart's Downtown`: "), "{error}");
            assert!(error.message().contains(told), "{told}: {error}");
        }
        assert!(read("[[location]]\nshop = 1").is_err());
    }
}
