use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use voiceagent_core::Secret;

use super::*;
use crate::calendar::{GoogleAccess, GoogleKeys};

fn friday() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

/// Numbers of 103 people, of which two are written in other ways.
fn table() -> String {
    let mut table = "Phone,First Name,E-Mail,ZIP,Consent,Shoe size\n".to_owned();
    for number in 0..103 {
        table.push_str(&format!(
            "+1630555{number:04},Lead {number},l{number}@example.com,60540,sms,9\n"
        ));
    }
    table
}

#[tokio::test]
async fn a_file_of_leads_is_taken_in_once_each() {
    let store = Store::fresh().await;
    let take_in =
        async |text: &str| import(&store, text.as_bytes(), "spring.csv", friday()).await.unwrap();
    let more = format!("{}(630) 555-0007,Twice,,,\nnobody,No number,,,\n", table());
    let expected = Imported { new: 103, known: 1, unreadable: 1 };
    assert_eq!(take_in(&more).await, expected);
    let again = Imported { new: 0, known: 104, unreadable: 1 };
    assert_eq!(take_in(&more).await, again);

    let seven = Phone::parse("+16305550007").unwrap();
    let lead = store.lead_by_phone(&seven).await.unwrap();
    assert_eq!(lead.first_name.as_deref(), Some("Lead 7"), "the first word counts");
    assert_eq!(lead.status, "new");
    let row = "SELECT email, postal_code, source FROM lead WHERE phone_e164 = '+16305550007'";
    let row = store.export(row).await.unwrap().remove(0);
    let known = json!({"email": "l7@example.com", "postal_code": "60540", "source": "spring.csv"});
    assert_eq!(row, known);
    let agreed = |channel| store.permission(&seven, (channel, "marketing"), friday());
    assert!(agreed("sms").await.unwrap().consent.is_some_and(|(agreed, _)| agreed));
    assert!(agreed("voice_ai").await.unwrap().consent.is_none(), "nobody said so");
}

#[tokio::test]
async fn a_table_without_numbers_is_refused_and_nobody_is_quoted() {
    let store = Store::fresh().await;
    let refuse = async |text: &str| {
        let error = import(&store, text.as_bytes(), "x.csv", friday()).await.unwrap_err();
        error.message().to_owned()
    };
    assert!(refuse("name,mail\nAna,a@b.c\n").await.contains("no column with numbers"));
    let broken = import(&store, &b"phone,name\n+16305550111,\xff\xfeAna\n"[..], "x.csv", friday());
    let told = broken.await.unwrap_err().message().to_owned();
    assert!(told.contains("x.csv: line 2") && !told.contains("Ana"), "{told}");
}

/// A sheet on loopback, with how often it was asked and what it has.
#[derive(Debug, Default)]
struct Held {
    values: Vec<Vec<Value>>,
    requests: usize,
    /// Requests for which there is no time.
    refusals: usize,
}

type Sheet = Arc<Mutex<Held>>;

/// As the discovery document of `sheets.v4` has it.
async fn serve(sheet: Sheet) -> GoogleSheet {
    let routes = Router::new()
        .route(
            "/token",
            post(|| async { Json(json!({ "access_token": "t", "expires_in": 3600 })) }),
        )
        .route("/v4/spreadsheets/s1/values/{range}", get(read))
        .route("/v4/spreadsheets/s1/values:batchUpdate", post(write))
        .with_state(sheet);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let keys = GoogleKeys {
        client_id: "us".to_owned(),
        client_secret: Secret::new("hush"),
        refresh_token: Secret::new("theirs"),
    };
    let access = GoogleAccess::new(keys, &format!("{url}token")).unwrap();
    GoogleSheet::new(&url, access, ("s1", "Leads")).unwrap()
}

fn enter(sheet: &Sheet, head: &HeaderMap) -> Result<(), StatusCode> {
    assert_eq!(head["authorization"], "Bearer t");
    let mut held = sheet.lock().unwrap();
    held.requests += 1;
    if held.refusals > 0 {
        held.refusals -= 1;
        return Err(StatusCode::TOO_MANY_REQUESTS);
    }
    Ok(())
}

async fn read(
    State(sheet): State<Sheet>,
    Path(range): Path<String>,
    head: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    enter(&sheet, &head)?;
    assert_eq!(range, "'Leads'");
    let values = sheet.lock().unwrap().values.clone();
    Ok(Json(json!({ "range": "Leads!A1:Z1000", "majorDimension": "ROWS", "values": values })))
}

async fn write(
    State(sheet): State<Sheet>,
    head: HeaderMap,
    Json(update): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    enter(&sheet, &head)?;
    assert_eq!(update["valueInputOption"], "RAW");
    let mut held = sheet.lock().unwrap();
    for part in update["data"].as_array().unwrap() {
        let cell = part["range"].as_str().unwrap().strip_prefix("'Leads'!").unwrap();
        let column = usize::from(cell.as_bytes()[0] - b'A');
        let row: usize = cell[1..].parse().unwrap();
        let cells = &mut held.values[row - 1];
        cells.resize(cells.len().max(column + 1), Value::from(""));
        cells[column] = part["values"][0][0].clone();
    }
    Ok(Json(json!({ "spreadsheetId": "s1" })))
}

fn row(cells: &[&str]) -> Vec<Value> {
    cells.iter().map(|cell| Value::from(*cell)).collect()
}

/// A sheet with 103 leads.
fn full() -> Sheet {
    let mut values = vec![row(&["First name", "Phone", "Status", "Campaign"])];
    for number in 0..103 {
        values.push(row(&[&format!("Lead {number}"), &format!("+1630555{number:04}")]));
    }
    Arc::new(Mutex::new(Held { values, ..Held::default() }))
}

#[tokio::test]
async fn a_sheet_brings_leads_and_shows_what_became_of_them_in_two_requests() {
    let (store, sheet) = (Store::fresh().await, full());
    let client = serve(sheet.clone()).await;
    let first = client.sync(&store, friday()).await.unwrap();
    assert_eq!(first.imported, Imported { new: 103, known: 0, unreadable: 0 });
    assert_eq!(first.written, 103, "all of them are new, and that is shown");
    assert_eq!(sheet.lock().unwrap().requests, 2, "however many there are");

    let second = client.sync(&store, friday()).await.unwrap();
    assert_eq!((second.imported.new, second.written), (0, 0));
    assert_eq!(sheet.lock().unwrap().requests, 3, "nothing is written where nothing changes");

    let seven = Phone::parse("+16305550007").unwrap();
    store.enroll("spring", &seven, friday()).await.unwrap();
    store.opt_out(&seven, &["all"], None, friday()).await.unwrap();
    sheet.lock().unwrap().values.push(row(&["Late", "+16305559999"]));
    let third = client.sync(&store, friday()).await.unwrap();
    assert_eq!((third.imported.new, third.written), (1, 3));
    let held = sheet.lock().unwrap();
    assert_eq!(held.values[8], row(&["Lead 7", "+16305550007", "dnc", "ended"]));
    assert_eq!(held.values[104], row(&["Late", "+16305559999", "new"]));
}

#[tokio::test]
async fn a_look_at_a_sheet_counts_its_rows_and_takes_in_nobody() {
    let held = Held {
        values: vec![vec![json!("phone")], vec![json!("+16305550111")], vec![json!("x")]],
        ..Held::default()
    };
    let sheet = Arc::new(Mutex::new(held));
    let looked = serve(Arc::clone(&sheet)).await;
    assert_eq!(looked.rows().await.unwrap(), 2);
    assert_eq!(sheet.lock().unwrap().requests, 1, "nothing is written");
    sheet.lock().unwrap().values[0] = vec![json!("name")];
    assert!(looked.rows().await.unwrap_err().message().contains("no column with numbers"));
}

#[tokio::test]
async fn what_somebody_writes_over_an_outcome_is_put_right() {
    let (store, sheet) = (Store::fresh().await, full());
    let client = serve(sheet.clone()).await;
    client.sync(&store, friday()).await.unwrap();
    sheet.lock().unwrap().values[1][2] = "qualified".into();
    assert_eq!(client.sync(&store, friday()).await.unwrap().written, 1);
    assert_eq!(sheet.lock().unwrap().values[1][2], "new", "the database is the truth");
}

#[tokio::test]
async fn programs_that_share_a_database_look_at_a_sheet_in_turn() {
    let (store, sheet) = (Store::fresh().await, full());
    let client = serve(sheet.clone()).await;
    assert!(client.sync_in_turn(&store, friday()).await.unwrap().is_some());
    assert!(client.sync_in_turn(&store, friday()).await.unwrap().is_none());
    let later = friday() + jiff::SignedDuration::from_mins(5);
    assert!(client.sync_in_turn(&store, later).await.unwrap().is_some());
}

#[tokio::test]
async fn a_service_that_has_no_time_is_asked_again_later() {
    let (store, sheet) = (Store::fresh().await, full());
    let mut client = serve(sheet.clone()).await;
    client.pause = std::time::Duration::from_millis(1);
    sheet.lock().unwrap().refusals = 3;
    client.sync(&store, friday()).await.unwrap();
    assert_eq!(sheet.lock().unwrap().requests, 5);
    sheet.lock().unwrap().refusals = 4;
    let error = client.sync(&store, friday()).await.unwrap_err();
    assert_eq!(error.kind(), voiceagent_core::ErrorKind::RateLimited);
}
