use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, warn};
use voiceagent_core::{Error, Result};

use super::Spans;
use crate::{config::Config, metrics::Metrics};

/// Spans that may wait: those of some twenty calls at once.
pub(super) const WAITING: usize = 2_048;
/// Spans of one request.
const BATCH: usize = 256;
/// How long the first span of a request waits for others.
const GATHERED: Duration = Duration::from_secs(2);
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends spans to a collector, on a task of its own. What a collector does not take is counted, and
/// not sent again: it would be in the way of what comes next.
#[derive(Debug)]
pub(crate) struct Exporting {
    queue: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    metrics: Arc<Metrics>,
}

/// Sends requests with the client of the rest of the program.
#[derive(Debug)]
struct Client(reqwest::Client);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(
        &self,
        request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let asked = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers);
        let answer = asked.body(body).send().await.map_err(reqwest::Error::without_url)?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        Ok(response.body(answer.bytes().await?)?)
    }
}

/// What takes spans in, and what sends them; `None` if no collector is configured, or it is switched
/// off.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) for a collector that cannot be asked.
pub(crate) fn spans(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<(Spans, Exporting)>> {
    let (house, config) = match config.switches.observability {
        true => (&config.dealership.name, &config.tracing),
        false => return Ok(None),
    };
    let Some(url) = &config.url else { return Ok(None) };
    // Whoever installed a provider before has the same one; a second installation changes nothing.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|cause| {
        Error::config("no HTTP client can be made").with_source(cause.without_url())
    })?;
    let headers: HashMap<String, String> = config
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .collect();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(client))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url)
        .with_timeout(PATIENCE)
        // Between its attempts it would hold one of our threads.
        .with_retry_policy(RetryPolicy::disabled())
        .with_headers(headers)
        .build()
        .map_err(|cause| {
            Error::config("field `tracing.url`: no spans can be sent there").with_source(cause)
        })?;
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "dealership"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.namespace", house.clone()),
        ])
        .build();
    exporter.set_resource(&resource);
    let (sender, queue) = mpsc::channel(WAITING);
    let spans = Spans::new(sender, Arc::clone(metrics), config.words);
    Ok(Some((spans, Exporting { queue, exporter, metrics: Arc::clone(metrics) })))
}

impl Exporting {
    /// Sends spans until `stop` ends, and then what is there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what has not been sent.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let (mut is_well, mut is_over) = (true, false);
        loop {
            let mut batch = Vec::new();
            let mut due = None;
            while batch.len() < BATCH && !is_over {
                tokio::select! {
                    more = self.queue.recv() => match more {
                        Some(more) => batch.push(more),
                        None => is_over = true,
                    },
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => break,
                    () = &mut stop => is_over = true,
                }
                due.get_or_insert_with(|| Instant::now() + GATHERED);
            }
            while is_over && batch.len() < BATCH {
                let Ok(more) = self.queue.try_recv() else { break };
                batch.push(more);
            }
            if batch.is_empty() {
                return;
            }
            let count = batch.len() as u64;
            let sent = timeout(PATIENCE, self.exporter.export(batch)).await;
            let fault = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("it does not answer".to_owned()),
            };
            self.metrics.spans(if fault.is_none() { "sent" } else { "failed" }, count);
            match &fault {
                Some(why) if is_well => warn!(why, "the collector takes no spans"),
                Some(why) => debug!(why, "the collector takes no spans"),
                None => {}
            }
            is_well = fault.is_none();
        }
    }
}
