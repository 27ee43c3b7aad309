use std::io;

use sqlx::{error::DatabaseError as _, postgres::PgDatabaseError, sqlite::SqliteError};
use voiceagent_core::{Error, ErrorKind};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "it will not, or it cannot")]
pub enum Fault {
    /// It cannot at present.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The rules or other promises stand against it. Nothing was changed.
    #[error("refused: {0:?}")]
    Refused(Refusal),
}

/// Which rule or promise stood against a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The appointment was cancelled before.
    AlreadyCancelled,
    /// The date has passed.
    DateInPast,
    /// Several customers have this phone number and name.
    DuplicateAmbiguous,
    /// The appointment's time has passed.
    InPast,
    /// There are no more of what was asked for.
    NoneLeft,
    /// There is no such row, or it belongs to somebody else.
    NotFound,
    /// The date is further ahead than bookings are taken.
    OutsideHorizon,
    /// Nothing that the appointment needs is free at that time.
    SlotTaken,
    /// It was done too often, or a moment ago.
    TooSoon,
    /// What is to be written does not fit its field.
    Unfit,
    /// There is no such service.
    UnknownService,
    /// The vehicle is in the shop at that time.
    VehicleBusy,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Failed(error) => error,
            Fault::Refused(refusal) => {
                Self::new(ErrorKind::Rejected, "store", format!("refused: {refusal:?}"))
            }
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(cause: sqlx::Error) -> Self {
        Self::Failed(error(cause))
    }
}

/// A row that somebody has changed, and not as this program reads it.
pub(super) fn strange(table: &str, what: &str) -> Error {
    let message = format!("table `{table}` of the database holds {what}; correct the row");
    Error::new(ErrorKind::Protocol, "store", message)
}

pub(super) fn error(cause: sqlx::Error) -> Error {
    let (kind, message) = if matches!(cause, sqlx::Error::PoolTimedOut) {
        (ErrorKind::Timeout, "no connection was free in time")
    } else if is_gone(&cause) {
        (ErrorKind::Disconnected, "the database is gone")
    } else if code(&cause) == Some(READONLY) {
        (ErrorKind::Config, "the database cannot be written; make its file and folder writable")
    } else if has_state(&cause, &["25006", "42501"]) {
        (ErrorKind::Config, "the database cannot be written; let this user write on this server")
    } else if code(&cause) == Some(FULL) || has_state(&cause, &["53100"]) {
        // The transaction was rolled back.
        (ErrorKind::Config, "the disk is full; make room")
    } else if code(&cause) == Some(IOERR) {
        (ErrorKind::Disconnected, "the disk cannot be read or written, or is full")
    } else if is_busy(&cause) {
        (ErrorKind::Overloaded, "another writer held the database for too long")
    } else {
        (ErrorKind::Protocol, "the database refused a statement")
    };
    Error::new(kind, "store", message).with_source(plain(cause))
}

/// Why a file cannot be opened as a database, and what to do.
pub(super) fn unusable(cause: &sqlx::Error) -> String {
    if matches!(cause, sqlx::Error::PoolTimedOut) || is_busy(cause) {
        return "another program holds it; stop that, or name another file".to_owned();
    }
    match code(cause) {
        Some(CANTOPEN | READONLY) => {
            "SQLite cannot write it, or not beside it; make the file and its folder writable, or \
             name another file"
                .to_owned()
        }
        Some(FULL) => "the disk is full; make room, or name another file".to_owned(),
        Some(IOERR) => {
            "the disk cannot be read or written, or is full; make room, or name another file"
                .to_owned()
        }
        Some(NOTADB) => "it is no SQLite database; name another file".to_owned(),
        Some(_) | None => match cause.as_database_error() {
            Some(refused) => format!("SQLite says: {}; name another file", refused.message()),
            None => "the database cannot be opened".to_owned(),
        },
    }
}

const TLS: &str = "the server does not encrypt, or its certificate is not trusted; set `sslmode` and \
                   `sslrootcert` in the address";

/// Why a server cannot be used, and what to do.
pub(super) fn unreachable(cause: &sqlx::Error) -> String {
    if is_busy(cause) {
        return "another program holds the database; try again when it is done".to_owned();
    }
    let told = match state(cause).as_deref() {
        None => match cause {
            sqlx::Error::Tls(_) => TLS,
            // A certificate that is refused, as the handshake tells it.
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => TLS,
            sqlx::Error::Configuration(_) => {
                "the address holds something that is not known; write it like \
                 `postgres://user@host/database`"
            }
            _ => "the server does not answer; start it, or correct the address",
        },
        Some("28000" | "28P01") => {
            "the server does not let this user in; correct user and password in the address"
        }
        Some("3D000") => "the server has no such database; create it, or correct the address",
        Some("42501") => "this user may not make tables; grant it, or name another user",
        Some("25006") => "the server can only be read; name the one that is written to",
        Some("53100") => "the server's disk is full; make room",
        Some("53300") => "the server takes no more connections; let it take more, or stop others",
        Some(_) => {
            let told = cause.as_database_error().map(|refused| refused.message().to_owned());
            return format!("PostgreSQL says: {}", told.unwrap_or_default());
        }
    };
    told.to_owned()
}

// Result codes of SQLite ("Result and Error Codes").
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

/// Whether it is the disk, the server or another program that is in the way, and not what stands in
/// the database.
pub(super) fn is_in_the_way(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::PoolTimedOut)
        || is_busy(cause)
        || is_gone(cause)
        || matches!(code(cause), Some(READONLY | IOERR | FULL | CANTOPEN | NOTADB))
        || has_state(cause, &["25006", "42501", "53100", "53300"])
}

pub(super) fn is_busy(cause: &sqlx::Error) -> bool {
    // Of PostgreSQL: no lock in time, no end in time, a deadlock, a failure to serialize.
    matches!(code(cause), Some(BUSY | LOCKED))
        || has_state(cause, &["55P03", "57014", "40P01", "40001"])
}

fn is_gone(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::Io(_) | sqlx::Error::PoolClosed)
        || state(cause).is_some_and(|state| {
            // The server ends, or has begun and is not ready; the connection broke, or idled.
            state.starts_with("57P0") || state.starts_with("08") || state == "25P03"
        })
}

/// What went wrong, without the values that PostgreSQL tells with it: they may be somebody's.
pub(super) fn plain(cause: sqlx::Error) -> sqlx::Error {
    match state(&cause) {
        Some(state) => {
            let constraint = cause.as_database_error().and_then(|refused| refused.constraint());
            sqlx::Error::Protocol(format!("SQLSTATE {state} {}", constraint.unwrap_or_default()))
        }
        None => cause,
    }
}

/// The result code of SQLite, without its extension in the upper bits.
fn code(cause: &sqlx::Error) -> Option<u32> {
    let refused = cause.as_database_error()?.try_downcast_ref::<SqliteError>()?;
    Some(refused.code()?.parse::<u32>().ok()? & 0xff)
}

/// The SQLSTATE of PostgreSQL ("PostgreSQL Error Codes").
fn state(cause: &sqlx::Error) -> Option<String> {
    let refused = cause.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    Some(refused.code().to_owned())
}

fn has_state(cause: &sqlx::Error, states: &[&str]) -> bool {
    state(cause).is_some_and(|state| states.contains(&state.as_str()))
}

/// Whether a statement failed because its claim overlaps another one.
pub(super) fn is_overlap(cause: &sqlx::Error) -> bool {
    cause.as_database_error().is_some_and(|refused| refused.message().contains("claim_overlap"))
}
