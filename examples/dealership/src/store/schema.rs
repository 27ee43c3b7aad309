//! The version of the tables, and how a database gets to it.

use std::borrow::Cow;

use sqlx::{
    SqliteConnection, SqlitePool,
    migrate::{Migrate, MigrateError, Migration, MigrationType},
};
use voiceagent_core::Result;

use super::{fault, unusable};

/// Where sqlx notes which migrations were made.
const TABLE: &str = "_sqlx_migrations";
/// All that was ever changed, in order; the first is version 1. None of them is ever edited.
const MIGRATIONS: [(&str, &str); 6] = [
    ("scheduling", include_str!("../../migrations/0001_scheduling.sql")),
    ("business", include_str!("../../migrations/0002_business.sql")),
    ("templates", include_str!("../../migrations/0003_templates.sql")),
    ("jobs", include_str!("../../migrations/0004_jobs.sql")),
    ("outbound", include_str!("../../migrations/0005_outbound.sql")),
    ("graph", include_str!("../../migrations/0006_graph.sql")),
];
/// The newest migration.
const VERSION: i64 = MIGRATIONS.len() as i64;

const FOREIGN: &str = "it is the database of another program; name another file";
const NEWER: &str = "the schema is newer than this program; run the program that made it, or name \
                     another file";
const OLDER: &str = "the schema is older than this program, and nothing is changed by reading; \
                     `dealership serve` brings it up to date";
const STRANGE: &str = "the schema cannot be brought up to date: it is of another version, or \
                       another program's; name another file";

/// Brings the tables up to date, all at once or not at all. Programs that open one database at once
/// take turns.
pub(super) async fn bring_up_to_date(writer: &SqlitePool) -> Result<()> {
    let unopened = |cause| unusable(fault::unusable(&cause)).with_source(cause);
    // The turn is taken before anybody looks.
    let mut turn = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unopened)?;
    let is_foreign: bool = sqlx::query_scalar(
        "SELECT count(*) > 0 AND sum(name = '_sqlx_migrations') = 0 FROM sqlite_schema",
    )
    .fetch_one(&mut *turn)
    .await
    .map_err(unopened)?;
    if is_foreign {
        return Err(unusable(FOREIGN));
    }
    migrate(&mut turn, MIGRATIONS.len()).await?;
    turn.commit().await.map_err(unopened)
}

/// Makes what is not made yet of the first `count` migrations. sqlx's own migrator does the same, and does not take part in a
/// transaction that begins before it looks.
pub(super) async fn migrate(writer: &mut SqliteConnection, count: usize) -> Result<()> {
    let unfit = |cause| unusable(unfit(&cause)).with_source(cause);
    writer.ensure_migrations_table(TABLE).await.map_err(unfit)?;
    let applied = writer.list_applied_migrations(TABLE).await.map_err(unfit)?;
    if applied.last().is_some_and(|last| last.version > VERSION) {
        return Err(unusable(NEWER));
    }
    for (index, migration) in migrations().take(count).enumerate() {
        match applied.get(index) {
            Some(made) if made.version != migration.version => return Err(unusable(STRANGE)),
            Some(made) if made.checksum != migration.checksum => return Err(unusable(STRANGE)),
            Some(_) => {}
            None => drop(writer.apply(TABLE, &migration).await.map_err(unfit)?),
        }
    }
    Ok(())
}

fn migrations() -> impl Iterator<Item = Migration> {
    (1..).zip(MIGRATIONS).map(|(version, (name, sql))| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    })
}

/// Checks that the tables are as this program reads them, and changes nothing.
pub(super) async fn check(reader: &SqlitePool) -> Result<()> {
    let unopened = |cause| unusable(fault::unusable(&cause)).with_source(cause);
    let (tables, is_ours): (i64, bool) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(name = '_sqlx_migrations'), 0) > 0 FROM sqlite_schema",
    )
    .fetch_one(reader)
    .await
    .map_err(unopened)?;
    if tables > 0 && !is_ours {
        return Err(unusable(FOREIGN));
    }
    let mut version = 0;
    if is_ours {
        version = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(reader)
            .await
            .map_err(unopened)?;
    }
    match version {
        VERSION => Ok(()),
        older if older < VERSION => Err(unusable(OLDER)),
        _ => Err(unusable(NEWER)),
    }
}

fn unfit(cause: &MigrateError) -> String {
    match cause {
        // What SQLite itself refuses says nothing about the schema, but for what is in its way.
        MigrateError::Execute(refused) | MigrateError::ExecuteMigration(refused, _)
            if fault::is_of_the_file(refused) =>
        {
            fault::unusable(refused)
        }
        _ => STRANGE.to_owned(),
    }
}
