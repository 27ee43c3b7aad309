use std::{sync::Arc, time::Duration};

/// What a recognizer understands.
///
/// The n-th stretch of speech is understood as the n-th utterance of the script. A turn ends after
/// silence; with vendors that bridge pauses, speech before that continues it. A connection that
/// follows one that was cut goes on with the turn that was not ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TurnScript {
    /// What is said, in order. Further speech is not understood.
    pub utterances: Arc<[Arc<str>]>,
    /// Silence after which a turn is probably over, if the client asks to know.
    pub eager_after: Duration,
    /// Silence after which a turn is over.
    pub end_after: Duration,
    /// From the decision to its message.
    pub delay: Duration,
}

impl TurnScript {
    /// A vendor that understands this.
    pub fn utterances<T: Into<Arc<str>>>(utterances: impl IntoIterator<Item = T>) -> Self {
        Self {
            utterances: utterances.into_iter().map(Into::into).collect(),
            eager_after: Duration::from_millis(240),
            end_after: Duration::from_millis(500),
            delay: Duration::from_millis(20),
        }
    }

    /// Changes how long a message takes.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}
