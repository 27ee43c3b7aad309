#![expect(clippy::disallowed_methods, reason = "the tests have stopped the clock")]

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::stream;
use tokio::time::timeout;

use super::*;
use crate::{
    Error, ErrorKind,
    adapt::Failover,
    llm::{AnswerFormat, FinishReason, Message, Quota, RateLimits, ToolCall},
};

#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    BreakOff,
    BreakOffSilently,
    BreakOffWithin(&'static str),
    CallAndBreakOff,
    ConnectAndFail,
    Continue(&'static str),
    Empty,
    FailFirstItem,
    Hang,
    LastFor(Duration),
    LimitFor(Duration),
    Reason,
    Refuse(ErrorKind),
    Stall,
    StallWithin(&'static str),
}

#[derive(Debug)]
struct Scripted {
    name: &'static str,
    /// How long it takes before it does anything.
    wait: Duration,
    acts: Vec<Act>,
    asked: AtomicUsize,
    requests: Mutex<Vec<LlmRequest>>,
    capabilities: LlmCapabilities,
}

/// A model that does one thing after the other, and the last one again and again.
fn scripted(name: &'static str, acts: &[Act]) -> Arc<Scripted> {
    slow(name, 0, acts)
}

/// The same after so many milliseconds.
fn slow(name: &'static str, wait: u64, acts: &[Act]) -> Arc<Scripted> {
    let capabilities = LlmCapabilities::default().with_tools(true, true);
    Arc::new(Scripted {
        name,
        wait: Duration::from_millis(wait),
        acts: acts.to_vec(),
        asked: AtomicUsize::new(0),
        requests: Mutex::default(),
        capabilities,
    })
}

impl Scripted {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl LanguageModel for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.capabilities
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        self.requests.lock().unwrap().push(request);
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.wait).await;
        let said = || Ok(LlmEvent::Text(self.name.to_owned()));
        let error = |kind| Error::new(kind, "generate", "scripted").with_provider(self.name);
        let finished = Ok(LlmEvent::Finished(FinishReason::Stop));
        let words = |text: &str| {
            let words: Vec<_> =
                text.split_inclusive(' ').map(|it| Ok(LlmEvent::Text(it.to_owned()))).collect();
            stream::iter(words)
        };
        let broken = || stream::iter([Err(error(ErrorKind::Disconnected))]);
        Ok(match self.acts[at.min(self.acts.len() - 1)] {
            Act::Answer => stream::iter([said(), finished]).boxed(),
            Act::BreakOff => stream::iter([said(), Err(error(ErrorKind::Disconnected))]).boxed(),
            Act::BreakOffSilently => stream::iter([said()]).boxed(),
            Act::BreakOffWithin(text) => words(text).chain(broken()).boxed(),
            Act::CallAndBreakOff => {
                let (name, arguments) = ("book".into(), "{}".into());
                let call = ToolCall { id: "call-1".into(), name, arguments };
                stream::iter([said(), Ok(LlmEvent::ToolCall(call))]).chain(broken()).boxed()
            }
            Act::Continue(text) => words(text).chain(stream::iter([finished])).boxed(),
            Act::StallWithin(text) => words(text).chain(stream::pending()).boxed(),
            Act::ConnectAndFail => {
                let connected = LlmEvent::Connected { after: Duration::ZERO, reused: true };
                stream::iter([Ok(connected), Err(error(ErrorKind::Disconnected))]).boxed()
            }
            Act::Empty => stream::empty().boxed(),
            Act::FailFirstItem => stream::iter([Err(error(ErrorKind::Overloaded))]).boxed(),
            Act::Hang => std::future::pending().await,
            Act::LimitFor(wait) => return Err(error(ErrorKind::RateLimited).with_retry_after(wait)),
            Act::LastFor(wait) => {
                let limits = RateLimits::new(Some(Quota::new(0, wait)), None);
                stream::iter([Ok(LlmEvent::Limits(limits)), said(), finished]).boxed()
            }
            Act::Reason => stream::repeat(())
                .then(|()| tokio::time::sleep(Duration::from_millis(300)))
                .map(|()| Ok(LlmEvent::Progress))
                .boxed(),
            Act::Refuse(kind) => return Err(error(kind)),
            Act::Stall => stream::pending().boxed(),
        })
    }
}

fn patient(
    first: Arc<Scripted>,
    second: Arc<Scripted>,
    tune: impl FnOnce(&mut LlmFailover),
) -> FallbackLlm {
    let mut settings = LlmFailover::default();
    tune(&mut settings);
    FallbackLlm::with_settings(first, vec![second], settings)
}

async fn ask(fallback: &FallbackLlm) -> Vec<Result<LlmEvent>> {
    let request = LlmRequest::new("", vec![Message::User { text: "Hi".into() }]);
    match fallback.generate(request).await {
        Ok(stream) => stream.collect().await,
        Err(error) => vec![Err(error)],
    }
}

async fn speaker(fallback: &FallbackLlm) -> String {
    let answer = ask(fallback).await;
    let mut said = answer.iter().filter(|item| !matches!(item, Ok(LlmEvent::FailedOver(_))));
    match said.next() {
        Some(Ok(LlmEvent::Text(name))) => name.clone(),
        other => panic!("nobody spoke: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failover_is_told_with_the_cause_before_the_words() {
    let refused = Act::Refuse(ErrorKind::RateLimited);
    let fallback = FallbackLlm::new(scripted("a", &[refused]), vec![scripted("b", &[Act::Answer])]);
    let answer = ask(&fallback).await;
    let Ok(LlmEvent::FailedOver(failover)) = &answer[0] else { panic!("{answer:?}") };
    assert_eq!((&*failover.from, &*failover.to), ("a", "b"));
    assert_eq!(failover.cause, ErrorKind::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn rd1_every_failure_before_the_first_item_goes_to_the_next_model() {
    for act in [
        Act::ConnectAndFail,
        Act::Empty,
        Act::FailFirstItem,
        Act::Hang,
        Act::Stall,
        Act::Refuse(ErrorKind::Config),
        Act::Refuse(ErrorKind::RateLimited),
        Act::Refuse(ErrorKind::Unauthorized),
    ] {
        let fallback = FallbackLlm::new(scripted("a", &[act]), vec![scripted("b", &[Act::Answer])]);
        assert_eq!(speaker(&fallback).await, "b", "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rd3_a_silent_model_costs_no_more_than_its_time() {
    let fallback = patient(scripted("a", &[Act::Stall]), scripted("b", &[Act::Hang]), |it| {
        it.first_token = Duration::from_secs(1);
    });
    let just_over = Duration::from_millis(2_001);
    let items = timeout(just_over, ask(&fallback)).await.expect("each model has one second");
    let error = items[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Timeout, Some("b")));
}

/// What two models say together, of which the first does not come to its end.
async fn together(first: Act, second: Act) -> (String, Arc<Scripted>) {
    let second = scripted("b", &[second]);
    let fallback = FallbackLlm::new(scripted("a", &[first]), vec![second.clone()]);
    (speech(ask(&fallback).await), second)
}

/// All words of an answer that comes to its end.
fn speech(items: Vec<Result<LlmEvent>>) -> String {
    let events: Vec<_> = items.into_iter().map(|item| item.expect("nothing fails")).collect();
    assert_eq!(events.last(), Some(&LlmEvent::Finished(FinishReason::Stop)));
    let words = events
        .into_iter()
        .filter_map(|event| if let LlmEvent::Text(text) = event { Some(text) } else { None });
    words.collect()
}

#[tokio::test(start_paused = true)]
async fn a_word_that_punctuation_ends_is_not_kept_back() {
    let model = FallbackLlm::new(scripted("a", &[Act::StallWithin("Well, 3.")]), vec![]);
    let mut answer = model.generate(LlmRequest::new("", [])).await.unwrap();
    let first = timeout(Duration::from_secs(1), answer.next()).await.expect("at once");
    assert_eq!(first.unwrap().unwrap(), LlmEvent::Text("Well, ".to_owned()));
    let number = timeout(Duration::from_secs(1), answer.next()).await;
    assert!(number.is_err(), "it may be 3.5: {number:?}");
}

#[tokio::test(start_paused = true)]
async fn words_of_languages_without_spaces_are_passed_on_as_they_come() {
    for (text, told) in [
        ("您好，请问您想预约什么时候？", "您好，请问您想预约什么时候？"),
        ("はい、5時からアマゾンで", "はい、5時からアマゾンで"),
    ] {
        let model = FallbackLlm::new(scripted("a", &[Act::StallWithin(text)]), vec![]);
        let mut answer = model.generate(LlmRequest::new("", [])).await.unwrap();
        let first = timeout(Duration::from_secs(1), answer.next()).await.expect("at once");
        assert_eq!(first.unwrap().unwrap(), LlmEvent::Text(told.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn rd6_a_sentence_without_spaces_is_completed_by_the_next_model() {
    let said = "はい、かしこまりました。お名前を";
    let whole = "はい、かしこまりました。お名前をお願いします。";
    for rest in ["お願いします。", "お名前をお願いします。", whole] {
        let (text, _) = together(Act::BreakOffWithin(said), Act::Continue(rest)).await;
        assert_eq!(text, whole, "{rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn rd6_data_is_never_put_together_from_two_answers() {
    let (half, whole) = (r#"{"name":"Ann","day":"Mon"#, r#"{"name":"Ann","day":"Monday"}"#);
    for first in [Act::BreakOffWithin(half), Act::StallWithin(half)] {
        let second = scripted("b", &[Act::Continue(whole)]);
        let fallback = FallbackLlm::new(scripted("a", &[first]), vec![second.clone()]);
        let mut request = LlmRequest::new("", vec![Message::User { text: "Hi".into() }]);
        request.whole = true;
        let answer = fallback.generate(request.clone()).await.unwrap();
        assert_eq!(speech(answer.collect().await), whole);
        assert_eq!(second.requests.lock().unwrap()[..], [request], "it begins anew");
    }
}

#[tokio::test]
async fn half_of_the_data_is_not_passed_on_when_nobody_can_write_it() {
    let model = FallbackLlm::new(scripted("a", &[Act::BreakOffWithin("{\"day\": \"Mon")]), vec![]);
    let format = AnswerFormat::new("day", serde_json::json!({}));
    let mut answer = model.generate(LlmRequest::new("", []).with_format(format)).await.unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
}

const CUT: &str = "Your appointment is at ni";
const WHOLE: &str = "Your appointment is at nine tomorrow.";

#[tokio::test(start_paused = true)]
async fn rd6_a_sentence_that_is_cut_is_completed_by_the_next_model() {
    for first in [Act::BreakOffWithin(CUT), Act::StallWithin(CUT)] {
        for rest in ["nine tomorrow.", " nine tomorrow.", WHOLE, "appointment is at nine tomorrow."]
        {
            let (said, second) = together(first, Act::Continue(rest)).await;
            assert_eq!(said, WHOLE, "{rest:?}");
            let request = second.requests.lock().unwrap().pop().unwrap();
            let so_far =
                Message::Assistant { text: "Your appointment is at".into(), interrupted: true };
            assert_eq!(request.messages[1], so_far, "the next model knows what was said");
            assert!(matches!(&request.messages[2], Message::User { .. }), "and what to do");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rd6_no_cut_at_any_letter_repeats_or_loses_a_word() {
    for end in 0..WHOLE.len() {
        let rest = &WHOLE[WHOLE[..end].rfind(' ').map_or(0, |space| space + 1)..];
        let (said, _) = together(Act::BreakOffWithin(&WHOLE[..end]), Act::Continue(rest)).await;
        assert_eq!(said, WHOLE, "cut after {:?}", &WHOLE[..end]);
    }
}

#[tokio::test(start_paused = true)]
async fn rd5_an_answer_that_does_not_go_on_costs_two_and_a_half_seconds() {
    let second = scripted("b", &[Act::Answer]);
    let fallback = FallbackLlm::new(scripted("a", &[Act::StallWithin(CUT)]), vec![second]);
    let items = timeout(Duration::from_millis(2_501), ask(&fallback)).await.expect("in time");
    assert!(items.iter().all(Result::is_ok), "{items:?}");
}

#[tokio::test(start_paused = true)]
async fn rd5_a_model_that_reasons_without_end_costs_twenty_seconds() {
    let fallback =
        FallbackLlm::new(scripted("a", &[Act::Reason]), vec![scripted("b", &[Act::Answer])]);
    let begun = tokio::time::Instant::now();
    assert_eq!((speech(ask(&fallback).await).as_str(), begun.elapsed().as_secs()), ("b", 20));
}

#[tokio::test]
async fn rd7_nobody_goes_on_with_an_answer_that_has_called_a_tool() {
    let second = scripted("b", &[Act::Answer]);
    let first = scripted("a", &[Act::CallAndBreakOff]);
    let items = ask(&FallbackLlm::new(first, vec![second.clone()])).await;
    assert!(matches!(&items[1], Ok(LlmEvent::ToolCall(_))), "{items:?}");
    assert_eq!(items[2].as_ref().unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!((items.len(), second.asked()), (3, 0), "it would call the tool again");
}

#[tokio::test]
async fn the_error_goes_through_when_nobody_can_go_on() {
    let second = scripted("b", &[Act::Refuse(ErrorKind::RateLimited)]);
    let first = scripted("a", &[Act::BreakOffWithin("One moment ")]);
    let items = ask(&FallbackLlm::new(first, vec![second])).await;
    assert_eq!(items.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::RateLimited);
}

#[tokio::test]
async fn an_answer_stays_with_its_model_where_nobody_can_continue_it() {
    let second = scripted("b", &[Act::Answer]);
    let first = scripted("a", &[Act::BreakOffWithin("One moment "), Act::FailFirstItem]);
    let fallback = patient(first, second.clone(), |it| it.cue = "".into());
    let items = ask(&fallback).await;
    assert_eq!(items.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!((second.asked(), speaker(&fallback).await.as_str()), (0, "b"));
}

#[tokio::test]
async fn nothing_is_kept_back_when_nobody_can_go_on() {
    let first = scripted("a", &[Act::BreakOffWithin("One mom")]);
    let items = ask(&FallbackLlm::new(first, vec![])).await;
    let said: Vec<_> = items[..2].iter().map(|item| item.as_ref().unwrap().clone()).collect();
    assert_eq!(said, [LlmEvent::Text("One ".into()), LlmEvent::Text("mom".into())]);
    assert!(items[2].is_err() && items.len() == 3);
}

#[tokio::test(start_paused = true)]
async fn rd2_a_model_that_failed_is_asked_last_until_it_has_rested() {
    for act in [Act::FailFirstItem, Act::BreakOff, Act::BreakOffSilently] {
        let first = scripted("a", &[act, Act::Answer]);
        let fallback = patient(first.clone(), scripted("b", &[Act::Answer]), |it| it.rest *= 2);
        assert_eq!(speaker(&fallback).await, "b", "{act:?}");
        tokio::time::sleep(Duration::from_secs(19)).await;
        assert_eq!((speaker(&fallback).await, first.asked()), ("b".to_owned(), 1));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(speaker(&fallback).await, "a");
    }
}

#[tokio::test(start_paused = true)]
async fn rd1_a_rate_limited_model_is_left_alone_for_as_long_as_it_asked() {
    let first = scripted("a", &[Act::LimitFor(Duration::from_secs(60)), Act::Answer]);
    let fallback = FallbackLlm::new(first.clone(), vec![scripted("b", &[Act::Answer])]);
    assert_eq!(speaker(&fallback).await, "b");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!((speaker(&fallback).await, first.asked()), ("b".to_owned(), 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(speaker(&fallback).await, "a");
}

#[tokio::test(start_paused = true)]
async fn rd1_a_model_whose_rate_is_spent_answers_and_is_left_alone_until_it_is_granted_again() {
    let first = scripted("a", &[Act::LastFor(Duration::from_secs(4)), Act::Answer]);
    let fallback = FallbackLlm::new(first.clone(), vec![scripted("b", &[Act::Answer])]);
    assert_eq!(speaker(&fallback).await, "a");
    assert_eq!((speaker(&fallback).await, first.asked()), ("b".to_owned(), 1));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(speaker(&fallback).await, "a");
}

#[tokio::test(start_paused = true)]
async fn rd2_one_request_that_is_refused_lets_nobody_rest() {
    for kind in [ErrorKind::Rejected, ErrorKind::Protocol] {
        let first = scripted("a", &[Act::Refuse(kind), Act::Answer]);
        let fallback = FallbackLlm::new(first, vec![scripted("b", &[Act::Answer])]);
        assert_eq!(speaker(&fallback).await, "b");
        assert_eq!(speaker(&fallback).await, "a", "{kind}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_read_to_its_end_is_no_failure() {
    let first = scripted("a", &[Act::BreakOffWithin("Well then, "), Act::Answer]);
    let fallback = FallbackLlm::new(first, vec![scripted("b", &[Act::Answer])]);
    let request = LlmRequest::new("", vec![Message::User { text: "Hi".into() }]);
    let mut interrupted = fallback.generate(request).await.unwrap();
    assert!(interrupted.next().await.unwrap().is_ok());
    drop(interrupted);
    assert_eq!(speaker(&fallback).await, "a");
}

#[tokio::test]
async fn a_model_that_cools_down_still_stands_in_for_the_others() {
    let first = scripted("a", &[Act::FailFirstItem, Act::Answer]);
    let second = scripted("b", &[Act::Answer, Act::Refuse(ErrorKind::Overloaded)]);
    let fallback = FallbackLlm::new(first, vec![second]);
    assert_eq!(speaker(&fallback).await, "b");
    assert_eq!(speaker(&fallback).await, "a");
}

#[tokio::test]
async fn only_what_all_models_can_do_is_claimed() {
    let plain = Arc::new(Scripted {
        name: "plain",
        wait: Duration::ZERO,
        acts: vec![Act::Answer],
        asked: AtomicUsize::new(0),
        requests: Mutex::default(),
        capabilities: LlmCapabilities::default().with_tools(true, false),
    });
    let fallback = FallbackLlm::new(scripted("a", &[Act::Answer]), vec![plain]);
    assert_eq!(fallback.capabilities(), LlmCapabilities::default().with_tools(true, false));
}

/// A chain that asks the next model as well after 900 ms.
fn hedged(first: &Arc<Scripted>, then: &[&Arc<Scripted>]) -> FallbackLlm {
    let hedge_after = Some(Duration::from_millis(900));
    let settings = LlmFailover { hedge_after, ..LlmFailover::default() };
    let then = then.iter().map(|model| Arc::clone(model) as Arc<dyn LanguageModel>).collect();
    FallbackLlm::with_settings(first.clone(), then, settings)
}

#[tokio::test(start_paused = true)]
async fn rd3_a_hedge_that_breaks_off_is_completed_by_the_model_that_it_outran() {
    let first = slow("a", 2_000, &[Act::Continue("nine tomorrow.")]);
    let second = scripted("b", &[Act::BreakOffWithin(CUT)]);
    let items = ask(&hedged(&first, &[&second])).await;
    assert_eq!(items[0].as_ref().unwrap(), &LlmEvent::FailedOver(Failover::hedge("a", "b")));
    assert_eq!(speech(items), WHOLE);
    assert_eq!((first.asked(), second.asked()), (2, 1), "who failed is not asked again");
}

#[tokio::test(start_paused = true)]
async fn rd3_a_first_that_begins_after_all_is_continued_by_the_hedge() {
    let first = slow("a", 1_000, &[Act::BreakOffWithin(CUT)]);
    let second = slow("b", 500, &[Act::Continue("nine tomorrow.")]);
    let third = scripted("c", &[Act::Answer]);
    let said = speech(ask(&hedged(&first, &[&second, &third])).await);
    assert_eq!((said.as_str(), second.asked(), third.asked()), (WHOLE, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn rd3_limits_that_the_hedge_tells_are_its_own() {
    let first = slow("a", 1_500, &[Act::Answer]);
    let second = scripted("b", &[Act::LastFor(Duration::from_secs(60)), Act::Answer]);
    let fallback = hedged(&first, &[&second]);
    assert_eq!(speaker(&fallback).await, "b");
    assert_eq!(speaker(&fallback).await, "a", "the second is left alone, the first is not");
    assert_eq!((first.asked(), second.asked()), (2, 1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(speaker(&fallback).await, "b");
}

#[tokio::test(start_paused = true)]
async fn rd3_a_model_that_is_outrun_three_times_in_a_row_rests() {
    let (first, second) = (scripted("a", &[Act::Hang]), scripted("b", &[Act::Answer]));
    let fallback = hedged(&first, &[&second]);
    for turn in 1..=3 {
        assert_eq!((speaker(&fallback).await.as_str(), first.asked()), ("b", turn));
    }
    let begun = tokio::time::Instant::now();
    assert_eq!((speaker(&fallback).await.as_str(), first.asked()), ("b", 3));
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for it any more");
    tokio::time::sleep(REST).await;
    assert_eq!((speaker(&fallback).await.as_str(), first.asked()), ("b", 4), "it is tried");
}

#[tokio::test(start_paused = true)]
async fn rd3_a_model_that_is_slow_now_and_then_does_not_rest() {
    let acts = [Act::Hang, Act::Hang, Act::Answer];
    let fallback = hedged(&scripted("a", &acts.repeat(2)), &[&scripted("b", &[Act::Answer])]);
    let mut speakers = Vec::new();
    for _ in 0..6 {
        speakers.push(speaker(&fallback).await);
    }
    assert_eq!(speakers, ["b", "b", "a", "b", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn rd3_a_third_model_is_asked_once_the_first_of_two_silent_ones_has_failed() {
    let (first, second) = (scripted("a", &[Act::Hang]), scripted("b", &[Act::Hang]));
    let third = scripted("c", &[Act::Answer]);
    let fallback = hedged(&first, &[&second, &third]);
    let begun = tokio::time::Instant::now();
    assert_eq!(speaker(&fallback).await, "c");
    assert_eq!(begun.elapsed(), Duration::from_millis(2_500));
    assert_eq!((first.asked(), second.asked(), third.asked()), (1, 1, 1), "never more than two");
}
