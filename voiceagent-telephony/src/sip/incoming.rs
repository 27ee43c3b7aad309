use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::Poll,
};

use rsipstack::{
    EndpointBuilder,
    dialog::{dialog::DialogState, dialog_layer::DialogLayer},
    platform::{CancellationToken, mpsc as stack_mpsc},
    sip::{Header, Method, SipMessage, StatusCode, Transport},
    transaction::{
        Endpoint, Transaction,
        endpoint::{EndpointInnerRef, EndpointOption},
    },
    transport::{
        SipAddr, SipConnection, TransportEvent, TransportLayer, channel::ChannelConnection,
        udp::UdpConnection,
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::{JoinHandle, JoinSet, yield_now},
    time::Instant,
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{
    SipCall, SipConfig, SipNeighbor,
    addresses::Addresses,
    admission::{Load, Place, is_repeated, is_within, refuse},
    answers::{self, METHODS, Refusal},
    call::Offered,
    copies::Copies,
    datagrams::Datagrams,
    gate::Gate,
    keypad::Order,
    line::invite_of,
    office::Office,
    peer::Peer,
    ports::Ports,
    prober::{Prober, probers},
    quiet::quiet,
    registration::Registrar,
    replaces::Replaces,
    stream::Heard,
    streams::Streams,
    takeover::Takeover,
    target,
    within::veil,
};
use crate::random::random_number;

/// Calls that may wait for the application to look at them.
const ARRIVALS: usize = 64;

/// What the server is told.
pub(super) enum Arrival {
    Call(Box<SipCall>),
    Refused(Refusal),
}

/// A stack, what its calls share, and what it is told.
type Started = (Arc<Stack>, Arc<Office>, mpsc::Receiver<Arrival>);

/// The task that moves signalling. It ends with the server and the last of its calls.
#[derive(Debug)]
pub(super) struct Stack {
    task: JoinHandle<()>,
    /// Ends the listeners and connections of streams.
    token: CancellationToken,
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.token.cancel();
        self.task.abort();
    }
}

impl Stack {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When an address is taken or not ours, or a file of TLS cannot be used.
    pub(super) async fn start(config: SipConfig) -> Result<Started> {
        Self::start_with(config, EndpointOption::default()).await
    }

    /// Begins to listen, with such times of transactions (RFC 3261, section 17).
    pub(super) async fn start_with(config: SipConfig, times: EndpointOption) -> Result<Started> {
        let token = CancellationToken::new();
        let (streams, heard) = Streams::new(&config, token.clone())?;
        let (endpoint, udp) = endpoint(&config, &streams, &token, times).await?;
        let serving = serve(&endpoint.inner).await;
        let addresses = listen(&config, &endpoint.inner, &udp, &streams).await?;
        let mut tasks = JoinSet::new();
        let neighbors = approach(&config, addresses, (&endpoint.inner, &streams), &mut tasks)?;
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let mut started = None;
        let stack = Arc::new_cyclic(|stack| {
            let shared = Arc::new(Office {
                calls: Arc::new(Semaphore::new(config.max_calls.min(Semaphore::MAX_PERMITS))),
                dialogs: Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner))),
                addresses,
                ports: Ports::new(&config),
                streams,
                board: Arc::default(),
                stack: stack.clone(),
                room: OnceLock::new(),
                neighbors,
                config: Arc::new(config),
            });
            let gate = Gate::new(shared.config.calls_per_second);
            let within = JoinSet::new();
            let office = Arc::clone(&shared);
            let desk = Desk { gate, copies: Copies::new(), office, arrivals, tasks, within };
            started = Some(shared);
            let run = run(endpoint, (udp, heard, serving), desk);
            Self { task: tokio::spawn(quiet(run)), token }
        });
        let office = started.expect("set above");
        Ok((stack, office, arrived))
    }
}

/// Begins to register, and to ask others whether they are there.
fn approach(
    config: &SipConfig,
    addresses: Addresses,
    (endpoint, streams): (&EndpointInnerRef, &Streams),
    tasks: &mut JoinSet<()>,
) -> Result<Vec<SipNeighbor>> {
    let probers = probers(config)?;
    let neighbors: Vec<_> = probers.iter().map(Prober::neighbor).collect();
    for account in &config.accounts {
        let name = account.registrar.to_string();
        let neighbor = neighbors.iter().find(|one| !one.is_trunk() && one.name() == name);
        let registrar = Registrar::new(account, config, addresses)?;
        let registrar = registrar.with_neighbor(neighbor.cloned());
        tasks.spawn(registrar.keep(Arc::clone(endpoint), streams.clone()));
    }
    for prober in probers {
        tasks.spawn(prober.keep(Arc::clone(endpoint), streams.clone()));
    }
    Ok(neighbors)
}

fn not_free() -> Error {
    Error::new(ErrorKind::Config, "listen", "listen: the address is not free")
}

/// The stack and its socket for UDP.
async fn endpoint(
    config: &SipConfig,
    streams: &Streams,
    token: &CancellationToken,
    times: EndpointOption,
) -> Result<(Endpoint, UdpConnection)> {
    let public = config.public_ip.map(|ip| SocketAddr::new(ip, config.listen.port()));
    let socket = Arc::new(Datagrams::bind(config).await.map_err(|_| not_free())?);
    let udp = UdpConnection::from_socket(socket, public, Some(token.clone()));
    let udp = quiet(udp).await.map_err(|_| not_free())?;
    let layer = TransportLayer::new(token.clone());
    let peers = config.clone();
    layer.set_whitelist(move |ip| std::future::ready(peers.may_call(ip)));
    let endpoint = EndpointBuilder::new()
        .with_user_agent(concat!("voiceagent/", env!("CARGO_PKG_VERSION")))
        .with_cancel_token(token.clone())
        .with_transport_layer(layer)
        .with_allows(METHODS.to_vec())
        .with_target_locator(Box::new(streams.clone()))
        .with_option(times)
        .build();
    streams.attach(&endpoint.inner);
    Ok((endpoint, udp))
}

/// What the stack does by itself: timers, and a table of connections.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Begins it before there is any listener. It would read from them itself, in tasks of its own,
/// which log each message.
async fn serve(endpoint: &EndpointInnerRef) -> Serving {
    let endpoint = Arc::clone(endpoint);
    let mut serving: Serving = Box::pin(quiet(async move {
        let _ = endpoint.serve().await;
    }));
    std::future::poll_fn(|cx| {
        let _ = serving.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
    serving
}

/// Opens the listeners, and tells the stack where they are, for its `Via` headers.
async fn listen(
    config: &SipConfig,
    endpoint: &EndpointInnerRef,
    udp: &UdpConnection,
    streams: &Streams,
) -> Result<Addresses> {
    let seen = udp.get_addr().get_socketaddr().map_err(|_| not_free())?;
    let layer = &endpoint.transport_layer;
    layer.add_transport(SipConnection::Udp(udp.clone()));
    // The stack's own word for a wildcard is some address of this host.
    let udp = SocketAddr::new(config.listen.ip(), seen.port());
    let tls = config.tls.as_ref().and_then(|tls| tls.listen);
    let mut addresses = Addresses { udp, tcp: None, tls: None };
    for (transport, at) in [(Transport::Tcp, config.listen_tcp), (Transport::Tls, tls)] {
        let Some(at) = at else { continue };
        let at = streams.listen(transport, at).await?;
        let (_, unused) = stack_mpsc::unbounded_channel();
        let (sender, _) = stack_mpsc::unbounded_channel();
        let ip = config.public_ip;
        let ip = ip.unwrap_or_else(|| SipConnection::resolve_bind_address(at).ip());
        let known = SipAddr::new(transport, SocketAddr::new(ip, at.port()).into());
        let known = ChannelConnection::create_connection(unused, sender, known, None).await;
        layer.add_transport(SipConnection::Channel(known.map_err(|_| not_free())?));
        if transport == Transport::Tcp {
            addresses.tcp = Some(at);
        } else {
            addresses.tls = Some(at);
        }
    }
    Ok(addresses)
}

/// Moves messages between the sockets, the transactions and the desk, until it is aborted.
async fn run(
    endpoint: Endpoint,
    (udp, mut heard, mut serving): (UdpConnection, mpsc::Receiver<Heard>, Serving),
    mut desk: Desk,
) {
    let inner = Arc::clone(&endpoint.inner);
    // Emptied at once by the loop below, in the same task.
    let (sender, mut messages) = stack_mpsc::unbounded_channel();
    let reading =
        udp.serve_loop_with_whitelist(sender, Some(Arc::clone(&inner.transport_layer.inner)));
    let Ok(mut requests) = endpoint.incoming_transactions() else { return };
    tokio::pin!(reading);
    loop {
        tokio::select! {
            _ = &mut reading => return,
            () = &mut serving => return,
            Some(event) = messages.recv() => {
                if let TransportEvent::Incoming(message, connection, from) = event {
                    read(&inner, &mut desk, (message, connection, from)).await;
                }
            }
            Some(message) = heard.recv() => read(&inner, &mut desk, message).await,
            Some(request) = requests.recv() => desk.receive(request),
            Some(_) = desk.tasks.join_next() => {}
            Some(_) = desk.within.join_next() => {}
        }
        // However many messages there are, the calls have their turn between them.
        yield_now().await;
    }
}

/// Hands a message to the transactions, or refuses it before there is one.
async fn read(endpoint: &EndpointInnerRef, desk: &mut Desk, heard: Heard) {
    let (message, connection, from) = heard;
    let Err(refusal) = desk.admits(endpoint, &message) else {
        let dialogs = &desk.office.dialogs;
        let message = veil(dialogs, target::supply(dialogs, message, &from));
        let _ = endpoint.on_received_message(message, connection, &from).await;
        return;
    };
    if let Some(refusal) = refuse(endpoint, &message, refusal) {
        // Where it came from, whatever it says of that: it costs nobody else anything.
        let _ = connection.send(refusal, (!connection.is_reliable()).then_some(&from)).await;
    }
}

/// A request that is refused.
type Refused = (Refusal, Box<Transaction>);

/// Decides what becomes of requests.
struct Desk {
    office: Arc<Office>,
    gate: Gate,
    copies: Copies,
    arrivals: mpsc::Sender<Arrival>,
    tasks: JoinSet<()>,
    /// The same for requests within calls that go on: no flood of others is in their way.
    within: JoinSet<()>,
}

impl Desk {
    /// Whether a message is read on. New calls beyond what is allowed are not, nor is anything
    /// when more is being answered than ever should be.
    ///
    /// # Errors
    ///
    /// With what is said in place of that.
    fn admits(&mut self, endpoint: &EndpointInnerRef, message: &SipMessage) -> Result<(), Refusal> {
        let SipMessage::Request(request) = message else { return Ok(()) };
        if is_repeated(endpoint, request) {
            return Ok(());
        }
        let place = Place::of(&self.office.dialogs, request);
        let load = Load { within: self.within.len(), others: self.tasks.len() };
        load.admits(&request.method, place)?;
        let is_new_call = request.method == Method::Invite && place == Place::First;
        if is_new_call && !self.gate.admits(Instant::now()) {
            return Err(Refusal::Unavailable);
        }
        Ok(())
    }

    fn receive(&mut self, request: Transaction) {
        if is_within(&request.original) {
            return self.receive_within(request);
        }
        match request.original.method {
            Method::Invite => self.invite(request),
            // Nobody may answer it; it is for a refusal that nothing is known of any more.
            Method::Ack => {}
            Method::Options => {
                let (status, headers) = match answers::check(&request.original) {
                    Err(refusal @ Refusal::Extension) => {
                        (refusal.status(), refusal.headers(&request.original))
                    }
                    _ => match self.room() {
                        Ok(_) => (StatusCode::OK, answers::abilities()),
                        // A probe of a trunk asks for room, and for nobody who is busy.
                        Err(_) => {
                            let full = Refusal::Unavailable;
                            (full.status(), full.headers(&request.original))
                        }
                    },
                };
                self.tasks.spawn(quiet(answers::reply(request, status, headers)));
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
        match self.office.dialogs.match_dialog(&request).and_then(invite_of) {
            Some(mut dialog) => {
                self.within.spawn(quiet(async move {
                    // Asked here, since the call may end until this task runs.
                    match untimely(&dialog.state(), request.original.method) {
                        Some((status, headers)) => answers::reply(request, status, headers).await,
                        None => drop(dialog.handle(&mut request).await),
                    }
                }));
            }
            None if request.original.method == Method::Ack => {}
            None => self.reply(request, StatusCode::CallTransactionDoesNotExist),
        }
    }

    fn reply(&mut self, request: Transaction, status: StatusCode) {
        self.tasks.spawn(quiet(answers::reply(request, status, vec![])));
    }

    /// A new call in place of one that goes on.
    fn replace(&mut self, mut request: Transaction, replaces: &Replaces) -> Result<(), Refused> {
        let found = Takeover::new(&self.office, &request, replaces);
        let (takeover, orders) = match found {
            Ok(found) => found,
            Err(refusal) => return Err((refusal, Box::new(request))),
        };
        let mut dialog = takeover.dialog();
        // Where it is not obeyed any more, the call that is dropped here refuses itself.
        let _ = orders.try_send(Order::TakeOver(Box::new(takeover)));
        self.tasks.spawn(quiet(async move {
            let _ = dialog.handle(&mut request).await;
        }));
        Ok(())
    }

    fn invite(&mut self, request: Transaction) {
        let (copies, now) = (self.copies.key(&request.original), Instant::now());
        let refused = match Replaces::of(&request.original) {
            _ if copies.is_some_and(|key| self.copies.has(key, now)) => {
                Err((Refusal::Merged, Box::new(request)))
            }
            Ok(None) => self.ring(request),
            Ok(Some(replaces)) => self.replace(request, &replaces),
            Err(refusal) => Err((refusal, Box::new(request))),
        };
        let Err((refusal, request)) = refused else {
            if let Some(key) = copies {
                self.copies.note(key, now);
            }
            return;
        };
        // That one was refused may be left out of the log, when there are many.
        let _ = self.arrivals.try_send(Arrival::Refused(refusal));
        let headers = refusal.headers(&request.original);
        self.tasks.spawn(quiet(answers::reply(*request, refusal.status(), headers)));
    }

    fn ring(&mut self, mut request: Transaction) -> Result<(), Refused> {
        let refusal = match self.offer(&request) {
            Ok(offered) => {
                let mut dialog = offered.dialog();
                let told = self.arrivals.try_send(Arrival::Call(Box::new(offered.into_call())));
                if let Err(untold) = told
                    && let Arrival::Call(call) = untold.into_inner()
                {
                    call.turn_away();
                }
                self.tasks.spawn(quiet(async move {
                    if answers::wants_confirmations(&request.original) {
                        // So that it is not repeated.
                        let _ = request.send_trying().await;
                    }
                    let _ = dialog.handle(&mut request).await;
                }));
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        Err((refusal, Box::new(request)))
    }

    /// The room for one more call, where there is any and somebody takes calls.
    fn room(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if self.arrivals.is_closed() || !self.office.has_room() {
            return Err(Refusal::Unavailable);
        }
        let full = Refusal::Full { is_busy: self.office.config.is_busy_when_full };
        Arc::clone(&self.office.calls).try_acquire_owned().map_err(|_| full)
    }

    fn offer(&self, request: &Transaction) -> Result<Offered, Refusal> {
        let expires = answers::check(&request.original)?;
        let office = &self.office;
        let permit = self.room()?;
        let stack = office.stack.upgrade().ok_or(Refusal::Unavailable)?;
        let from = Peer::of(request).ok_or(Refusal::Unavailable)?;
        Offered::new(office, from, request, expires, (stack, permit))
    }
}

/// The answer to a request within a call that comes too early or too late for it. The stack has
/// none, and keeps what waits for one for good.
fn untimely(state: &DialogState, method: Method) -> Option<(StatusCode, Vec<Header>)> {
    let is_early = matches!(
        state,
        DialogState::Calling(_)
            | DialogState::Trying(_)
            | DialogState::Early(..)
            | DialogState::WaitAck(..)
    );
    match (state, method) {
        (DialogState::Terminated(..), Method::Bye) => Some((StatusCode::OK, vec![])),
        (DialogState::Terminated(..), Method::Ack) => None,
        (DialogState::Terminated(..), _) => Some((StatusCode::CallTransactionDoesNotExist, vec![])),
        // Nothing has acknowledged our answer yet: that comes with the answer's repetition.
        (_, Method::Invite) if is_early => Some((StatusCode::RequestPending, vec![])),
        // The stack sees to these itself.
        (_, Method::Ack | Method::Cancel | Method::Bye | Method::PRack) => None,
        _ if is_early => Some((StatusCode::ServerInternalError, vec![come_again()])),
        _ => None,
    }
}

/// When whoever was too early may ask again: at a random time of up to 10 s (RFC 3311, section
/// 5.2).
fn come_again() -> Header {
    let wait = random_number("put off").map_or(10, |number| number % 11);
    Header::RetryAfter(wait.to_string().into())
}

#[cfg(test)]
mod tests;
