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
    let overlap = "INSERT INTO claim (appointment_id, claimable_no, starts_at, ends_at)
                   VALUES ('a', 7, 15, 25)";
    let refused = sqlx::query(overlap).execute(&writer).await.unwrap_err();
    assert!(fault::is_overlap(&refused), "its time is still claimed");
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&writer).await.unwrap();
    assert!(broken.is_empty());
}
