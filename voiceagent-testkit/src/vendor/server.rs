use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode},
        protocol::CloseFrame,
    },
};

use super::{Record, Refusal, outbox::Output, query::Query};

/// Commands that a connection may have missed; a test gives a handful.
const COMMANDS: usize = 64;

/// How long the progress of a connection that was cut waits for the one that continues it.
const ORPHAN_LIFE: Duration = Duration::from_secs(30);

/// The headers of Deepgram's endpoints.
pub(super) const DEEPGRAM: [(&str, &str); 1] = [("authorization", "Token scripted-vendor-key")];

/// What differs between the vendors' endpoints.
pub(super) trait Script: Send + Sync + 'static {
    /// The path of the endpoint.
    fn path(&self) -> &str;

    /// Headers that a request must have: the key first, whose lack is answered with status 401.
    fn headers(&self) -> &'static [(&'static str, &'static str)];

    /// Checks the parameters; the error is the reason of a refusal with status 400.
    fn check(&self, query: &Query) -> Result<(), String>;

    /// What the vendor does when nothing comes for long; nothing, unless it is known.
    fn idle(&self) -> Option<Idle> {
        None
    }

    /// Begins a connection. `progress` continues one that was cut.
    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session>;
}

/// How a vendor ends a connection on which nothing comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    /// How long it waits.
    pub(super) limit: Duration,
    /// What it waits for.
    pub(super) sign: Sign,
    /// The code and the reason of its close.
    pub(super) close: (u16, &'static str),
}

/// A sign of life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    /// Audio, or a text message.
    Message,
    /// A ping of the WebSocket.
    Ping,
}

/// One connection of the vendor, without its socket.
pub(super) trait Session: Send {
    fn on_audio(&mut self, audio: &[u8], now: Instant);

    /// Takes a text message; whether it says goodbye.
    fn on_text(&mut self, text: &str, now: Instant) -> bool;

    /// The next thing to send.
    fn poll(&mut self, now: Instant) -> Option<Output>;

    /// When to poll again, if nothing comes before.
    fn wake_at(&self) -> Option<Instant>;

    /// How much of the script a connection that continues this one need not play.
    fn progress(&self) -> usize;
}

/// A command to all open connections.
#[derive(Clone, Debug)]
pub(super) enum Control {
    Close(u16, Arc<str>),
    Drop,
    Hold(bool),
    Stall,
    Text(Arc<str>),
}

/// A listening server; dropping it ends it and its connections.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<State>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves WebSockets.
    pub(super) async fn start(script: Arc<dyn Script>) -> Self {
        let idle = script.idle();
        let server =
            Self::serve(move |tcp, state| connection(tcp, Arc::clone(&script), state)).await;
        server.state.lock().idle = idle;
        server
    }

    /// Serves each connection by itself.
    pub(super) async fn serve<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream, Arc<State>) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::new());
        let task = tokio::spawn(accept(listener, serve, Arc::clone(&state)));
        Self { address, state, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What handle and connections share.
pub(super) struct State {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    control: broadcast::Sender<Control>,
}

#[derive(Default)]
struct Inner {
    records: Vec<Record>,
    open: usize,
    refusal: Option<Refusal>,
    silent: bool,
    idle: Option<Idle>,
    orphans: VecDeque<(Instant, usize)>,
}

impl State {
    fn new() -> Self {
        Self {
            inner: Mutex::default(),
            changes: watch::Sender::new(0),
            control: broadcast::Sender::new(COMMANDS),
        }
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    pub(super) fn accepted(&self) -> usize {
        self.lock().records.len()
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().open
    }

    pub(super) fn set_refusal(&self, refusal: Option<Refusal>) {
        self.lock().refusal = refusal;
    }

    /// How a connection ends on which nothing comes.
    pub(super) fn idle(&self) -> Option<Idle> {
        self.lock().idle
    }

    /// Ends connections after another time without a sign of life than the vendor does.
    pub(super) fn set_idle_limit(&self, limit: Duration) {
        if let Some(idle) = &mut self.lock().idle {
            idle.limit = limit;
        }
    }

    pub(super) fn set_silent(&self, silent: bool) {
        self.lock().silent = silent;
    }

    pub(super) fn is_silent(&self) -> bool {
        self.lock().silent
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.lock().refusal.clone()
    }

    /// Commands from now on.
    pub(super) fn control(&self) -> broadcast::Receiver<Control> {
        self.control.subscribe()
    }

    /// Counts a connection and begins its record.
    pub(super) fn open(self: &Arc<Self>, query: Vec<(String, String)>) -> (usize, Open) {
        let number = self.change(|inner| {
            inner.open += 1;
            inner.records.push(Record { query, ..Record::default() });
            inner.records.len() - 1
        });
        (number, Open(Arc::clone(self)))
    }

    /// Notes a text that a connection has sent, and whether it says goodbye.
    pub(super) fn note(&self, number: usize, text: String, goodbye: bool) {
        self.change(|inner| {
            let record = &mut inner.records[number];
            record.texts.push(text);
            record.said_goodbye |= goodbye;
        });
    }

    pub(super) fn command(&self, control: Control) {
        // Without a connection there is nobody to obey.
        let _ = self.control.send(control);
    }

    pub(super) async fn until(&self, holds: impl Fn(&Self) -> bool + Send + Sync) {
        let mut changes = self.changes.subscribe();
        while !holds(self) {
            changes.changed().await.expect("the sender is in `self`");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the lock panics")
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.changes.send_modify(|version| *version += 1);
        result
    }

    /// Counts audio that a connection has sent.
    pub(super) fn note_audio(&self, number: usize, bytes: usize) {
        self.change(|inner| inner.records[number].audio_bytes += bytes);
    }

    /// Leaves the progress of a connection that is cut to the one that continues it.
    pub(super) fn leave(&self, progress: usize) {
        self.change(|inner| inner.orphans.push_back((Instant::now(), progress)));
    }

    /// What a cut connection left behind.
    pub(super) fn adopt(&self) -> usize {
        let orphans = &mut self.lock().orphans;
        orphans.retain(|(since, _)| since.elapsed() < ORPHAN_LIFE);
        orphans.pop_front().map_or(0, |(_, progress)| progress)
    }
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    serve: impl Fn(TcpStream, Arc<State>) -> F + Send,
    state: Arc<State>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((tcp, _)) = listener.accept() => {
                connections.spawn(serve(tcp, Arc::clone(&state)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(tcp: TcpStream, script: Arc<dyn Script>, state: Arc<State>) {
    if state.is_silent() {
        let _held = tcp;
        return std::future::pending().await;
    }
    let _ = tcp.set_nodelay(true);
    // Subscribed before the handshake is answered, so that no command is missed after it.
    let control = state.control();
    let mut query = Query::default();
    let refusal = state.refusal();
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let check = |request: &Request, response: Response| match review(request, &*script, refusal) {
        Ok(accepted) => {
            query = accepted;
            Ok(response)
        }
        Err(refusal) => Err(refuse(&refusal)),
    };
    let Ok(socket) = accept_hdr_async(tcp, check).await else { return };
    let session = script.begin(&query, state.adopt());
    let (number, _open) = state.open(query.0);
    let idle = state.idle().map(|idle| (Instant::now() + idle.limit, idle));
    let connection =
        Connection { socket, session, state, number, idle, stalled: false, held: None, cut: false };
    connection.run(control).await;
}

/// Counts an open connection until it is dropped, however that comes.
pub(super) struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.change(|inner| inner.open -= 1);
    }
}

fn review(
    request: &Request,
    script: &dyn Script,
    refusal: Option<Refusal>,
) -> Result<Query, Refusal> {
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let because = |status, reason: String| Refusal { reason, ..Refusal::status(status) };
    let mut status = 401;
    for (name, value) in script.headers() {
        let found = request.headers().get(*name).and_then(|found| found.to_str().ok());
        if found != Some(*value) {
            return Err(because(status, "Invalid credentials.".to_owned()));
        }
        status = 400;
    }
    if request.uri().path() != script.path() {
        return Err(because(404, "No such endpoint.".to_owned()));
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    script.check(&query).map_err(|reason| because(400, reason))?;
    Ok(query)
}

fn refuse(refusal: &Refusal) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() =
        StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    if let Ok(reason) = HeaderValue::from_str(&refusal.reason) {
        headers.insert("dg-error", reason);
    }
    if let Some(wait) = refusal.retry_after {
        headers.insert("retry-after", wait.as_secs().into());
    }
    headers.insert("content-length", 0.into());
    response
}

struct Connection {
    socket: WebSocketStream<TcpStream>,
    session: Box<dyn Session>,
    state: Arc<State>,
    number: usize,
    /// When it ends unless there is a sign of life.
    idle: Option<(Instant, Idle)>,
    stalled: bool,
    /// What it keeps to itself for now.
    held: Option<Vec<Output>>,
    /// The script ended the connection, so that the client will come back.
    cut: bool,
}

impl Connection {
    async fn run(mut self, mut control: broadcast::Receiver<Control>) {
        while self.step(&mut control).await.is_some() {}
        let progress = self.session.progress();
        if self.cut {
            self.state.leave(progress);
        }
    }

    /// Sends what is due and takes what comes; `None` when the connection has ended.
    async fn step(&mut self, control: &mut broadcast::Receiver<Control>) -> Option<()> {
        while let Some(output) = self.session.poll(Instant::now()) {
            match &mut self.held {
                _ if self.stalled => {}
                Some(held) => held.push(output),
                None => self.send(output).await?,
            }
        }
        let far = || Instant::now() + Duration::from_secs(3_600);
        let wake = self.session.wake_at().unwrap_or_else(far);
        let idle_at = self.idle.map_or_else(far, |(at, _)| at);
        tokio::select! {
            message = self.socket.next() => self.on_message(message?.ok()?),
            Ok(control) = control.recv() => self.obey(control).await,
            () = sleep_until(wake) => Some(()),
            () = sleep_until(idle_at) => self.end_idle().await,
        }
    }

    /// Ends the connection for want of a sign of life.
    async fn end_idle(&mut self) -> Option<()> {
        let (_, idle) = self.idle?;
        self.cut = true;
        let (code, reason) = idle.close;
        self.send(Output::Close(code, reason)).await
    }

    fn on_message(&mut self, message: Message) -> Option<()> {
        let now = Instant::now();
        let sign = match message {
            Message::Binary(_) | Message::Text(_) => Some(Sign::Message),
            Message::Ping(_) => Some(Sign::Ping),
            Message::Close(_) | Message::Pong(_) | Message::Frame(_) => None,
        };
        if let Some((at, idle)) = &mut self.idle
            && sign == Some(idle.sign)
        {
            *at = now + idle.limit;
        }
        match message {
            Message::Binary(audio) => {
                let length = audio.len();
                self.session.on_audio(&audio, now);
                self.state.note_audio(self.number, length);
            }
            Message::Text(text) => {
                let goodbye = self.session.on_text(&text, now);
                self.state.note(self.number, text.to_string(), goodbye);
            }
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Some(())
    }

    async fn obey(&mut self, control: Control) -> Option<()> {
        self.cut |= matches!(control, Control::Close(..) | Control::Drop | Control::Stall);
        match control {
            Control::Close(code, reason) => {
                let frame = CloseFrame { code: code.into(), reason: (&*reason).into() };
                let _ = self.socket.send(Message::Close(Some(frame))).await;
                None
            }
            Control::Drop => None,
            Control::Hold(true) => {
                self.held = Some(Vec::new());
                Some(())
            }
            Control::Hold(false) => {
                for output in self.held.take().unwrap_or_default() {
                    self.send(output).await?;
                }
                Some(())
            }
            Control::Stall => {
                (self.stalled, self.idle) = (true, None);
                Some(())
            }
            Control::Text(text) => self.socket.send(Message::text(&*text)).await.ok(),
        }
    }

    async fn send(&mut self, output: Output) -> Option<()> {
        match output {
            Output::Binary(payload) => self.socket.send(Message::Binary(payload)).await.ok(),
            Output::Close(code, reason) => {
                let frame = CloseFrame { code: code.into(), reason: reason.into() };
                self.socket.send(Message::Close(Some(frame))).await.ok()?;
                None
            }
            Output::Text(text) => self.socket.send(Message::text(text)).await.ok(),
        }
    }
}
