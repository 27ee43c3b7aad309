use std::{collections::BTreeMap, fmt, future::Future, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};
use voiceagent_core::{
    CallId, Link, Result,
    audio::AudioFormat,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use super::{
    frame::{self, Frame},
    leg::Leg,
};
use crate::{hex::hex, media_stream::TokenCheck, server::Lobby};

/// For the name of the call, which Asterisk sends at once.
const NAME: Duration = Duration::from_secs(5);

/// Before connections are accepted again, when the system had nothing left for one.
const BREATH: Duration = Duration::from_millis(100);

/// Events and requests that may wait between a session and its connection, in each direction:
/// 1.3 s of frames.
const LINK: usize = 64;

type OnCall = Arc<dyn Fn(AudioSocketCall) -> BoxFuture<'static, ()> + Send + Sync>;

/// Takes calls of Asterisk's `AudioSocket` application.
///
/// The application names each call by a UUID, and this name is all that proves who connects: let
/// the dialplan ask for one that [`StreamTokens::issue`](crate::media_stream::StreamTokens::issue)
/// has made, whose 32 digits are a UUID without its hyphens. The connection is not encrypted; keep
/// it inside a network of your own.
///
/// ```no_run
/// # async fn serve() -> std::io::Result<()> {
/// use std::sync::Arc;
/// use voiceagent_core::transport::Transport;
/// use voiceagent_telephony::{
///     audio_socket::AudioSocket,
///     media_stream::{StreamTokens, TokenCheck},
///     server,
/// };
///
/// let tokens = Arc::new(StreamTokens::new());
/// let socket = AudioSocket::new(TokenCheck::Required(tokens), |call| async move {
///     let _link = Box::new(call).open().await;
/// });
/// socket.serve(server::bind(([10, 0, 0, 5], 9092).into())?).await
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct AudioSocket {
    tokens: TokenCheck,
    on_call: OnCall,
    calls: Arc<Semaphore>,
}

impl AudioSocket {
    /// Does this with each call; a call lasts as long as the link that is opened.
    pub fn new<F>(
        tokens: TokenCheck,
        on_call: impl Fn(AudioSocketCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let on_call: OnCall = Arc::new(move |call| on_call(call).boxed());
        Self { tokens, on_call, calls: Arc::new(Semaphore::new(100)) }
    }

    /// Calls at the same time; 100 if not set.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.calls = Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// Takes calls until the future is dropped.
    ///
    /// # Errors
    ///
    /// Never at present; a listener that fails is tried again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the listening, and every connection that has not become a call.
    /// Those that have go on.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let lobby = Lobby::default();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                // Who makes room must have left before another connection is accepted.
                arrived = listener.accept(), if tasks.len() <= Lobby::PLACES => match arrived {
                    Ok((stream, _)) => {
                        tasks.spawn(lobby.enter().until(self.clone().begin(stream)));
                    }
                    // One that gave up, or no file is left for it; others may still come.
                    Err(error) => {
                        warn!(%error, "a connection cannot be accepted");
                        sleep(BREATH).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    async fn begin(self, mut stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY cannot be set");
        }
        let mut read = BytesMut::new();
        let Ok(Some(name)) = timeout(NAME, wait_for_name(&mut stream, &mut read)).await else {
            warn!("connection closed: it did not name a call in time");
            return;
        };
        let name = hex(&name);
        let mut parameters = BTreeMap::from([(TokenCheck::PARAMETER.to_owned(), name.clone())]);
        let grant = match self.tokens.check((None, None), &mut parameters) {
            Ok(grant) => grant,
            Err(refusal) => return warn!("connection closed: {refusal}"),
        };
        let Ok(permit) = Arc::clone(&self.calls).try_acquire_owned() else {
            return warn!("connection closed: the limit of calls is reached");
        };
        let call = CallId::new(grant.call.unwrap_or(name));
        debug!(%call, "call began");
        let media = Media::audio(AudioFormat::PCM_8K);
        let mut info = CallInfo::new(call, media).with_parameters(grant.parameters);
        (info.from, info.to) = (grant.from, grant.to);
        info.direction = grant.direction.unwrap_or(info.direction);
        // From here on it is a call, and no longer the listener's.
        tokio::spawn((self.on_call)(AudioSocketCall { stream, read, info, permit }));
    }
}

impl fmt::Debug for AudioSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioSocket").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// The name of the call; `None` when something else comes first.
async fn wait_for_name(stream: &mut TcpStream, read: &mut BytesMut) -> Option<[u8; 16]> {
    loop {
        if let Some(frame) = frame::take(read) {
            return if let Frame::Uuid(name) = frame { Some(name) } else { None };
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

/// A call that Asterisk has connected.
///
/// As a [`Transport`] it carries 16-bit PCM at 8 kHz and delivers keys. It paces what goes out, so
/// that clears are exact and marks return when the audio before them has been sent. It cannot hand
/// calls on: let the dialplan do so behind `AudioSocket`.
pub struct AudioSocketCall {
    stream: TcpStream,
    read: BytesMut,
    info: CallInfo,
    permit: OwnedSemaphorePermit,
}

#[async_trait]
impl Transport for AudioSocketCall {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_clear(true).with_marks(true).with_dtmf(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let Self { stream, read, permit, .. } = *self;
        Ok(Link::spawn(LINK, move |peer| async move {
            // A call counts against the limit for as long as its connection is open.
            let _counted = permit;
            Leg::new(stream, read).run(peer).await
        }))
    }
}

impl fmt::Debug for AudioSocketCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioSocketCall").field("call", &self.info.id).finish_non_exhaustive()
    }
}
