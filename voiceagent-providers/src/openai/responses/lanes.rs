use std::{
    collections::VecDeque,
    hash::RandomState,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
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

/// How long a socket may wait for its next answer. It is no quicker to find out what the networks in
/// between have made of an old one than to open another.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How often an answer is asked for: once with what the vendor remembers, once where it does not or
/// the socket was gone, and once over a new socket.
const TRIES: usize = 3;

/// How often a socket is pinged. Networks that forget connections which bring nothing do so after a
/// minute at the earliest, and say nothing of it.
const PING: Duration = Duration::from_secs(20);

/// How long the answer to a ping may take.
const PONG: Duration = Duration::from_secs(5);

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
        if self.idle.usable().iter().any(Lane::is_fresh) {
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
        for attempt in 1..=TRIES {
            // Sockets that were lost together are found out one by one.
            let waiting = if attempt < TRIES { self.idle.take(&trail) } else { None };
            let (mut lane, is_new) = match waiting {
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
        let mut lanes = self.usable();
        let known = |lane: &Lane| lane.chain.longest(trail).map_or(0, |(entries, _)| entries);
        let best = (0..lanes.len()).max_by_key(|&at| known(&lanes[at]));
        let best = best.filter(|&at| known(&lanes[at]) > 0);
        let best = best.or_else(|| lanes.iter().position(Lane::is_fresh));
        let best = best.or_else(|| lanes.iter().position(|lane| lane.since.elapsed() > FORGOTTEN));
        best.map(|at| lanes.remove(at))
    }

    fn put(&self, mut lane: Lane) {
        lane.since = Instant::now();
        let mut lanes = self.usable();
        lanes.push(lane);
        let excess = lanes.len().saturating_sub(MOST_IDLE);
        lanes.drain(..excess);
    }

    /// The sockets that are open, and have not waited for too long; the others are closed.
    fn usable(&self) -> MutexGuard<'_, Vec<Lane>> {
        // Nothing in between can panic and leave it half done.
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|lane| !lane.link.is_closed() && lane.since.elapsed() < LONGEST_WAIT);
        lanes
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

/// Passes requests and events on, and ends when the vendor is gone, although nobody has said so.
async fn pump(mut socket: Socket, mut peer: LinkPeer<String, String>) -> Result<()> {
    let (mut is_pinged, mut wakes) = (false, Instant::now() + PING);
    loop {
        tokio::select! {
            // What has come is not missed.
            biased;
            received = socket.recv() => if let Received::Text(event) = received? {
                peer.send(event.as_str().to_owned()).await?;
            },
            request = peer.recv() => match request {
                Some(request) => socket.send_text(request).await?,
                None => {
                    socket.close(None, GOODBYE).await;
                    return Ok(());
                }
            },
            () = sleep_until(wakes) => {
                is_pinged = !is_pinged;
                if is_pinged {
                    socket.ping().await?;
                } else {
                    socket.ensure_alive()?;
                }
                wakes = Instant::now() + if is_pinged { PONG } else { PING - PONG };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_has_waited_for_minutes_is_closed() {
        let link = Link::spawn(1, |mut peer| async move {
            while peer.recv().await.is_some() {}
            Ok(())
        });
        let idle = Idle::default();
        idle.put(Lane { link, chain: Chain::new(1), since: Instant::now() });
        let trail = Trail::of(&LlmRequest::new("", Vec::new()), &RandomState::new());
        for wait in [LONGEST_WAIT / 2, LONGEST_WAIT - Duration::from_secs(1)] {
            tokio::time::advance(wait).await;
            idle.put(idle.take(&trail).expect("it is not too old"));
        }
        tokio::time::advance(LONGEST_WAIT).await;
        assert!(idle.take(&trail).is_none());
        assert!(idle.0.lock().unwrap().is_empty());
    }
}
