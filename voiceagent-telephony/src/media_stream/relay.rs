mod leg;
mod messages;
mod speech;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
    routing::any,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::oneshot::Receiver, time::timeout};
use tracing::{debug, warn};
use voiceagent_core::{
    CallId, Link, Result,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use self::{
    leg::Leg,
    messages::{Said, Setup},
};
use super::{
    Place, Places, TokenCheck,
    io::{TOO_LONG, close, is_about_length, is_too_long},
    start::is_name,
    stream::Unopened,
};
use crate::{
    control::CallControl,
    server::{Lobby, Seat, websocket},
};

/// For the `setup` message. Twilio sends it right after the upgrade.
const SETUP: Duration = Duration::from_secs(5);

/// Texts and events that may wait between a session and its socket, in each direction: an answer
/// has some ten, and a caller says a word in a third of a second.
const LINK: usize = 64;

type OnCall = Arc<dyn Fn(RelayCall) -> BoxFuture<'static, ()> + Send + Sync>;

/// A route that turns the sockets of Twilio's ConversationRelay into [`RelayCall`]s.
///
/// Answer the voice webhook with a
/// [`ConversationRelay`](crate::document::ConversationRelay) that brings a token of the same
/// [`StreamTokens`](super::StreamTokens) in its parameter `token`.
///
/// ```
/// use std::sync::Arc;
/// use voiceagent_core::transport::Transport;
/// use voiceagent_telephony::media_stream::{RelaySocket, StreamTokens, TokenCheck};
///
/// let tokens = Arc::new(StreamTokens::new());
/// let socket = RelaySocket::new(TokenCheck::Required(tokens), |call| async move {
///     let _link = Box::new(call).open().await;
/// });
/// let app: axum::Router = socket.max_calls(50).route("/relay");
/// ```
#[derive(Clone)]
#[must_use]
pub struct RelaySocket {
    tokens: TokenCheck,
    control: Option<Arc<dyn CallControl>>,
    on_call: OnCall,
    places: Places,
    lobby: Lobby,
}

impl RelaySocket {
    /// A socket that does this with each call; a call lasts as long as the link that is opened.
    pub fn new<F>(
        tokens: TokenCheck,
        on_call: impl Fn(RelayCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let on_call: OnCall = Arc::new(move |call| on_call(call).boxed());
        Self {
            places: Places::new(100, tokens.clone()),
            tokens,
            control: None,
            on_call,
            lobby: Lobby::default(),
        }
    }

    /// How to hang up and transfer. Without it, hanging up ends the conversation only.
    pub fn control(mut self, control: Arc<dyn CallControl>) -> Self {
        self.control = Some(control);
        self
    }

    /// Calls at the same time; 100 if not set.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.places = Places::new(calls, self.tokens.clone());
        self
    }

    /// Whether another call would be let in.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.places.are_free()
    }

    /// The places that its calls take.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// A router that serves the socket at `path`.
    pub fn route(self, path: &str) -> Router {
        let upgrade = |State(socket): State<Self>, upgrade: WebSocketUpgrade| async move {
            socket.upgrade(upgrade)
        };
        Router::new().route(path, any(upgrade)).with_state(self)
    }

    /// Answers an upgrade request.
    ///
    /// The token is checked on the socket; a signature must have been checked before.
    pub fn upgrade(self, upgrade: WebSocketUpgrade) -> Response {
        let seat = self.lobby.enter();
        websocket(upgrade).on_upgrade(move |socket| async move { self.serve(socket, seat).await })
    }

    async fn serve(self, socket: WebSocket, seat: Seat) {
        let begun = seat.until(self.begin(socket)).await.flatten();
        let Some((call, unanswered)) = begun else { return };
        (self.on_call)(call).await;
        if let Ok(socket) = unanswered.await {
            close(socket, 1011, "the call could not be answered").await;
        }
    }

    /// Waits for a conversation and lets it in; a socket that is not let in is closed.
    /// Gives the call, and where its socket comes back to if nobody opens it.
    async fn begin(&self, mut socket: WebSocket) -> Option<(RelayCall, Receiver<WebSocket>)> {
        let setup = timeout(SETUP, wait_for_setup(&mut socket)).await;
        let setup = setup.unwrap_or(Err((1008, "no setup message in time")));
        let setup = setup.inspect_err(|(_, reason)| warn!("relay socket closed: {reason}"));
        match setup.and_then(|setup| self.admit(setup)) {
            Ok((info, place)) => {
                let (socket, unanswered) = Unopened::new(socket);
                let control = self.control.clone();
                Some((RelayCall { socket, info, control, place }, unanswered))
            }
            Err((code, reason)) => {
                close(socket, code, reason).await;
                None
            }
        }
    }

    /// Lets a conversation in, or says why the socket is closed.
    fn admit(&self, mut setup: Setup) -> Result<(CallInfo, Place), (u16, &'static str)> {
        if !is_name(&setup.call_sid) {
            warn!("relay socket closed: the name of its call cannot be one");
            return Err((1008, "not a name"));
        }
        let names = (setup.account_sid.as_deref(), Some(setup.call_sid.as_str()));
        let mut grant =
            self.tokens.check(names, &mut setup.custom_parameters.0).map_err(|refusal| {
                warn!(call = setup.call_sid, "relay socket closed: {refusal}");
                (1008, "not authorized")
            })?;
        let place = grant.place.take().or_else(|| self.places.take()).ok_or_else(|| {
            warn!(call = setup.call_sid, "relay socket closed: the limit of calls is reached");
            (1013, "no room")
        })?;
        debug!(call = setup.call_sid, session = setup.session_id, "conversation began");
        let mut info = CallInfo::new(CallId::new(setup.call_sid), Media::Text)
            .with_parameters(grant.parameters);
        (info.from, info.to) = (grant.from, grant.to);
        info.direction = grant.direction.unwrap_or(info.direction);
        Ok((info, place))
    }
}

impl fmt::Debug for RelaySocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelaySocket")
            .field("tokens", &self.tokens)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

/// The message that begins a conversation; all others are passed over.
async fn wait_for_setup(socket: &mut WebSocket) -> Result<Setup, (u16, &'static str)> {
    loop {
        match socket.recv().await {
            Some(Ok(message)) if is_too_long(&message) => return Err((1009, TOO_LONG)),
            Some(Err(error)) if is_about_length(&error) => return Err((1009, TOO_LONG)),
            Some(Ok(Message::Text(text))) => {
                if let Said::Setup(setup) = Said::read(&text) {
                    return Ok(*setup);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err((1008, "no setup message")),
        }
    }
}

/// A call whose far end recognizes and speaks by itself: Twilio's ConversationRelay.
///
/// As a [`Transport`] it carries text. Twilio decides when the caller interrupts, stops, and says
/// how much of the text was heard; it answers no marks, and cannot be told to drop what it has.
/// A hang-up waits for about as long as it takes to say what was sent before it, at most a minute,
/// and a transfer for at most ten seconds; less when Twilio says that it has finished, or the
/// caller interrupts. A call that is dropped unopened is closed with code 1011.
///
/// A call whose socket was lost or silent for 10 s ends with
/// [`Disconnected`](voiceagent_core::ErrorKind::Disconnected).
pub struct RelayCall {
    socket: Unopened,
    info: CallInfo,
    control: Option<Arc<dyn CallControl>>,
    place: Place,
}

#[async_trait]
impl Transport for RelayCall {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
            .with_dtmf(true)
            .with_transfer(self.control.as_ref().is_some_and(|control| control.can_transfer()))
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let Self { socket, info, control, place } = *self;
        let leg = Leg::new(socket.open(), info.id, control, Some(place));
        Ok(Link::spawn(LINK, move |peer| leg.run(peer)))
    }
}

impl fmt::Debug for RelayCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayCall").field("call", &self.info.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
