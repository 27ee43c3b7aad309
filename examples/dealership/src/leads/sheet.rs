use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{debug, warn};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{Header, Imported, take_in};
use crate::{
    calendar::{GoogleAccess, http},
    clock::Clock,
    phone::Phone,
    store::Store,
};

/// How often a request is made that the service has no time for.
const TRIES: u32 = 4;
/// Before the second of them.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is looked whether it is this program's turn.
const LOOK: Duration = Duration::from_secs(30);
/// How often a sheet is looked at.
const PACE: SignedDuration = SignedDuration::from_mins(5);

/// A table of Google Sheets with leads: what is new in it is taken in, and what became of a lead is
/// shown in its columns `status` and `campaign`, where it has them. The database is the truth.
///
/// However many leads there are, a look at the sheet is one request, and what has changed is written
/// with one more: the service counts requests by the minute.
///
/// Wire facts: the discovery document of `sheets.v4`; "Usage limits" for what to do about 429.
#[derive(Clone)]
pub struct GoogleSheet {
    http: Client,
    base: Url,
    access: Arc<GoogleAccess>,
    id: String,
    tab: String,
    /// Before a second request; each further one waits twice as long.
    pub(super) pause: Duration,
}

/// What a look at a sheet has led to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "what was read, and what was written")]
pub struct Sync {
    /// What became of its rows.
    pub imported: Imported,
    /// Cells that were written.
    pub written: usize,
}

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    values: Vec<Vec<Value>>,
}

impl GoogleSheet {
    /// Where the service is.
    pub const BASE_URL: &str = "https://sheets.googleapis.com/";

    /// A table of a sheet by the sheet's identifier and the table's name, at this address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the address is none, or the TLS of this machine cannot be used.
    pub fn new(
        url: &str,
        access: GoogleAccess,
        (id, tab): (impl Into<String>, impl Into<String>),
    ) -> Result<Self> {
        let base = http::address("leads.url", url)?;
        let access = Arc::new(access);
        let (id, tab) = (id.into(), tab.into());
        Ok(Self { http: http::client()?, base, access, id, tab, pause: PAUSE })
    }

    /// Syncs in turn with other programs, for as long as this one runs.
    pub async fn run(&self, store: &Store, clock: Clock) {
        loop {
            if let Err(error) = self.sync_in_turn(store, clock.now()).await {
                warn!(%error, "the sheet with leads is not read");
            }
            sleep(LOOK).await;
        }
    }

    /// [`sync`](Self::sync), if nobody did it within five minutes.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn sync_in_turn(&self, store: &Store, now: Timestamp) -> Result<Option<Sync>> {
        let source = format!("sheet:{}", self.id);
        if !store.claim_reading(&source, PACE, now).await? {
            return Ok(None);
        }
        self.sync(store, now).await.map(Some)
    }

    /// Takes in what is new in the sheet, and shows in it what became of its leads.
    ///
    /// # Errors
    ///
    /// When the service does not answer, refuses, or has no time four times; when the table has no
    /// column with numbers, or the store cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves what was taken in; the next time it is known.
    pub async fn sync(&self, store: &Store, now: Timestamp) -> Result<Sync> {
        let rows = self.read().await?;
        let texts: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let Some((first, rows)) = texts.split_first() else { return Ok(Sync::default()) };
        let header = Header::read(first.iter().map(String::as_str))?;
        let rows: Vec<_> =
            rows.iter().map(|cells| cells.iter().map(String::as_str).collect::<Vec<_>>()).collect();
        let read: Vec<_> = rows.iter().map(|cells| header.row(cells)).collect();
        let phones: Vec<Option<Phone>> =
            read.iter().map(|row| row.as_ref().map(|row| row.phone.clone())).collect();
        // A row that is empty is no row.
        let filled = read.into_iter().zip(&rows);
        let filled = filled.filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
        let source = format!("sheet:{}", self.tab);
        let filled = filled.map(|(row, _)| row).collect();
        let imported = take_in(store, filled, &source, now).await?;

        let mut changes = Vec::new();
        for (at, (cells, phone)) in rows.iter().zip(&phones).enumerate() {
            let Some(phone) = phone else { continue };
            let Some((status, campaign)) = store.lead_outcome(phone).await? else { continue };
            for (name, value) in [("status", status), ("campaign", campaign.unwrap_or_default())] {
                let Some(place) = header.place(name) else { continue };
                if cells.get(place).copied().unwrap_or_default() != value {
                    // Rows count from one, and the first is the header.
                    changes.push((cell(place, at + 2), value));
                }
            }
        }
        self.write(&changes).await?;
        Ok(Sync { imported, written: changes.len() })
    }

    /// How many rows it has below its header. Nothing is taken in and nothing written.
    ///
    /// # Errors
    ///
    /// When the service does not answer, refuses, or has no time four times; when the table has no
    /// column with numbers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn rows(&self) -> Result<usize> {
        let rows = self.read().await?;
        let Some((first, rows)) = rows.split_first() else { return Ok(0) };
        let first: Vec<String> = first.iter().map(text).collect();
        Header::read(first.iter().map(String::as_str))?;
        Ok(rows.len())
    }

    async fn read(&self) -> Result<Vec<Vec<Value>>> {
        const OPERATION: &str = "read a sheet";
        let place = ["v4", "spreadsheets", &self.id, "values", &quoted(&self.tab)];
        let url = http::below(&self.base, &place);
        let answer = self.ask(OPERATION, (Method::GET, url), |request| request).await?;
        let Values { values } = http::json(OPERATION, answer).await?;
        Ok(values)
    }

    async fn write(&self, changes: &[(String, String)]) -> Result<()> {
        const OPERATION: &str = "write a sheet";
        if changes.is_empty() {
            return Ok(());
        }
        let tab = quoted(&self.tab);
        let range = |(cell, value): &(String, String)| json!({ "range": format!("{tab}!{cell}"), "values": [[value]] });
        // RAW: what begins with `=` is no formula.
        let body = json!({
            "valueInputOption": "RAW",
            "data": changes.iter().map(range).collect::<Vec<_>>(),
        });
        let place = ["v4", "spreadsheets", &self.id, "values:batchUpdate"];
        let url = http::below(&self.base, &place);
        self.ask(OPERATION, (Method::POST, url), |request| request.json(&body)).await?;
        Ok(())
    }

    /// Asks, again and later where the service has no time, and once more with another token where
    /// this one is refused.
    async fn ask(
        &self,
        operation: &'static str,
        (method, url): (Method, Url),
        more: impl Fn(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<reqwest::Response> {
        let mut pause = self.pause;
        for last in 1..=TRIES {
            let token = self.access.token().await?;
            let request = self.http.request(method.clone(), url.clone());
            let answer = http::ask(operation, more(request.bearer_auth(token.expose()))).await?;
            match answer.status() {
                StatusCode::UNAUTHORIZED if last < TRIES => self.access.forget(&token),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if last < TRIES => {
                    debug!(operation, ?pause, "the service has no time");
                    sleep(pause).await;
                    pause *= 2;
                }
                status if status.is_success() => return Ok(answer),
                status => return Err(http::refused(operation, status)),
            }
        }
        Err(Error::new(ErrorKind::RateLimited, operation, "the service has no time"))
    }
}

/// The name of a table in a range.
fn quoted(tab: &str) -> String {
    format!("'{}'", tab.replace('\'', "''"))
}

/// A cell: the third column of the fifth row is `C5`.
fn cell(column: usize, row: usize) -> String {
    let mut name = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        let letter = (rest - 1) % 26;
        name.insert(0, char::from(b'A' + u8::try_from(letter).unwrap_or_default()));
        rest = (rest - 1) / 26;
    }
    format!("{name}{row}")
}

/// Numbers come as such.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

impl fmt::Debug for GoogleSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleSheet").field("tab", &self.tab).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_by_letters_and_numbers() {
        let names: Vec<String> =
            [0, 25, 26, 701, 702].iter().map(|column| cell(*column, 2)).collect();
        assert_eq!(names, ["A2", "Z2", "AA2", "ZZ2", "AAA2"]);
        assert_eq!(quoted("Ana's leads"), "'Ana''s leads'");
    }
}
