use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};
use voiceagent_core::Result;

use super::fault::strange;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new one. Those of a later millisecond sort after earlier ones (UUID version
            /// 7, RFC 9562).
            #[must_use]
            pub fn new(now: Timestamp) -> Self {
                Self(version_7(now))
            }

            /// Reads one. `None` if the text is not an identifier.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text.trim()).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// An appointment.
    AppointmentId
}
id! {
    /// A broker.
    BrokerId
}
id! {
    /// A code that was texted.
    CodeId
}
id! {
    /// A customer.
    CustomerId
}
id! {
    /// A lead.
    LeadId
}
id! {
    /// A place of business.
    LocationId
}
id! {
    /// A vehicle of a customer.
    VehicleId
}

macro_rules! of_row {
    ($($name:ident $table:literal)*) => {$(
        impl $name {
            /// Reads one of a row, which the owner may have changed.
            pub(super) fn stored(text: &str) -> Result<Self> {
                Self::parse(text).ok_or_else(|| strange($table, "an `id` that is no UUID"))
            }
        }
    )*};
}

of_row! {
    AppointmentId "appointment"
    BrokerId "broker"
    CustomerId "customer"
    LeadId "lead"
    LocationId "location"
    VehicleId "vehicle"
}

pub(super) fn version_7(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}
