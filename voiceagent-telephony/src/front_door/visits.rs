use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use voiceagent_core::CallId;

use crate::{media_stream::Stay, recent::Recent};

/// Calls whose answer is kept. A carrier repeats a webhook within seconds; an answer is a kilobyte.
const ANSWERS: usize = 4_096;

/// Calls that are known to have had their answer. Whoever repeats a webhook that was recorded must
/// wait for so many others; a call takes 50 bytes.
const CALLS: usize = 65_536;

/// Which calls have been let in, and what their webhooks were answered with.
///
/// A call is let in once, however often and however close together its webhook comes: each
/// repetition gets the very answer of the first, and with it no second token. A call whose stream
/// has come and gone may come back. Who is refused is not kept, and may ask again.
#[derive(Debug)]
pub(super) struct Visits(Mutex<Held>);

type Answer = Arc<OnceCell<(String, Stay)>>;

#[derive(Debug)]
struct Held {
    answers: Recent<CallId, Answer>,
    /// By digest, since names may be long.
    let_in: Recent<[u8; 16], ()>,
}

impl Visits {
    fn new(answers: usize, calls: usize) -> Self {
        Self(Mutex::new(Held { answers: Recent::new(answers), let_in: Recent::new(calls) }))
    }

    /// The answer for this call: the first one, which is made where there is none yet; `None` when
    /// it has been forgotten. Who comes while the first is being made waits for it.
    pub(super) async fn answer<E>(
        &self,
        call: &CallId,
        first: impl Future<Output = Result<(String, Stay), E>>,
    ) -> Result<Option<String>, E> {
        let Some(answer) = self.known(call) else { return Ok(None) };
        let made = answer.get_or_try_init(|| async {
            let answer = first.await?;
            self.with(|held| *held.let_in.of(&digest(call)));
            Ok(answer)
        });
        match made.await {
            Ok((answer, _)) => Ok(Some(answer.clone())),
            Err(refused) => {
                self.with(|held| {
                    // Nobody else is about to be let in by it.
                    if Arc::strong_count(&answer) == 2 && !answer.initialized() {
                        held.answers.forget(call);
                    }
                });
                Err(refused)
            }
        }
    }

    /// Lets a call come back whose stream has come and gone.
    pub(super) fn forget_if_over(&self, call: &CallId) {
        self.with(|held| {
            let stay = held.answers.get(call).and_then(|answer| answer.get());
            if stay.is_some_and(|(_, stay)| stay.is_over()) {
                held.answers.forget(call);
                held.let_in.forget(&digest(call));
            }
        });
    }

    fn known(&self, call: &CallId) -> Option<Answer> {
        self.with(|held| {
            let is_forgotten = !held.answers.has(call) && held.let_in.has(&digest(call));
            (!is_forgotten).then(|| Arc::clone(held.answers.of(call)))
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Visits {
    fn default() -> Self {
        Self::new(ANSWERS, CALLS)
    }
}

fn digest(call: &CallId) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(call.as_str()).into();
    *digest.first_chunk().expect("a half of it")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::media_stream::{Places, TokenCheck};

    async fn ask(visits: &Visits, call: &str, answer: &str) -> Option<String> {
        let stay = Places::new(1, TokenCheck::Off).take().unwrap().stay();
        let first = async { Ok::<_, Infallible>((answer.to_owned(), stay)) };
        visits.answer(&CallId::new(call), first).await.unwrap()
    }

    #[tokio::test]
    async fn a_call_whose_answer_is_forgotten_gets_no_other() {
        let visits = Visits::new(2, 3);
        for call in ["a", "b", "c"] {
            assert_eq!(ask(&visits, call, "first").await.unwrap(), "first");
        }
        assert_eq!(ask(&visits, "c", "second").await.unwrap(), "first");
        assert_eq!(ask(&visits, "a", "second").await, None);
        assert_eq!(ask(&visits, "d", "first").await.unwrap(), "first");
        assert_eq!(ask(&visits, "a", "second").await.unwrap(), "second", "memory is bounded");
    }

    #[tokio::test]
    async fn who_was_refused_may_ask_again() {
        let visits = Visits::default();
        let call = CallId::new("a");
        let refused = visits.answer(&call, async { Err("busy") }).await;
        assert_eq!(refused.unwrap_err(), "busy");
        assert!(!visits.with(|held| held.answers.has(&call)), "it pushes out nobody's answer");
        assert_eq!(ask(&visits, "a", "first").await.unwrap(), "first");
    }
}
