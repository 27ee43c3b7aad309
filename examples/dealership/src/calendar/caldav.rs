use std::fmt;

use async_trait::async_trait;
use reqwest::{
    Client, Method, RequestBuilder, StatusCode, Url,
    header::{CONTENT_TYPE, IF_MATCH},
};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{Busy, Calendar, Event, Put, Written, http, ical};
use crate::{clock::Clock, store::AppointmentId};

/// Calendars on a `CalDAV` server, each a path below the server's address, such as
/// `service/visits`.
///
/// Wire facts: RFC 4791, sections 5.3.2 (storing), 5.3.4 (tags) and 7.10 (free-busy-query).
#[derive(Clone)]
pub struct CalDav {
    http: Client,
    base: Url,
    user: String,
    password: Secret,
    clock: Clock,
}

impl CalDav {
    /// A client of the server at this address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the address is none, or the TLS of this machine cannot be used.
    pub fn new(url: &str, user: impl Into<String>, password: Secret, clock: Clock) -> Result<Self> {
        let base = http::address("calendar.url", url)?;
        Ok(Self { http: http::client()?, base, user: user.into(), password, clock })
    }

    fn collection(&self, calendar: &str) -> Url {
        let steps: Vec<&str> = calendar.split('/').filter(|step| !step.is_empty()).collect();
        let mut url = http::below(&self.base, &steps);
        // A collection ends with a slash (RFC 4918, section 5.2).
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    fn event(&self, calendar: &str, name: &str) -> Url {
        http::below(&self.collection(calendar), &[name])
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).basic_auth(&self.user, Some(self.password.expose()))
    }
}

fn file(event: AppointmentId) -> String {
    format!("{event}.ics")
}

#[async_trait]
impl Calendar for CalDav {
    async fn put(&self, calendar: &str, event: &Event, last: Option<&Written>) -> Result<Put> {
        const OPERATION: &str = "write to the calendar";
        let name = file(event.id);
        let mut request = self
            .request(Method::PUT, self.event(calendar, &name))
            .header(CONTENT_TYPE, "text/calendar; charset=utf-8")
            .body(ical::event(event, self.clock.now()));
        if let Some(tag) = last.and_then(|last| last.tag.as_deref()) {
            request = request.header(IF_MATCH, tag);
        }
        let answer = http::ask(OPERATION, request).await?;
        match answer.status() {
            StatusCode::PRECONDITION_FAILED => Ok(Put::Changed),
            status if status.is_success() => {
                let tag = match http::tag(&answer) {
                    Some(tag) => Some(tag),
                    // A server that has changed what it was given tells no tag.
                    None => self.tag(calendar, &name).await?,
                };
                Ok(Put::Done(Written { name, tag }))
            }
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn remove(&self, calendar: &str, event: AppointmentId, _: Option<&str>) -> Result<()> {
        const OPERATION: &str = "take out of the calendar";
        let url = self.event(calendar, &file(event));
        match http::ask(OPERATION, self.request(Method::DELETE, url)).await?.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn tag(&self, calendar: &str, name: &str) -> Result<Option<String>> {
        const OPERATION: &str = "look into the calendar";
        let request = self.request(Method::HEAD, self.event(calendar, name));
        let answer = http::ask(OPERATION, request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => Ok(http::tag(&answer)),
            status => Err(http::refused(OPERATION, status)),
        }
    }

    async fn busy(&self, calendar: &str, (from, to): Busy) -> Result<Vec<Busy>> {
        const OPERATION: &str = "read busy times";
        let method = Method::from_bytes(b"REPORT").expect("a word is a method");
        let query = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <C:free-busy-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
             <C:time-range start=\"{}\" end=\"{}\"/></C:free-busy-query>",
            ical::instant(from),
            ical::instant(to)
        );
        let request = self
            .request(method, self.collection(calendar))
            .header("Depth", "1")
            .header(CONTENT_TYPE, "application/xml; charset=utf-8")
            .body(query);
        let answer = http::ask(OPERATION, request).await?;
        if !answer.status().is_success() {
            return Err(http::refused(OPERATION, answer.status()));
        }
        let text = http::text(OPERATION, answer).await?;
        ical::busy(&text).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, OPERATION, "a busy time has another form")
        })
    }
}

impl fmt::Debug for CalDav {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CalDav").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}
