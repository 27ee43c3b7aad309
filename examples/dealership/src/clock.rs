//! The time of day, as a value that tests can hold still.

use jiff::Timestamp;

/// Tells the time of day.
///
/// ```
/// use dealership::clock::Clock;
///
/// let noon = "2026-11-20T18:00:00Z".parse().unwrap();
/// assert_eq!(Clock::Fixed(noon).now(), noon);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "a clock runs or stands still")]
pub enum Clock {
    /// The clock of the machine.
    #[default]
    System,
    /// Always this moment.
    Fixed(Timestamp),
}

impl Clock {
    /// The present moment.
    #[must_use]
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(moment) => moment,
        }
    }
}
