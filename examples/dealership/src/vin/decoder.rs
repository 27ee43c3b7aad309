use jiff::Timestamp;
use serde::Serialize;

use crate::store::Store;

use super::{Decoded, Vin, Vpic};

/// Finds out what a number stands for: from memory, else from the service, else from the number.
#[derive(Clone, Debug)]
pub struct Decoder {
    store: Store,
    service: Option<Vpic>,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "memory, service, the number itself")]
pub enum Source {
    /// An answer of the service, at most seven days old.
    Cache,
    /// The number itself.
    Local,
    /// The service.
    Service,
}

/// Why nothing is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "asked and not known, or could not ask")]
pub enum DecodeFault {
    /// Neither the service nor the table knows the maker.
    NotFound,
    /// The service does not answer, and the table does not know the maker.
    Unavailable,
}

impl Decoder {
    /// A decoder that remembers in `store`; without a service it works offline.
    #[must_use]
    pub fn new(store: Store, service: Option<Vpic>) -> Self {
        Self { store, service }
    }

    /// Finds out what a number stands for.
    ///
    /// # Errors
    ///
    /// When not even the maker is known.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request; at worst an answer is not remembered.
    pub async fn decode(
        &self,
        vin: &Vin,
        now: Timestamp,
    ) -> Result<(Decoded, Source), DecodeFault> {
        match self.store.cached_vin(vin, now).await {
            Ok(Some(cached)) => return Ok((cached, Source::Cache)),
            Ok(None) => {}
            Err(fault) => tracing::warn!(?fault, "remembered VINs cannot be read"),
        }
        let mut unavailable = false;
        if let Some(service) = &self.service {
            match service.decode(vin).await {
                Ok(Some(decoded)) => {
                    if let Err(fault) = self.store.cache_vin(vin, &decoded, now).await {
                        tracing::warn!(?fault, "a decoded VIN cannot be remembered");
                    }
                    return Ok((decoded, Source::Service));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(?error, "VIN decoding falls back to the offline table");
                    unavailable = true;
                }
            }
        }
        let local = vin.decode();
        match (local.make.is_some(), unavailable) {
            (true, _) => Ok((local, Source::Local)),
            (false, true) => Err(DecodeFault::Unavailable),
            (false, false) => Err(DecodeFault::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    /// Serves each answer on a connection of its own, reports the request lines, then is gone.
    async fn scripted(answers: Vec<String>) -> (Vpic, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/vehicles/", listener.local_addr().unwrap());
        // No script has more than eight answers.
        let (report, requests) = mpsc::channel(8);
        tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4_096];
                let length = socket.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                report.send(head.lines().next().unwrap().to_owned()).await.unwrap();
                // A client that has heard enough may be gone.
                let _written = socket.write_all(answer.as_bytes()).await;
            }
        });
        (Vpic::new(&url).unwrap(), requests)
    }

    fn http(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    const COACH: &str = r#"{"Count":1,"Message":"Results returned successfully",
        "SearchCriteria":"VIN(s): 1M8GDM9AXKP042788","Results":[{"VIN":"1M8GDM9AXKP042788",
        "Make":"MOTOR COACH INDUSTRIES","Model":"","ModelYear":"1989","BodyClass":"Bus",
        "ErrorCode":"0","ErrorText":"0 - VIN decoded clean."}]}"#;
    const WRONG: &str = r#"{"Count":1,"Message":"Results returned successfully",
        "SearchCriteria":"VIN(s): 1M8GDM9A0KP042788","Results":[{"VIN":"1M8GDM9A0KP042788",
        "Make":"","Model":"","ModelYear":"1989","ErrorCode":"1","ErrorText":"1 - Check Digit",
        "SuggestedVIN":"1M8GDM9AXKP042788"}]}"#;

    fn coach() -> Vin {
        Vin::parse("1M8GDM9AXKP042788").unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_service_is_asked_once_and_remembered() {
        let (service, mut requests) = scripted(vec![http("200 OK", COACH)]).await;
        let store = Store::fresh().await;
        let decoder = Decoder::new(store, Some(service));
        let (first, source) = decoder.decode(&coach(), now()).await.unwrap();
        assert_eq!(source, Source::Service);
        assert_eq!(first.make.as_deref(), Some("MOTOR COACH INDUSTRIES"));
        assert_eq!((first.year, first.model.as_deref()), (Some(1989), None));
        assert_eq!(first.body_class.as_deref(), Some("Bus"));
        let (again, source) = decoder.decode(&coach(), now()).await.unwrap();
        assert_eq!((again, source), (first, Source::Cache));
        assert_eq!(
            requests.recv().await.unwrap(),
            "GET /api/vehicles/DecodeVinValues/1M8GDM9AXKP042788?format=json&modelyear=1989 HTTP/1.1"
        );
        assert_eq!(requests.recv().await, None);
    }

    #[tokio::test]
    async fn whatever_ails_the_service_the_number_itself_is_read() {
        let long = format!("{{\"Results\":[],\"Message\":\"{}\"}}", "x".repeat(300 * 1_024));
        for answer in [
            http("200 OK", WRONG),
            http("200 OK", r#"{"Results":[]}"#),
            http("200 OK", "<html>Forbidden</html>"),
            http("200 OK", &long),
            http("403 Forbidden", "<html></html>"),
            http("503 Service Unavailable", ""),
            String::new(),
        ] {
            let (service, _requests) = scripted(vec![answer.clone()]).await;
            let store = Store::fresh().await;
            let decoder = Decoder::new(store.clone(), Some(service));
            let (decoded, source) = decoder.decode(&coach(), now()).await.unwrap();
            assert_eq!(source, Source::Local, "{:.60}", answer);
            assert_eq!(decoded.make.as_deref(), Some("Motor Coach Industries"));
            assert_eq!(store.cached_vin(&coach(), now()).await.unwrap(), None, "not remembered");
        }
    }

    #[tokio::test]
    async fn a_number_that_nobody_knows_is_told_from_a_service_that_is_down() {
        // The table does not know the maker 111.
        let ones = Vin::parse("11111111111111111").unwrap();
        let store = Store::fresh().await;
        let offline = Decoder::new(store.clone(), None);
        assert_eq!(offline.decode(&ones, now()).await, Err(DecodeFault::NotFound));
        let (service, _requests) = scripted(vec![]).await;
        let down = Decoder::new(store, Some(service));
        assert_eq!(down.decode(&ones, now()).await, Err(DecodeFault::Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_is_given_three_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Vpic::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let begun = tokio::time::Instant::now();
        let error = service.decode(&coach()).await.unwrap_err();
        assert_eq!(error.kind(), voiceagent_core::ErrorKind::Timeout);
        assert_eq!(begun.elapsed().as_secs(), 3);
        assert!(!format!("{error:?}").contains("1M8GDM9AXKP042788"), "{error:?}");
    }
}
