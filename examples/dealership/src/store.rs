//! What the dealership knows and has promised, in SQLite or PostgreSQL.
//!
//! All SQL of the application is in this module, and each statement is one that both understand;
//! `dialect` has the few that differ. Only text and whole numbers are stored; 1 is yes and 0 is no.
//! Writers take turns, in whatever program they are: a transaction that writes sees nobody else's
//! writes before its end, and none fails half-way for want of a lock. Readers see the last commit
//! and wait for nobody.

mod agenda;
mod appointments;
mod attempts;
mod attendance;
mod booking;
mod brokers;
mod calls;
mod campaigns;
mod claims;
mod codes;
mod contact;
mod conversation;
mod customers;
mod dialect;
mod errands;
mod evaluations;
mod fault;
mod file;
mod follow_ups;
mod garage;
mod gathered;
mod history;
mod hours;
mod identity;
mod ids;
mod jobs;
mod judgement;
mod knowledge;
mod leads;
mod letters;
mod location;
mod messages;
mod mirrors;
mod outcomes;
mod payments;
mod people;
mod place;
mod premises;
mod profile;
mod promises;
mod quality;
mod ranking;
mod records;
mod replicas;
mod reports;
mod results;
mod retention;
mod rows;
mod schema;
mod scratch;
mod seed;
mod server;
mod services;
mod slots;
mod steps;
mod templates;
mod trends;
mod turns;
mod upkeep;
mod usage;
mod vehicles;
mod vins;
mod workshop;

#[cfg(test)]
pub(crate) mod tests;

use std::{borrow::Cow, sync::Arc, time::Duration};

use jiff::{Span, Timestamp};
use sqlx::{
    Any, AnyPool, Transaction,
    any::{AnyArguments, AnyPoolOptions},
    query::Query,
};
use voiceagent_core::{Error, ErrorKind, Result};

use self::dialect::Dialect;
use crate::{
    knowledge::Librarian,
    shared::{Health, Shared},
};

pub use agenda::AgendaEntry;
pub use appointments::{Appointment, AppointmentStatus, BookingRequest, Change};
pub(crate) use attempts::occasion_key;
pub use attempts::{Allowed, Attempt, Channel, ContactPlan, Intent, Purpose};
pub use attendance::Attendance;
pub use booking::BookingRecord;
pub use brokers::{Assignment, Broker, CONSULTATION, ConsultRequest};
pub use calls::Ending;
pub use campaigns::Enrollment;
pub use codes::{CodeVerdict, SentCode};
pub use contact::{Objection, Permission, Window};
pub use conversation::{Conversation, merge};
pub use customers::{Customer, NewCustomer};
pub use errands::{Callback, Errand};
pub use fault::{Fault, Refusal};
pub use follow_ups::FollowUpText;
pub use garage::{VehicleDetails, VehicleRecord};
pub use gathered::{Gathered, Source};
pub use history::{CallFilter, CallStatistics, CallSummary, LastWords, ToolRun};
pub use hours::{Closure, Hours, OpenInterval};
pub use identity::{Fact, Verdict};
pub use ids::{AppointmentId, BrokerId, CodeId, CustomerId, LeadId, LocationId, VehicleId};
pub use jobs::{Job, JobEnd, JobKind};
pub(crate) use judgement::Label;
pub use knowledge::Passage;
pub use leads::Lead;
pub use letters::{Letter, Reply, ReplyKind};
pub use location::{Advisor, Location};
pub(crate) use mirrors::HOUSE;
pub use mirrors::{MirrorEnd, MirrorTask, Mirrored};
pub use outcomes::Outcome;
pub use payments::Payment;
pub use people::Erasure;
pub use place::Place;
pub use premises::{Capacity, Premises};
pub use profile::Profile;
pub use ranking::{Balanced, Candidate, SlotRanker};
pub use records::{Escalation, Interaction};
pub use replicas::Life;
pub use reports::Week;
pub use results::TemplateResult;
pub use retention::{Forgotten, Keep};
pub use scratch::Scratch;
pub use services::{Need, Service};
pub use slots::{Availability, Slot, SlotSearch};
pub use steps::{CallStep, Progress, ToolUse};
pub use templates::{Arm, StoredTemplate};
pub use trends::{Grain, Trend};
pub use turns::{CallTurn, Stages};
pub use upkeep::DueWork;
pub use vehicles::{NewVehicle, Vehicle};
pub use workshop::Ticket;

/// The longest that an operation waits for a connection, and a connection for a lock.
const PATIENCE: Duration = Duration::from_secs(3);

/// Readers at once. A read takes well under a millisecond, so a few connections serve many calls.
const READERS: u32 = 4;

/// The database. A clone is the same database.
#[derive(Clone, Debug)]
pub struct Store {
    dialect: Dialect,
    writer: AnyPool,
    reader: AnyPool,
    /// Keeps a database in memory alive while the writer reconnects, which it does when the future
    /// of an operation is dropped between a statement and its result.
    keeper: Option<AnyPool>,
    /// In whose life calls are answered with it.
    life: Option<Life>,
    /// Where customers are kept for a while.
    shared: Option<Shared>,
    /// Who has a visit, of those that are free.
    ranker: Arc<dyn SlotRanker>,
    /// Where documents lie in meaning.
    librarian: Arc<Librarian>,
}

impl Store {
    /// Opens the database at a place and brings its schema up to date. A file is made if there is
    /// none; on Unix nobody but its owner may read it: it holds names and numbers. A server must
    /// hold the database already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it cannot be opened or belongs to another program; the message
    /// says why, and what to do.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the database is let go. Its schema is old or new.
    pub async fn open(place: impl Into<Place>) -> Result<Self> {
        let place = place.into();
        let store = match &place {
            Place::File(path) => file::open(path).await,
            Place::Server(address) => server::open(address).await,
        };
        store.map_err(|error| named(&place, error))
    }

    /// Opens the database at a place to read it; what writes fails. For a file, a file system that
    /// is mounted read-only will do; where SQLite may, it leaves its `-shm` and `-wal` files beside
    /// it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it is not there, cannot be read, belongs to another program or to
    /// another version of this one; the message says why, and what to do.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the database is let go.
    pub async fn open_read_only(place: impl Into<Place>) -> Result<Self> {
        let place = place.into();
        let store = match &place {
            Place::File(path) => file::open_read_only(path).await,
            Place::Server(address) => server::open_read_only(address).await,
        };
        store.map_err(|error| named(&place, error))
    }

    /// Opens an empty database that lives as long as the store.
    ///
    /// # Errors
    ///
    /// When the memory cannot be had.
    pub async fn in_memory() -> Result<Self> {
        file::in_memory().await
    }

    /// Opens an empty database for a test: in memory, or on the server that
    /// `DEALERSHIP_TEST_POSTGRES` names.
    #[cfg(test)]
    pub(crate) async fn fresh() -> Self {
        Scratch::open(Self::test_server().as_ref()).await.unwrap().store
    }

    /// The server on which tests are to be run.
    #[cfg(test)]
    pub(crate) fn test_server() -> Option<Place> {
        let address = std::env::var("DEALERSHIP_TEST_POSTGRES").ok()?;
        let place = Place::from(address.as_str());
        assert!(place.file().is_none(), "DEALERSHIP_TEST_POSTGRES names no server");
        Some(place)
    }

    /// The same database, before which customers are kept for five minutes.
    #[must_use]
    pub fn sharing(mut self, shared: Shared) -> Self {
        self.shared = Some(shared);
        self
    }

    /// The same database, with visits given to whom this ranker prefers, in place of [`Balanced`].
    #[must_use]
    pub fn ranking(mut self, ranker: Arc<dyn SlotRanker>) -> Self {
        self.ranker = ranker;
        self
    }

    /// The same database, with documents found by this librarian.
    #[must_use]
    pub fn reading_by(mut self, librarian: Librarian) -> Self {
        self.librarian = Arc::new(librarian);
        self
    }

    /// Where customers are kept for a while, if anywhere.
    pub(crate) fn health(&self) -> Option<Health> {
        self.shared.as_ref().map(Shared::health)
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

    /// Begins a transaction that writes: it waits for its turn.
    async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        self.dialect.begin(&self.writer).await
    }

    /// Writes with one statement, in its turn. Returns how many rows it has changed.
    async fn write(&self, statement: Query<'_, Any, AnyArguments>) -> Result<u64, Fault> {
        let mut writes = self.begin().await?;
        let done = statement.execute(&mut *writes).await?;
        writes.commit().await?;
        Ok(done.rows_affected())
    }
}

fn connections(most: u32) -> AnyPoolOptions {
    sqlx::any::install_default_drivers();
    AnyPoolOptions::new()
        .min_connections(1)
        .max_connections(most)
        .acquire_timeout(PATIENCE)
        // A database in memory would be gone with its connection.
        .idle_timeout(None)
        .max_lifetime(None)
}

fn named(place: &Place, error: Error) -> Error {
    unusable(format!("{place}: {}", error.message())).with_source(error)
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
