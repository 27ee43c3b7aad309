//! When a calendar is busy, asked of a stand-in for Google's.

use std::{error::Error, time::Duration};

use axum::{Json, Router, routing::post};
use dealership::calendar::{Calendar, GoogleAccess, GoogleCalendar, GoogleKeys};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};
use voiceagent_core::Secret;

use super::{lookups::millis, row::Row};

/// What the service takes to answer.
const ANSWER: Duration = Duration::from_millis(100);

/// Times at which somebody is busy, within two months.
const TIMES: i64 = 200;

const ASKED: u32 = 30;

pub(super) async fn measure() -> Result<Row, Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/token", post(token)).route("/freeBusy", post(busy));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let keys = GoogleKeys {
        client_id: "us".to_owned(),
        client_secret: Secret::new("hush"),
        refresh_token: Secret::new("theirs"),
    };
    let access = GoogleAccess::new(keys, &format!("http://{address}/token"))?;
    let calendar = GoogleCalendar::new(&format!("http://{address}/"), access)?;
    let from = Timestamp::now();
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let begun = std::time::Instant::now();
        let found = calendar.busy("primary", (from, from + 1_440.hours())).await?;
        times.push(millis(begun));
        if found.len() != usize::try_from(TIMES)? {
            return Err("busy times were lost".into());
        }
    }
    server.abort();
    Ok(Row::time("free/busy", 1_000.0, times))
}

async fn token() -> Json<Value> {
    Json(json!({ "access_token": "t", "expires_in": 3_600, "token_type": "Bearer" }))
}

async fn busy() -> Json<Value> {
    sleep(ANSWER).await;
    let now = Timestamp::now();
    let times: Vec<Value> = (0..TIMES)
        .map(|nth| {
            let start = now + (7 * nth).hours();
            json!({ "start": start.to_string(), "end": (start + 1.hour()).to_string() })
        })
        .collect();
    Json(json!({ "calendars": { "primary": { "busy": times } } }))
}
