use std::{net::SocketAddr, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use voiceagent_core::{
    Link,
    transport::{Inbound, Outbound, Transport as _},
};
use voiceagent_telephony::sip::{RtpCodec, SipCall, SipConfig, SipServer, SipTransport};

/// For anything that should happen at once; test machines are busy.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A server that ends with its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) calls: mpsc::Receiver<SipCall>,
    streams: [Option<SocketAddr>; 2],
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) fn config() -> SipConfig {
        let mut config =
            SipConfig::new(([127, 0, 0, 1], 0).into(), vec!["127.0.0.0/8".parse().unwrap()]);
        config.codecs = vec![RtpCodec::Pcmu, RtpCodec::Pcma];
        config.media_ports = (20_000, 29_999);
        config
    }

    pub(crate) async fn start(config: SipConfig) -> Self {
        let server = SipServer::bind(config).await.unwrap();
        let address = server.local_addr();
        let streams = [SipTransport::Tcp, SipTransport::Tls].map(|by| server.local_addr_of(by));
        let (sender, calls) = mpsc::channel(64);
        let serving = server.serve(move |call| {
            let sender = sender.clone();
            async move { drop(sender.send(call).await) }
        });
        Self { address, calls, streams, task: tokio::spawn(serving) }
    }

    /// Where it listens over streams.
    pub(crate) fn address_of(&self, transport: SipTransport) -> SocketAddr {
        let [tcp, tls] = self.streams;
        let found = if transport == SipTransport::Tcp { tcp } else { tls };
        found.unwrap()
    }

    pub(crate) async fn call(&mut self) -> SipCall {
        timeout(SOON, self.calls.recv()).await.unwrap().unwrap()
    }

    pub(crate) async fn open(&mut self) -> Link<Outbound, Inbound> {
        Box::new(self.call().await).open().await.unwrap()
    }
}

/// The next thing that is told and that is neither audio nor how well that goes.
pub(crate) async fn told(link: &mut Link<Outbound, Inbound>) -> Option<Inbound> {
    let next = async {
        loop {
            match link.recv().await {
                Some(Ok(Inbound::Audio(_) | Inbound::Quality(_))) => {}
                Some(told) => return Some(told.unwrap()),
                None => return None,
            }
        }
    };
    timeout(SOON, next).await.unwrap()
}
