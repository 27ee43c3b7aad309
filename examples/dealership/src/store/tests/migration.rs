//! What a database goes through when the program is renewed.

use std::path::Path;

use super::*;

#[tokio::test]
async fn a_database_of_the_first_version_keeps_its_appointments_and_its_promises() {
    let writer = file::pool(1, Path::new("file:first"), "mode=memory&cache=shared").await.unwrap();
    let mut first = Dialect::Sqlite.begin(&writer).await.unwrap();
    schema::migrate(Dialect::Sqlite, &mut first, 1).await.unwrap();
    first.commit().await.unwrap();
    let rows = [
        "INSERT INTO location (id, name, tz, phone_e164) VALUES ('l', 'L', 'UTC', '+1')",
        "INSERT INTO claimable VALUES (7)",
        "INSERT INTO resource VALUES ('r', 7, 'l', 'bay', 'Bay 1', 1)",
        "INSERT INTO appointment_type VALUES ('full_service', 'service', 'full service', 120, 1)",
        "INSERT INTO appointment_need VALUES ('full_service', 'bay', 120)",
        "INSERT INTO customer (id, first_name, last_name, created_at, updated_at)
         VALUES ('c', 'Ana', 'Morales', 1, 1)",
        "INSERT INTO customer_phone VALUES ('+16305550111', 'c')",
        "INSERT INTO appointment (id, location_id, type_code, customer_id, starts_at, ends_at, tz,
                                  local_start, confirmation_code, idempotency_key, created_at,
                                  updated_at)
         VALUES ('a', 'l', 'full_service', 'c', 10, 20, 'UTC', 'x', 'K7', 'k', 1, 1)",
        "INSERT INTO claim (appointment_id, claimable_no, starts_at, ends_at)
         VALUES ('a', 7, 10, 20)",
    ];
    for row in rows {
        sqlx::query(row).execute(&writer).await.unwrap();
    }
    schema::bring_up_to_date(Dialect::Sqlite, &writer).await.unwrap();
    schema::check(Dialect::Sqlite, &writer).await.unwrap();
    let (service, minutes): (String, i64) = sqlx::query_as(
        "SELECT type_code, minutes FROM appointment_detail
         JOIN appointment_need USING (type_code) WHERE appointment_detail.id = 'a'",
    )
    .fetch_one(&writer)
    .await
    .unwrap();
    assert_eq!((service.as_str(), minutes), ("major_service", 120));
    let client: (String, String, String) =
        sqlx::query_as("SELECT phone, first_name, last_name FROM clients")
            .fetch_one(&writer)
            .await
            .unwrap();
    let expected = ["+16305550111", "Ana", "Morales"].map(str::to_owned);
    assert_eq!([client.0, client.1, client.2], expected, "for programs that know no more");
    let overlap = "INSERT INTO claim (appointment_id, claimable_no, starts_at, ends_at)
                   VALUES ('a', 7, 15, 25)";
    let refused = sqlx::query(overlap).execute(&writer).await.unwrap_err();
    assert!(fault::is_overlap(&refused), "its time is still claimed");
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&writer).await.unwrap();
    assert!(broken.is_empty());
}

#[tokio::test]
async fn jobs_attempts_and_letters_outlive_the_change_of_what_they_may_be_for() {
    let writer = file::pool(1, Path::new("file:eleventh"), "mode=memory&cache=shared").await;
    let writer = writer.unwrap();
    let mut old = Dialect::Sqlite.begin(&writer).await.unwrap();
    schema::migrate(Dialect::Sqlite, &mut old, 11).await.unwrap();
    old.commit().await.unwrap();
    for row in [
        "INSERT INTO job (id, kind, ref_id, state, run_at, lease_until, fence, note, created_at,
                          updated_at)
         VALUES ('j', 'campaign_step', 'e', 'running', 5, 9, 3, 'x', 1, 2)",
        "INSERT INTO contact_attempt (id, phone_e164, channel, purpose, about_id, dedupe_key,
                                      attempt_no, job_id, state, provider_id, outcome, reason,
                                      created_at, updated_at)
         VALUES ('a', '+1', 'email', 'campaign', 'e', 'k', 2, 'j', 'completed', 'P1', 'sent', NULL,
                 1, 2)",
        "INSERT INTO letter (token, attempt_id, phone_e164, address, state, created_at)
         VALUES ('t', 'a', '+1', 'a@b.c', 'answered', 1)",
    ] {
        sqlx::query(row).execute(&writer).await.unwrap();
    }
    schema::bring_up_to_date(Dialect::Sqlite, &writer).await.unwrap();
    let kept: (String, i64, String, String, String) = sqlx::query_as(
        "SELECT job.note, job.fence, contact_attempt.outcome, contact_attempt.provider_id,
                letter.state
         FROM letter JOIN contact_attempt ON contact_attempt.id = attempt_id
         JOIN job ON job.id = job_id",
    )
    .fetch_one(&writer)
    .await
    .unwrap();
    let expected = ("x", 3, "sent", "P1", "answered");
    assert_eq!((&*kept.0, kept.1, &*kept.2, &*kept.3, &*kept.4), expected);
    let twice = sqlx::query(
        "INSERT INTO letter (token, attempt_id, phone_e164, address, created_at)
         VALUES ('u', 'nobody', '+1', 'a', 1)",
    );
    assert!(twice.execute(&writer).await.is_err(), "a letter is still of an attempt");
}
