use std::{fmt, sync::Arc};

use async_trait::async_trait;
use axum::extract::ws::WebSocket;
use tokio::sync::{mpsc, oneshot};
use voiceagent_core::{
    CallId, Link, Result,
    audio::AudioFormat,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use super::{
    Carrier, Grant, HeardCalls, Place, StreamKeys,
    dialect::Dialect,
    pump::{Leg, Pump},
};
use crate::{DtmfKey, control::CallControl};

/// Requests and events that may wait between a session and its socket, in each direction: 1.3 s
/// of frames. More would only hide that one of them has stopped reading.
const LINK: usize = 64;

/// A call that arrived as a media stream: its socket has said `start`, and its token was good.
///
/// As a [`Transport`] it carries the carrier's own encoding untouched, clears, returns marks (also
/// those of audio that a clear dropped) unless the carrier has none, and delivers keys. It
/// transfers when a [`CallControl`] with targets is configured.
///
/// Whoever opens it must go on reading: the link holds 64 events (1.3 s of audio), and while it is
/// full nothing is read from the socket and nothing written to it. A [`Call`](voiceagent_core::Call)
/// does. A stream that is dropped unopened is closed with code 1011.
///
/// A call whose far end said goodbye ends with [`Inbound::HungUp`]. One whose socket was lost,
/// stopped reading for 5 s, or went silent for 10 s ends with
/// [`Disconnected`](voiceagent_core::ErrorKind::Disconnected).
pub struct MediaStream {
    socket: Unopened,
    info: CallInfo,
    who: Identity,
    dialect: &'static Dialect,
    formats: Formats,
    beside: Beside,
    keys: (StreamKeys, mpsc::Receiver<DtmfKey>),
    place: Place,
}

/// How the carrier names what a stream belongs to.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) call: String,
    pub(super) stream: String,
    pub(super) account: Option<String>,
}

/// What a call has beside its socket.
#[derive(Debug)]
pub(super) struct Beside {
    /// Where it is noted that the caller was sent sound.
    pub(super) heard: Option<Arc<HeardCalls>>,
    pub(super) control: Option<Arc<dyn CallControl>>,
    /// Whether a verdict will come on who takes a call that we make.
    pub(super) answerer: bool,
    pub(super) news: mpsc::Receiver<Inbound>,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formats {
    pub(super) inbound: AudioFormat,
    pub(super) outbound: AudioFormat,
}

impl MediaStream {
    pub(super) fn new(
        socket: Unopened,
        who: Identity,
        (dialect, formats): (&'static Dialect, Formats),
        grant: Grant,
        beside: Beside,
        place: Place,
    ) -> Self {
        let Formats { inbound, outbound } = formats;
        let media = Media::Audio { inbound, outbound };
        let mut info =
            CallInfo::new(CallId::new(who.call.as_str()), media).with_parameters(grant.parameters);
        info.from = grant.from;
        info.to = grant.to;
        if let Some(direction) = grant.direction {
            info = info.with_direction(direction);
        }
        Self { socket, info, who, dialect, formats, beside, keys: StreamKeys::new(), place }
    }

    /// Who carries the call.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.dialect.carrier
    }

    /// Presses keys over the stream, once it is opened; `None` where the carrier does not take them
    /// there. Others take them through their API:
    /// [`CallControl::send_keys`](crate::control::CallControl::send_keys).
    #[must_use]
    pub fn keys(&self) -> Option<StreamKeys> {
        self.dialect.key.map(|_| self.keys.0.clone())
    }

    /// The carrier's name for the stream; that of the call where it has no other.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.who.stream
    }

    /// The carrier's name for the account, where it says so.
    #[must_use]
    pub fn account_id(&self) -> Option<&str> {
        self.who.account.as_deref()
    }
}

#[async_trait]
impl Transport for MediaStream {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
            .with_clear(true)
            .with_marks(self.dialect.mark.is_some())
            .with_dtmf(true)
            .with_transfer(self.beside.control.as_ref().is_some_and(|c| c.can_transfer()))
            .with_answerer(self.beside.answerer)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let leg = Leg {
            call: self.info.id,
            stream: self.who.stream,
            dialect: self.dialect,
            inbound: self.formats.inbound,
            outbound: self.formats.outbound,
            control: self.beside.control,
            heard: self.beside.heard,
            news: self.beside.news,
            keys: self.keys.1,
        };
        let place = self.place;
        let socket = self.socket.open();
        Ok(Link::spawn(LINK, move |peer| async move {
            // A call counts against the limit for as long as its socket is open.
            let _counted = place;
            Pump::new(socket, leg).run(peer).await
        }))
    }
}

/// The socket of a stream that nobody has opened. Dropping it gives the socket back, so that the
/// far end is told why it is closed.
#[derive(Debug)]
pub(super) struct Unopened(Option<(WebSocket, oneshot::Sender<WebSocket>)>);

impl Unopened {
    /// The socket, and where it comes back to; nothing comes when it was opened.
    pub(super) fn new(socket: WebSocket) -> (Self, oneshot::Receiver<WebSocket>) {
        let (back, dropped) = oneshot::channel();
        (Self(Some((socket, back))), dropped)
    }

    pub(super) fn open(mut self) -> WebSocket {
        self.0.take().expect("only opening and dropping take it, and both are the last").0
    }
}

impl Drop for Unopened {
    fn drop(&mut self) {
        if let Some((socket, back)) = self.0.take() {
            // Without anybody to take it back, the server is going down.
            let _ = back.send(socket);
        }
    }
}

impl fmt::Debug for MediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStream")
            .field("carrier", &self.dialect.carrier)
            .field("call", &self.who.call)
            .field("stream", &self.who.stream)
            .field("formats", &self.formats)
            .finish_non_exhaustive()
    }
}
