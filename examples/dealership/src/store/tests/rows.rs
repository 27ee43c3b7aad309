//! What the tables themselves refuse, whoever writes.

use super::*;

#[tokio::test]
async fn rows_that_make_no_sense_are_refused_by_the_database_itself() {
    let store = Store::fresh().await;
    store.seed("2026-11-20T18:00:00Z".parse().unwrap()).await.unwrap();
    let rows = [
        "UPDATE appointment SET ends_at = starts_at",
        "UPDATE appointment SET status = 'perhaps'",
        "UPDATE appointment SET customer_id = 'nobody'",
        "UPDATE claim SET ends_at = starts_at",
        "UPDATE customer SET dob = '1 May 1980'",
        "UPDATE vehicle SET mileage = -1",
        "UPDATE appointment_type SET minutes = 0",
        "UPDATE calling_rule SET closes = opens",
        "UPDATE resource SET kind = 'robot'",
        "INSERT INTO contact_stop (id, reason, since) VALUES (2, 'x', 0)",
        "INSERT INTO call_step VALUES ('c', 1, 'greet', 'GREETING', NULL, 'chance', 0)",
        "INSERT INTO tool_call VALUES ('c', 0, 'get_time', 'OK', 'greet', 0)",
        "UPDATE location SET name = NULL",
    ];
    for row in rows {
        let done = sqlx::query(row).execute(&store.writer).await;
        assert!(done.is_err(), "{row}");
    }
    let changed: Vec<(String, String)> =
        sqlx::query_as("SELECT id, status FROM appointment WHERE status = 'perhaps'")
            .fetch_all(&store.reader)
            .await
            .unwrap();
    assert!(changed.is_empty());
}
