use axum::{
    body::Body,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use tracing::info;

use super::{
    super::{Shared, refusal::Refusal},
    Trouble, quoted,
};
use crate::recordings;

/// Plays the recordings of a call, if there are any.
pub(super) async fn players(desk: &Shared, call: &str) -> Result<Markup, Refusal> {
    let Some(recordings) = &desk.office.recordings else { return Ok(html! {}) };
    let names = recordings.names(&[call.to_owned()]).await?;
    Ok(html! {
        @for name in &names {
            audio controls preload="none"
                src=(format!("/dashboard/calls/{}/recordings/{}", quoted(call), quoted(name))) {}
        }
    })
}

/// The sound of a recording.
pub(super) async fn sound(
    State(desk): State<Shared>,
    Path((call, name)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let trouble = |refusal| Trouble(desk.clone(), refusal);
    let found = match &desk.office.recordings {
        Some(recordings) => recordings.sound(&call, &name).await,
        None => Ok(None),
    };
    let found = found.map_err(|error| trouble(error.into()))?;
    let recordings::Body { length, pieces } =
        found.ok_or_else(|| trouble(Refusal::none("recording")))?;
    info!(%call, "recording.heard");
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("audio/wav"));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(response)
}
