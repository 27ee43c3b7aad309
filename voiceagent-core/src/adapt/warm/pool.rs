use std::{
    collections::VecDeque,
    fmt,
    future::pending,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, select_all},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};

use super::Warmth;
use crate::{
    Error, ErrorKind, Link, LinkPeer, Result,
    adapt::{
        chain::{REST, now},
        health::{CircuitBreaker, Health},
    },
};

/// Calls that ask for a connection in the same moment. One more opens its own.
const ASKING: usize = 64;

/// What a link is opened with.
pub(super) trait Wanted<I>: Clone + Send + Sync + 'static {
    /// Whether a link that was opened with these does for `other` too, as far as the vendor is told
    /// of them.
    fn does_for(&self, other: &Self) -> bool;

    /// What a link is told that was opened ahead, and is taken with these.
    fn on_taken(&self) -> Option<I>;
}

type Open<K, I, O> = dyn Fn(K) -> BoxFuture<'static, Result<Link<I, O>>> + Send + Sync;

/// Links that are open before anybody asks for them. One task owns them.
pub(super) struct Pool<K, I, O> {
    open: Arc<Open<K, I, O>>,
    warmth: Warmth,
    keeper: OnceLock<Link<Asked<K, I, O>, ()>>,
}

/// For which options a link is wanted, now or later.
struct Asked<K, I, O> {
    options: K,
    reply: Option<oneshot::Sender<Option<Link<I, O>>>>,
}

impl<K, I, O> Pool<K, I, O>
where
    K: Wanted<I>,
    I: Send + 'static,
    O: Send + 'static,
{
    pub(super) fn new(
        warmth: Warmth,
        open: impl Fn(K) -> BoxFuture<'static, Result<Link<I, O>>> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), warmth, keeper: OnceLock::new() }
    }

    /// Opens links ahead.
    pub(super) fn prepare(&self, options: K) {
        // Where it cannot be asked, the first call opens its own.
        let _ = self.keeper().try_send(Asked { options, reply: None });
    }

    /// A link that waits, or else a new one.
    pub(super) async fn open(&self, options: K) -> Result<Link<I, O>> {
        match self.take(options.clone()).await {
            Some(link) => Ok(link),
            None => (self.open)(options).await,
        }
    }

    async fn take(&self, options: K) -> Option<Link<I, O>> {
        let (reply, answer) = oneshot::channel();
        self.keeper().try_send(Asked { options, reply: Some(reply) }).ok()?;
        answer.await.ok().flatten()
    }

    fn keeper(&self) -> &Link<Asked<K, I, O>, ()> {
        self.keeper.get_or_init(|| {
            let keeper = Keeper {
                open: self.open.clone(),
                warmth: self.warmth,
                breaker: CircuitBreaker::new(REST),
                wanted: None,
                asked: now(),
                spares: VecDeque::new(),
                opening: None,
                waiting: None,
            };
            Link::spawn(ASKING, |peer| keeper.keep(peer))
        })
    }
}

impl<K, I, O> fmt::Debug for Pool<K, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("warmth", &self.warmth).finish_non_exhaustive()
    }
}

/// The task that owns the links.
struct Keeper<K, I, O> {
    open: Arc<Open<K, I, O>>,
    warmth: Warmth,
    /// Lets a vendor rest that cannot be reached.
    breaker: CircuitBreaker,
    /// What the last call wanted.
    wanted: Option<K>,
    /// When that was.
    asked: Instant,
    /// Oldest first.
    spares: VecDeque<Spare<I, O>>,
    opening: Option<BoxFuture<'static, Result<Link<I, O>>>>,
    /// A call that waits for what is being opened: no other would be there sooner.
    waiting: Option<Waiting<K, I, O>>,
}

/// A call, and what it wants.
struct Waiting<K, I, O> {
    options: K,
    reply: oneshot::Sender<Option<Link<I, O>>>,
}

struct Spare<I, O> {
    link: Link<I, O>,
    since: Instant,
}

impl<K, I, O> Keeper<K, I, O>
where
    K: Wanted<I>,
    I: Send + 'static,
    O: Send + 'static,
{
    async fn keep(mut self, mut peer: LinkPeer<Asked<K, I, O>, ()>) -> Result<()> {
        loop {
            self.retire();
            self.open_more();
            let wake = self.wake_at();
            tokio::select! {
                asked = peer.recv() => match asked {
                    Some(asked) => self.on_asked(asked),
                    None => return Ok(()),
                },
                opened = next(&mut self.opening) => self.on_opened(opened),
                lost = lost(&mut self.spares) => drop(self.spares.remove(lost)),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn is_idle(&self) -> bool {
        now() >= self.asked + self.warmth.linger
    }

    /// Closes what is too old, and everything when nobody calls.
    fn retire(&mut self) {
        let (now, is_idle, max_age) = (now(), self.is_idle(), self.warmth.max_age);
        self.spares.retain(|spare| !is_idle && now < spare.since + max_age);
    }

    fn open_more(&mut self) {
        let may_open = match self.breaker.health(now()) {
            Health::OnTrial | Health::Well => !self.is_idle(),
            Health::Resting { .. } => false,
        };
        let Some(options) = self.wanted.clone().filter(|_| may_open) else { return };
        if self.opening.is_some() || self.spares.len() >= self.warmth.spare {
            return;
        }
        let opening = timeout(self.warmth.opening, (self.open)(options));
        let late = || Error::new(ErrorKind::Timeout, "open", "a spare did not open in time");
        let opening = opening.map(move |opened| opened.unwrap_or_else(|_| Err(late())));
        self.opening = Some(opening.boxed());
    }

    fn on_opened(&mut self, opened: Result<Link<I, O>>) {
        // Without a link the call opens its own.
        let waiting = self.waiting.take();
        match opened {
            Ok(link) => {
                self.breaker.succeeded(now());
                match waiting {
                    Some(waiting) => {
                        let _ = waiting.reply.send(Some(taken(link, &waiting.options)));
                    }
                    None => self.spares.push_back(Spare { link, since: now() }),
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no connection could be opened ahead");
                self.breaker.failed(now(), &error);
            }
        }
    }

    fn on_asked(&mut self, Asked { options, reply }: Asked<K, I, O>) {
        self.asked = now();
        let before = self.wanted.replace(options.clone());
        if before.is_none_or(|before| !before.does_for(&options)) {
            self.spares.clear();
            (self.opening, self.waiting) = (None, None);
        }
        let Some(reply) = reply else { return };
        let mut spares = std::iter::from_fn(|| self.spares.pop_front());
        let well = spares.find_map(|mut spare| {
            // What one that waits has to say is that it failed.
            let is_well = !spare.link.is_closed() && spare.link.try_recv().is_none();
            is_well.then(|| taken(spare.link, &options))
        });
        if well.is_none() && self.opening.is_some() && self.waiting.is_none() {
            self.waiting = Some(Waiting { options, reply });
            return;
        }
        // A call that is not waited for any more closes what it is given.
        let _ = reply.send(well);
    }

    fn wake_at(&self) -> Instant {
        let oldest = self.spares.front().map(|spare| spare.since + self.warmth.max_age);
        let idle = self.spares.front().map(|_| self.asked + self.warmth.linger);
        let rested = match self.breaker.health(now()) {
            Health::Resting { until } => Some(until),
            Health::OnTrial | Health::Well => None,
        };
        let far = now() + Duration::from_secs(86_400);
        [oldest, idle, rested].into_iter().flatten().min().unwrap_or(far)
    }
}

/// A link that was opened ahead, as it is given to a call with these options.
fn taken<K: Wanted<I>, I: Send + 'static, O: Send + 'static>(
    link: Link<I, O>,
    options: &K,
) -> Link<I, O> {
    if let Some(news) = options.on_taken() {
        // One that has ended by now tells so itself.
        let _ = link.try_send(news);
    }
    link
}

async fn next<T>(opening: &mut Option<BoxFuture<'static, T>>) -> T {
    let Some(future) = opening else { return pending().await };
    let opened = future.await;
    *opening = None;
    opened
}

/// Which of the links has failed or ended.
async fn lost<I, O>(spares: &mut VecDeque<Spare<I, O>>) -> usize
where
    I: Send + 'static,
    O: Send + 'static,
{
    loop {
        if spares.is_empty() {
            return pending().await;
        }
        let says = spares.iter_mut().map(|spare| spare.link.recv().boxed());
        match select_all(says).await {
            (Some(Ok(_)), ..) => {}
            (Some(Err(_)) | None, at, _) => return at,
        }
    }
}
