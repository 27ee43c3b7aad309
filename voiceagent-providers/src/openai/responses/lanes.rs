use std::{
    collections::VecDeque,
    hash::RandomState,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use voiceagent_core::{Error, ErrorKind, Link, LinkPeer, Result, llm::LlmRequest};

use super::{
    super::OpenAiLlmConfig,
    chain::{Chain, Trail},
    codec::{Events, Memory, failure},
    request::{self, Way},
};
use crate::wire::{
    connect,
    http::Fault,
    llm::{answer::Source, call_ids::CallIds, keepsakes::Keepsakes},
    ws::{Dial, Received, Socket},
};

/// How many events of an answer may wait for a session that is busy: some seconds of words. Beyond
/// that the socket waits, and with it the vendor.
const WAITING: usize = 256;

/// How many sockets may wait for their next answer. More calls than that at once open anew.
const MOST_IDLE: usize = 64;

/// After this long the call whose conversation a socket remembers is taken to be over. Callers
/// pause for less.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// How often an answer is asked for: once with what the vendor remembers, once where it does not,
/// once where the socket was gone.
const TRIES: usize = 3;

/// How long the vendor may take to close a socket.
const GOODBYE: Duration = Duration::from_millis(50);

/// The sockets of a model. Each serves one answer at a time, and remembers the last one.
#[derive(Debug)]
pub(crate) struct Lanes {
    dial: Dial,
    idle: Idle,
    keys: RandomState,
}

/// Sockets that wait for their next answer, the one that waits longest first.
///
/// A lock and not a task guards them: it is held to take one out or put one in.
#[derive(Clone, Debug, Default)]
struct Idle(Arc<Mutex<Vec<Lane>>>);

/// A socket, and what the vendor remembers behind it.
#[derive(Debug)]
struct Lane {
    link: Link<String, String>,
    chain: Chain,
    since: Instant,
}

/// An answer on its way over a lane. The lane is closed when it is dropped before its end: the
/// vendor knows no other way to be stopped.
#[derive(Debug)]
pub(crate) struct LaneEvents {
    lane: Option<Lane>,
    read: VecDeque<String>,
    idle: Idle,
}

impl Lanes {
    /// Sockets to this address. None is opened yet.
    pub(crate) fn new(dial: Dial) -> Self {
        Self { dial, idle: Idle::default(), keys: RandomState::new() }
    }

    /// Opens a socket ahead, unless one waits.
    ///
    /// # Errors
    ///
    /// When the vendor refuses or is not reached in time.
    pub(crate) async fn warm(&self) -> Result<()> {
        if self.idle.lock().iter().any(Lane::is_fresh) {
            return Ok(());
        }
        let lane = Lane::open(&self.dial).await?;
        self.idle.put(lane);
        Ok(())
    }

    /// Asks for an answer, and waits until it begins.
    ///
    /// # Errors
    ///
    /// When the vendor is not reached, and when it refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answer up, and with it its socket.
    pub(crate) async fn ask(
        &self,
        config: &OpenAiLlmConfig,
        request: &LlmRequest,
        keepsakes: &Keepsakes,
    ) -> Result<(LaneEvents, Events)> {
        let trail = Trail::of(request, &self.keys);
        let mut failed = Error::new(ErrorKind::Disconnected, "generate", "the socket was closed");
        for _ in 0..TRIES {
            let (mut lane, is_new) = match self.idle.take(&trail) {
                Some(lane) => (lane, false),
                None => (Lane::open(&self.dial).await?, true),
            };
            match lane.begin(config, request, &trail, keepsakes).await {
                Ok(first) => {
                    let chain = Some(lane.chain.clone());
                    let memory = Memory { keepsakes: keepsakes.clone(), chain, trail };
                    let read = VecDeque::from([first]);
                    let idle = self.idle.clone();
                    let events = LaneEvents { lane: Some(lane), read, idle };
                    return Ok((events, Events::new(CallIds::of(&request.messages), memory)));
                }
                Err(Refused::Forgotten(error)) => {
                    lane.chain.clear();
                    self.idle.put(lane);
                    failed = error;
                }
                // The vendor closes sockets when they are old; nothing was said on this one.
                Err(Refused::Gone(error)) if is_new => return Err(error),
                Err(Refused::Gone(error)) => failed = error,
                Err(Refused::For(error)) => return Err(error),
            }
        }
        Err(failed)
    }
}

/// Why an answer does not begin.
enum Refused {
    /// The vendor does not remember the answer that is to be gone on from.
    Forgotten(Error),
    /// The socket is of no more use.
    Gone(Error),
    /// The vendor would refuse again.
    For(Error),
}

impl Lane {
    async fn open(dial: &Dial) -> Result<Self> {
        let begun = Instant::now();
        let socket = dial.connect().await?;
        connect::opened(begun.elapsed());
        let link = Link::spawn(WAITING, |peer| pump(socket, peer));
        Ok(Self { link, chain: Chain::new(1), since: Instant::now() })
    }

    /// Whether it waits for its first answer.
    fn is_fresh(&self) -> bool {
        self.chain.is_empty() && !self.link.is_closed()
    }

    /// Sends a request; the first event of the answer.
    async fn begin(
        &mut self,
        config: &OpenAiLlmConfig,
        request: &LlmRequest,
        trail: &Trail,
        keepsakes: &Keepsakes,
    ) -> std::result::Result<String, Refused> {
        let known = self.chain.longest(trail);
        let known = known.as_ref().map(|(entries, response)| (*entries, &**response));
        let way = Way { socket: true, known, keepsakes };
        let message = request::encode(config, request, way).map_err(Refused::For)?;
        let message = String::from_utf8(message).expect("JSON is text");
        // What the vendor has said since the last answer is about none.
        while let Some(Ok(_)) = self.link.try_recv() {}
        self.link.try_send(message).map_err(Refused::Gone)?;
        let gone = || Error::new(ErrorKind::Disconnected, "generate", "the socket was closed");
        let first = self.link.recv().await.unwrap_or_else(|| Err(gone()));
        let first = first.map_err(Refused::Gone)?;
        let fault = Fault::parse(&first);
        if fault.is("previous_response_not_found") {
            Err(Refused::Forgotten(failure(&first)))
        } else if fault.is("websocket_connection_limit_reached") {
            Err(Refused::Gone(failure(&first)))
        } else if fault.is_none() {
            Ok(first)
        } else {
            Err(Refused::For(failure(&first)))
        }
    }
}

impl Idle {
    /// Takes the socket that remembers most of a conversation, else one that remembers none, else
    /// the one whose call is over.
    fn take(&self, trail: &Trail) -> Option<Lane> {
        let mut lanes = self.lock();
        lanes.retain(|lane| !lane.link.is_closed());
        let known = |lane: &Lane| lane.chain.longest(trail).map_or(0, |(entries, _)| entries);
        let best = (0..lanes.len()).max_by_key(|&at| known(&lanes[at]));
        let best = best.filter(|&at| known(&lanes[at]) > 0);
        let best = best.or_else(|| lanes.iter().position(Lane::is_fresh));
        let best = best.or_else(|| lanes.iter().position(|lane| lane.since.elapsed() > FORGOTTEN));
        best.map(|at| lanes.remove(at))
    }

    fn put(&self, mut lane: Lane) {
        lane.since = Instant::now();
        let mut lanes = self.lock();
        lanes.push(lane);
        let excess = lanes.len().saturating_sub(MOST_IDLE);
        lanes.drain(..excess);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        // Nothing in between can panic and leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for LaneEvents {
    async fn read(&mut self) -> Result<bool> {
        if !self.read.is_empty() {
            return Ok(true);
        }
        let Some(lane) = &mut self.lane else { return Ok(false) };
        let Some(event) = lane.link.recv().await else { return Ok(false) };
        self.read.push_back(event?);
        Ok(true)
    }

    fn poll(&mut self) -> Option<String> {
        self.read.pop_front()
    }

    async fn release(&mut self) {
        if let Some(lane) = mem::take(&mut self.lane) {
            self.idle.put(lane);
        }
    }
}

/// Passes requests and events on, and keeps the socket alive in between.
async fn pump(mut socket: Socket, mut peer: LinkPeer<String, String>) -> Result<()> {
    loop {
        tokio::select! {
            request = peer.recv() => match request {
                Some(request) => socket.send_text(request).await?,
                None => {
                    socket.close(None, GOODBYE).await;
                    return Ok(());
                }
            },
            received = socket.recv() => if let Received::Text(event) = received? {
                peer.send(event.as_str().to_owned()).await?;
            },
        }
    }
}
