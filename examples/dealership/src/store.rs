//! What the dealership knows and has promised, in SQLite.
//!
//! All SQL of the application is in this module. Writers take turns: one connection writes, each
//! transaction starts as `BEGIN IMMEDIATE`, so that none fails half-way for want of the lock.
//! Readers see the last commit and wait for nobody.

mod agenda;
mod appointments;
mod attempts;
mod brokers;
mod calls;
mod claims;
mod codes;
mod contact;
mod customers;
mod errands;
mod fault;
mod hours;
mod identity;
mod ids;
mod jobs;
mod knowledge;
mod leads;
mod location;
mod messages;
mod outcomes;
mod records;
mod results;
mod rows;
mod schema;
mod seed;
mod services;
mod slots;
mod steps;
mod templates;
mod vehicles;
mod vins;
mod workshop;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fs::OpenOptions, io, path::Path, str::FromStr, time::Duration};

use jiff::{Span, Timestamp};
use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};
use voiceagent_core::{Error, ErrorKind, Result};

pub use agenda::AgendaEntry;
pub use appointments::{Appointment, AppointmentStatus, BookingRequest, Change};
pub(crate) use attempts::occasion_key;
pub use attempts::{Allowed, Attempt, Channel, ContactPlan, Intent, Purpose};
pub use brokers::{Assignment, Broker, CONSULTATION, ConsultRequest};
pub use calls::Ending;
pub use codes::{CodeVerdict, SentCode};
pub use contact::{Objection, Permission, Window};
pub use customers::{Customer, NewCustomer};
pub use errands::{Callback, Enrollment, Errand};
pub use fault::{Fault, Refusal};
pub use hours::{Closure, Hours, OpenInterval};
pub use identity::{Fact, Verdict};
pub use ids::{AppointmentId, BrokerId, CodeId, CustomerId, LeadId, LocationId, VehicleId};
pub use jobs::{Job, JobEnd, JobKind};
pub use knowledge::Passage;
pub use leads::Lead;
pub use location::{Advisor, Location};
pub use outcomes::Outcome;
pub use records::{Escalation, Interaction};
pub use results::TemplateResult;
pub use services::{Need, Service};
pub use slots::{Availability, Slot, SlotSearch};
pub use steps::{CallStep, Progress, ToolUse};
pub use templates::{Arm, StoredTemplate};
pub use vehicles::{NewVehicle, Vehicle};
pub use workshop::{DueWork, Ticket};

/// The longest that an operation waits for a connection, and a connection for a lock.
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two attempts to get a lock that SQLite does not wait for.
const RETRY: Duration = Duration::from_millis(10);

/// Readers at once. A read takes well under a millisecond, so a few connections serve many calls.
const READERS: u32 = 4;

/// The database. A clone is the same database.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
    /// Keeps a database in memory alive while the writer reconnects, which it does when the future
    /// of an operation is dropped between a statement and its result.
    keeper: Option<SqlitePool>,
}

impl Store {
    /// Opens the database in a file, creates it if there is none, and brings its schema up to date.
    /// On Unix nobody but its owner may read a file that is created: it holds names and numbers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the file cannot be opened or belongs to another program; the
    /// message says why, and what to do.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        create(path).map_err(|error| {
            unusable(format!("{}: {}", path.display(), uncreated(path, &error))).with_source(error)
        })?;
        let file = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL keeps the file sound; a power cut may lose the last commits unless each is synced.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let named = |error: Error| {
            unusable(format!("{}: {}", path.display(), error.message())).with_source(error)
        };
        let writer = connect(1, file.clone()).await.map_err(named)?;
        schema::bring_up_to_date(&writer).await.map_err(named)?;
        let reader = connect(READERS, file.read_only(true)).await.map_err(named)?;
        Ok(Self { writer, reader, keeper: None })
    }

    /// Opens the database in a file to read it: a file system that is mounted read-only will do.
    /// What writes fails. Where SQLite may, it leaves its `-shm` and `-wal` files beside it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the file is not there, cannot be read, belongs to another program
    /// or to another version of this one; the message says why, and what to do.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the file is let go.
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let named = |error: Error| {
            unusable(format!("{}: {}", path.display(), error.message())).with_source(error)
        };
        if !path.exists() {
            return Err(named(unusable("it does not exist; name another file")));
        }
        let file =
            SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(PATIENCE);
        let opened = read(file.clone()).await;
        let reader = match opened {
            // SQLite reads such a database only beside files of its own. Where it cannot make them
            // nobody else can either, and nothing changes; unless a log is left that it must read.
            Err(_) if is_settled(path) => read(file.immutable(true)).await,
            opened => opened,
        };
        let reader = reader.map_err(named)?;
        Ok(Self { writer: reader.clone(), reader, keeper: None })
    }

    /// Opens an empty database that lives as long as the store.
    ///
    /// # Errors
    ///
    /// When the memory cannot be had.
    pub async fn in_memory() -> Result<Self> {
        // Spelled like this it is a memory of its own that several connections share.
        let memory = SqliteConnectOptions::from_str("sqlite::memory:")
            .map_err(|cause| unusable("the memory cannot be had").with_source(cause))?
            .foreign_keys(true);
        let keeper = connect(1, memory.clone()).await?;
        // In shared memory a reader would wait for the writer, so one connection does both.
        let writer = connect(1, memory).await?;
        schema::bring_up_to_date(&writer).await?;
        Ok(Self { reader: writer.clone(), writer, keeper: Some(keeper) })
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.reader).await.map_err(fault::error)?;
        Ok(())
    }

    /// Ends the work in progress and closes the database. Every later operation fails.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
        if let Some(keeper) = &self.keeper {
            keeper.close().await;
        }
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

async fn read(file: SqliteConnectOptions) -> Result<SqlitePool> {
    let reader = connect(1, file).await?;
    schema::check(&reader).await?;
    Ok(reader)
}

/// Whether all that was written is in the file itself, and nothing in the log beside it.
fn is_settled(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(true, |log| log.len() == 0)
}

async fn connect(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool> {
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // A database in memory would be gone with its connection.
        .idle_timeout(None)
        .max_lifetime(None);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match pool.clone().connect_with(options.clone()).await {
            // SQLite waits for locks, but not where a wait might be for ever: two programs that
            // both make a new file a WAL database are in each other's way.
            Err(cause) if fault::is_busy(&cause) && Instant::now() < deadline => {
                sleep(RETRY).await;
            }
            done => {
                return done.map_err(|cause| unusable(fault::unusable(&cause)).with_source(cause));
            }
        }
    }
}

/// Makes the file if there is none. SQLite gives the files that it puts beside it the same mode.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn uncreated(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (error.kind(), folder) {
        (io::ErrorKind::NotFound, Some(folder)) if !folder.exists() => {
            format!("the folder {} does not exist; make it, or name another file", folder.display())
        }
        // Some file systems say so of a file that they do not let anybody make.
        (io::ErrorKind::NotFound, Some(folder)) => {
            format!("no file can be made in the folder {}; name another file", folder.display())
        }
        (io::ErrorKind::IsADirectory, _) => "it is a folder; name a file".to_owned(),
        (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem, _) => {
            "this user may not write it; make the file and its folder writable, or name another \
             file"
                .to_owned()
        }
        (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
            "the disk is full; make room, or name another file".to_owned()
        }
        _ => format!("{error}; name another file"),
    }
}

fn unusable(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Config, "open store", message)
}

fn instant(millis: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(millis)
        .map_err(|cause| fault::strange("appointment", "a time of no year").with_source(cause))
}

fn minutes(table: &str, minutes: i64) -> Result<Span> {
    Span::new()
        .try_minutes(minutes)
        .map_err(|cause| fault::strange(table, "more minutes than there are").with_source(cause))
}

/// Reads a column that holds a list of words, as JSON.
fn list(table: &str, stored: &str) -> Result<Vec<String>> {
    serde_json::from_str(stored)
        .map_err(|cause| fault::strange(table, "a list that is no JSON").with_source(cause))
}
