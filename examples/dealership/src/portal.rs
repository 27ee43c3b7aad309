//! The customer's side over HTTP: pages of one visit behind a signed link, and the same as JSON.
//!
//! Whoever has the link sees that visit, and may confirm, move or cancel it: there is no account and
//! no password. A link ends, is worth nothing for another visit, and tells nothing of a person: no
//! name, no number, no vehicle. Reading changes nothing, because programs that look through messages
//! follow links. The pages are an app that can be installed, without a script: what it would show
//! without a network is when the visit was, so there is no service worker.

mod act;
mod api;
mod links;
mod pages;
mod trouble;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::HeaderValue,
    middleware::{Next, from_fn},
    response::Response,
};
use tracing::warn;

use self::{links::Sealed, trouble::Trouble};
use crate::{
    clock::Clock,
    metrics::{Metrics, Rejection},
    own_pages::OwnPage,
    shared::Shared,
    store::{Appointment, Store},
};

pub(crate) use self::links::Links;

/// Where the pages begin.
const PAGES: &str = "/visit";
/// Where the same is as JSON.
const API: &str = "/api/visit";

/// The largest body: one time.
const LARGEST_BODY: usize = 4 * 1024;

/// Requests of one visit within a minute; a person makes a handful.
const MOST_REQUESTS: u32 = 60;
/// Changes of one visit within an hour; each may be texted.
const MOST_CHANGES: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Nothing of others, and no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; manifest-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the customer's side is made of.
#[derive(Debug)]
pub(crate) struct Portal {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Where requests are counted.
    pub(crate) shared: Shared,
    /// Where those are counted that are not let in.
    pub(crate) metrics: Arc<Metrics>,
    /// The name of the house.
    pub(crate) house: String,
    pub(crate) links: Links,
}

/// The routes of the customer's side.
pub(crate) fn routes(portal: Portal) -> Router {
    Router::new()
        .merge(pages::routes())
        .merge(api::routes())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn(keep_to_ourselves))
        .with_state(Arc::new(portal))
}

/// No foreign page shows these, no cache keeps them, and nobody is told where a link was followed
/// from: the link is the key.
async fn keep_to_ourselves(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    OwnPage { policy: POLICY, referrer: "no-referrer" }.keep(headers);
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// What somebody wants who has a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    See,
    Change,
}

impl Portal {
    /// The visit that a link is of, if the link is good and not used too often.
    async fn visit(&self, token: &str, wish: Wish) -> Result<Appointment, Trouble> {
        let id = match self.links.read(token, self.clock.now()) {
            Sealed::Good(id) => id,
            Sealed::Over => return Err(Trouble::Over),
            Sealed::Foreign => {
                self.metrics.rejected(Rejection::Link);
                // The path holds what somebody has tried.
                warn!(reason = Rejection::Link.word(), path = PAGES, "security.rejected");
                return Err(Trouble::Unknown);
            }
        };
        let seen = self.shared.admit(&format!("visit:{id}"), MOST_REQUESTS, MINUTE).await;
        let changed = || async {
            self.shared.admit(&format!("visit:{id}:changes"), MOST_CHANGES, HOUR).await
        };
        if !seen || wish == Wish::Change && !changed().await {
            return Err(Trouble::TooOften);
        }
        self.store.appointment(id).await?.ok_or(Trouble::Unknown)
    }
}
