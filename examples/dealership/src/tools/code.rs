use serde::{Deserialize, Serialize};

/// Why a tool did not do what was asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Code {
    /// The appointment was cancelled before.
    AlreadyCancelled,
    /// All the dates asked for are closed.
    Closed,
    /// It is not said who comes.
    CustomerRequired,
    /// The date has passed.
    DateInPast,
    /// The store does not answer; nothing was changed.
    DbUnavailable,
    /// Several customers have this number and name.
    DuplicateAmbiguous,
    /// The caller has not shown that the record is theirs.
    IdentityRequired,
    /// The appointment's time has passed.
    InPast,
    /// That is not a phone number.
    InvalidPhone,
    /// Nothing is free on the dates asked for.
    NoneAvailable,
    /// The caller has not agreed to the read-back.
    NotConfirmed,
    /// There is no such appointment of this caller.
    NotFound,
    /// The date is further ahead than bookings are taken.
    OutsideHorizon,
    /// The time was offered too long ago, in another call, for another service, or never.
    SlotExpired,
    /// Somebody else took the time.
    SlotTaken,
    /// There is no such service.
    UnknownService,
    /// A service of others does not answer.
    UpstreamUnavailable,
    /// The vehicle has a visit at that time.
    VehicleBusy,
    /// It is not said which of the customer's vehicles comes.
    VehicleRequired,
    /// One character of the number was misheard.
    VinCheckDigit,
    /// A character does not occur in such numbers.
    VinIllegalChar,
    /// The number does not have 17 characters.
    VinLength,
    /// Nobody knows the number.
    VinNotFound,
}
