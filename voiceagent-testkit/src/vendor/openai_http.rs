use std::{
    future::Future,
    io::{ErrorKind, Result},
    sync::Arc,
};

use serde_json::json;
use tokio::{
    net::TcpStream,
    sync::broadcast,
    time::{Instant, sleep_until},
};

use super::{
    http::{HttpConnection, HttpRequest},
    server::{Control, State},
};

const BEARER: &str = "Bearer scripted-vendor-key";

/// An endpoint of OpenAI's for audio, on one connection.
pub(super) trait Endpoint: Send {
    /// Its path.
    const PATH: &'static str;

    /// What the record of the connection says of a request.
    fn note(&self, request: &HttpRequest) -> String;

    /// Answers a request; the error of `Ok` is the code of a refusal.
    fn answer(
        &mut self,
        request: &HttpRequest,
        connection: &mut Connection,
    ) -> impl Future<Output = Result<std::result::Result<(), &'static str>>> + Send;

    /// The script has cut the connection, and the client will come back.
    fn cut(&self, state: &State) {
        let _ = state;
    }
}

/// Serves an endpoint, the head of `/v1/models` and its models, until the client or the script ends the
/// connection.
pub(super) async fn serve<E: Endpoint>(
    tcp: TcpStream,
    begin: impl FnOnce(&State) -> E + Send,
    state: Arc<State>,
) {
    if state.is_silent() {
        let _held = tcp;
        return std::future::pending().await;
    }
    let control = state.control();
    let (number, _open) = state.open(Vec::new());
    let mut endpoint = begin(&state);
    let Ok(http) = HttpConnection::new(tcp) else { return };
    let mut connection =
        Connection { http, state, number, control, stalled: false, held: false, cut: false };
    // However it ends, the client sees the end.
    let _ = connection.run(&mut endpoint).await;
    if connection.cut {
        endpoint.cut(&connection.state);
    }
}

/// A connection of a client.
pub(super) struct Connection {
    pub(super) http: HttpConnection,
    state: Arc<State>,
    number: usize,
    control: broadcast::Receiver<Control>,
    stalled: bool,
    /// It keeps its answers to itself for now.
    held: bool,
    /// The script ended it.
    cut: bool,
}

impl Connection {
    async fn run<E: Endpoint>(&mut self, endpoint: &mut E) -> Result<()> {
        loop {
            let request = tokio::select! {
                request = self.http.request() => request?,
                Ok(control) = self.control.recv() => {
                    self.obey(&control)?;
                    if let Control::Text(text) = control {
                        self.http.write(text.as_bytes()).await?;
                    }
                    continue;
                }
            };
            let Some(request) = request else { return Ok(()) };
            self.answer(&request, endpoint).await?;
        }
    }

    /// Counts audio of the client.
    pub(super) fn note_audio(&self, bytes: usize) {
        self.state.note_audio(self.number, bytes);
    }

    async fn answer<E: Endpoint>(&mut self, request: &HttpRequest, endpoint: &mut E) -> Result<()> {
        if !request.body.is_empty() {
            self.state.note(self.number, endpoint.note(request), false);
        }
        if self.stalled {
            return self.stall().await;
        }
        if let Some(refusal) = self.state.refusal() {
            let wait = refusal.retry_after.map(|wait| wait.as_secs().to_string());
            return self.refuse(refusal.status, &refusal.reason, wait.as_deref()).await;
        }
        if request.header("authorization") != Some(BEARER) {
            return self.refuse(401, "invalid_api_key", None).await;
        }
        match (&*request.method, &*request.path) {
            ("HEAD", "/v1/models") => self.http.respond(200, &[("content-length", "2")], "").await,
            ("GET", path) if path.starts_with("/v1/models/") => {
                let page = r#"{"object":"model","shutdown_date":null}"#;
                let length = page.len().to_string();
                self.http.respond(200, &[("content-length", &*length)], page).await
            }
            ("POST", path) if path == E::PATH => match endpoint.answer(request, self).await? {
                Ok(()) => Ok(()),
                Err(code) => self.refuse(400, code, None).await,
            },
            _ => self.refuse(404, "unknown_url", None).await,
        }
    }

    /// Waits until it is time to send more, or the client or the script ends the connection.
    pub(super) async fn until(&mut self, due: Instant) -> Result<()> {
        loop {
            tokio::select! {
                () = sleep_until(due), if !self.held => return Ok(()),
                read = self.http.more() => if read? == 0 { return Err(ended()) },
                Ok(control) = self.control.recv() => {
                    self.obey(&control)?;
                    if self.stalled {
                        return self.stall().await;
                    }
                }
            }
        }
    }

    /// Says nothing until the client gives up, or the script ends the connection.
    async fn stall(&mut self) -> Result<()> {
        loop {
            tokio::select! {
                read = self.http.more() => if read? == 0 { return Err(ended()) },
                Ok(control) = self.control.recv() => self.obey(&control)?,
            }
        }
    }

    /// Texts have a place only before a request.
    fn obey(&mut self, control: &Control) -> Result<()> {
        match control {
            Control::Close(..) | Control::Drop => {
                self.cut = true;
                Err(ended())
            }
            Control::Stall => {
                (self.cut, self.stalled) = (true, true);
                Ok(())
            }
            Control::Hold(holds) => {
                self.held = *holds;
                Ok(())
            }
            Control::Text(_) => Ok(()),
        }
    }

    async fn refuse(&mut self, status: u16, code: &str, retry_after: Option<&str>) -> Result<()> {
        let error = json!({ "message": code, "type": "invalid_request_error", "code": code });
        let body = json!({ "error": error }).to_string();
        let length = body.len().to_string();
        let mut headers = vec![("content-length", &*length)];
        headers.extend(retry_after.map(|wait| ("retry-after", wait)));
        self.http.respond(status, &headers, &body).await
    }
}

fn ended() -> std::io::Error {
    ErrorKind::ConnectionAborted.into()
}
