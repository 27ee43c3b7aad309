//! Who had to wait for a connection, and for how long.

use std::{
    cell::Cell,
    future::Future,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    /// How long the connection took that was opened for the request of this task. The client opens
    /// it within the request; one that nobody waits for any more is opened elsewhere.
    static OPENED: Cell<Option<Duration>>;
}

/// Sends a request, and says how long its connection took to open: name, TCP and TLS. `None` for a
/// connection that was open already.
pub(crate) async fn observed<T>(request: impl Future<Output = T>) -> (T, Option<Duration>) {
    let request = async {
        let answer = request.await;
        (answer, OPENED.with(Cell::get))
    };
    OPENED.scope(Cell::new(None), request).await
}

/// Says, within a request, that its connection took this long to open.
pub(crate) fn opened(after: Duration) {
    // Outside of a request nobody asks.
    let _ = OPENED.try_with(|opened| opened.set(Some(after)));
}

/// Measures what a client's connections take to open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed;

/// A connector that is measured.
#[derive(Clone, Debug)]
pub(crate) struct TimedConnector<S>(S);

impl<S> Layer<S> for Timed {
    type Service = TimedConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        TimedConnector(connector)
    }
}

impl<S, T> Service<T> for TimedConnector<S>
where
    S: Service<T>,
    S::Response: Send,
    S::Error: Send,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: T) -> Self::Future {
        let begun = Instant::now();
        let connecting = self.0.call(to);
        async move {
            let connected = connecting.await?;
            opened(begun.elapsed());
            Ok(connected)
        }
        .boxed()
    }
}
