use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::CallTime;

/// How far a moment lies after another one, or before it. Serialized as microseconds, negative
/// when it lies before.
///
/// ```
/// use voiceagent_core::{CallTime, observer::Offset};
///
/// let [token, end_of_turn] = [1_880, 2_000].map(CallTime::from_millis);
/// let offset = Offset::between(end_of_turn, token);
/// assert!(offset.is_before());
/// assert_eq!((offset.as_micros(), offset.to_string()), (-120_000, "-120.0 ms".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Offset(i64);

impl Offset {
    /// Where `moment` lies, seen from `anchor`.
    #[must_use]
    pub fn between(anchor: CallTime, moment: CallTime) -> Self {
        let micros = |length: Duration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Self(if moment < anchor { -micros(anchor - moment) } else { micros(moment - anchor) })
    }

    /// In microseconds; negative before the anchor.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whether the moment lies before the anchor.
    #[must_use]
    pub const fn is_before(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0 as f64 / 1_000.0)
    }
}
