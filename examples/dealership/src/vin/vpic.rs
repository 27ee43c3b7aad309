use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Error, ErrorKind, Result};

use super::{Decoded, Vin};

/// What a caller waits for a service that is not needed.
const DEADLINE: Duration = Duration::from_secs(3);

/// More than any answer of the service; one that is longer is not from it.
const LONGEST_ANSWER: usize = 256 * 1_024;

/// A client of vPIC, the free decoder of the National Highway Traffic Safety Administration.
///
/// Wire facts: "vPIC API", vpic.nhtsa.dot.gov/api, action `DecodeVinValues`. Every value is a
/// string, empty when it is not known.
#[derive(Clone, Debug)]
pub struct Vpic {
    http: reqwest::Client,
    base_url: Arc<str>,
}

impl Vpic {
    /// Where the service is.
    pub const BASE_URL: &str = "https://vpic.nhtsa.dot.gov/api/vehicles";

    /// Makes a client of the service at `base_url`, usually [`BASE_URL`](Self::BASE_URL).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the TLS of this machine cannot be used.
    pub fn new(base_url: &str) -> Result<Self> {
        // Whoever installed a provider before has the same one; a second installation changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(DEADLINE).build().map_err(|cause| {
            Error::config("no HTTP client can be made").with_source(cause.without_url())
        })?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').into() })
    }

    /// Asks the service what a number stands for. `None` if it does not know.
    ///
    /// # Errors
    ///
    /// When the service does not answer within 3 s, or not in its own form.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request.
    pub async fn decode(&self, vin: &Vin) -> Result<Option<Decoded>> {
        let mut url = format!("{}/DecodeVinValues/{vin}?format=json", self.base_url);
        if let Some(year) = vin.model_year() {
            url.push_str(&format!("&modelyear={year}"));
        }
        let mut answer = self.http.get(url).send().await.map_err(lost)?;
        if !answer.status().is_success() {
            let kind = ErrorKind::from_http_status(answer.status().as_u16());
            return Err(error(kind, "the service refused"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(error(ErrorKind::Protocol, "the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|cause| {
            error(ErrorKind::Protocol, "the answer is not of the expected form").with_source(cause)
        })?;
        Ok(answer.results.into_iter().next().and_then(Values::decoded))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    results: Vec<Values>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Values {
    make: Option<String>,
    model: Option<String>,
    model_year: Option<String>,
    trim: Option<String>,
    body_class: Option<String>,
    engine_cylinders: Option<String>,
    #[serde(rename = "DisplacementL")]
    displacement_l: Option<String>,
    fuel_type_primary: Option<String>,
    plant_country: Option<String>,
    error_code: Option<String>,
}

impl Values {
    /// Without a make nothing is known that the number does not say itself; a code for a wrong
    /// check digit would mean that another number was decoded.
    fn decoded(self) -> Option<Decoded> {
        let codes = self.error_code.unwrap_or_default();
        if codes.split(',').any(|code| code.trim() == "1") {
            return None;
        }
        let make = known(self.make)?;
        let liters = known(self.displacement_l).map(|liters| format!("{liters} L"));
        let cylinders = known(self.engine_cylinders).map(|count| format!("{count} cylinders"));
        let engine: Vec<String> = [liters, cylinders].into_iter().flatten().collect();
        Some(Decoded {
            year: known(self.model_year).and_then(|year| year.parse().ok()),
            make: Some(make),
            model: known(self.model),
            trim: known(self.trim),
            body_class: known(self.body_class),
            engine: (!engine.is_empty()).then(|| engine.join(", ")),
            fuel_type: known(self.fuel_type_primary),
            plant_country: known(self.plant_country),
        })
    }
}

fn known(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The URL of a request holds the number of somebody's car, and so does the cause.
fn lost(cause: reqwest::Error) -> Error {
    let kind = if cause.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
    error(kind, "the service did not answer").with_source(cause.without_url())
}

fn error(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "decode VIN", message).with_provider("vpic")
}
