use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use voiceagent_core::{
    Link,
    transport::{CallInfo, Inbound, Outbound, Transport},
};
use voiceagent_telephony::{
    media_stream::MediaStream,
    server::{self, ServerLimits},
};

/// For anything that should happen at once; test machines are busy.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A server that ends with its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) fn listen() -> TcpListener {
        server::bind("127.0.0.1:0".parse().unwrap()).unwrap()
    }

    pub(crate) fn start(listener: TcpListener, router: Router) -> Self {
        Self::start_within(ServerLimits::default(), listener, router)
    }

    pub(crate) fn start_within(
        limits: ServerLimits,
        listener: TcpListener,
        router: Router,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let serving = server::serve_within(limits, listener, router);
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, task }
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A call as the application got it.
pub(crate) struct Call {
    pub(crate) info: CallInfo,
    pub(crate) link: Link<Outbound, Inbound>,
}

/// The application: it hands each call to the test.
#[derive(Debug)]
pub(crate) struct Calls(mpsc::Receiver<MediaStream>);

impl Calls {
    pub(crate) fn channel() -> (mpsc::Sender<MediaStream>, Self) {
        let (calls, waiting) = mpsc::channel(16);
        (calls, Self(waiting))
    }

    pub(crate) async fn stream(&mut self) -> MediaStream {
        timeout(SOON, self.0.recv()).await.expect("a call in time").expect("a call")
    }

    pub(crate) async fn answer(&mut self) -> Call {
        let stream = self.stream().await;
        let info = stream.call().clone();
        Call { info, link: Box::new(stream).open().await.unwrap() }
    }

    /// Whether no call has come through to the application.
    pub(crate) fn none(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

impl Call {
    /// The next thing that is said, audio aside.
    pub(crate) async fn next(&mut self) -> Option<voiceagent_core::Result<Inbound>> {
        let next = async {
            loop {
                match self.link.recv().await {
                    Some(Ok(Inbound::Audio(_))) => {}
                    other => return other,
                }
            }
        };
        timeout(SOON, next).await.expect("something in time")
    }
}

/// Lets time pass, on sockets that are real.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Tries until it works; for what frees itself a moment later on the other side of a socket.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    mut attempt: impl FnMut() -> F,
) -> T {
    let trying = async {
        loop {
            if let Some(done) = attempt().await {
                return done;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, trying).await.expect("it to work in time")
}
