use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tracing::warn;
use voiceagent_core::{Error, ErrorKind};

use super::answers::Refused;
use crate::store::{Fault, Refusal as Rule};

/// Why a request is not answered as it would like to be.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    /// What was asked for cannot be meant.
    pub(super) fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// There is no such thing.
    pub(super) fn none(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn why(&self) -> &str {
        &self.why
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(Refused { error: self.why })).into_response()
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Failed(error) => error.into(),
            Fault::Refused(Rule::NotFound) => Self::new(StatusCode::NOT_FOUND, "it is not there"),
            Fault::Refused(rule) => Self::new(StatusCode::CONFLICT, format!("refused: {rule:?}")),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        // What the store holds is no matter for answers, and what is wrong with it none for strangers.
        if error.kind() == ErrorKind::Config || error.kind() == ErrorKind::Rejected {
            return Self::new(StatusCode::CONFLICT, error.message());
        }
        warn!(%error, "an operator could not be answered");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "it cannot be done at present")
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}
