//! The version of the tables, and how a database gets to it.

use std::borrow::Cow;

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType},
};
use voiceagent_core::{Error, Result};

use super::{dialect::Dialect, fault, unusable};

/// Where sqlx notes which migrations were made.
const TABLE: &str = "_sqlx_migrations";
/// All that was ever changed, in order; the first is version 1. None of them is ever edited. Each is
/// written for SQLite, and said in PostgreSQL's words by [`Dialect::migration`]; the last column is
/// what has to be added there.
const MIGRATIONS: &[(&str, &str, &str)] = &[
    (
        "scheduling",
        include_str!("../../migrations/0001_scheduling.sql"),
        include_str!("../../migrations/postgres/0001_scheduling.sql"),
    ),
    (
        "business",
        include_str!("../../migrations/0002_business.sql"),
        include_str!("../../migrations/postgres/0002_business.sql"),
    ),
    (
        "templates",
        include_str!("../../migrations/0003_templates.sql"),
        include_str!("../../migrations/postgres/0003_templates.sql"),
    ),
    ("jobs", include_str!("../../migrations/0004_jobs.sql"), ""),
    ("outbound", include_str!("../../migrations/0005_outbound.sql"), ""),
    ("graph", include_str!("../../migrations/0006_graph.sql"), ""),
    ("calendars", include_str!("../../migrations/0007_calendars.sql"), ""),
    ("campaigns", include_str!("../../migrations/0008_campaigns.sql"), ""),
    ("line", include_str!("../../migrations/0009_line.sql"), ""),
    ("replicas", include_str!("../../migrations/0010_replicas.sql"), ""),
    ("record", include_str!("../../migrations/0011_record.sql"), ""),
    ("fields", include_str!("../../migrations/0012_fields.sql"), ""),
    ("judgement", include_str!("../../migrations/0013_judgement.sql"), ""),
    ("payments", include_str!("../../migrations/0014_payments.sql"), ""),
    ("points", include_str!("../../migrations/0015_points.sql"), ""),
    ("follow_ups", include_str!("../../migrations/0016_follow_ups.sql"), ""),
    ("evaluations", include_str!("../../migrations/0017_evaluations.sql"), ""),
    ("attendance", include_str!("../../migrations/0018_attendance.sql"), ""),
];
/// What the name of a migration begins with that programs of before cannot work with. All others only
/// add: tables, columns that need not be filled in, and indices. A program that is rolled back works on
/// with the tables of the newer one, unless a migration says so.
pub(super) const BREAKS: &str = "breaks ";
/// The newest migration.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

const FOREIGN: &str = "it is the database of another program; name another one";
const NEWER: &str = "the schema is newer than this program; run the program that made it, or name \
                     another database";
const OLDER: &str = "the schema is older than this program, and nothing is changed by reading; \
                     `dealership serve` brings it up to date";
const STRANGE: &str = "the schema cannot be brought up to date: it is of another version, or \
                       another program's; name another database";

/// Brings the tables up to date, all at once or not at all. Programs that open one database at once
/// take turns.
pub(super) async fn bring_up_to_date(dialect: Dialect, writer: &AnyPool) -> Result<()> {
    // The turn is taken before anybody looks.
    let mut turn = dialect.begin(writer).await.map_err(|cause| unopened(dialect, cause))?;
    let found = look(dialect, &mut turn).await?;
    if found.is_foreign() {
        return Err(unusable(FOREIGN));
    }
    migrate(dialect, &mut turn, MIGRATIONS.len()).await?;
    turn.commit().await.map_err(|cause| unopened(dialect, cause))
}

/// Makes what is not made yet of the first `count` migrations. sqlx's own migrator does the same,
/// and does not take part in a transaction that begins before it looks.
pub(super) async fn migrate(
    dialect: Dialect,
    writer: &mut AnyConnection,
    count: usize,
) -> Result<()> {
    let unfit = |cause| unusable(unfit(dialect, &cause)).with_source(cause);
    writer.ensure_migrations_table(TABLE).await.map_err(unfit)?;
    let applied = writer.list_applied_migrations(TABLE).await.map_err(unfit)?;
    if breaks(dialect, writer).await? {
        return Err(unusable(NEWER));
    }
    for (index, migration) in migrations(dialect).take(count).enumerate() {
        match applied.get(index) {
            Some(made) if made.version != migration.version => return Err(unusable(STRANGE)),
            Some(made) if made.checksum != migration.checksum => return Err(unusable(STRANGE)),
            Some(_) => {}
            None => drop(writer.apply(TABLE, &migration).await.map_err(unfit)?),
        }
    }
    Ok(())
}

/// Whether any migration was made that this program does not know and cannot work with.
async fn breaks(dialect: Dialect, connection: &mut AnyConnection) -> Result<bool> {
    let unknown: Vec<String> =
        sqlx::query_scalar("SELECT description FROM _sqlx_migrations WHERE version > $1")
            .bind(VERSION)
            .fetch_all(connection)
            .await
            .map_err(|cause| unopened(dialect, cause))?;
    Ok(unknown.iter().any(|name| name.starts_with(BREAKS)))
}

fn migrations(dialect: Dialect) -> impl Iterator<Item = Migration> {
    (1..).zip(MIGRATIONS).map(move |(version, (name, sql, added))| {
        let migration =
            |sql| Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false);
        let written = migration(sqlx::SqlStr::from_static(sql));
        let said = AssertSqlSafe(dialect.migration(sql, added).into_owned()).into_sql_str();
        // It is known by what is written, in whatever words it is said.
        Migration { checksum: written.checksum, ..migration(said) }
    })
}

/// Checks that the tables are as this program reads them, and changes nothing.
pub(super) async fn check(dialect: Dialect, reader: &AnyPool) -> Result<()> {
    let unopened = |cause| unopened(dialect, cause);
    let mut connection = reader.acquire().await.map_err(unopened)?;
    let found = look(dialect, &mut connection).await?;
    if found.is_foreign() {
        return Err(unusable(FOREIGN));
    }
    let mut version = 0;
    if found.is_ours() {
        version = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await
            .map_err(unopened)?;
    }
    if version < VERSION {
        return Err(unusable(OLDER));
    }
    if version > VERSION && breaks(dialect, &mut connection).await? {
        return Err(unusable(NEWER));
    }
    Ok(())
}

/// How many tables there are, and of these those in which migrations are noted.
struct Found(i64, i64);

impl Found {
    fn is_ours(&self) -> bool {
        self.1 > 0
    }

    fn is_foreign(&self) -> bool {
        self.0 > 0 && !self.is_ours()
    }
}

async fn look(dialect: Dialect, connection: &mut AnyConnection) -> Result<Found> {
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE name = '{TABLE}') FROM {}",
        dialect.tables()
    );
    let (tables, ours) = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .map_err(|cause| unopened(dialect, cause))?;
    Ok(Found(tables, ours))
}

fn unopened(dialect: Dialect, cause: sqlx::Error) -> Error {
    unusable(why(dialect, &cause)).with_source(cause)
}

fn why(dialect: Dialect, cause: &sqlx::Error) -> String {
    match dialect {
        Dialect::Postgres => fault::unreachable(cause),
        Dialect::Sqlite => fault::unusable(cause),
    }
}

fn unfit(dialect: Dialect, cause: &MigrateError) -> String {
    match cause {
        // What the database itself refuses says nothing about the schema, but for what is in its
        // way.
        MigrateError::Execute(refused) | MigrateError::ExecuteMigration(refused, _)
            if fault::is_in_the_way(refused) =>
        {
            why(dialect, refused)
        }
        _ => STRANGE.to_owned(),
    }
}

/// The name of a migration, and what is written for it.
#[cfg(test)]
pub(super) fn written(version: usize) -> (&'static str, &'static str) {
    let (name, sql, _) = MIGRATIONS[version - 1];
    (name, sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_have_a_counterpart_in_postgresql() {
        for (name, sql, added) in MIGRATIONS {
            assert!(!sql.contains("CREATE TRIGGER") || !added.is_empty(), "{name}");
        }
    }
}
