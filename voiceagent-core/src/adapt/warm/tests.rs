use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::stream;
use tokio::time::{advance, sleep};

use super::*;
use crate::{Error, ErrorKind, audio::AudioFormat};

const OPENING: Duration = Duration::from_millis(400);
const SECOND: Duration = Duration::from_secs(1);

/// A voice that takes a while to open.
#[derive(Debug, Default)]
struct Slow {
    opened: AtomicUsize,
    open: Arc<AtomicUsize>,
    is_down: Mutex<bool>,
    /// Ends the links that are open.
    hang_up: Arc<tokio::sync::Notify>,
}

/// Counts a link while it lives.
struct Living(Arc<AtomicUsize>);

impl Drop for Living {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slow {
    fn counts(&self) -> (usize, usize) {
        (self.opened.load(Ordering::SeqCst), self.open.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl TextToSpeech for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::new(vec![AudioFormat::MULAW_8K])
    }

    async fn open(&self, _options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        sleep(OPENING).await;
        self.opened.fetch_add(1, Ordering::SeqCst);
        if *self.is_down.lock().unwrap() {
            return Err(Error::new(ErrorKind::Disconnected, "open", "scripted"));
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        let (living, hang_up) = (Living(self.open.clone()), self.hang_up.clone());
        Ok(Link::spawn(4, |mut peer| async move {
            let _living = living;
            tokio::select! {
                () = hang_up.notified() => {}
                () = async { while peer.recv().await.is_some() {} } => {}
            }
            Ok(())
        }))
    }
}

fn options() -> TtsOptions {
    TtsOptions::new(AudioFormat::MULAW_8K)
}

fn warm(slow: &Arc<Slow>, spare: usize) -> WarmTts {
    WarmTts::new(slow.clone(), Warmth { spare, ..Warmth::default() })
}

#[tokio::test(start_paused = true)]
async fn the_next_call_does_not_wait_for_its_connection() {
    let slow = Arc::new(Slow::default());
    let voice = warm(&slow, 1);
    let begin = now();
    let first = voice.open(options()).await.unwrap();
    assert_eq!(now() - begin, OPENING, "the first call opens its own");
    sleep(SECOND).await;
    let begin = now();
    let second = voice.open(options()).await.unwrap();
    assert_eq!(now() - begin, Duration::ZERO);
    sleep(SECOND).await;
    assert_eq!(slow.counts(), (3, 3), "two calls and a spare");
    drop((first, second, voice));
    sleep(SECOND).await;
    assert_eq!(slow.counts(), (3, 0), "what waits goes with its owner");
}

#[tokio::test(start_paused = true)]
async fn the_first_call_is_prepared_for_and_no_more_wait_than_were_asked_for() {
    let slow = Arc::new(Slow::default());
    let voice = warm(&slow, 2);
    voice.prepare(options());
    sleep(5 * SECOND).await;
    assert_eq!(slow.counts(), (2, 2));
    let begin = now();
    let calls = [voice.open(options()).await.unwrap(), voice.open(options()).await.unwrap()];
    assert_eq!(now() - begin, Duration::ZERO);
    assert!(calls.iter().all(|call| !call.is_closed()));
    let third = voice.open(options()).await.unwrap();
    assert_eq!(now() - begin, OPENING, "one that finds none opens its own");
    drop(third);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_while_a_connection_opens_waits_for_the_rest_of_that() {
    let slow = Arc::new(Slow::default());
    let voice = warm(&slow, 1);
    voice.prepare(options());
    sleep(OPENING - Duration::from_millis(100)).await;
    let begin = now();
    let call = voice.open(options()).await.unwrap();
    assert_eq!(now() - begin, Duration::from_millis(100));
    assert_eq!(slow.counts(), (1, 1));
    drop(call);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_too_old_is_replaced_until_nobody_calls_any_more() {
    let slow = Arc::new(Slow::default());
    let voice = warm(&slow, 1);
    voice.prepare(options());
    sleep(59 * SECOND).await;
    assert_eq!(slow.counts(), (1, 1));
    sleep(5 * SECOND).await;
    assert_eq!(slow.counts(), (2, 1), "the old one is closed, and there is a new one");
    sleep(300 * SECOND).await;
    let (opened, open) = slow.counts();
    assert_eq!(open, 0, "nobody has called for five minutes");
    sleep(300 * SECOND).await;
    assert_eq!(slow.counts(), (opened, 0));
    let call = voice.open(options()).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(slow.counts(), (opened + 2, 2), "with a call it begins anew");
    drop(call);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_lost_is_given_to_nobody_and_replaced() {
    let slow = Arc::new(Slow::default());
    let voice = warm(&slow, 1);
    voice.prepare(options());
    sleep(SECOND).await;
    slow.hang_up.notify_one();
    sleep(SECOND).await;
    assert_eq!(slow.counts(), (2, 1));
    let begin = now();
    let call = voice.open(options()).await.unwrap();
    assert!(!call.is_closed() && now() == begin);
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_is_down_is_left_to_rest_and_calls_hear_why() {
    let slow = Arc::new(Slow::default());
    *slow.is_down.lock().unwrap() = true;
    let voice = warm(&slow, 1);
    voice.prepare(options());
    sleep(9 * SECOND).await;
    assert_eq!(slow.counts().0, 1, "it is not asked again and again");
    let refused = voice.open(options()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Disconnected);
    *slow.is_down.lock().unwrap() = false;
    sleep(12 * SECOND).await;
    assert_eq!(slow.counts().1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_wants_something_else_gets_that() {
    let slow = Arc::new(Slow::default());
    let voice = warm(&slow, 1);
    voice.prepare(options());
    sleep(SECOND).await;
    let begin = now();
    let other = TtsOptions::new(AudioFormat::PCM_16K);
    let call = voice.open(other).await.unwrap();
    assert_eq!(now() - begin, OPENING);
    sleep(SECOND).await;
    assert_eq!(slow.counts().1, 2, "the call, and a spare like it");
    drop(call);
}

/// A model that counts how often it is kept warm.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl LanguageModel for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
    }

    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        Ok(Box::pin(stream::empty()))
    }

    async fn warm(&self) -> Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_kept_warm_while_there_are_calls() {
    let counting = Arc::new(Counting::default());
    let model = WarmLlm::new(counting.clone(), Warmth::default());
    model.prepare();
    sleep(SECOND).await;
    assert_eq!(counting.0.load(Ordering::SeqCst), 1);
    sleep(600 * SECOND).await;
    assert_eq!(counting.0.load(Ordering::SeqCst), 5, "once a minute, for five minutes");
    let request = LlmRequest::new("", Vec::new());
    drop(model.generate(request).await.unwrap());
    sleep(SECOND).await;
    assert_eq!(counting.0.load(Ordering::SeqCst), 6);
    drop(model);
    advance(600 * SECOND).await;
    sleep(SECOND).await;
    assert_eq!(counting.0.load(Ordering::SeqCst), 6);
}
