use std::{
    collections::VecDeque,
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::{AbortHandle, JoinSet},
};
use tower_service::Service;
use tracing::{debug, error, warn};

use super::{Complaint, ServerLimits};

/// The longest head of a request. Theirs are some hundred bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// The connections that are no WebSocket. Dropping it ends them.
pub(super) struct Guests {
    limits: ServerLimits,
    router: Router,
    tasks: JoinSet<()>,
    /// Oldest first. Some may have gone.
    present: VecDeque<Guest>,
    crowded: Complaint,
    failing: Complaint,
}

struct Guest {
    task: AbortHandle,
    /// A request of its is being answered.
    asks: Arc<AtomicBool>,
}

impl Guest {
    fn is_idle(&self) -> bool {
        !self.asks.load(Ordering::Relaxed)
    }
}

impl Guests {
    pub(super) fn new(limits: ServerLimits, router: Router) -> Self {
        Self {
            limits,
            // Puts the routes together once and not for each request.
            router: router.with_state(()),
            tasks: JoinSet::new(),
            present: VecDeque::new(),
            crowded: Complaint::default(),
            failing: Complaint::default(),
        }
    }

    /// Serves a connection. Where there are too many, another one makes room.
    pub(super) fn welcome<I>(&mut self, connection: I, peer: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.forget_the_gone();
        let limit = self.limit();
        if self.present.len() >= limit {
            if let Some(times) = self.crowded.due() {
                warn!(limit, times, "too many connections: those that waited longest are closed");
            }
            self.make_room();
        }
        let asks = Arc::new(AtomicBool::new(false));
        let serving = serve(connection, peer, self.limits, self.router.clone(), asks.clone());
        let task = self.tasks.spawn(serving);
        self.present.push_back(Guest { task, asks });
    }

    /// The system gives no connection, most likely because too many files are open.
    pub(super) fn cannot_accept(&mut self, error: &io::Error) {
        if let Some(times) = self.failing.due() {
            let connections = self.tasks.len();
            error!(%error, times, connections, "connections cannot be accepted");
        }
        self.forget_the_gone();
        // The older half: one at a time would let a flood set the pace.
        let idle = self.present.iter().filter(|guest| guest.is_idle()).count();
        for _ in 0..idle.div_ceil(2) {
            self.make_room();
        }
    }

    /// Whether those that made room must leave before another connection is accepted.
    pub(super) fn are_too_many(&self) -> bool {
        self.tasks.len() > self.limit()
    }

    /// Waits until a connection has ended or become a WebSocket. Nothing is lost when the future
    /// is dropped.
    pub(super) async fn one_leaves(&mut self) {
        if self.tasks.join_next().await.is_none() {
            pending().await
        }
    }

    fn limit(&self) -> usize {
        self.limits.connections.max(1)
    }

    fn forget_the_gone(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.present.retain(|guest| !guest.task.is_finished());
    }

    /// Closes the oldest connection that asks for nothing; if all do, the oldest of all.
    fn make_room(&mut self) {
        let oldest = self.present.iter().position(Guest::is_idle).unwrap_or(0);
        if let Some(guest) = self.present.remove(oldest) {
            guest.task.abort();
        }
    }
}

async fn serve<I>(
    connection: I,
    peer: SocketAddr,
    limits: ServerLimits,
    router: Router,
    asks: Arc<AtomicBool>,
) where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let answer = service_fn(|request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (mut router, asks) = (router.clone(), asks.clone());
        async move {
            asks.store(true, Ordering::Relaxed);
            let answer = router.call(request).await;
            asks.store(false, Ordering::Relaxed);
            answer
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_deadline)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(connection), answer)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        debug!(%error, "a connection ended early");
    }
}
