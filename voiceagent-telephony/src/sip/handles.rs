use std::sync::{Mutex, PoisonError};

use rsipstack::{
    platform::{CancellationToken, mpsc},
    transaction::endpoint::EndpointInner,
    transport::{SipAddr, SipConnection, TransportEvent, channel::ChannelConnection},
};

/// How often a connection is given to the stack anew before the oldest of those goes that it was
/// given so, with which calls go on by that connection. Only a host that we talk to by several names
/// makes it more than one; with questions to two names every 30 s, these are two hours.
const MOST: usize = 256;

/// What the stack knows one of our streams by: channels into it.
///
/// The stack reads from a connection as soon as it is given one, and can do so once for each. So a
/// stream that it shall prefer again needs another channel that leads to the same place.
pub(super) struct Handles {
    address: SipAddr,
    token: CancellationToken,
    outgoing: mpsc::UnboundedSender<TransportEvent>,
    given: Mutex<Vec<Given>>,
}

struct Given {
    connection: SipConnection,
    /// The stack reads from the channel until this is gone.
    _incoming: mpsc::UnboundedSender<TransportEvent>,
}

impl Handles {
    /// The handles of a stream, whose messages of ours come out of the other end, and the first of
    /// them. The stream is over with the token.
    pub(super) async fn new(
        address: SipAddr,
        token: CancellationToken,
    ) -> Option<(Self, SipConnection, mpsc::UnboundedReceiver<TransportEvent>)> {
        // Not bounded, since the loop of the stack sends into it and must never wait for one side;
        // the stream looks at how many wait.
        let (outgoing, leaving) = mpsc::unbounded_channel();
        let handles = Self { address, token, outgoing, given: Mutex::default() };
        // The stream is over when the stack gives its first handle up.
        let connection = handles.make(handles.token.clone()).await?;
        Some((handles, connection, leaving))
    }

    /// Where it leads.
    pub(super) const fn address(&self) -> &SipAddr {
        &self.address
    }

    /// Whether the stream lives.
    pub(super) fn is_there(&self) -> bool {
        !self.token.is_cancelled()
    }

    /// One more; none when the stream is over.
    pub(super) async fn renew(&self) -> Option<SipConnection> {
        self.make(self.token.child_token()).await
    }

    async fn make(&self, token: CancellationToken) -> Option<SipConnection> {
        let (incoming, unused) = mpsc::unbounded_channel();
        let (outgoing, address) = (self.outgoing.clone(), self.address.clone());
        let channel =
            ChannelConnection::create_connection(unused, outgoing, address, Some(token)).await;
        let connection = SipConnection::Channel(channel.ok()?);
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_there() {
            return None;
        }
        if given.len() > MOST {
            // The first is that of calls to us.
            given.remove(1);
        }
        given.push(Given { connection: connection.clone(), _incoming: incoming });
        Some(connection)
    }

    /// Ends the stream: no request chooses it any more.
    pub(super) fn end(&self, endpoint: Option<&EndpointInner>) {
        self.token.cancel();
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        for Given { connection, .. } in given.drain(..) {
            if let Some(endpoint) = endpoint {
                endpoint.transport_layer.remove_connection(&connection);
            }
        }
    }
}
