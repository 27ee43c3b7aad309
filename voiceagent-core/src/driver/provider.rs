use std::{
    collections::VecDeque,
    future::{self, Future},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Error, ErrorKind, Link, Result};

/// How long a lost provider is tried again.
const REOPENING: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(250);
/// How long before the end of [`REOPENING`] a provider is tried for the last time that asks to be
/// left alone for longer: connecting takes less.
const LAST_TRY: Duration = Duration::from_secs(1);
/// Links in a row that end soon and without a word, until a provider is of no use: it takes
/// connections and closes them.
const FRUITLESS: u32 = 3;
/// Inputs that wait for a provider that is being reopened: audio for the whole of [`REOPENING`] in
/// frames of 20 ms, and more texts than any answer has.
const BACKLOG: usize = 256;
/// Of these, what audio leaves to others where it could crowd them out.
const RESERVE: usize = 16;

type Opening<I, O> = BoxFuture<'static, Result<Link<I, O>>>;
type Reopening<I, O> = BoxFuture<'static, Result<(Duration, Link<I, O>)>>;

/// The link to a recognizer or a voice, which is opened again when it is lost.
pub(super) struct Provider<I, O> {
    open: Arc<dyn Fn() -> Opening<I, O> + Send + Sync>,
    link: Option<Link<I, O>>,
    /// How long the link took to open, until it is told.
    opened: Option<Duration>,
    reopening: Option<Reopening<I, O>>,
    backlog: VecDeque<I>,
    /// Until when the vendor has asked to be left alone.
    asked_until: Option<Instant>,
    /// Links that ended soon and without a word, since the last that did not.
    fruitless: u32,
    /// When the link was opened, until it says something.
    mute_since: Option<Instant>,
}

/// What comes from a provider.
pub(super) enum Report<O> {
    /// It was opened, again or for the first time, which took so long.
    Connected(Duration),
    /// The link has ended, and is opened again.
    Ended,
    Event(O),
    /// Something failed, and the provider goes on.
    Fault(Error),
    /// It could not be opened again.
    Lost(Error),
}

impl<I: Send + 'static, O: Send + 'static> Provider<I, O> {
    pub(super) async fn open<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Result<Self>
    where
        F: Future<Output = Result<Link<I, O>>> + Send + 'static,
    {
        let (took, link) = timed(open()).await?;
        let open = Arc::new(move || open().boxed());
        Ok(Self {
            open,
            link: Some(link),
            opened: Some(took),
            reopening: None,
            backlog: VecDeque::new(),
            asked_until: None,
            fruitless: 0,
            mute_since: Some(now()),
        })
    }

    /// Notes that the link has ended. Returns whether another one is worth a try.
    fn is_worth_reopening(&mut self) -> bool {
        let soon = self.mute_since.is_some_and(|opened| opened.elapsed() < REOPENING);
        self.fruitless = if soon { self.fruitless + 1 } else { 0 };
        self.fruitless < FRUITLESS
    }

    /// Hands over an input, or keeps it for the link that is being opened.
    pub(super) fn send(&mut self, input: I) -> Result<()> {
        match &self.link {
            Some(link) if !link.is_closed() => link.try_send(input),
            _ if self.backlog.len() < BACKLOG => {
                self.backlog.push_back(input);
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::Stalled, "send", "the provider is gone")),
        }
    }

    /// Whether an input can be handed over, or kept, now.
    pub(super) fn has_room(&self) -> bool {
        match &self.link {
            Some(link) if !link.is_closed() => link.is_writable(),
            _ => self.backlog.len() < BACKLOG,
        }
    }

    /// Hands over audio, unless it would take the room of what must not be lost: an answer that is
    /// not wanted any more would be given, if that could not be said.
    pub(super) fn send_audio(&mut self, input: I) -> Result<()> {
        let is_crowded = match &self.link {
            Some(link) if !link.is_closed() => link.is_crowded(),
            _ => self.backlog.len() >= BACKLOG - RESERVE,
        };
        if is_crowded {
            return Err(Error::new(ErrorKind::Stalled, "send", "the queue is full of audio"));
        }
        self.send(input)
    }

    /// Waits for room in the link. One that has ended, or is being opened, has none.
    pub(super) fn writable(&self) -> impl Future<Output = ()> + Send + use<I, O> {
        let room = self.link.as_ref().filter(|link| !link.is_closed()).map(Link::writable);
        async move {
            match room {
                Some(room) => room.await,
                None => future::pending().await,
            }
        }
    }

    /// Takes back what waits for the link that is being opened.
    pub(super) fn take_backlog(&mut self) -> VecDeque<I> {
        std::mem::take(&mut self.backlog)
    }

    /// The next report. After [`Report::Lost`] the provider is of no use.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: an attempt to reopen goes on with the next call.
    pub(super) async fn next(&mut self) -> Report<O> {
        loop {
            if let Some(took) = self.opened.take() {
                return Report::Connected(took);
            }
            if let Some(link) = &mut self.link {
                match link.recv().await {
                    Some(Ok(event)) => {
                        (self.mute_since, self.asked_until) = (None, None);
                        return Report::Event(event);
                    }
                    Some(Err(fault)) => {
                        self.asked_until = fault.retry_after().map(|wait| now() + wait);
                        return Report::Fault(fault);
                    }
                    None => {
                        self.link = None;
                        return match self.is_worth_reopening() {
                            true => Report::Ended,
                            false => Report::Lost(fruitless()),
                        };
                    }
                }
            }
            let open = &self.open;
            let asked_until = self.asked_until.take();
            let again = || reopen(open.clone(), asked_until).boxed();
            let reopening = self.reopening.get_or_insert_with(again);
            let opened = reopening.await;
            self.reopening = None;
            match opened {
                Ok((took, link)) => {
                    for input in self.backlog.drain(..) {
                        // What a fresh link has no room for would have come too late anyway.
                        let _ = link.try_send(input);
                    }
                    self.link = Some(link);
                    self.opened = Some(took);
                    self.mute_since = Some(now());
                }
                Err(error) => return Report::Lost(error),
            }
        }
    }
}

/// Opens a provider again and again for a while, and no sooner than it asks for but for a last
/// time: who may be back too late is tried once more before the call is given up.
async fn reopen<I, O>(
    open: Arc<dyn Fn() -> Opening<I, O> + Send + Sync>,
    asked_until: Option<Instant>,
) -> Result<(Duration, Link<I, O>)> {
    let mut last = Error::new(ErrorKind::Timeout, "reopen", "no answer");
    let end = now() + REOPENING;
    let last_try = end - LAST_TRY;
    let attempts = async {
        let mut next = asked_until.map_or_else(now, |until| until.min(last_try));
        loop {
            sleep_until(next).await;
            let error = match timed(open()).await {
                Ok(opened) => return opened,
                Err(error) => error,
            };
            let asked = error.retry_after();
            last = error;
            next = now() + asked.unwrap_or_default().max(PAUSE);
            if asked.is_some() && next > last_try {
                if now() >= last_try {
                    return future::pending().await;
                }
                next = last_try;
            }
        }
    };
    let opened = timeout_at(end, attempts).await;
    opened.map_err(|_| last)
}

fn fruitless() -> Error {
    Error::new(ErrorKind::Disconnected, "reopen", "it ends each connection without a word")
}

/// Opens something, and says how long that took.
pub(super) async fn timed<T>(open: impl Future<Output = Result<T>>) -> Result<(Duration, T)> {
    let begun = now();
    let opened = open.await?;
    Ok((begun.elapsed(), opened))
}

#[expect(clippy::disallowed_methods, reason = "how long a link lives is no matter of the session")]
fn now() -> Instant {
    Instant::now()
}
