use std::time::Duration;

/// What peers may take of a server before they are a call.
///
/// ```
/// use std::time::Duration;
/// use voiceagent_telephony::server::ServerLimits;
///
/// let limits = ServerLimits::default()
///     .with_connections(1_000)
///     .with_head_deadline(Duration::from_secs(5));
/// assert_eq!(limits.connections, 1_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at the same time that are no WebSocket (yet), at least 1; 256 if not set. With
    /// the sockets of calls and those to vendors they must fit in the files that the system allows
    /// a process (`ulimit -n`).
    pub connections: usize,
    /// For the whole head of a request to arrive, and for a connection to stay open between two
    /// requests; 10 s if not set.
    pub head_deadline: Duration,
}

impl ServerLimits {
    /// Sets how many connections there may be that are no WebSocket.
    #[must_use]
    pub const fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets how long a request's head may take.
    #[must_use]
    pub const fn with_head_deadline(mut self, deadline: Duration) -> Self {
        self.head_deadline = deadline;
        self
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        // A webhook takes milliseconds, so that 256 of them at once are some thousand calls each
        // second.
        Self { connections: 256, head_deadline: Duration::from_secs(10) }
    }
}
