use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use rsipstack::{
    platform::{CancellationToken, mpsc as stack_mpsc},
    sip::{SipMessage, Transport},
    transaction::endpoint::EndpointInner,
    transport::{SipAddr, SipConnection, TransportEvent},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tracing::debug;

use super::{
    connected::Connected,
    framing::{Framed, Framing},
    handles::Handles,
    screening::{Screened, screen},
};

/// How long a side may take to complete a message that it has begun, to send its first one, or to
/// take what we send.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long answers to what came before are waited for when no next message can be found.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Messages that wait to be written. Beyond, the other side does not read.
const BACKLOG: usize = 1_024;

/// A message, with the connection that it came by and from where.
pub(super) type Heard = (SipMessage, SipConnection, SipAddr);

/// One connection over TCP or TLS.
///
/// The stack knows it as a channel: so its own readers and writers, which log each message as a
/// whole and wait for slow sides without end, stay out of it.
pub(super) struct Stream<S> {
    socket: S,
    address: SipAddr,
    framing: Framing,
    outgoing: stack_mpsc::UnboundedReceiver<TransportEvent>,
    connection: SipConnection,
    handles: Arc<Handles>,
    token: CancellationToken,
    /// When the other side has taken too long.
    deadline: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// Makes a connection known to the stack.
    pub(super) async fn open(
        socket: S,
        (transport, remote): (Transport, SocketAddr),
        (endpoint, connected): (&EndpointInner, &Connected),
        token: CancellationToken,
    ) -> Option<Self> {
        let address = SipAddr::new(transport, remote.into());
        let (handles, connection, outgoing) = Handles::new(address.clone(), token.clone()).await?;
        let handles = Arc::new(handles);
        connected.give(endpoint, &handles, connection.clone());
        Some(Self {
            socket,
            address,
            framing: Framing::default(),
            outgoing,
            connection,
            handles,
            token,
            deadline: Some(Instant::now() + PATIENCE),
        })
    }

    /// What the stack knows it by.
    pub(super) fn handles(&self) -> Arc<Handles> {
        Arc::clone(&self.handles)
    }

    /// Moves messages until either side has had enough.
    pub(super) async fn run(mut self, heard: mpsc::Sender<Heard>, endpoint: &Weak<EndpointInner>) {
        let why = self.talk(&heard).await;
        debug!(from = %self.address, "connection over: {why}");
        self.handles.end(endpoint.upgrade().as_deref());
        // Some wait for a word of goodbye; nothing depends on it.
        let _ = timeout(PATIENCE, self.socket.shutdown()).await;
    }

    async fn talk(&mut self, heard: &mpsc::Sender<Heard>) -> &'static str {
        let (mut ready, mut is_lost) = (None, false);
        loop {
            if ready.is_none() && !is_lost {
                match self.framing.next() {
                    Ok(Some(framed)) => ready = Some(framed),
                    Ok(None) => self.watch(),
                    Err(_) => {
                        is_lost = true;
                        self.deadline = Some(Instant::now() + LAST_ANSWERS);
                    }
                }
            }
            if self.outgoing.len() > BACKLOG {
                return "the other side does not read";
            }
            let (is_ready, buffer) = (ready.is_some(), self.framing.buffer());
            let late = self.deadline.unwrap_or_else(Instant::now);
            tokio::select! {
                () = self.token.cancelled() => return "we have ended it",
                Some(event) = self.outgoing.recv() => {
                    if let TransportEvent::Incoming(message, ..) = event
                        && !write(&mut self.socket, &message.to_bytes()).await
                    {
                        return "the other side does not read";
                    }
                }
                // Nothing more is read while what has been read waits for the stack.
                permit = heard.reserve(), if is_ready => {
                    let Ok(permit) = permit else { return "nobody listens" };
                    match ready.take() {
                        Some(Framed::Message(bytes)) => {
                            self.deadline = None;
                            match screen(&bytes, true) {
                                Screened::Pass(message) => {
                                    if let Some(heard) = self.read(&message) {
                                        permit.send(heard);
                                    }
                                }
                                Screened::Answer(answer)
                                    if !write(&mut self.socket, &answer).await =>
                                {
                                    return "the other side does not read";
                                }
                                Screened::Answer(_) | Screened::Drop => {}
                            }
                        }
                        Some(Framed::Ping) if !write(&mut self.socket, b"\r\n").await => {
                            return "the other side does not read";
                        }
                        _ => {}
                    }
                }
                read = self.socket.read_buf(buffer), if !is_ready && !is_lost => match read {
                    Ok(0) => return "the other side has closed it",
                    Ok(_) => {}
                    Err(_) => return "it broke",
                },
                () = sleep_until(late), if self.deadline.is_some() => {
                    return if is_lost { "no next message can be found" } else { "too late" };
                }
            }
        }
    }

    /// Begins to count when a message begins.
    fn watch(&mut self) {
        if self.framing.is_within() {
            self.deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
    }

    /// A message of the other side, if it is one: the next can be.
    fn read(&self, bytes: &[u8]) -> Option<Heard> {
        let message = SipMessage::try_from(bytes).ok()?;
        let remote = self.address.get_socketaddr().ok()?;
        let transport = self.address.r#type.unwrap_or_default();
        let message = SipConnection::update_msg_received(message, remote, transport).ok()?;
        Some((message, self.connection.clone(), self.address.clone()))
    }
}

/// Whether the other side has taken it.
async fn write<S: AsyncWrite + Unpin>(socket: &mut S, bytes: &[u8]) -> bool {
    let writing = async {
        socket.write_all(bytes).await?;
        socket.flush().await
    };
    matches!(timeout(PATIENCE, writing).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use rsipstack::{EndpointBuilder, transport::TransportLayer};
    use tokio::io::duplex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_side_for_which_too_many_messages_wait_is_left_and_gets_none_of_them() {
        let text = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n";
        let message = SipMessage::try_from(text.as_bytes()).unwrap();
        let length = message.to_bytes().len();
        for (waiting, written) in [(BACKLOG, BACKLOG * length), (BACKLOG + 1, 0)] {
            let token = CancellationToken::new();
            let layer = TransportLayer::new(token.clone());
            let endpoint = EndpointBuilder::new().with_transport_layer(layer).build();
            let (ours, mut theirs) = duplex(1_024);
            let who = (Transport::Tcp, ([127, 0, 0, 1], 9).into());
            let (stack, connected) = (&*endpoint.inner, Connected::default());
            let stream = Stream::open(ours, who, (stack, &connected), token).await.unwrap();
            let connection = stream.connection.clone();
            for _ in 0..waiting {
                connection.send(message.clone(), None).await.unwrap();
            }
            let (heard, _hearing) = mpsc::channel(1);
            let (endpoint, mut read) = (Arc::downgrade(&endpoint.inner), Vec::new());
            // A side that is read from and says nothing is left, too, after a while.
            let running = stream.run(heard, &endpoint);
            let ((), reading) = tokio::join!(running, theirs.read_to_end(&mut read));
            assert_eq!(reading.unwrap(), written, "{waiting}");
        }
    }
}
