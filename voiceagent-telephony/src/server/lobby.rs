use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use tracing::warn;

use super::Complaint;

/// Sockets that may be without a call. Carriers name it within a moment, so that these many are
/// some hundred calls each second; a flood costs this many tasks, and calls do not notice.
const PLACES: usize = 64;

/// Where sockets wait until they have said whose call they are. Where there are too many, the one
/// that has waited longest makes room: whoever opens sockets and says nothing keeps no caller out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lobby(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// By number, which is the oldest first. Dropping the sender turns the socket out.
    seats: BTreeMap<u64, oneshot::Sender<Infallible>>,
    crowded: Complaint,
}

impl Lobby {
    /// How many may wait at a time.
    pub(crate) const PLACES: usize = PLACES;

    /// Takes a place; of too many the oldest is turned out.
    pub(crate) fn enter(&self) -> Seat {
        let (stays, turned_out) = oneshot::channel();
        let mut waiting = self.waiting();
        if waiting.seats.len() >= PLACES {
            waiting.seats.pop_first();
            if let Some(times) = waiting.crowded.due() {
                let limit = PLACES;
                warn!(limit, times, "too many sockets without a call: the oldest are closed");
            }
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.seats.insert(number, stays);
        Seat { lobby: self.clone(), number, turned_out }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a [`Lobby`], until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    lobby: Lobby,
    number: u64,
    turned_out: oneshot::Receiver<Infallible>,
}

impl Seat {
    /// Keeps the place until a socket has begun, and then gives it back; `None` when the socket
    /// was turned out, and dropped with the future that owned it.
    pub(crate) async fn until<F: Future>(mut self, begun: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            _ = &mut self.turned_out => None,
            begun = begun => Some(begun),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lobby.waiting().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn of_65_sockets_that_say_nothing_the_oldest_makes_room() {
        let lobby = Lobby::default();
        let mut waiting: Vec<_> =
            (0..64).map(|_| Box::pin(lobby.enter().until(pending::<()>()))).collect();
        assert!(waiting.iter_mut().all(|socket| socket.now_or_never().is_none()));
        assert_eq!(lobby.enter().until(ready("a caller")).await, Some("a caller"));
        assert_eq!(waiting.remove(0).now_or_never(), Some(None));
        assert!(waiting.iter_mut().all(|socket| socket.now_or_never().is_none()));
        drop(waiting.remove(0));
        let _next = lobby.enter();
        let _last = lobby.enter();
        assert!(
            waiting.iter_mut().all(|socket| socket.now_or_never().is_none()),
            "those that have gone hold no place"
        );
    }
}
