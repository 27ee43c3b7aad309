use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{Busy, Calendar, Event, Put, Written, http};
use crate::store::AppointmentId;

/// Calendars of one account behind Nylas, version 3 of its API, each by the address of whose it is:
/// free and busy times are asked for by addresses.
///
/// Nylas gives events names of its own. By `metadata.key1`, which it indexes, an event is found
/// again whose name never arrived. It has no tags; when an event was last changed stands for one.
///
/// Wire facts: "Events" and "Calendars" of the v3 API reference; "Using metadata in Nylas".
#[derive(Clone)]
pub struct Nylas {
    http: Client,
    base: Url,
    grant: String,
    key: Secret,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    updated_at: Option<i64>,
    status: Option<String>,
}

/// Of one address: its times, or why they cannot be told.
#[derive(Deserialize)]
struct FreeBusy {
    time_slots: Option<Vec<Period>>,
}

#[derive(Deserialize)]
struct Period {
    start_time: i64,
    end_time: i64,
    status: Option<String>,
}

const WRITE: &str = "write to the calendar";

impl Nylas {
    /// Where the service is, in the United States.
    pub const BASE_URL: &str = "https://api.us.nylas.com/";

    /// A client of the service at this address, for the account that is named by a grant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the address is none, or the TLS of this machine cannot be used.
    pub fn new(url: &str, grant: impl Into<String>, key: Secret) -> Result<Self> {
        let base = http::address("calendar.url", url)?;
        Ok(Self { http: http::client()?, base, grant: grant.into(), key })
    }

    fn events(&self, calendar: &str, name: Option<&str>) -> Url {
        let mut url = http::below(&self.base, &["v3", "grants", &self.grant, "events"]);
        if let Some(name) = name {
            url = http::below(&url, &[name]);
        }
        url.query_pairs_mut().append_pair("calendar_id", calendar);
        url
    }

    fn request(&self, method: Method, calendar: &str, name: Option<&str>) -> RequestBuilder {
        let url = self.events(calendar, name);
        self.http.request(method, url).bearer_auth(self.key.expose())
    }

    /// The name of the event of an appointment; `None` if there is none.
    async fn find(&self, calendar: &str, event: AppointmentId) -> Result<Option<String>> {
        const OPERATION: &str = "look into the calendar";
        let mut url = self.events(calendar, None);
        url.query_pairs_mut().append_pair("metadata_pair", &format!("key1:{event}"));
        let request = self.http.get(url).bearer_auth(self.key.expose());
        let answer = http::ask(OPERATION, request).await?;
        if !answer.status().is_success() {
            return Err(http::refused(OPERATION, answer.status()));
        }
        let Answer { data }: Answer<Vec<Stored>> = http::json(OPERATION, answer).await?;
        Ok(data.into_iter().next().map(|stored| stored.id))
    }

    async fn written(answer: Response) -> Result<Put> {
        let Answer { data: stored }: Answer<Stored> = http::json(WRITE, answer).await?;
        Ok(Put::Done(Written { tag: stored.tag(), name: stored.id }))
    }
}

impl Stored {
    fn tag(&self) -> Option<String> {
        self.updated_at.map(|at| at.to_string())
    }
}

fn body(event: &Event) -> Value {
    json!({
        "title": event.title,
        "description": event.details,
        "busy": event.is_busy,
        "when": {
            "start_time": event.start.timestamp().as_second(),
            "end_time": event.end.timestamp().as_second(),
            "start_timezone": event.start.time_zone().iana_name().unwrap_or("UTC"),
            "end_timezone": event.end.time_zone().iana_name().unwrap_or("UTC"),
        },
        "metadata": { "key1": event.id },
    })
}

#[async_trait]
impl Calendar for Nylas {
    async fn put(&self, calendar: &str, event: &Event, last: Option<&Written>) -> Result<Put> {
        let body = body(event);
        let known = match last {
            Some(last) => {
                // What somebody has changed is told, as by a calendar with tags.
                let tag = self.tag(calendar, &last.name).await?;
                if tag.is_none() || last.tag.is_some() && tag != last.tag {
                    return Ok(Put::Changed);
                }
                Some(last.name.clone())
            }
            None => self.find(calendar, event.id).await?,
        };
        let request = match &known {
            Some(name) => self.request(Method::PUT, calendar, Some(name)),
            None => self.request(Method::POST, calendar, None),
        };
        let answer = http::ask(WRITE, request.json(&body)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND if last.is_some() => Ok(Put::Changed),
            status if status.is_success() => Self::written(answer).await,
            status => Err(http::refused(WRITE, status)),
        }
    }

    async fn remove(&self, calendar: &str, event: AppointmentId, name: Option<&str>) -> Result<()> {
        const OPERATION: &str = "take out of the calendar";
        let name = match name {
            Some(name) => Some(name.to_owned()),
            None => self.find(calendar, event).await?,
        };
        let Some(name) = name else { return Ok(()) };
        let request = self.request(Method::DELETE, calendar, Some(&name));
        match http::ask(OPERATION, request).await?.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn tag(&self, calendar: &str, name: &str) -> Result<Option<String>> {
        const OPERATION: &str = "look into the calendar";
        let request = self.request(Method::GET, calendar, Some(name));
        let answer = http::ask(OPERATION, request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => {
                let Answer { data }: Answer<Stored> = http::json(OPERATION, answer).await?;
                let is_there = data.status.as_deref() != Some("cancelled");
                Ok(is_there.then(|| data.tag().unwrap_or_default()))
            }
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn busy(&self, calendar: &str, (from, to): Busy) -> Result<Vec<Busy>> {
        const OPERATION: &str = "read busy times";
        let steps = ["v3", "grants", &self.grant, "calendars", "free-busy"];
        let query = json!({
            "start_time": from.as_second(),
            "end_time": to.as_second(),
            "emails": [calendar],
        });
        let request = self.http.post(http::below(&self.base, &steps));
        let request = request.bearer_auth(self.key.expose()).json(&query);
        let answer = http::ask(OPERATION, request).await?;
        if !answer.status().is_success() {
            return Err(http::refused(OPERATION, answer.status()));
        }
        let Answer { data }: Answer<Vec<FreeBusy>> = http::json(OPERATION, answer).await?;
        let slots = data.into_iter().next().and_then(|times| times.time_slots);
        let slots = slots.ok_or_else(|| {
            Error::new(ErrorKind::Rejected, OPERATION, "there is no such calendar")
        })?;
        let is_busy = |slot: &&Period| slot.status.as_deref() != Some("free");
        slots.iter().filter(is_busy).map(read).collect()
    }
}

fn read(period: &Period) -> Result<Busy> {
    let instant = |seconds| {
        Timestamp::from_second(seconds).map_err(|_| {
            Error::new(ErrorKind::Protocol, "read busy times", "a busy time is of no year")
        })
    };
    Ok((instant(period.start_time)?, instant(period.end_time)?))
}

impl fmt::Debug for Nylas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nylas").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}
