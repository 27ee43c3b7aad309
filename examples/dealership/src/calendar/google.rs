use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use jiff::{Timestamp, Zoned};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header::IF_MATCH};
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{Busy, Calendar, Event, GoogleAccess, Put, Written, http};
use crate::store::AppointmentId;

/// Calendars of Google, each by its identifier: an address, or `primary`.
///
/// Wire facts: the discovery document of `calendar.v3`; "Create events" for identifiers that the
/// client chooses, "Get specific versions of resources" for `If-Match`.
#[derive(Clone, Debug)]
pub struct GoogleCalendar {
    http: Client,
    base: Url,
    access: Arc<GoogleAccess>,
}

#[derive(Deserialize)]
struct Stored {
    etag: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct FreeBusy {
    calendars: BTreeMap<String, Times>,
}

#[derive(Deserialize)]
struct Times {
    #[serde(default)]
    busy: Vec<Period>,
    #[serde(default)]
    errors: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Period {
    start: String,
    end: String,
}

impl GoogleCalendar {
    /// Where the service is.
    pub const BASE_URL: &str = "https://www.googleapis.com/calendar/v3/";

    /// A client of the service at this address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the address is none, or the TLS of this machine cannot be used.
    pub fn new(url: &str, access: GoogleAccess) -> Result<Self> {
        let base = http::address("calendar.url", url)?;
        Ok(Self { http: http::client()?, base, access: Arc::new(access) })
    }

    fn events(&self, calendar: &str) -> Url {
        http::below(&self.base, &["calendars", calendar, "events"])
    }

    fn event(&self, calendar: &str, name: &str) -> Url {
        http::below(&self.events(calendar), &[name])
    }

    /// Asks with a token; with a second one, where the first is refused.
    async fn ask(
        &self,
        operation: &'static str,
        (method, url): (Method, Url),
        more: impl Fn(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Response> {
        let mut is_first = true;
        loop {
            let token = self.access.token().await?;
            let request = self.http.request(method.clone(), url.clone());
            let answer = http::ask(operation, more(request.bearer_auth(token.expose()))).await?;
            if answer.status() != StatusCode::UNAUTHORIZED || !is_first {
                return Ok(answer);
            }
            is_first = false;
            self.access.forget(&token);
        }
    }

    async fn written(answer: Response, name: String) -> Result<Put> {
        let Stored { etag, .. } = http::json(WRITE, answer).await?;
        Ok(Put::Done(Written { name, tag: etag }))
    }
}

const WRITE: &str = "write to the calendar";

/// An appointment's identifier is made of digits that Google takes.
fn name(event: AppointmentId) -> String {
    event.to_string().replace('-', "")
}

fn body(event: &Event) -> Value {
    json!({
        "id": name(event.id),
        "status": "confirmed",
        "summary": event.title,
        "description": event.details,
        "start": moment(&event.start),
        "end": moment(&event.end),
        "transparency": if event.is_busy { "opaque" } else { "transparent" },
    })
}

fn read(period: &Period) -> Result<Busy> {
    let instant = |text: &str| {
        text.parse::<Timestamp>().map_err(|_| {
            Error::new(ErrorKind::Protocol, "read busy times", "a busy time has another form")
        })
    };
    Ok((instant(&period.start)?, instant(&period.end)?))
}

fn moment(at: &Zoned) -> Value {
    json!({
        "dateTime": at.timestamp().to_string(),
        "timeZone": at.time_zone().iana_name().unwrap_or("UTC"),
    })
}

#[async_trait]
impl Calendar for GoogleCalendar {
    async fn put(&self, calendar: &str, event: &Event, last: Option<&Written>) -> Result<Put> {
        let (name, body) = (name(event.id), body(event));
        let tag = last.and_then(|last| last.tag.as_deref());
        let update = || async {
            let place = (Method::PUT, self.event(calendar, &name));
            self.ask(WRITE, place, |request| match tag {
                Some(tag) => request.header(IF_MATCH, tag).json(&body),
                None => request.json(&body),
            })
            .await
        };
        let answer = update().await?;
        match answer.status() {
            StatusCode::PRECONDITION_FAILED => return Ok(Put::Changed),
            StatusCode::NOT_FOUND | StatusCode::GONE if tag.is_some() => return Ok(Put::Changed),
            StatusCode::NOT_FOUND | StatusCode::GONE => {}
            status if status.is_success() => return Self::written(answer, name).await,
            status => return Err(http::refused(WRITE, status)),
        }
        let place = (Method::POST, self.events(calendar));
        let answer = self.ask(WRITE, place, |request| request.json(&body)).await?;
        match answer.status() {
            // It came into being in between: a request that was thought to be lost.
            StatusCode::CONFLICT => {
                let answer = update().await?;
                if answer.status().is_success() {
                    Self::written(answer, name).await
                } else {
                    Err(http::refused(WRITE, answer.status()))
                }
            }
            status if status.is_success() => Self::written(answer, name).await,
            status => Err(http::refused(WRITE, status)),
        }
    }

    async fn remove(&self, calendar: &str, event: AppointmentId, _: Option<&str>) -> Result<()> {
        const OPERATION: &str = "take out of the calendar";
        let place = (Method::DELETE, self.event(calendar, &name(event)));
        match self.ask(OPERATION, place, |request| request).await?.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn tag(&self, calendar: &str, name: &str) -> Result<Option<String>> {
        const OPERATION: &str = "look into the calendar";
        let place = (Method::GET, self.event(calendar, name));
        let answer = self.ask(OPERATION, place, |request| request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => {
                let Stored { etag, status } = http::json(OPERATION, answer).await?;
                Ok(etag.filter(|_| status.as_deref() != Some("cancelled")))
            }
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn busy(&self, calendar: &str, (from, to): Busy) -> Result<Vec<Busy>> {
        const OPERATION: &str = "read busy times";
        let query = json!({
            "timeMin": from.to_string(),
            "timeMax": to.to_string(),
            "items": [{ "id": calendar }],
        });
        let place = (Method::POST, http::below(&self.base, &["freeBusy"]));
        let answer = self.ask(OPERATION, place, |request| request.json(&query)).await?;
        if !answer.status().is_success() {
            return Err(http::refused(OPERATION, answer.status()));
        }
        let FreeBusy { mut calendars } = http::json(OPERATION, answer).await?;
        // Whoever is `primary` may be told by their address.
        let times = calendars.remove(calendar).or_else(|| calendars.into_values().next());
        match times {
            Some(Times { busy, errors }) if errors.is_empty() => busy.iter().map(read).collect(),
            Some(_) | None => {
                Err(Error::new(ErrorKind::Rejected, OPERATION, "there is no such calendar"))
            }
        }
    }
}
