use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    routing::{get, post},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{API, Portal, Trouble, Wish};
use crate::store::{Appointment, AppointmentStatus};

type Shared = State<Arc<Portal>>;

/// A visit, and nothing of the person who comes.
#[derive(Debug, Serialize)]
struct Visit {
    service: String,
    /// RFC 3339, by the clocks of the place.
    start: String,
    end: String,
    time_zone: Option<String>,
    place: String,
    phone: String,
    status: AppointmentStatus,
    confirmation_code: String,
    may_change: bool,
    /// A link that holds for the visit as it is now.
    link: String,
}

#[derive(Debug, Serialize)]
struct Times {
    day: String,
    times: Vec<String>,
    /// Why nobody is there that day.
    closed: Option<String>,
    /// The first free time after a day without any.
    next: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    day: Date,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    start: Timestamp,
}

pub(super) fn routes() -> Router<Arc<Portal>> {
    Router::new()
        .route(&format!("{API}/{{token}}"), get(show))
        .route(&format!("{API}/{{token}}/times"), get(times))
        .route(&format!("{API}/{{token}}/confirm"), post(confirm))
        .route(&format!("{API}/{{token}}/move"), post(shift))
        .route(&format!("{API}/{{token}}/cancel"), post(cancel))
}

async fn show(State(portal): Shared, Path(token): Path<String>) -> Result<Json<Visit>, Trouble> {
    let visit = portal.visit(&token, Wish::See).await?;
    told(&portal, &visit).await
}

async fn times(
    State(portal): Shared,
    Path(token): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Times>, Trouble> {
    let visit = portal.visit(&token, Wish::See).await?;
    let day = asked.map_err(|_| Trouble::Unclear("`day` is a date such as 2026-11-24."))?.day;
    if !portal.may_change(&visit) {
        return Err(portal.over(&visit));
    }
    let found = portal.times(&visit, day).await?;
    Ok(Json(Times {
        day: day.to_string(),
        times: found.times.iter().map(written).collect(),
        closed: found.closed,
        next: found.next.as_ref().map(written),
    }))
}

async fn confirm(State(portal): Shared, Path(token): Path<String>) -> Result<Json<Visit>, Trouble> {
    let visit = portal.visit(&token, Wish::Change).await?;
    let visit = portal.confirm(&visit).await?;
    told(&portal, &visit).await
}

async fn shift(
    State(portal): Shared,
    Path(token): Path<String>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Visit>, Trouble> {
    let visit = portal.visit(&token, Wish::Change).await?;
    let unclear = "`start` is a time as `times` tells it, such as 2026-11-24T09:00:00-06:00.";
    let Json(Wanted { start }) = wanted.map_err(|_| Trouble::Unclear(unclear))?;
    let visit = portal.shift(&visit, start).await?;
    told(&portal, &visit).await
}

async fn cancel(State(portal): Shared, Path(token): Path<String>) -> Result<Json<Visit>, Trouble> {
    let visit = portal.visit(&token, Wish::Change).await?;
    let visit = portal.cancel(&visit).await?;
    told(&portal, &visit).await
}

async fn told(portal: &Portal, visit: &Appointment) -> Result<Json<Visit>, Trouble> {
    let place = portal.store.location_at(Some(visit.location_id)).await?;
    Ok(Json(Visit {
        service: visit.service_name.clone(),
        start: written(&visit.start),
        end: written(&visit.end),
        time_zone: visit.start.time_zone().iana_name().map(str::to_owned),
        place: visit.location.clone(),
        phone: place.phone,
        status: visit.status,
        confirmation_code: visit.confirmation_code.clone(),
        may_change: portal.may_change(visit),
        link: portal.links.to(visit, portal.clock.now()),
    }))
}

fn written(moment: &jiff::Zoned) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
