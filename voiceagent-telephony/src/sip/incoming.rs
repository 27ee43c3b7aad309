use std::{net::SocketAddr, sync::Arc, time::Duration};

use rsipstack::{
    EndpointBuilder,
    dialog::dialog_layer::DialogLayer,
    platform::{CancellationToken, mpsc as stack_mpsc},
    sip::{Method, SipMessage, StatusCode, prelude::HeadersExt as _},
    transaction::{Endpoint, Transaction},
    transport::{SipAddr, SipConnection, TransportEvent, TransportLayer, udp::UdpConnection},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{
    SipCall, SipConfig,
    answers::{self, METHODS, Refusal},
    call::{Offered, local_address},
    line::invite_of,
    quiet::quiet,
    registration,
};

/// Calls that may wait for the application to look at them.
const ARRIVALS: usize = 64;

/// Requests that are being answered at the same time. It bounds what a flood costs.
const TASKS: usize = 4_096;

/// What the server is told.
pub(super) enum Arrival {
    Call(Box<SipCall>),
    Refused(Refusal),
}

/// The task that moves signalling. It ends with the server and the last of its calls.
#[derive(Debug)]
pub(super) struct Stack {
    task: JoinHandle<()>,
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stack {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours.
    pub(super) async fn start(
        config: SipConfig,
    ) -> Result<(Arc<Self>, SocketAddr, mpsc::Receiver<Arrival>)> {
        let failed = |_| Error::new(ErrorKind::Config, "listen", "listen: the address is not free");
        let token = CancellationToken::new();
        let public = config.public_ip.map(|ip| SocketAddr::new(ip, config.listen.port()));
        let udp = UdpConnection::create_connection(config.listen, public, Some(token.clone()));
        let udp = quiet(udp).await.map_err(failed)?;
        let address = udp.get_addr().get_socketaddr().map_err(failed)?;
        // The stack's own word for a wildcard is some address of this host.
        let address = SocketAddr::new(config.listen.ip(), address.port());
        let layer = TransportLayer::new(token.clone());
        let peers = config.clone();
        layer.set_whitelist(move |ip| std::future::ready(peers.may_call(ip)));
        layer.add_transport(SipConnection::Udp(udp.clone()));
        let endpoint = EndpointBuilder::new()
            .with_user_agent(concat!("voiceagent/", env!("CARGO_PKG_VERSION")))
            .with_cancel_token(token)
            .with_transport_layer(layer)
            .with_allows(METHODS.to_vec())
            .build();
        let mut tasks = JoinSet::new();
        for account in &config.accounts {
            let contact = local_address(&config, address, account.registrar)?;
            registration::domain(account)?;
            tasks.spawn(registration::keep(account.clone(), contact, Arc::clone(&endpoint.inner)));
        }
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let stack = Arc::new_cyclic(move |stack| {
            let dialogs = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
            let desk = Desk {
                calls: Arc::new(Semaphore::new(config.max_calls.min(Semaphore::MAX_PERMITS))),
                gate: Gate::new(config.calls_per_second),
                config: Arc::new(config),
                address,
                dialogs,
                arrivals,
                stack: stack.clone(),
                tasks,
            };
            Self { task: tokio::spawn(quiet(run(endpoint, udp, desk))) }
        });
        Ok((stack, address, arrived))
    }
}

/// Moves messages between the socket, the transactions and the desk, until it is aborted.
async fn run(endpoint: Endpoint, udp: UdpConnection, mut desk: Desk) {
    let inner = Arc::clone(&endpoint.inner);
    // Emptied at once by the loop below, in the same task.
    let (sender, mut messages) = stack_mpsc::unbounded_channel();
    let reading =
        udp.serve_loop_with_whitelist(sender, Some(Arc::clone(&inner.transport_layer.inner)));
    let Ok(mut requests) = endpoint.incoming_transactions() else { return };
    let timers = inner.process_timer();
    tokio::pin!(reading, timers);
    loop {
        tokio::select! {
            _ = &mut reading => return,
            () = &mut timers => return,
            Some(event) = messages.recv() => {
                if let TransportEvent::Incoming(message, connection, from) = event
                    && desk.admits(&message)
                {
                    let _ = inner.on_received_message(message, connection, &from).await;
                }
            }
            Some(request) = requests.recv() => desk.receive(request),
            Some(_) = desk.tasks.join_next() => {}
        }
    }
}

/// Decides what becomes of requests.
struct Desk {
    config: Arc<SipConfig>,
    address: SocketAddr,
    calls: Arc<Semaphore>,
    gate: Gate,
    dialogs: Arc<DialogLayer>,
    arrivals: mpsc::Sender<Arrival>,
    stack: std::sync::Weak<Stack>,
    tasks: JoinSet<()>,
}

impl Desk {
    /// Whether a message is read on. New calls beyond what is allowed are not, nor is anything
    /// when more is being answered than ever should be; their senders repeat them.
    fn admits(&mut self, message: &SipMessage) -> bool {
        let SipMessage::Request(request) = message else { return true };
        if self.tasks.len() >= TASKS {
            return matches!(request.method, Method::Bye | Method::Ack | Method::Cancel);
        }
        let is_new = request.method == Method::Invite
            && request.to_header().is_ok_and(|to| !matches!(to.tag(), Ok(Some(_))));
        !is_new || self.gate.admits(Instant::now())
    }

    fn receive(&mut self, request: Transaction) {
        let is_within =
            request.original.to_header().is_ok_and(|to| matches!(to.tag(), Ok(Some(_))));
        if is_within {
            return self.receive_within(request);
        }
        match request.original.method {
            Method::Invite => self.invite(request),
            Method::Options => {
                self.tasks.spawn(quiet(answers::reply(
                    request,
                    StatusCode::OK,
                    answers::abilities(),
                )));
            }
            Method::Bye | Method::Info | Method::Update | Method::Notify | Method::PRack => {
                self.reply(request, StatusCode::CallTransactionDoesNotExist);
            }
            _ => {
                self.tasks.spawn(quiet(answers::reply(
                    request,
                    StatusCode::MethodNotAllowed,
                    answers::abilities(),
                )));
            }
        }
    }

    fn receive_within(&mut self, mut request: Transaction) {
        match self.dialogs.match_dialog(&request).and_then(invite_of) {
            Some(mut dialog) => {
                self.tasks.spawn(quiet(async move {
                    let _ = dialog.handle(&mut request).await;
                }));
            }
            None => self.reply(request, StatusCode::CallTransactionDoesNotExist),
        }
    }

    fn reply(&mut self, request: Transaction, status: StatusCode) {
        self.tasks.spawn(quiet(answers::reply(request, status, vec![])));
    }

    fn invite(&mut self, mut request: Transaction) {
        let refusal = match self.offer(&request) {
            Ok(offered) => {
                let mut dialog = offered.dialog();
                let is_told = self.arrivals.try_send(Arrival::Call(Box::new(offered.into_call())));
                // When nobody takes it, the call that is dropped here refuses itself.
                let _ = is_told;
                self.tasks.spawn(quiet(async move {
                    let _ = dialog.handle(&mut request).await;
                }));
                return;
            }
            Err(refusal) => refusal,
        };
        // That one was refused may be left out of the log, when there are many.
        let _ = self.arrivals.try_send(Arrival::Refused(refusal));
        let headers = refusal.headers(&request.original);
        self.tasks.spawn(quiet(answers::reply(request, refusal.status(), headers)));
    }

    fn offer(&self, request: &Transaction) -> Result<Offered, Refusal> {
        let expires = answers::check(&request.original)?;
        let full = Refusal::Full { is_busy: self.config.is_busy_when_full };
        let permit = Arc::clone(&self.calls).try_acquire_owned().map_err(|_| full)?;
        let stack = self.stack.upgrade().ok_or(Refusal::Unavailable)?;
        let from = peer_of(request).ok_or(Refusal::Unavailable)?;
        Offered::new(
            &self.config,
            self.address,
            from,
            request,
            expires,
            (&self.dialogs, stack, permit),
        )
    }
}

/// Where a request really came from.
fn peer_of(request: &Transaction) -> Option<SocketAddr> {
    let from: Option<&SipAddr> = request.connection.as_ref()?.get_remote_addr();
    from?.get_socketaddr().ok()
}

/// Lets so many through in a second, and as many at once.
#[derive(Debug)]
struct Gate {
    each: Duration,
    burst: Duration,
    /// When the bucket will be empty again.
    until: Option<Instant>,
}

impl Gate {
    fn new(per_second: u32) -> Self {
        let second = Duration::from_secs(1);
        Self { each: second / per_second.max(1), burst: second, until: None }
    }

    fn admits(&mut self, now: Instant) -> bool {
        let until = self.until.map_or(now, |until| until.max(now)) + self.each;
        let is_admitted = until <= now + self.burst;
        if is_admitted {
            self.until = Some(until);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_as_many_calls_as_are_allowed() {
        let (mut gate, begin) = (Gate::new(50), Instant::now());
        let flood = |gate: &mut Gate, at| (0..1_000).filter(|_| gate.admits(at)).count();
        assert_eq!(flood(&mut gate, begin), 50);
        assert_eq!(flood(&mut gate, begin + Duration::from_millis(100)), 5);
        assert_eq!(flood(&mut gate, begin + Duration::from_secs(60)), 50);
    }
}
