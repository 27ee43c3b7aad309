//! Calendars outside the house: they show what is booked, and tell when somebody is busy.
//!
//! The database decides; a calendar is a mirror of it. What is booked, moved or cancelled is noted
//! in the same transaction as something to be written, and a [`Mirror`] writes it when the calendar
//! answers. Nobody who books ever waits for a calendar.

mod caldav;
mod consent;
mod google;
pub(crate) mod http;
mod ical;
mod mirror;
mod nylas;
mod token;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::{Timestamp, Zoned};
use voiceagent_core::Result;

use crate::store::AppointmentId;

pub use self::{
    caldav::CalDav,
    consent::GoogleConsent,
    google::GoogleCalendar,
    mirror::Mirror,
    nylas::Nylas,
    token::{GoogleAccess, GoogleKeys},
};

/// An appointment as calendars show it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Event {
    /// Which appointment it is.
    pub id: AppointmentId,
    /// When it begins, on the clocks of its place.
    pub start: Zoned,
    /// When it ends.
    pub end: Zoned,
    /// What it is, and for whom.
    pub title: String,
    /// What else there is to know.
    pub details: String,
    /// Whether whose calendar it is has no time then. A house with several bays has.
    pub is_busy: bool,
}

/// An event that was written to a calendar.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "which one, in which state")]
pub struct Written {
    /// The calendar's name for the event.
    pub name: String,
    /// By what the calendar tells this state of it from others; `None` where it does not.
    pub tag: Option<String>,
}

/// What became of an event that was to be written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "written or not")]
pub enum Put {
    /// It stands there.
    Done(Written),
    /// Nothing was written: it is not as it was left, or not there any more.
    Changed,
}

/// From when to when somebody is busy.
pub type Busy = (Timestamp, Timestamp);

/// A service with calendars.
///
/// # Implementing
///
/// Writing the same event twice leaves one, whether or not the first answer arrived.
#[async_trait]
pub trait Calendar: Debug + Send + Sync + 'static {
    /// Writes an event. With `last`, only over what was last written; without, over whatever there
    /// is.
    ///
    /// # Errors
    ///
    /// When the service does not answer within ten seconds, or refuses.
    ///
    /// # Cancel safety
    ///
    /// An event whose future is dropped was written or not.
    async fn put(&self, calendar: &str, event: &Event, last: Option<&Written>) -> Result<Put>;

    /// Takes an event out. It is no error if there is none.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    ///
    /// An event whose future is dropped is there or not.
    async fn remove(&self, calendar: &str, event: AppointmentId, name: Option<&str>) -> Result<()>;

    /// The tag of an event as it stands; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    async fn tag(&self, calendar: &str, name: &str) -> Result<Option<String>>;

    /// When whose calendar it is has no time, between two moments.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    async fn busy(&self, calendar: &str, between: Busy) -> Result<Vec<Busy>>;
}
