use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::phone::Phone;

use super::{Fault, Store, rows::object};

/// What came of erasing a person.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is done, or one of these stands against it")]
pub enum Erasure {
    /// It is done.
    Done {
        /// How many rows were deleted or emptied, by their table.
        rows: BTreeMap<String, u64>,
        /// The person's calls.
        calls: Vec<String>,
    },
    /// A call with the number goes on, or is about to be made.
    InCall,
    /// So many people share the number.
    Shared(i64),
    /// Nothing is stored under the number.
    Unknown,
    /// So many visits are to come.
    Visits(i64),
}

/// What becomes of rows when a person is erased.
enum Fate {
    /// They are deleted.
    Gone,
    /// They stay as they are: without the others they say nothing of anybody.
    Kept,
    /// They stay without what says whose they were, for the books.
    Emptied(&'static str),
}

use Fate::{Emptied, Gone, Kept};

/// Where the rows of the person with the number `$1` are, and what becomes of them; those last by
/// which others are found. That somebody does not want to be contacted (`dnc_entry`) stays: nobody
/// could heed it without the number.
const PLACES: [(&str, &str, Fate); 34] = [
    ("billing_event", "appointment_id IN ({appointments})", Kept),
    ("payment_link", "appointment_id IN ({appointments})", Kept),
    ("dnc_entry", "phone_e164 = $1", Kept),
    // Calendars outside are written anew, without the name.
    (
        "calendar_entry",
        "appointment_id IN ({appointments})",
        Emptied(
            "wanted = wanted + 1, run_at = 0, faults = 0,
             even_past = CASE WHEN name IS NULL THEN 0 ELSE 1 END",
        ),
    ),
    ("letter", "phone_e164 = $1", Emptied("phone_e164 = 'erased', address = 'erased'")),
    ("reply", "phone_e164 = $1", Emptied("phone_e164 = NULL")),
    ("call_turn", "call IN ({calls})", Gone),
    // It says of a call what it was, and of nobody who called.
    ("call_label", "call IN ({calls})", Kept),
    ("call_step", "call IN ({calls})", Kept),
    ("tool_call", "call IN ({calls})", Kept),
    ("line_quality", "call IN ({calls})", Kept),
    ("gathered", "call IN ({calls})", Kept),
    ("escalation", "call IN ({calls})", Emptied("summary = ''")),
    (
        "interaction",
        "phone_e164 = $1 OR call IN ({calls})",
        Emptied(
            "phone_e164 = NULL, summary = '', topics = '[]', commitments = '[]',
             sentiment = NULL, follow_up = NULL",
        ),
    ),
    (
        "job",
        "ref_id IN ({calls}) OR ref_id IN (SELECT id FROM callback WHERE phone_e164 = $1)
         OR ref_id IN (SELECT id FROM enrollment WHERE lead_id IN ({leads}))",
        Emptied("state = CASE state WHEN 'ready' THEN 'cancelled' ELSE state END"),
    ),
    (
        "callback",
        "phone_e164 = $1",
        Emptied(
            "phone_e164 = 'erased', reason = '',
             state = CASE state WHEN 'open' THEN 'cancelled' ELSE state END",
        ),
    ),
    ("consent", "phone_e164 = $1", Gone),
    ("follow_up", "phone_e164 = $1", Emptied("phone_e164 = 'erased', words = ''")),
    ("contact_attempt", "phone_e164 = $1", Emptied("phone_e164 = 'erased'")),
    ("conversation_state", "phone_e164 = $1", Gone),
    ("identity_failure", "customer_id IN ({customers}) OR caller = $1", Gone),
    ("verification_code", "phone_e164 = $1", Emptied("phone_e164 = 'erased', code_hash = ''")),
    ("message", "to_addr = $1", Emptied("to_addr = 'erased'")),
    ("ticket", "customer_id IN ({customers})", Emptied("last_note = NULL")),
    (
        "tracking_number",
        "lead_id IN ({leads})",
        Emptied("state = 'quarantine', lead_id = NULL, broker_id = NULL"),
    ),
    ("enrollment", "lead_id IN ({leads})", Emptied("node = 'ended', reason = 'erased'")),
    ("odometer", "vehicle_id IN (SELECT id FROM vehicle WHERE customer_id IN ({customers}))", Gone),
    (
        "vehicle",
        "customer_id IN ({customers})",
        Emptied(
            "vin = NULL, plate = NULL, plate_state = NULL, vin_status = 'none', mileage = NULL,
             active = 0",
        ),
    ),
    ("appointment", "id IN ({appointments})", Emptied("notes = NULL, cancel_reason = NULL")),
    (
        "lead",
        "phone_e164 = $1",
        Emptied(
            "phone_e164 = 'erased:' || id, first_name = NULL, last_name = NULL, email = NULL,
             city = NULL, state = NULL, postal_code = NULL, vehicle_interest = NULL,
             budget_monthly_usd = NULL, timeframe = NULL, trade_in = NULL, financing = NULL,
             best_time = NULL, notes = NULL, objections = '[]', disqualify_reason = NULL,
             status = 'dnc'",
        ),
    ),
    (
        "customer",
        "id IN ({customers})",
        Emptied(
            "first_name = 'erased', last_name = 'erased', email = NULL, postal_code = NULL,
             dob = NULL, street_number = NULL, preferred_name = NULL, address_line = NULL,
             city = NULL, state = NULL, tz = NULL, phrase_hash = NULL, notes = NULL,
             external_ids = '{}'",
        ),
    ),
    ("call_record", "call IN ({calls})", Emptied("phone_e164 = NULL")),
    ("customer_phone", "customer_id IN ({customers})", Gone),
    ("claim", "appointment_id IN ({appointments})", Kept),
];

/// A condition with what stands for the person's rows in it.
fn condition(written: &str) -> String {
    // Of calls without a number those in which somebody became known, or booked.
    let calls = "SELECT call FROM call_record
                 WHERE phone_e164 = $1 OR phone_e164 IS NULL
                   AND (call IN (SELECT source_call FROM customer WHERE id IN ({customers}))
                        OR call IN (SELECT source_call FROM appointment
                                    WHERE id IN ({appointments})))";
    let appointments =
        "SELECT id FROM appointment WHERE customer_id IN ({customers}) OR lead_id IN ({leads})";
    written
        .replace("{calls}", calls)
        .replace("{appointments}", appointments)
        .replace("{customers}", "SELECT customer_id FROM customer_phone WHERE phone_e164 = $1")
        .replace("{leads}", "SELECT id FROM lead WHERE phone_e164 = $1")
}

impl Store {
    /// Everything that is stored of the person with a number, as rows by their table. What several
    /// people share a number have is all of it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn person(&self, phone: &Phone) -> Result<BTreeMap<String, Vec<Value>>, Fault> {
        let mut tables = BTreeMap::new();
        let mut snapshot = self.reader.begin().await?;
        // SQLite looks at the tables anew when something is read; they stay so to the end.
        sqlx::query("SELECT count(*) FROM location").execute(&mut *snapshot).await?;
        for (table, place, _) in &PLACES {
            let sql = format!("SELECT * FROM {table} WHERE {}", condition(place));
            let rows = sqlx::query(AssertSqlSafe(sql))
                // PostgreSQL refuses a kept statement whose rows have got another column.
                .persistent(false)
                .bind(phone.as_str())
                .fetch_all(&mut *snapshot)
                .await?;
            let mut rows: Vec<Value> = rows.iter().map(object).collect::<Result<_, _>>()?;
            // A code is nobody's but whoever reads it from their phone.
            rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| {
                row.remove("code_hash");
                row.remove("phrase_hash");
            });
            tables.insert((*table).to_owned(), rows);
        }
        Ok(tables)
    }

    /// The names of those who have a number, and of those who were first noted in a call.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn people_of(&self, call: &str, phone: Option<&Phone>) -> Result<Vec<String>, Fault> {
        let names = sqlx::query_scalar(
            "SELECT first_name || ' ' || last_name FROM customer
             WHERE source_call = $1
                OR id IN (SELECT customer_id FROM customer_phone WHERE phone_e164 = $2)
             UNION SELECT coalesce(first_name, '') || ' ' || coalesce(last_name, '') FROM lead
             WHERE phone_e164 = $2",
        )
        .bind(call)
        .bind(phone.map(Phone::as_str))
        .fetch_all(&self.reader)
        .await?;
        Ok(names)
    }

    /// Erases what is stored of the person with a number, in one piece.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future erases all of it, or nothing.
    pub async fn erase_person(&self, phone: &Phone, now: Timestamp) -> Result<Erasure, Fault> {
        let mut writes = self.begin().await?;
        if let Some(against) = against(&mut writes, phone, now).await? {
            return Ok(against);
        }
        let calls: Vec<String> = sqlx::query_scalar(AssertSqlSafe(condition("{calls}")))
            .bind(phone.as_str())
            .fetch_all(&mut *writes)
            .await?;
        let mut rows = BTreeMap::new();
        for (table, place, fate) in &PLACES {
            let done = match fate {
                Gone => format!("DELETE FROM {table}"),
                Kept => continue,
                Emptied(how) => format!("UPDATE {table} SET {how}"),
            };
            let sql = format!("{done} WHERE {}", condition(place));
            let done =
                sqlx::query(AssertSqlSafe(sql)).bind(phone.as_str()).execute(&mut *writes).await?;
            if done.rows_affected() > 0 {
                rows.insert((*table).to_owned(), done.rows_affected());
            }
        }
        if rows.is_empty() {
            return Ok(Erasure::Unknown);
        }
        writes.commit().await?;
        Ok(Erasure::Done { rows, calls })
    }
}

/// What stands against erasing somebody.
async fn against(
    connection: &mut AnyConnection,
    phone: &Phone,
    now: Timestamp,
) -> Result<Option<Erasure>, Fault> {
    let sql = condition(
        "SELECT (SELECT count(*) FROM customer_phone WHERE phone_e164 = $1),
                (SELECT count(*) FROM appointment WHERE id IN ({appointments})
                 AND status <> 'cancelled' AND starts_at > $2),
                (SELECT count(*) FROM call_record WHERE phone_e164 = $1 AND status = 'live')
                + (SELECT count(*) FROM contact_attempt WHERE phone_e164 = $1
                   AND state IN ('intent', 'placed', 'answered'))",
    );
    let (people, visits, calls): (i64, i64, i64) = sqlx::query_as(AssertSqlSafe(sql))
        .bind(phone.as_str())
        .bind(now.as_millisecond())
        .fetch_one(connection)
        .await?;
    Ok(match (people, visits, calls) {
        (2.., ..) => Some(Erasure::Shared(people)),
        (_, 1.., _) => Some(Erasure::Visits(visits)),
        (.., 1..) => Some(Erasure::InCall),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use voiceagent_core::transport::Direction;

    use super::*;
    use crate::store::{CallTurn, Ending, Stages};

    /// Tables that refer to people's rows and hold nothing of theirs, and the number of the house.
    const NOT_PERSONAL: [&str; 1] = ["location"];

    fn now() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn every_table_with_something_of_a_person_is_exported_and_thought_of_when_it_is_erased() {
        let store = Store::in_memory().await.unwrap();
        let columns = store
            .export(
                "SELECT tables.name AS place, columns.name AS field
                 FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
                 WHERE tables.type = 'table'",
            )
            .await
            .unwrap();
        let personal = [
            "phone_e164",
            "customer_id",
            "lead_id",
            "call",
            "caller",
            "to_addr",
            "appointment_id",
            "email",
            "ref_id",
        ];
        for column in columns {
            let (table, field) = (column["place"].as_str(), column["field"].as_str());
            let (Some(table), Some(field)) = (table, field) else { panic!("{column}") };
            let is_known = PLACES.iter().any(|(known, ..)| *known == table);
            let is_personal = personal.contains(&field) && !NOT_PERSONAL.contains(&table);
            assert!(is_known || !is_personal, "{table}.{field}");
        }
    }

    async fn called(store: &Store, phone: Option<&Phone>, call: &str) {
        store.begin_call(call, phone, Direction::Inbound, now()).await.unwrap();
        let words = "my plate is ABC 123".to_owned();
        let turn = CallTurn {
            by_agent: false,
            from_ms: 0,
            to_ms: 900,
            words,
            interrupted: false,
            stages: Stages::default(),
        };
        store.note_turns(call, &[(0, turn)]).await.unwrap();
        store.conclude(call, Ending::default(), now()).await.unwrap();
    }

    #[tokio::test]
    async fn a_person_is_told_all_that_is_stored_and_then_erased_with_their_words() {
        let store = Store::fresh().await;
        store.seed(now()).await.unwrap();
        let ana = Phone::parse("+16305550111").unwrap();
        called(&store, Some(&ana), "CA1").await;
        called(&store, None, "CA2").await;
        called(&store, None, "CA3").await;
        store
            .run(
                "UPDATE appointment SET source_call = 'CA2' WHERE customer_id IN
                   (SELECT customer_id FROM customer_phone WHERE phone_e164 = '+16305550111')",
            )
            .await;
        let told = store.person(&ana).await.unwrap();
        assert_eq!(told["customer"][0]["first_name"], "Ana");
        assert_eq!(told["call_turn"][0]["words"], "my plate is ABC 123");
        assert!(!told["appointment"].is_empty() && !told["vehicle"].is_empty(), "{told:?}");
        let against = store.erase_person(&ana, now()).await.unwrap();
        assert!(matches!(against, Erasure::Visits(1)), "{against:?}");

        store.run("UPDATE appointment SET status = 'cancelled'").await;
        store.opt_out(&ana, &["all"], None, now()).await.unwrap();
        let Erasure::Done { rows, mut calls } = store.erase_person(&ana, now()).await.unwrap()
        else {
            panic!("nothing stands against it");
        };
        calls.sort_unstable();
        assert_eq!((rows["call_turn"], rows["customer"]), (2, 1));
        assert_eq!(calls, ["CA1", "CA2"], "without a number she has booked in one of them");
        assert_eq!(store.turns("CA3").await.unwrap().len(), 1);
        let left = json!(store.person(&ana).await.unwrap()).to_string();
        let rest = store.person(&ana).await.unwrap();
        let names: Vec<_> =
            rest.iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, _)| name).collect();
        assert_eq!(names, ["dnc_entry"], "that they want to be left alone is heeded: {left}");
        let all = store.export("SELECT first_name, last_name FROM customer").await.unwrap();
        assert!(!json!(all).to_string().contains("Morales"), "{all:?}");
        let again = store.erase_person(&ana, now()).await.unwrap();
        assert!(matches!(again, Erasure::Unknown), "{again:?}");
    }

    #[tokio::test]
    async fn nobody_is_erased_in_the_middle_of_a_call_or_for_others_of_the_same_number() {
        let store = Store::fresh().await;
        store.seed(now()).await.unwrap();
        let priya = Phone::parse("+16305550113").unwrap();
        store.run("UPDATE appointment SET status = 'cancelled'").await;
        store.begin_call("CA1", Some(&priya), Direction::Inbound, now()).await.unwrap();
        let against = store.erase_person(&priya, now()).await.unwrap();
        assert!(matches!(against, Erasure::InCall), "{against:?}");
        store.conclude("CA1", Ending::default(), now()).await.unwrap();
        store
            .run(
                "INSERT INTO customer_phone (phone_e164, customer_id)
                 SELECT '+16305550113', min(customer_id) FROM customer_phone
                 WHERE phone_e164 <> '+16305550113'",
            )
            .await;
        let against = store.erase_person(&priya, now()).await.unwrap();
        assert!(matches!(against, Erasure::Shared(2)), "{against:?}");
        let stranger = Phone::parse("+16305559999").unwrap();
        let none = store.erase_person(&stranger, now()).await.unwrap();
        assert!(matches!(none, Erasure::Unknown), "{none:?}");
    }
}
