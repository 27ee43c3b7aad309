//! Who is being served, so that the program can leave without leaving anybody in mid-sentence.

use std::{future::Future, num::NonZeroUsize, sync::Arc};

use tokio::sync::watch;

use crate::strain::Strain;

/// Counts the calls in progress, and ends them when the house is closed. A clone is the same lobby.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use dealership::lobby::Lobby;
///
/// let lobby = Lobby::new();
/// lobby.host(async { assert!(true, "a call") }).await;
/// lobby.refuse_new();
/// lobby.empty().await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Lobby {
    phase: Arc<watch::Sender<Phase>>,
    calls: Arc<watch::Sender<usize>>,
    most: Option<NonZeroUsize>,
    strain: Arc<watch::Sender<Option<Strain>>>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Open,
    Leaving,
    Dismissing,
    Closed,
}

impl Lobby {
    /// An open lobby without calls.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: Arc::new(watch::Sender::new(Phase::Open)),
            calls: Arc::new(watch::Sender::new(0)),
            most: None,
            strain: Arc::new(watch::Sender::new(None)),
        }
    }

    /// As many calls as there is room for, and no more than these are let in.
    #[must_use]
    pub fn with_most(mut self, most: Option<NonZeroUsize>) -> Self {
        self.most = most;
        self
    }

    /// Whether no call more is let in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.strained().is_some() || self.most.is_some_and(|most| self.calls() >= most.get())
    }

    /// Whether others should send calls here: a tenth of the room is kept for those that are on
    /// their way while they find out.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let is_below = |most: NonZeroUsize| self.calls() < most.get() - most.get() / 10;
        self.strained().is_none() && self.most.is_none_or(is_below)
    }

    /// Notes what the machine is short of.
    pub(crate) fn strain(&self, strain: Option<Strain>) {
        self.strain.send_replace(strain);
    }

    /// What the machine is short of. While there is such a thing, no call is let in.
    pub(crate) fn strained(&self) -> Option<Strain> {
        *self.strain.borrow()
    }

    /// Whether new calls are welcome.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.phase.borrow() == Phase::Open
    }

    /// Calls in progress.
    #[must_use]
    pub fn calls(&self) -> usize {
        *self.calls.borrow()
    }

    /// Lets a call run to its end, or until the lobby closes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the call.
    pub async fn host(&self, call: impl Future<Output = ()>) {
        let _seat = Seat::take(&self.calls);
        let mut phase = self.phase.subscribe();
        tokio::select! {
            () = call => {}
            // The sender is ours, so waiting does not fail.
            _ = phase.wait_for(|phase| *phase == Phase::Closed) => {}
        }
    }

    /// Says that new calls are no longer welcome.
    pub fn refuse_new(&self) {
        self.phase.send_replace(Phase::Leaving);
    }

    /// Waits until new calls are no longer welcome.
    pub async fn closes(&self) {
        let mut phase = self.phase.subscribe();
        // The sender is ours, so waiting does not fail.
        let _ = phase.wait_for(|phase| *phase >= Phase::Leaving).await;
    }

    /// Asks those who are in a call to take their leave.
    pub fn dismiss(&self) {
        self.phase.send_replace(Phase::Dismissing);
    }

    /// Waits until calls are to take their leave.
    pub async fn dismissed(&self) {
        let mut phase = self.phase.subscribe();
        // The sender is ours, so waiting does not fail.
        let _ = phase.wait_for(|phase| *phase >= Phase::Dismissing).await;
    }

    /// Ends all calls.
    pub fn close(&self) {
        self.phase.send_replace(Phase::Closed);
    }

    /// Waits until no call is in progress.
    pub async fn empty(&self) {
        // The sender is ours, so waiting does not fail.
        let _ = self.calls.subscribe().wait_for(|calls| *calls == 0).await;
    }
}

impl Default for Lobby {
    fn default() -> Self {
        Self::new()
    }
}

/// A call counts until it is dropped.
struct Seat<'a>(&'a watch::Sender<usize>);

impl<'a> Seat<'a> {
    fn take(calls: &'a watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[test]
    fn a_tenth_of_the_room_is_kept_for_calls_that_are_on_their_way() {
        let lobby = Lobby::new().with_most(NonZeroUsize::new(20));
        let mut calls = Vec::new();
        for held in 0..=20 {
            assert_eq!((lobby.has_room(), lobby.is_full()), (held < 18, held == 20), "{held}");
            calls.push(Seat::take(&lobby.calls));
        }
        drop(calls);
        assert!(lobby.has_room() && !lobby.is_full());
        assert!(Lobby::new().has_room() && !Lobby::new().is_full(), "without a bound");
    }

    #[test]
    fn a_machine_that_is_short_of_something_lets_no_call_in_and_keeps_those_that_are_there() {
        let lobby = Lobby::new();
        let call = Seat::take(&lobby.calls);
        lobby.clone().strain(Some(Strain::Memory));
        assert_eq!((lobby.has_room(), lobby.is_full(), lobby.calls()), (false, true, 1));
        lobby.strain(None);
        assert_eq!((lobby.has_room(), lobby.is_full(), lobby.calls()), (true, false, 1));
        drop(call);
    }

    #[tokio::test]
    async fn d10_calls_are_counted_and_end_when_the_lobby_closes() {
        let lobby = Lobby::new();
        let hosted = lobby.clone();
        let call = tokio::spawn(async move { hosted.host(pending()).await });
        lobby.calls.subscribe().wait_for(|calls| *calls == 1).await.unwrap();
        assert!(lobby.is_open());
        lobby.refuse_new();
        assert!(!lobby.is_open());
        assert_eq!(lobby.calls(), 1, "a call in progress goes on");
        lobby.dismiss();
        lobby.dismissed().await;
        assert_eq!(lobby.calls(), 1, "it may say goodbye");
        lobby.close();
        call.await.unwrap();
        lobby.empty().await;
        assert_eq!(lobby.calls(), 0);
    }
}
