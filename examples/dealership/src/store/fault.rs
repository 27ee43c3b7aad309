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
    } else if matches!(cause, sqlx::Error::Io(_) | sqlx::Error::PoolClosed) {
        (ErrorKind::Disconnected, "the database is gone")
    } else if code(&cause) == Some(READONLY) {
        (ErrorKind::Config, "the database cannot be written; make its file and folder writable")
    } else if code(&cause) == Some(FULL) {
        // The transaction was rolled back.
        (ErrorKind::Config, "the disk is full; make room")
    } else if code(&cause) == Some(IOERR) {
        (ErrorKind::Disconnected, "the disk cannot be read or written, or is full")
    } else if is_busy(&cause) {
        (ErrorKind::Overloaded, "another writer held the database for too long")
    } else {
        (ErrorKind::Protocol, "the database refused a statement")
    };
    Error::new(kind, "store", message).with_source(cause)
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

// Result codes of SQLite ("Result and Error Codes").
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

/// Whether it is the file or the disk that is in the way, and not what stands in it.
pub(super) fn is_of_the_file(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::PoolTimedOut)
        || matches!(code(cause), Some(BUSY | LOCKED | READONLY | IOERR | FULL | CANTOPEN | NOTADB))
}

pub(super) fn is_busy(cause: &sqlx::Error) -> bool {
    matches!(code(cause), Some(BUSY | LOCKED))
}

/// The result code, without its extension in the upper bits.
fn code(cause: &sqlx::Error) -> Option<u32> {
    let code = cause.as_database_error()?.code()?;
    Some(code.parse::<u32>().ok()? & 0xff)
}

/// Whether a statement failed because its claim overlaps another one.
pub(super) fn is_overlap(cause: &sqlx::Error) -> bool {
    cause.as_database_error().is_some_and(|refused| refused.message().contains("claim_overlap"))
}
