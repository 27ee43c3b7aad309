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
    /// The code is too old.
    CodeExpired,
    /// The code that was read out is not the one that was sent.
    CodeMismatch,
    /// It is not said who comes.
    CustomerRequired,
    /// The date has passed.
    DateInPast,
    /// The store does not answer; nothing was changed.
    DbUnavailable,
    /// The person has asked not to be contacted.
    Dnc,
    /// The line cannot take keys.
    DtmfUnsupported,
    /// Several customers have this number and name.
    DuplicateAmbiguous,
    /// Too many checks of who calls have failed.
    IdentityLocked,
    /// What was said does not show who calls.
    IdentityMismatch,
    /// The caller has not shown that the record is theirs.
    IdentityRequired,
    /// Something that is needed was not said.
    Incomplete,
    /// The appointment's time has passed.
    InPast,
    /// There is no such field.
    InvalidField,
    /// That is not a phone number.
    InvalidPhone,
    /// The number cannot be written to.
    Landline,
    /// There is no such lead.
    LeadNotFound,
    /// There is no such place.
    LocationNotFound,
    /// Too many codes were wrong.
    MfaLocked,
    /// Neither a ZIP code nor a city was said.
    NeedLocation,
    /// Nobody takes calls of that department.
    NoAgent,
    /// The documents do not tell.
    NoAnswer,
    /// Nobody has the area.
    NoBroker,
    /// The person has not agreed to text messages.
    NoConsent,
    /// Nothing is free on the dates asked for.
    NoneAvailable,
    /// There is no maintenance schedule for that vehicle.
    NoSchedule,
    /// The caller has not agreed to the read-back.
    NotConfirmed,
    /// There is no such appointment of this caller.
    NotFound,
    /// The appointment belongs to somebody else.
    NotOwner,
    /// The date is further ahead than bookings are taken.
    OutsideHorizon,
    /// People are not called then.
    OutsideWindow,
    /// This house takes no payments by link.
    PaymentsDisabled,
    /// A rule of the house stands against it.
    PolicyBlocked,
    /// All numbers are given away.
    PoolExhausted,
    /// It was done a moment ago, or too often.
    RateLimited,
    /// The time was offered too long ago, in another call, for another service, or never.
    SlotExpired,
    /// Somebody else took the time.
    SlotTaken,
    /// The message could not be sent.
    SmsFailed,
    /// The line does not hand over the call.
    TransferFailed,
    /// There is no such broker.
    UnknownBroker,
    /// There is no such customer.
    UnknownCustomer,
    /// There is no such service.
    UnknownService,
    /// No such code was sent in this call.
    UnknownSession,
    /// There is no such time zone.
    UnknownTimezone,
    /// There is no such vehicle.
    UnknownVehicle,
    /// The agent does not speak that.
    UnsupportedLanguage,
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
