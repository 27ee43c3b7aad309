use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::sleep;
use voiceagent_core::{
    Error, ErrorKind, Result,
    turn::{TurnDetector, TurnScore, TurnSnapshot},
};

use super::Recording;

type Script = dyn FnMut(&TurnSnapshot) -> Option<TurnScore> + Send;

/// A turn detector that scores as the test says.
pub struct FakeTurnDetector {
    script: Mutex<Box<Script>>,
    delay: Duration,
    snapshots: Recording<TurnSnapshot>,
}

impl FakeTurnDetector {
    /// A detector that answers after 30 ms with what `script` returns; `None` is a failure.
    pub fn new(script: impl FnMut(&TurnSnapshot) -> Option<TurnScore> + Send + 'static) -> Self {
        Self {
            script: Mutex::new(Box::new(script)),
            delay: Duration::from_millis(30),
            snapshots: Recording::default(),
        }
    }

    /// A detector that gives these probabilities of an ended turn one after another, and fails
    /// after the last.
    pub fn scores(scores: impl IntoIterator<Item = f32, IntoIter: Send + 'static>) -> Self {
        let mut scores = scores.into_iter();
        Self::new(move |_| scores.next().map(TurnScore::new))
    }

    /// Says how long an answer takes.
    #[must_use]
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// What it was asked.
    #[must_use]
    pub fn snapshots(&self) -> Recording<TurnSnapshot> {
        self.snapshots.clone()
    }
}

#[async_trait]
impl TurnDetector for FakeTurnDetector {
    async fn score(&self, turn: TurnSnapshot) -> Result<TurnScore> {
        self.snapshots.add(turn.clone());
        let score = self.script.lock().unwrap_or_else(PoisonError::into_inner)(&turn);
        sleep(self.delay).await;
        score.ok_or_else(|| {
            Error::new(ErrorKind::Timeout, "score", "failed as the test asked")
                .with_provider("fake")
        })
    }
}

impl fmt::Debug for FakeTurnDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTurnDetector").field("delay", &self.delay).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use voiceagent_core::TurnId;

    use super::*;
    use crate::conformance;

    #[tokio::test(start_paused = true)]
    async fn scores_come_in_order_and_late_by_the_delay() {
        let detector = FakeTurnDetector::scores([0.2, 0.9]);
        let begun = Instant::now();
        let ask = |text: &str| detector.score(TurnSnapshot::new(TurnId::new(1), text));
        assert_eq!(ask("I want").await.unwrap(), TurnScore::new(0.2));
        assert_eq!(ask("I want a car").await.unwrap(), TurnScore::new(0.9));
        assert_eq!(ask("now").await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(begun.elapsed(), Duration::from_millis(90));
        assert_eq!(&*detector.snapshots().all()[1].text, "I want a car");
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_what_every_turn_detector_must_pass() {
        let sensible = FakeTurnDetector::new(|turn| {
            Some(TurnScore::new(if turn.text.ends_with(" and") { 0.1 } else { 0.9 }))
        });
        conformance::turn("fake", &sensible, Duration::from_millis(100)).await.assert();
    }
}
