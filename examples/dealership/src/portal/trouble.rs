use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tracing::warn;
use voiceagent_core::Error;

use crate::store::{Fault, Refusal};

/// Why somebody with a link is not served as they would like to be.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The link is none of ours.
    Unknown,
    /// The link was good once.
    Over,
    /// It is used too often.
    TooOften,
    /// What was sent cannot be meant.
    Unclear(&'static str),
    /// The time is not free.
    Taken,
    /// The vehicle is in the shop then.
    VehicleBusy,
    /// The visit was cancelled.
    Cancelled,
    /// The visit has begun or is over.
    Past,
    /// It cannot be done at present.
    Failed,
}

impl Trouble {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Over => StatusCode::GONE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Unclear(_) => StatusCode::BAD_REQUEST,
            Self::Taken | Self::VehicleBusy | Self::Cancelled | Self::Past => StatusCode::CONFLICT,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is told of it, as whole sentences.
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Unknown => "This link is none of ours. Look whether all of it was copied.",
            Self::Over => "This link is not good any more.",
            Self::TooOften => "That was often. Please wait a few minutes.",
            Self::Unclear(what) => what,
            Self::Taken => "This time is not free any more. Please choose another one.",
            Self::VehicleBusy => "Your vehicle is with us at that time. Please choose another one.",
            Self::Cancelled => "This appointment was cancelled.",
            Self::Past => "The time of this appointment has come, so it cannot be changed here.",
            Self::Failed => "This cannot be done at present. Please try again, or call us.",
        }
    }

    /// Says how long somebody had better wait who comes too often.
    pub(super) fn with_wait(&self, mut response: Response) -> Response {
        if matches!(self, Self::TooOften) {
            let wait = header::HeaderValue::from_static("60");
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(Refusal::NotFound) => Self::Unknown,
            Fault::Refused(Refusal::AlreadyCancelled) => Self::Cancelled,
            Fault::Refused(Refusal::VehicleBusy) => Self::VehicleBusy,
            Fault::Refused(Refusal::InPast) => Self::Past,
            Fault::Refused(Refusal::SlotTaken | Refusal::DateInPast | Refusal::OutsideHorizon) => {
                Self::Taken
            }
            fault => {
                warn!(error = %Error::from(fault), "a customer with a link could not be served");
                Self::Failed
            }
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let told = (self.status(), Json(json!({ "error": self.words() }))).into_response();
        self.with_wait(told)
    }
}
