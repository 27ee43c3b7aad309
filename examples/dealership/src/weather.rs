//! The weather of a place.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Error, ErrorKind, Result};

/// What a caller waits for an answer that comes in two steps.
const DEADLINE: Duration = Duration::from_millis(1_100);

/// A client of Open-Meteo, which needs no key.
///
/// Wire facts: "Geocoding API" and "Weather Forecast API", open-meteo.com/en/docs. Codes are those
/// of WMO table 4677, of which the service uses a part.
#[derive(Clone, Debug)]
pub struct WeatherService {
    http: reqwest::Client,
    places_url: Arc<str>,
    forecast_url: Arc<str>,
}

/// How it is outside.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Weather {
    /// In a word: `rainy`.
    pub summary: &'static str,
    /// Degrees Fahrenheit.
    pub temp_f: i32,
}

impl WeatherService {
    /// Where places are found.
    pub const PLACES_URL: &str = "https://geocoding-api.open-meteo.com";
    /// Where their weather is told.
    pub const FORECAST_URL: &str = "https://api.open-meteo.com";

    /// Makes a client of the two services at these addresses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the TLS of this machine cannot be used.
    pub fn new(places_url: &str, forecast_url: &str) -> Result<Self> {
        // Whoever installed a provider before has the same one; a second installation changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(DEADLINE).build().map_err(|cause| {
            Error::config("no HTTP client can be made").with_source(cause.without_url())
        })?;
        let url = |url: &str| url.trim_end_matches('/').into();
        Ok(Self { http, places_url: url(places_url), forecast_url: url(forecast_url) })
    }

    /// The weather of a place now. `None` if there is no such place.
    ///
    /// # Errors
    ///
    /// When a service does not answer within 1.1 s, or not in its own form.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request.
    pub async fn now(&self, place: &str) -> Result<Option<Weather>> {
        let places = format!("{}/v1/search", self.places_url);
        let places: Places = self.get(&places, &[("name", place), ("count", "1")]).await?;
        let Some(place) = places.results.into_iter().next() else { return Ok(None) };
        let forecast = format!("{}/v1/forecast", self.forecast_url);
        let (latitude, longitude) = (place.latitude.to_string(), place.longitude.to_string());
        let asked = [
            ("latitude", latitude.as_str()),
            ("longitude", longitude.as_str()),
            ("current", "temperature_2m,weather_code"),
            ("temperature_unit", "fahrenheit"),
        ];
        let Forecast { current } = self.get(&forecast, &asked).await?;
        let temp_f = current.temperature_2m.round().clamp(-200.0, 200.0) as i32;
        Ok(Some(Weather { summary: summary(current.weather_code), temp_f }))
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        url: &str,
        query: &[(&str, &str)],
    ) -> Result<T> {
        let url = reqwest::Url::parse_with_params(url, query)
            .map_err(|cause| Error::config("that is no address of a service").with_source(cause))?;
        let answer = self.http.get(url).send().await.map_err(lost)?;
        if !answer.status().is_success() {
            let kind = ErrorKind::from_http_status(answer.status().as_u16());
            return Err(Error::new(kind, "weather", "the service refused"));
        }
        answer.json().await.map_err(lost)
    }
}

#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    results: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
struct Forecast {
    current: Current,
}

#[derive(Deserialize)]
struct Current {
    temperature_2m: f64,
    weather_code: u8,
}

fn lost(cause: reqwest::Error) -> Error {
    let kind = match (cause.is_timeout(), cause.is_decode()) {
        (true, _) => ErrorKind::Timeout,
        (_, true) => ErrorKind::Protocol,
        _ => ErrorKind::Disconnected,
    };
    Error::new(kind, "weather", "the service does not answer").with_source(cause.without_url())
}

fn summary(code: u8) -> &'static str {
    match code {
        0 => "clear",
        1..=3 => "cloudy",
        45..=48 => "foggy",
        51..=57 => "drizzling",
        61..=67 | 80..=82 => "rainy",
        71..=77 | 85..=86 => "snowy",
        95..=99 => "stormy",
        _ => "changeable",
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, extract::Query, http::StatusCode, routing::get};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;

    #[derive(Deserialize)]
    struct Search {
        name: String,
    }

    async fn places(Query(search): Query<Search>) -> Json<Value> {
        Json(match search.name.as_str() {
            "Tampa" => json!({ "results": [{ "latitude": 27.9, "longitude": -82.4 }] }),
            "Erewhon" => json!({ "results": [{ "latitude": 0.0, "longitude": 0.0 }] }),
            _ => json!({ "generationtime_ms": 0.5 }),
        })
    }

    #[derive(Deserialize)]
    struct Asked {
        latitude: f64,
        temperature_unit: String,
    }

    async fn forecast(Query(asked): Query<Asked>) -> Result<Json<Value>, StatusCode> {
        if asked.latitude == 0.0 || asked.temperature_unit != "fahrenheit" {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        Ok(Json(json!({ "current": { "temperature_2m": 71.6, "weather_code": 61 } })))
    }

    #[tokio::test]
    async fn the_weather_of_a_place_is_told_and_a_service_that_is_down_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let routes =
            Router::new().route("/v1/search", get(places)).route("/v1/forecast", get(forecast));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let service = WeatherService::new(&url, &url).unwrap();
        let rainy = Weather { summary: "rainy", temp_f: 72 };
        assert_eq!(service.now("Tampa").await.unwrap(), Some(rainy));
        assert_eq!(service.now("Nowhere").await.unwrap(), None);
        assert!(service.now("Erewhon").await.is_err());
    }
}
