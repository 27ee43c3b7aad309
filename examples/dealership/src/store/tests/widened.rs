//! Columns that a newer program adds while this one runs.

use std::{fs, path::Path};

use super::*;

/// The tables of which rows are read, and what is joined to them.
const WIDENED: [&str; 16] = [
    "ALTER TABLE appointment ADD COLUMN spare TEXT",
    "ALTER TABLE appointment_type ADD COLUMN spare TEXT",
    "ALTER TABLE broker ADD COLUMN spare TEXT",
    "ALTER TABLE business_hours ADD COLUMN spare TEXT",
    "ALTER TABLE calendar_entry ADD COLUMN spare TEXT",
    "ALTER TABLE call_record ADD COLUMN spare TEXT",
    "ALTER TABLE call_turn ADD COLUMN spare TEXT",
    "ALTER TABLE contact_attempt ADD COLUMN spare TEXT",
    "ALTER TABLE customer ADD COLUMN spare INTEGER NOT NULL DEFAULT 7",
    "ALTER TABLE interaction ADD COLUMN spare TEXT",
    "ALTER TABLE job ADD COLUMN spare TEXT",
    "ALTER TABLE lead ADD COLUMN spare TEXT",
    "ALTER TABLE location ADD COLUMN spare TEXT",
    "ALTER TABLE territory ADD COLUMN spare TEXT",
    "ALTER TABLE ticket ADD COLUMN spare TEXT",
    "ALTER TABLE vehicle ADD COLUMN spare TEXT",
];

/// A visit from its booking to its end, and what else is read of rows, as it is told.
async fn told(store: &Store, key: &str) -> Vec<String> {
    let ana = Phone::parse("+16305550111").unwrap();
    let customer = customer(store, "Zoe").await;
    let ask = request(customer, monday(10, 0), key);
    let booked = store.book(&ask, friday()).await.unwrap();
    let again = store.book(&ask, friday()).await.unwrap();
    assert_eq!(again.id, booked.id);
    let to = monday(11, 0);
    let moved = store.reschedule(&change(booked.id, &format!("{key} 1")), to, None, friday()).await;
    let upcoming = store.upcoming(customer, friday()).await.unwrap();
    let agenda = store.agenda(friday()).await.unwrap();
    let changed = store.changed_after(friday() - 1.hour()).await.unwrap();
    let jobs: Vec<_> = store.jobs(true).await.unwrap().into_iter().map(|job| job.kind).collect();
    let lead = store.meet_lead(&ana, friday()).await.unwrap().0;
    let lead = store.lead(lead).await.unwrap();
    let broker = store.broker_for(Some("60563"), None, None).await.unwrap().broker;
    let person: Vec<_> = store.person(&ana).await.unwrap().into_keys().collect();
    let cancelled = store.cancel(&change(booked.id, &format!("{key} 2")), None, friday()).await;
    let found = store.appointment(booked.id).await.unwrap().unwrap();
    let kinds = jobs.into_iter().map(|kind| format!("{kind:?}")).collect::<Vec<_>>();
    vec![
        moved.unwrap().start.to_string(),
        upcoming.len().to_string(),
        agenda.into_iter().map(|entry| entry.customer).collect::<Vec<_>>().join(", "),
        changed.last().unwrap().customer.clone(),
        kinds.first().cloned().unwrap_or_default(),
        lead.phone.as_str().to_owned(),
        broker.name,
        person.join(" "),
        format!("{:?}", cancelled.unwrap().status),
        found.service_name,
    ]
}

#[tokio::test]
async fn all_of_a_person_is_told_right_behind_the_addition_of_columns() {
    let store = seeded().await;
    let ana = Phone::parse("+16305550111").unwrap();
    let before = store.person(&ana).await.unwrap();
    for statement in WIDENED {
        store.run(statement).await;
    }
    let after = store.person(&ana).await.unwrap();
    assert_eq!(after["customer"].len(), before["customer"].len());
    assert_eq!(after["customer"][0]["last_name"], "Morales");
}

#[tokio::test]
async fn rows_are_read_as_before_where_a_newer_program_has_added_columns() {
    let store = seeded().await;
    let before = told(&store, "before").await;
    for statement in WIDENED {
        store.run(statement).await;
    }
    assert_eq!(told(&store, "after").await, before);
}

/// SQLite finds out that the columns are others only when a statement runs, too late for who has
/// taken down where they stand; PostgreSQL refuses a kept statement whose rows have changed.
#[test]
fn no_statement_asks_for_all_columns() {
    fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut found);
    let all = fancy_regex::Regex::new(r"SELECT (\w+\.)?\*|RETURNING \*|INSERT INTO \w+\s+VALUES")
        .unwrap();
    for (file, text) in found.iter().filter(|(file, _)| !file.contains("/tests")) {
        let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        // What is stored of a person is told whole, whatever it is.
        if let Some(asked) = all.find(program).unwrap().filter(|_| !file.ends_with("people.rs")) {
            panic!("{file}: {}", asked.as_str());
        }
    }
    assert!(found.len() > 50, "they were read");
}
