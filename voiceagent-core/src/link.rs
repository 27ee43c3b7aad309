//! Live connections to the outside of a call.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tracing::Instrument as _;

use crate::{Error, ErrorKind, Result};

/// How long a pump may take to say goodbye once the owner of its link has gone.
///
/// Long enough to put a close frame on a socket, short enough that nothing outlives its call.
const GOODBYE: Duration = Duration::from_millis(100);

/// A live, two-way, bounded connection to something outside the call. Dropping it ends it.
///
/// A link has one task, its *pump*, which owns the socket (or whatever is behind it). Both
/// directions are bounded queues: whoever feeds a link never waits, and finds out at once when the
/// other side has stopped reading. When the pump returns an error, the error is the last item that
/// [`Link::recv`] yields.
///
/// When a link is dropped its pump sees [`LinkPeer::recv`] return `None`, has 100 ms to close in
/// good order, and is then ended.
///
/// ```
/// use voiceagent_core::Link;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut link: Link<u32, u32> = Link::spawn(8, |mut peer| async move {
///     while let Some(number) = peer.recv().await {
///         peer.send(number * 2).await?;
///     }
///     Ok(())
/// });
/// link.try_send(21).unwrap();
/// assert_eq!(link.recv().await.unwrap().unwrap(), 42);
/// # }
/// ```
pub struct Link<I, O> {
    inputs: mpsc::Sender<I>,
    outputs: mpsc::Receiver<Result<O>>,
    /// Tells the link's task, by its end, that the owner has gone.
    _owned: oneshot::Sender<Infallible>,
}

impl<I: Send + 'static, O: Send + 'static> Link<I, O> {
    /// Starts a pump. `capacity` bounds each direction, in items.
    pub fn spawn<F>(capacity: usize, pump: impl FnOnce(LinkPeer<I, O>) -> F) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (inputs, pump_inputs) = mpsc::channel(capacity);
        let (pump_outputs, outputs) = mpsc::channel(capacity);
        // In a box, since the task has room twice for what it is given.
        let pump = Box::pin(pump(LinkPeer { inputs: pump_inputs, outputs: pump_outputs.clone() }));
        // The sender's own `closed` would do, at the price of a lock each time the task is woken.
        let (owned, owner) = oneshot::channel();
        let task = async move {
            let owner_gone = async {
                let _ = owner.await;
                tokio::time::sleep(GOODBYE).await;
            };
            tokio::select! {
                biased;
                ended = pump => if let Err(error) = ended {
                    // The owner reads until it sees why the link ended, or is gone itself.
                    let _ = pump_outputs.send(Err(error)).await;
                },
                () = owner_gone => {}
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the one place where a link's task starts")]
        drop(tokio::spawn(task.in_current_span()));
        Self { inputs, outputs, _owned: owned }
    }

    /// Hands an input to the pump without waiting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stalled`] when the queue is full, [`ErrorKind::Closed`] when the pump ended.
    pub fn try_send(&self, input: I) -> Result<()> {
        self.inputs.try_send(input).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::new(ErrorKind::Stalled, "send", "the queue is full"),
            TrySendError::Closed(_) => Error::new(ErrorKind::Closed, "send", "the link has ended"),
        })
    }

    /// Waits until the queue has room for an input, or the link has ended. Does not borrow the link,
    /// so that it can be waited for beside [`Link::recv`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub fn writable(&self) -> impl Future<Output = ()> + Send + use<I, O> {
        let inputs = self.inputs.clone();
        async move {
            // That a link has ended is said by what is sent next.
            let _ = inputs.reserve().await;
        }
    }

    /// Whether the queue has room for an input.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.inputs.capacity() > 0
    }

    /// Whether less than a quarter of the queue is left. What can be left out should be, then, so
    /// that what cannot finds room.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.inputs.capacity() < self.inputs.max_capacity() / 4
    }

    /// Whether the pump takes no more inputs. What it said before can still be read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inputs.is_closed()
    }

    /// The next thing the pump has to say; `None` once it ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Result<O>> {
        self.outputs.recv().await
    }

    /// The next thing that the pump says, for a task that watches several links at once.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<O>>> {
        self.outputs.poll_recv(cx)
    }

    /// How much the pump has said that nobody has read yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outputs.len()
    }

    /// What the pump has said already, without waiting.
    pub fn try_recv(&mut self) -> Option<Result<O>> {
        self.outputs.try_recv().ok()
    }
}

impl<I, O> fmt::Debug for Link<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("inputs_free", &self.inputs.capacity())
            .field("outputs_waiting", &self.outputs.len())
            .finish()
    }
}

/// The pump's side of a [`Link`].
pub struct LinkPeer<I, O> {
    inputs: mpsc::Receiver<I>,
    outputs: mpsc::Sender<Result<O>>,
}

impl<I: Send, O: Send> LinkPeer<I, O> {
    /// The next input; `None` once the owner dropped the link.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<I> {
        self.inputs.recv().await
    }

    /// An input that is waiting already.
    pub fn try_recv(&mut self) -> Option<I> {
        self.inputs.try_recv().ok()
    }

    /// Hands something to the owner, and waits while its queue is full.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the owner dropped the link; a pump passes it on with `?`.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the output was not handed over, and is lost.
    pub async fn send(&self, output: O) -> Result<()> {
        self.outputs.send(Ok(output)).await.map_err(|_| owner_gone())
    }

    /// Hands over a fault that does not end the link.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the owner dropped the link.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn report(&self, fault: Error) -> Result<()> {
        self.outputs.send(Err(fault)).await.map_err(|_| owner_gone())
    }
}

impl<I, O> fmt::Debug for LinkPeer<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkPeer").finish_non_exhaustive()
    }
}

fn owner_gone() -> Error {
    Error::new(ErrorKind::Closed, "send", "the owner of the link has gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_reported_and_never_waits() {
        let link: Link<u8, ()> = Link::spawn(2, |peer| async move {
            let _unread = peer;
            std::future::pending().await
        });
        link.try_send(1).unwrap();
        link.try_send(2).unwrap();
        assert_eq!(link.try_send(3).unwrap_err().kind(), ErrorKind::Stalled);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_crowded_before_it_is_full() {
        let link: Link<u8, ()> = Link::spawn(8, |peer| async move {
            let _unread = peer;
            std::future::pending().await
        });
        let crowded = [0; 8].map(|input| {
            link.try_send(input).unwrap();
            link.is_crowded()
        });
        assert_eq!(crowded, [false, false, false, false, false, false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pumps_error_is_the_last_item() {
        let mut link: Link<(), u8> = Link::spawn(2, |peer| async move {
            peer.send(7).await?;
            Err(Error::new(ErrorKind::Disconnected, "read", "gone"))
        });
        assert_eq!(link.recv().await.unwrap().unwrap(), 7);
        assert_eq!(link.recv().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
        assert!(link.recv().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_link_lets_its_pump_say_goodbye() {
        let (said, mut heard) = mpsc::channel(1);
        let link: Link<(), ()> = Link::spawn(2, |mut peer| async move {
            assert!(peer.recv().await.is_none());
            said.send("bye").await.unwrap();
            Ok(())
        });
        drop(link);
        assert_eq!(heard.recv().await, Some("bye"));
    }

    #[tokio::test(start_paused = true)]
    async fn d8_a_pump_that_ignores_the_drop_is_ended() {
        let (held, mut gone) = mpsc::channel::<()>(1);
        let link: Link<(), ()> = Link::spawn(2, |_peer| async move {
            let _held = held;
            std::future::pending().await
        });
        drop(link);
        assert!(gone.recv().await.is_none(), "the pump's state was dropped");
    }
}
