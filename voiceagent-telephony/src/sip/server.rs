use std::{fmt, future::Future, net::SocketAddr, sync::Arc};

use tokio::sync::mpsc;
use tracing::{debug, info, warn};
use voiceagent_core::{Result, transport::Transport as _};

use super::{
    SipCall, SipCaller, SipConfig, SipNeighbor, SipTransport,
    incoming::{Arrival, Stack},
    office::Office,
};

/// Takes calls over SIP.
///
/// Only the [peers](SipConfig::peers) are answered. Signalling over UDP and TCP and plain RTP can be
/// read by whoever is between: keep them inside a network of your own.
///
/// ```no_run
/// # async fn serve() -> voiceagent_core::Result<()> {
/// use voiceagent_core::transport::Transport;
/// use voiceagent_telephony::sip::{SipConfig, SipServer};
///
/// let config = SipConfig::new(([0, 0, 0, 0], 5060).into(), vec!["192.0.2.0/24".parse()?]);
/// let server = SipServer::bind(config).await?;
/// server.serve(|call| async move {
///     let _link = Box::new(call).open().await;
/// }).await;
/// # Ok(()) }
/// ```
pub struct SipServer {
    stack: Arc<Stack>,
    office: Arc<Office>,
    arrived: mpsc::Receiver<Arrival>,
}

impl SipServer {
    /// Begins to listen. Calls ring from here on, and wait for [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when a setting is wrong, or the address taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the listening.
    pub async fn bind(config: SipConfig) -> Result<Self> {
        config.check()?;
        if config.peers.is_empty() && config.accounts.is_empty() {
            warn!("nobody may call: neither peers nor accounts are set");
        }
        let (stack, office, arrived) = Stack::start(config).await?;
        Ok(Self { stack, office, arrived })
    }

    /// Where it listens, over UDP.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.office.addresses.udp
    }

    /// Where it listens over this transport, if it does.
    #[must_use]
    pub fn local_addr_of(&self, transport: SipTransport) -> Option<SocketAddr> {
        match transport {
            SipTransport::Udp => Some(self.office.addresses.udp),
            SipTransport::Tcp => self.office.addresses.tcp,
            SipTransport::Tls => self.office.addresses.tls,
        }
    }

    /// Asks this before a call is told to the application, and before it rings. Where it says that
    /// there is no room, the call and `OPTIONS` get 503 with `Retry-After: 5`, upon which many trunks
    /// try their next host. It is asked on the task of the signalling and must answer at once. What
    /// is said first holds.
    #[must_use]
    pub fn with_room(self, has_room: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        // The first one is there already.
        let _ = self.office.room.set(Box::new(has_room));
        self
    }

    /// Whom it asks whether they are there (`OPTIONS`): the trunk and the registrars, unless that is
    /// turned off for them.
    #[must_use]
    pub fn neighbors(&self) -> &[SipNeighbor] {
        &self.office.neighbors
    }

    /// What makes calls, for as long as this server or one of its calls is there.
    #[must_use]
    pub fn caller(&self) -> SipCaller {
        SipCaller::new(Arc::clone(&self.office))
    }

    /// Does this with each call, until the future is dropped; a call lasts as long as the link that
    /// is opened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future refuses further calls, with 503. Those that have been handed over go on.
    pub async fn serve<F>(mut self, on_call: impl Fn(SipCall) -> F + Send + Sync)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while let Some(arrival) = self.arrived.recv().await {
            match arrival {
                Arrival::Call(call) => {
                    info!(call = %call.call().id, "call rings");
                    tokio::spawn(on_call(*call));
                }
                Arrival::Refused(refusal) => debug!("call refused: {}", refusal.why()),
            }
        }
    }
}

impl fmt::Debug for SipServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SipServer")
            .field("addresses", &self.office.addresses)
            .field("stack", &self.stack)
            .finish_non_exhaustive()
    }
}
