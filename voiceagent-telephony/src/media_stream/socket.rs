use std::{fmt, future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{State, WebSocketUpgrade, ws::WebSocket},
    response::Response,
    routing::any,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::Semaphore, time::Instant};
use tracing::{debug, info, warn};
use voiceagent_core::{CallId, Error, Result, audio::AudioFormat, transport::Inbound};

use super::{
    Carrier, HeardCalls, MediaStream, Places, TokenCheck,
    dialect::Dialect,
    io::{TOO_LONG, close},
    news::CallNews,
    start::{Beginning, StreamStart, ToldFormat, is_name, wait_for_start},
    stream::{Beside, Formats, Identity, Unopened},
};
use crate::{
    control::CallControl,
    server::{Lobby, Seat, websocket},
};

/// For the `start` message. Carriers send it right after the upgrade.
const START: Duration = Duration::from_secs(5);

/// What jambonz wants to speak, of which it must be told one; nobody else asks.
const SUBPROTOCOLS: [&str; 2] = ["audio.jambonz.org", "audio.drachtio.org"];

type OnCall = Arc<dyn Fn(MediaStream) -> BoxFuture<'static, ()> + Send + Sync>;

/// A route that turns media sockets of one carrier, or of any, into [`MediaStream`]s.
///
/// ```
/// use voiceagent_core::transport::Transport;
/// use voiceagent_telephony::media_stream::{MediaSocket, TokenCheck};
///
/// let media = MediaSocket::twilio(TokenCheck::Off)
///     .max_calls(100)
///     .on_call(|stream| async move {
///         let _link = Box::new(stream).open().await;
///     })
///     .build()?;
/// let app: axum::Router = media.route("/media");
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone)]
pub struct MediaSocket {
    settings: Arc<Settings>,
}

struct Settings {
    carrier: Option<Carrier>,
    format: Option<AudioFormat>,
    tokens: TokenCheck,
    control: Option<Arc<dyn CallControl>>,
    heard: Option<Arc<HeardCalls>>,
    answerer: bool,
    news: CallNews,
    on_call: OnCall,
    start: Duration,
    places: Places,
    lobby: Lobby,
}

impl MediaSocket {
    /// A socket for Twilio's Media Streams.
    pub fn twilio(tokens: TokenCheck) -> MediaSocketBuilder {
        Self::of(Carrier::Twilio, tokens)
    }

    /// A socket for the streams of this carrier.
    pub fn of(carrier: Carrier, tokens: TokenCheck) -> MediaSocketBuilder {
        MediaSocketBuilder::new(Some(carrier), tokens)
    }

    /// A socket for the streams of all carriers, which are told apart by how they begin.
    ///
    /// ```
    /// use voiceagent_telephony::media_stream::{MediaSocket, TokenCheck};
    ///
    /// let media = MediaSocket::any(TokenCheck::Off)
    ///     .on_call(|stream| async move { println!("{} calls", stream.carrier()) })
    ///     .build()?;
    /// # Ok::<(), voiceagent_core::Error>(())
    /// ```
    pub fn any(tokens: TokenCheck) -> MediaSocketBuilder {
        MediaSocketBuilder::new(None, tokens)
    }

    /// A router that serves the socket at `path`.
    pub fn route(self, path: &str) -> Router {
        let upgrade = |State(socket): State<Self>, upgrade: WebSocketUpgrade| async move {
            socket.upgrade(upgrade)
        };
        Router::new().route(path, any(upgrade)).with_state(self)
    }

    /// Whether another call would be let in.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.settings.places.are_free()
    }

    /// The places that its calls take.
    pub(crate) fn places(&self) -> &Places {
        &self.settings.places
    }

    /// Tells a call what the carrier has reported about it, now or when its stream begins.
    pub(crate) fn tell(&self, call: &CallId, news: Inbound) {
        self.settings.news.tell(call, news);
    }

    /// Answers an upgrade request.
    ///
    /// The token is checked on the socket; a signature must have been checked before.
    pub fn upgrade(self, upgrade: WebSocketUpgrade) -> Response {
        let seat = self.settings.lobby.enter();
        websocket(upgrade)
            .protocols(SUBPROTOCOLS)
            .on_upgrade(move |socket| async move { self.settings.serve(socket, seat).await })
    }
}

impl Settings {
    async fn serve(&self, socket: WebSocket, seat: Seat) {
        let Some((socket, admitted)) = seat.until(self.begin(socket)).await.flatten() else {
            return;
        };
        let (socket, unanswered) = Unopened::new(socket);
        (self.on_call)(admitted(socket)).await;
        if let Ok(socket) = unanswered.await {
            close(socket, 1011, "the call could not be answered").await;
        }
    }

    /// Waits for a stream and lets it in; a socket that is not let in is closed.
    async fn begin(
        &self,
        mut socket: WebSocket,
    ) -> Option<(WebSocket, impl FnOnce(Unopened) -> MediaStream)> {
        let deadline = Instant::now() + self.start;
        let refused = match wait_for_start(&mut socket, deadline).await {
            Beginning::Started(start) => match self.admit(start) {
                Ok(admitted) => return Some((socket, admitted)),
                Err(refused) => refused,
            },
            Beginning::Gone => {
                debug!("a media socket was closed by its far end before it began a stream");
                (1000, "no start message")
            }
            Beginning::Late => {
                warn!("media socket closed: it did not begin a stream in time");
                (1008, "no start message")
            }
            Beginning::TooLong => {
                warn!("media socket closed: {TOO_LONG}");
                (1009, TOO_LONG)
            }
            Beginning::Unnamed => {
                warn!("media socket closed: the name of its call or stream cannot be one");
                (1008, "not a name")
            }
        };
        let (code, reason) = refused;
        close(socket, code, reason).await;
        None
    }

    /// Lets a stream in, or says why the socket is closed.
    fn admit(
        &self,
        mut start: StreamStart,
    ) -> Result<impl FnOnce(Unopened) -> MediaStream, (u16, &'static str)> {
        let told = start.call.as_deref().unwrap_or("(unnamed)").to_owned();
        let mut parameters = std::mem::take(&mut start.parameters);
        let names = (start.account.as_deref(), start.call.as_deref());
        let mut grant = self.tokens.check(names, &mut parameters).map_err(|refusal| {
            warn!(call = told, "media socket closed: {refusal}");
            (1008, "not authorized")
        })?;
        let call = start.call.or_else(|| grant.call.clone()).filter(|call| is_name(call));
        let call = call.ok_or_else(|| {
            warn!("media socket closed: neither the stream nor its token names the call");
            (1008, "not a name")
        })?;
        let dialect = Dialect::of(self.carrier.unwrap_or(start.carrier));
        let inbound = dialect.inbound(start.format).ok_or_else(|| {
            warn!(call, "media socket closed: its audio format is not supported");
            (1003, "audio format")
        })?;
        if let ToldFormat::Rate(rate) = start.format {
            info!(call, rate, "the encoding of a stream has no known name, and is taken for PCM");
        }
        let outbound = dialect.plays.map_or(inbound, |usual| self.format.unwrap_or(usual));
        let place = grant.place.take().or_else(|| self.places.take()).ok_or_else(|| {
            warn!(call, "media socket closed: the limit of calls is reached");
            (1013, "no room")
        })?;
        let stream = start.stream.unwrap_or_else(|| call.clone());
        debug!(call, stream, carrier = %dialect.carrier, "media stream began");
        let who = Identity { call, stream, account: start.account };
        let formats = Formats { inbound, outbound };
        let beside = Beside {
            control: self.control.clone(),
            answerer: self.answerer,
            heard: self.heard.clone(),
            news: self.news.listen(&CallId::new(who.call.as_str())),
        };
        Ok(move |socket| MediaStream::new(socket, who, (dialect, formats), grant, beside, place))
    }
}

impl fmt::Debug for MediaSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSocket")
            .field("tokens", &self.settings.tokens)
            .field("control", &self.settings.control)
            .field("places", &self.settings.places)
            .finish_non_exhaustive()
    }
}

/// Gathers the settings of a [`MediaSocket`].
#[must_use]
pub struct MediaSocketBuilder {
    carrier: Option<Carrier>,
    format: Option<AudioFormat>,
    tokens: TokenCheck,
    control: Option<Arc<dyn CallControl>>,
    heard: Option<Arc<HeardCalls>>,
    answerer: bool,
    on_call: Option<OnCall>,
    start: Duration,
    calls: usize,
}

impl MediaSocketBuilder {
    fn new(carrier: Option<Carrier>, tokens: TokenCheck) -> Self {
        Self {
            carrier,
            format: None,
            tokens,
            control: None,
            heard: None,
            answerer: false,
            on_call: None,
            start: START,
            calls: 100,
        }
    }

    /// The format that the carrier was asked for. It tells the format of what it sends itself, but
    /// Telnyx not that of what it wants to be sent (`stream_bidirectional_codec`): mu-law if not
    /// set.
    pub const fn format(mut self, format: AudioFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// What happens with each call; it lasts as long as the future, or the link that it opens.
    pub fn on_call<F>(mut self, on_call: impl Fn(MediaStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_call = Some(Arc::new(move |stream| on_call(stream).boxed()));
        self
    }

    /// How to hang up and transfer. Without it, hanging up only closes the socket.
    pub fn control(mut self, control: Arc<dyn CallControl>) -> Self {
        self.control = Some(control);
        self
    }

    /// Where the calls are noted whose caller was sent any sound. A call that was sent none and is
    /// hung up loses its socket only, so that the carrier can say something.
    pub(crate) fn heard(mut self, heard: Arc<HeardCalls>) -> Self {
        self.heard = Some(heard);
        self
    }

    /// Whether a verdict will come on who takes a call that we make.
    pub(crate) const fn answerer(mut self, comes: bool) -> Self {
        self.answerer = comes;
        self
    }

    /// Calls at the same time; 100 if not set.
    pub const fn max_calls(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// How long a socket may stay without saying `start`; 5 s if not set.
    pub const fn start_deadline(mut self, deadline: Duration) -> Self {
        self.start = deadline;
        self
    }

    /// Makes the socket.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when there is no `on_call`, or a setting is
    /// out of range.
    pub fn build(self) -> Result<MediaSocket> {
        let on_call = self
            .on_call
            .ok_or_else(|| Error::config("on_call: it must say what happens with a call"))?;
        if self.calls == 0 || self.calls > Semaphore::MAX_PERMITS {
            return Err(Error::config("max_calls: at least 1"));
        }
        if self.start.is_zero() || self.start > Duration::from_secs(60) {
            return Err(Error::config("start_deadline: more than 0 and at most 60 s"));
        }
        if let Some(format) = self.format {
            let carried = |carrier| Dialect::of(carrier).formats.contains(&format);
            if !self.carrier.is_some_and(carried) {
                return Err(Error::config("format: one that the socket's carrier has"));
            }
        }
        Ok(MediaSocket {
            settings: Arc::new(Settings {
                carrier: self.carrier,
                format: self.format,
                places: Places::new(self.calls, self.tokens.clone()),
                tokens: self.tokens,
                control: self.control,
                heard: self.heard,
                answerer: self.answerer,
                news: CallNews::default(),
                on_call,
                start: self.start,
                lobby: Lobby::default(),
            }),
        })
    }
}

impl fmt::Debug for MediaSocketBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSocketBuilder")
            .field("tokens", &self.tokens)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}
