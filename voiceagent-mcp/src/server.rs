use std::{fmt, sync::Arc};

use rmcp::{Peer, RoleClient};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::timeout,
};
use voiceagent_core::{Error, ErrorKind, Link, Result, tool::Tool};

use super::{
    McpConfig,
    keeper::{Needed, State, keep},
    tool::McpTool,
};

/// How many calls may ask for the server at once before it has noticed the first: one is enough,
/// and what finds no room has been asked for already.
const ASKED: usize = 8;

/// An open MCP server. A clone is the same server.
///
/// One that ends is started again, at once if it had lived for some seconds, and otherwise when a
/// tool is called. It is closed when the last handle and the last of its tools is dropped.
#[derive(Clone)]
pub struct McpServer {
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<McpConfig>,
    state: watch::Receiver<State>,
    /// The task that keeps the server open, and ends with the last handle.
    keeper: Link<Needed, ()>,
    /// Calls that may begin.
    calls: Semaphore,
}

impl McpServer {
    /// Starts the server, or reaches it, and learns what it offers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for settings that cannot be right and a program that does not start,
    /// [`ErrorKind::Timeout`] after `open_timeout`, [`ErrorKind::Disconnected`] for a server that
    /// is not there or does not speak the protocol.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the server.
    pub async fn open(config: McpConfig) -> Result<Self> {
        let config = Arc::new(config);
        let named = |error: Error| error.with_provider(config.name.to_string());
        config.validate().map_err(named)?;
        let (publish, state) = watch::channel(State::default());
        let keeper = Link::spawn(ASKED, |owner| keep(Arc::clone(&config), publish, owner));
        let calls = Semaphore::new(config.max_calls.min(Semaphore::MAX_PERMITS));
        let shared = Shared { config: config.clone(), state, keeper, calls };
        let server = Self { shared: Arc::new(shared) };
        server.peer().await?;
        Ok(server)
    }

    /// The server's name, as configured.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.config.name
    }

    /// What the server offers now, as tools of an agent.
    ///
    /// An agent keeps the tools that it was built with. One that the server has taken back is
    /// refused when it is called, in words that the model understands; a new one needs an agent
    /// that is built anew, after [`changed`](Self::changed).
    #[must_use]
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let offers = self.shared.state.borrow().offers.clone();
        let tool = |offer: &_| Arc::new(McpTool::new(self.clone(), offer)) as Arc<dyn Tool>;
        offers.iter().map(tool).collect()
    }

    /// Waits until the server offers something else than when this was called.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.shared.state.clone();
        let offers = state.borrow().offers.clone();
        async move {
            // A server that is closed offers nothing else any more.
            if state.wait_for(|state| state.offers != offers).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Who answers calls: the server, opened again if it has ended.
    pub(crate) async fn peer(&self) -> Result<Peer<RoleClient>> {
        let shared = &self.shared;
        let mut state = shared.state.clone();
        let failed = state.borrow().failed.0;
        let is_there =
            |state: &State| state.peer.as_ref().is_some_and(|peer| !peer.is_transport_closed());
        if !is_there(&state.borrow()) {
            // The keeper asks no further while it opens the server.
            let _ = shared.keeper.try_send(Needed);
        }
        let settled = state.wait_for(|state| is_there(state) || state.failed.0 > failed);
        let settled = timeout(shared.config.open_timeout, settled).await;
        let why = match settled {
            Ok(Ok(state)) => match (&state.peer, &state.failed.1) {
                (Some(peer), _) => return Ok(peer.clone()),
                (None, Some(error)) => Error::new(error.kind(), "open", error.message().to_owned()),
                (None, None) => lost("the server has ended"),
            },
            Ok(Err(_)) => lost("the server has ended"),
            Err(_) => Error::new(ErrorKind::Timeout, "open", "the server does not open in time"),
        };
        Err(why.with_provider(self.name().to_owned()))
    }

    /// The right to ask the server once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RateLimited`] where `max_calls` are under way.
    pub(crate) fn begin(&self) -> Result<SemaphorePermit<'_>> {
        let busy = |_| Error::new(ErrorKind::RateLimited, "call", "`max_calls` are under way");
        self.shared.calls.try_acquire().map_err(busy)
    }

    pub(crate) fn config(&self) -> &McpConfig {
        &self.shared.config
    }

    /// Whether the server still offers a tool of this name of its own.
    pub(crate) fn offers(&self, name: &str) -> bool {
        self.shared.state.borrow().offers.iter().any(|offer| *offer.theirs == *name)
    }
}

fn lost(message: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "open", message)
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("name", &self.name()).finish_non_exhaustive()
    }
}
