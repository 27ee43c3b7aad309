//! What a vendor says of its models: which of them end.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::{http, llm::client::below};

/// How long what a vendor has said of a model is good for: ends are announced weeks ahead.
const DAY: Duration = Duration::from_secs(86_400);

/// A vendor's pages about its models, one of which is asked for to open a connection: once a day
/// that of the model that is used, and else the head of the list.
///
/// Wire facts, from the types of the vendors' Python SDKs: OpenAI's `shutdown_date` (3.52.0),
/// Anthropic's `lifecycle` and `retires_at` (2.11.0), and Google's `modelStatus`, which comes with
/// answers (3.4.0).
#[derive(Debug)]
pub(crate) struct Models {
    list: Url,
    page: Url,
    provider: Arc<str>,
    model: Arc<str>,
    /// The day on which the model ends, as far as it is known without asking.
    known: Option<&'static str>,
    told: Mutex<Told>,
}

/// When something was last heard.
#[derive(Debug, Default)]
struct Told {
    page: Option<Instant>,
    /// The end of the model, by whatever way.
    end: Option<(Instant, End)>,
}

impl Models {
    /// The pages below `base`.
    pub(crate) fn new(
        base: &Url,
        provider: Arc<str>,
        model: &str,
        known: Option<&'static str>,
    ) -> Self {
        let (list, page) = (below(base, &["models"]), below(base, &["models", model]));
        Self { list, page, provider, model: model.into(), known, told: Mutex::default() }
    }

    /// Where the vendor is.
    pub(crate) fn host(&self) -> Option<&str> {
        self.list.host_str()
    }

    /// What to ask for to open a connection. Nobody is billed for it.
    pub(crate) fn request(&self, client: &Client) -> RequestBuilder {
        let page = self.told().page;
        match page {
            Some(page) if page.elapsed() < DAY => client.head(self.list.clone()),
            Some(_) | None => client.get(self.page.clone()),
        }
    }

    /// Reads the answer, and says in the log if the model ends. Not every server has the page.
    pub(crate) async fn note(&self, response: Response) {
        if !response.status().is_success() || response.url() != &self.page {
            return;
        }
        let page = http::beginning(response).await;
        self.told().page = Some(Instant::now());
        if let Some(end) = end(&page) {
            self.tell(end);
        }
    }

    /// The vendor has said when the model ends.
    pub(crate) fn note_day(&self, at: &str) {
        if let Some(day) = day(at) {
            self.tell(End::On(day.to_owned()));
        }
    }

    /// Says in the log that the model ends, unless that was said today.
    fn tell(&self, end: End) {
        let mut told = self.told();
        let is_told = |(at, told): &(Instant, End)| *told == end && at.elapsed() < DAY;
        if told.end.as_ref().is_some_and(is_told) {
            return;
        }
        let (provider, model) = (&*self.provider, &*self.model);
        match &end {
            // That was said when the provider was built.
            End::On(day) if self.known == Some(day) => {}
            End::On(day) => {
                tracing::warn!(provider, model, day, "the vendor ends this model on that day");
            }
            End::Someday => {
                tracing::warn!(provider, model, "the vendor will end this model some day");
            }
            End::Over => tracing::warn!(provider, model, "the vendor has ended this model"),
        }
        told.end = Some((Instant::now(), end));
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a model.
#[derive(Debug, Eq, PartialEq)]
enum End {
    /// On a day, as `2027-01-14`.
    On(String),
    Over,
    /// It was announced without a day.
    Someday,
}

/// A model, as far as it is about its end.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Page<'a> {
    shutdown_date: Option<&'a str>,
    retires_at: Option<&'a str>,
    lifecycle: Option<&'a str>,
}

/// What a page says of the end of its model. What cannot be read says nothing.
fn end(page: &str) -> Option<End> {
    let page: Page<'_> = serde_json::from_str(page).ok()?;
    let day = page.shutdown_date.or(page.retires_at).and_then(day);
    match (page.lifecycle, day) {
        (Some("retired"), _) => Some(End::Over),
        (_, Some(day)) => Some(End::On(day.to_owned())),
        (Some("deprecated"), None) => Some(End::Someday),
        (_, None) => None,
    }
}

/// The day of a date, with or without a time.
fn day(at: &str) -> Option<&str> {
    let day = at.get(..10)?;
    let fits = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    day.bytes().enumerate().all(fits).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_model_is_read_in_each_vendors_words() {
        let on = |day: &str| Some(End::On(day.to_owned()));
        for (page, expected) in [
            (r#"{"id":"gpt-4o","shutdown_date":"2027-01-14"}"#, on("2027-01-14")),
            (r#"{"id":"gpt-6-luna","shutdown_date":null}"#, None),
            (r#"{"lifecycle":"active","deprecated_at":null,"retires_at":null}"#, None),
            (r#"{"lifecycle":"deprecated","retires_at":"2027-03-01T00:00:00Z"}"#, on("2027-03-01")),
            (r#"{"lifecycle":"deprecated","retires_at":null}"#, Some(End::Someday)),
            (r#"{"lifecycle":"retired","retires_at":"2026-01-01T00:00:00Z"}"#, Some(End::Over)),
            (r#"{"name":"models/gemini-3.8-flash","inputTokenLimit":1048576}"#, None),
            (r#"{"shutdown_date":"in the spring"}"#, None),
            (r#"{"shutdown_date":"2027-1-14"}"#, None),
            (r#"{"shutdown_date":20270114}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(end(page), expected, "{page}");
        }
    }
}
