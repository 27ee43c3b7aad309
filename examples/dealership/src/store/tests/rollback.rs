//! A program that is rolled back meets the tables of the newer one.

use std::{collections::BTreeMap, path::Path};

use jiff::SignedDuration;

use super::*;

/// The first migration that was written by the rule that migrations add and change nothing.
const FIRST: usize = 17;

/// A migration that a newer program has made, under this name.
async fn newer(store: &Store, name: &str) {
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT $1, $2, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
    )
    .bind(schema::VERSION + 1)
    .bind(name)
    .execute(&store.writer)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_program_that_is_rolled_back_works_on_tables_to_which_was_only_added() {
    let store = seeded().await;
    newer(&store, "courtesy cars").await;
    store.run("CREATE TABLE courtesy_car (id TEXT PRIMARY KEY)").await;
    store.run("ALTER TABLE appointment ADD COLUMN courtesy_car_id TEXT").await;
    store.run("ALTER TABLE customer ADD COLUMN points INTEGER NOT NULL DEFAULT 7").await;
    schema::bring_up_to_date(store.dialect, &store.writer).await.unwrap();
    schema::check(store.dialect, &store.reader).await.unwrap();
    let ask = request(customer(&store, "Zoe").await, monday(10, 0), "key");
    let booked = store.book(&ask, friday()).await.unwrap();
    let moved = store.reschedule(&change(booked.id, "1"), monday(11, 0), None, friday()).await;
    assert_eq!(moved.unwrap().start.timestamp(), monday(11, 0));
    let cancelled = store.cancel(&change(booked.id, "2"), None, friday()).await.unwrap();
    assert_eq!(cancelled.status, AppointmentStatus::Cancelled);
    assert!(!store.agenda(friday()).await.unwrap().is_empty());
}

#[tokio::test]
async fn jobs_that_only_a_newer_program_can_do_wait_for_it_and_hold_up_no_others() {
    let store = seeded().await;
    store.run("DELETE FROM job").await;
    store
        .run(
            "INSERT INTO job (id, kind, ref_id, run_at, created_at, updated_at)
             VALUES ('newer', 'courtesy_car', '', 0, 0, 0)",
        )
        .await;
    let lease = SignedDuration::from_secs(60);
    assert!(store.claim_job(None, lease, friday()).await.unwrap().is_none());
    assert!(store.claim_job(Some("newer"), lease, friday()).await.unwrap().is_none());
    store.schedule_job((JobKind::Callback, "one"), friday(), friday()).await.unwrap();
    let claimed = store.claim_job(None, lease, friday()).await.unwrap().unwrap();
    assert_eq!((claimed.kind, claimed.about.as_str()), (JobKind::Callback, "one"));
    assert_eq!(store.jobs(true).await.unwrap().len(), 1, "what is listed can be read");
    assert_eq!(store.run("UPDATE job SET run_at = 0 WHERE state = 'ready'").await, 1, "it waits");
}

#[tokio::test]
async fn a_program_that_is_rolled_back_refuses_tables_that_say_that_they_break_it() {
    let store = seeded().await;
    newer(&store, "breaks the hours of bays").await;
    for refused in [
        schema::bring_up_to_date(store.dialect, &store.writer).await,
        schema::check(store.dialect, &store.reader).await,
    ] {
        let told = refused.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Config);
        assert!(told.message().contains("the schema is newer than this program"), "{told}");
    }
}

/// Columns by table and name: whether they must be filled in by whoever writes a row.
type Columns = BTreeMap<(String, String), bool>;

/// What whoever writes a row meets after so many migrations: columns, and what refuses rows.
async fn after(count: usize) -> (Columns, BTreeMap<String, String>) {
    let name = format!("file:after-{count}");
    let pool = file::pool(1, Path::new(&name), "mode=memory&cache=shared").await.unwrap();
    let mut turn = Dialect::Sqlite.begin(&pool).await.unwrap();
    schema::migrate(Dialect::Sqlite, &mut turn, count).await.unwrap();
    turn.commit().await.unwrap();
    let columns: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT m.name, c.name, c.\"notnull\" = 1 AND c.dflt_value IS NULL
         FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
         WHERE m.type IN ('table', 'view')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let guards: Vec<(String, String)> = sqlx::query_as(
        "SELECT type || ' ' || name, tbl_name FROM sqlite_schema
         WHERE type = 'trigger' OR sql LIKE 'CREATE UNIQUE INDEX%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let columns = columns.into_iter().map(|(table, name, must)| ((table, name), must != 0));
    (columns.collect(), guards.into_iter().collect())
}

#[tokio::test]
async fn each_migration_only_adds_unless_it_says_that_it_breaks_older_programs() {
    let newest = usize::try_from(schema::VERSION).unwrap();
    assert!(newest >= FIRST, "there is one that is held to it");
    for count in FIRST..=newest {
        let (name, sql) = schema::written(count);
        if name.starts_with(schema::BREAKS) {
            continue;
        }
        assert!(!sql.contains("DROP "), "{name}: what is there is used by older programs");
        let ((old, had), (new, has)) = (after(count - 1).await, after(count).await);
        for (column, must) in &old {
            assert_eq!(new.get(column), Some(must), "{name}: {column:?}");
        }
        let is_old = |table: &str| old.keys().any(|(known, _)| known == table);
        for (column, must) in &new {
            let is_added = !old.contains_key(column) && is_old(&column.0);
            assert!(!(is_added && *must), "{name}: older programs leave {column:?} out");
        }
        for (guard, table) in &has {
            let is_new = !had.contains_key(guard);
            assert!(
                !(is_new && is_old(table)),
                "{name}: {guard} may refuse rows of older programs"
            );
        }
    }
}
