use tokio::sync::{mpsc, watch};
use voiceagent_core::audio::AudioFrame;

/// How far a call of ours has come.
///
/// It never goes back: a ring behind an announcement is a part of it. A call that is refused stays
/// where it was.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum SipProgress {
    /// Nothing has come of it yet.
    #[default]
    Calling,
    /// It rings at the other side (180).
    Ringing,
    /// The other side has described media before its answer (180 to 183): a ring, a queue or an
    /// announcement of the network can be heard, and nobody has picked up.
    EarlyMedia,
    /// Somebody, or a machine, has picked up (200).
    Answered,
}

/// Those who go along with a call of ours until it is taken.
#[derive(Debug, Default)]
pub(super) struct Audience {
    progress: watch::Sender<SipProgress>,
    /// Whoever listens.
    pub(super) listener: Option<mpsc::Sender<AudioFrame>>,
}

impl Audience {
    pub(super) fn progress(&self) -> watch::Receiver<SipProgress> {
        self.progress.subscribe()
    }

    /// Tells how far the call has come, where that is further than before.
    pub(super) fn reach(&self, now: SipProgress) {
        self.progress.send_if_modified(|told| {
            let is_further = now > *told;
            *told = now.max(*told);
            is_further
        });
    }

    /// Lets listeners hear. What finds no room is left out.
    pub(super) fn hear(&self, frame: AudioFrame) {
        if let Some(listener) = &self.listener {
            let _ = listener.try_send(frame);
        }
    }
}
