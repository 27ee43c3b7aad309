use std::{collections::HashMap, process::Stdio, sync::Arc};

use reqwest::{
    Client,
    header::{HeaderName, HeaderValue},
    redirect,
};
use rmcp::{
    ClientHandler, RoleClient, ServiceExt,
    model::{ClientCapabilities, ClientConfig, Implementation},
    service::{NotificationContext, RunningService},
    transport::{
        StreamableHttpClientTransport, TokioChildProcess,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use rustls::{RootCertStore, crypto::ring};
use tokio::{process::Command, sync::Notify};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::McpConfig;

/// What a program may know of our environment: what it needs to run, and no keys.
const ENVIRONMENT: [&str; 5] = ["HOME", "LANG", "PATH", "TMPDIR", "USER"];

/// The largest event that is read: a long list of tools with their schemas.
const MAX_EVENT: usize = 4 << 20;

/// Requests beside the calls: cancellations, lists and signs of life. One that finds no room waits
/// unseen, and a call whose caller was told that it failed would be sent after all.
const BESIDE: usize = 64;

/// Our side of a connection: it hears that the list of tools has changed, and offers nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ear {
    pub(crate) changed: Arc<Notify>,
}

impl ClientHandler for Ear {
    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("voiceagent", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), us)
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// Starts the program, or reaches the URL, and agrees on the protocol.
///
/// # Errors
///
/// [`ErrorKind::Config`] for what cannot be right, [`ErrorKind::Disconnected`] for a server that
/// is not there or does not agree.
pub(crate) async fn connect(
    config: &McpConfig,
    ear: Ear,
) -> Result<RunningService<RoleClient, Ear>> {
    let agreed = match &config.url {
        Some(url) => ear.serve(over_http(config, url)?).await,
        None => ear.serve(program(config)?).await,
    };
    agreed.map_err(|refused| {
        // Servers repeat in their words what they were sent.
        tracing::debug!(server = &*config.name, pii.refusal = %refused, "an MCP server refuses");
        Error::new(ErrorKind::Disconnected, "open", "the server does not agree on the protocol")
    })
}

/// The program of the configuration, running. It is ended when it is dropped.
fn program(config: &McpConfig) -> Result<TokioChildProcess> {
    let mut command = Command::new(config.command.as_deref().unwrap_or_default());
    command.args(&config.args).env_clear();
    let known = ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.envs(known);
    command.envs(config.env.iter().map(|(name, value)| (name, value.expose())));
    let started = TokioChildProcess::builder(command).stderr(Stdio::inherit()).spawn();
    let (program, _) = started.map_err(|error| {
        Error::config(format!("field `command`: the program does not start: {}", error.kind()))
    })?;
    Ok(program)
}

fn over_http(config: &McpConfig, url: &str) -> Result<StreamableHttpClientTransport<Client>> {
    let header = |(name, value): (&String, &Secret)| {
        let wrong = || Error::config(format!("`{name}` in `headers` does not fit into a header"));
        let mut text = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
        text.set_sensitive(true);
        Ok((HeaderName::try_from(name.as_str()).map_err(|_| wrong())?, text))
    };
    let headers: HashMap<_, _> = config.headers.iter().map(header).collect::<Result<_>>()?;
    let mut settings = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(headers)
        .max_sse_event_size(MAX_EVENT)
        .max_concurrent_requests(config.max_calls.saturating_add(BESIDE));
    if let Some(token) = &config.token {
        settings = settings.auth_header(token.expose());
    }
    Ok(StreamableHttpClientTransport::with_client(client(config)?, settings))
}

/// A client with the roots of Mozilla, whatever the process has installed. Tokens follow no
/// redirect.
fn client(config: &McpConfig) -> Result<Client> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|unfit| Error::config("TLS cannot be set up").with_source(unfit))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(config.open_timeout)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| Error::config("TLS cannot be set up").with_source(error))
}
