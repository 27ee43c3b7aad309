use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, timeout};

use super::{
    LlmFailover,
    race::{Asked, Race, Step},
    seam::Seam,
};
use crate::{
    Error, ErrorKind, Result,
    adapt::{
        chain::{Chain, now},
        failover::{Failover, Losses},
        first_item::failure,
        words::whole_words,
    },
    llm::{LanguageModel, LlmEvent, LlmRequest, Message},
};

/// Text that is kept back of an answer that must be whole. A form that somebody fills in has some
/// hundred bytes.
const LONGEST: usize = 1 << 20;

/// One answer, by as many models as it takes.
pub(super) struct Answer {
    chain: Arc<Chain<dyn LanguageModel>>,
    settings: LlmFailover,
    request: LlmRequest,
    /// Who is still to be asked.
    round: VecDeque<usize>,
    losses: Losses,
    writing: Option<Writing>,
    /// What is to be passed on.
    ready: VecDeque<LlmEvent>,
    /// The words that were passed on, and the beginning of the next one.
    said: String,
    word: String,
    has_called: bool,
    /// What the answer ends with.
    failure: Option<Error>,
}

/// The model that writes.
struct Writing {
    asked: Asked,
    stream: BoxStream<'static, Result<LlmEvent>>,
    /// Where it goes on with the words of another.
    seam: Option<Seam>,
    /// Until when it must have said or called something: it may not reason for ever.
    reasons_until: Instant,
}

impl Answer {
    pub(super) fn new(
        chain: Arc<Chain<dyn LanguageModel>>,
        settings: LlmFailover,
        request: LlmRequest,
    ) -> Self {
        Self {
            round: chain.order().into(),
            chain,
            settings,
            request,
            losses: Losses::default(),
            writing: None,
            ready: VecDeque::new(),
            said: String::new(),
            word: String::new(),
            has_called: false,
            failure: None,
        }
    }

    /// Asks one model after the other until one begins, and the next one as well when one is slow.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let mut last = Error::config("there is no model to ask");
        let mut race = Race::new();
        loop {
            if race.is_over() && !self.ask_next(&mut race) {
                return Err(last);
            }
            match race.next(self.patience()).await {
                Step::Begun(asked, stream) => {
                    self.on_begun(asked.index, race.losers(asked.index));
                    let seam = (!self.said.is_empty()).then(|| Seam::new(&self.said));
                    let reasons_until = now() + self.settings.reasoning;
                    self.writing = Some(Writing { asked, stream, seam, reasons_until });
                    return Ok(());
                }
                Step::Failed(index, error) => {
                    self.note(index, &error);
                    last = error;
                }
                Step::Slow if self.patience().is_some() => _ = self.ask_next(&mut race),
                // Who was well when the wait began has failed elsewhere.
                Step::Slow => {}
            }
        }
    }

    /// Asks the next model of the round, if there is one.
    fn ask_next(&mut self, race: &mut Race) -> bool {
        let Some(index) = self.round.pop_front() else { return false };
        let model = self.chain.provider(index).clone();
        race.ask(index, model, self.rest(), self.settings.first_token);
        true
    }

    /// How long a model has before the next one is asked as well. One that rests is not.
    fn patience(&self) -> Option<Duration> {
        let next = self.round.front()?;
        self.settings.hedge_after.filter(|_| !self.chain.rests(*next))
    }

    /// A model has begun. Those that had no time to begin may still be asked to go on, the slow ones
    /// last.
    fn on_begun(&mut self, index: usize, (slower, later): (&[usize], &[usize])) {
        self.chain.began(index);
        for slow in slower {
            self.chain.outrun(*slow);
        }
        self.round.extend(slower);
        for later in later.iter().rev() {
            self.round.push_front(*later);
        }
        let name = |index| self.chain.provider(index).name();
        let hedge = slower.first().map(|slow| Failover::hedge(name(*slow), name(index)));
        let failover = self.losses.end(index, name).or(hedge);
        self.ready.extend(failover.map(LlmEvent::FailedOver));
    }

    fn note(&mut self, index: usize, error: &Error) {
        tracing::warn!(%error, "a language model failed; the next one is asked");
        self.losses.note(index, error);
        self.chain.failed(index, error);
    }

    /// The request, or what is left of it to answer.
    fn rest(&self) -> LlmRequest {
        let mut request = self.request.clone();
        if !self.said.is_empty() {
            let text = self.said.trim().into();
            let so_far = Message::Assistant { text, interrupted: true };
            let cue = Message::User { text: self.settings.cue.clone() };
            request.messages = request.messages.iter().cloned().chain([so_far, cue]).collect();
        }
        request
    }

    /// The next item.
    pub(super) async fn next(mut self) -> Option<(Result<LlmEvent>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            if let Some(error) = self.failure.take() {
                return Some((Err(error), self));
            }
            let Writing { asked, stream, reasons_until, .. } = self.writing.as_mut()?;
            let limit = self.settings.stall.min(reasons_until.saturating_duration_since(now()));
            let (index, item) = (asked.index, timeout(limit, stream.next()).await);
            let failed = |kind, message| Err(failure(&**self.chain.provider(index), kind, message));
            let is_endless = self.word.len() > LONGEST;
            let item = match item {
                _ if is_endless => failed(ErrorKind::Protocol, "the answer does not end"),
                Ok(Some(item)) => item,
                Ok(None) => failed(ErrorKind::Disconnected, "the answer breaks off"),
                Err(_) => failed(ErrorKind::Stalled, "the answer does not go on"),
            };
            match item {
                Ok(event) => self.take(event),
                Err(error) => {
                    self.note(index, &error);
                    self.writing = None;
                    self.go_on(error).await;
                }
            }
        }
    }

    /// Lets the next model go on after this error, if there is one and it may.
    async fn go_on(&mut self, error: Error) {
        let mut half = std::mem::take(&mut self.word);
        if self.is_whole() {
            half.clear();
        }
        let may_continue = self.said.is_empty() || !self.settings.cue.is_empty();
        let gone_on = match may_continue && !self.has_called && !self.round.is_empty() {
            true => self.begin().await,
            false => Err(error),
        };
        if let Err(error) = gone_on {
            // Nobody says the word anew.
            self.say(half);
            self.failure = Some(error);
        }
    }

    /// Whether nobody may go on with half of it, which is not passed on then.
    fn is_whole(&self) -> bool {
        self.request.whole || self.request.format.is_some()
    }

    fn take(&mut self, event: LlmEvent) {
        let is_whole = self.is_whole();
        let Some(Writing { asked, seam, reasons_until, .. }) = &mut self.writing else { return };
        let is_word =
            matches!(&event, LlmEvent::Text(text) if text.contains(char::is_alphanumeric));
        if is_word || matches!(event, LlmEvent::ToolCall(_)) {
            // Silence after it is a matter of `stall`, which may be the longer one.
            *reasons_until = now() + self.settings.reasoning.max(self.settings.stall);
            self.chain.delivered(asked.index, asked.at);
        }
        match event {
            LlmEvent::Text(text) => {
                let text = match seam {
                    Some(seam) => seam.push(&text),
                    None => text,
                };
                self.word.push_str(&text);
                if is_whole {
                    return;
                }
                let words = self.word.drain(..whole_words(&self.word)).collect();
                self.say(words);
            }
            // They are not passed on: who asks a chain cannot know whose they are, and the chain itself
            // asks another one while nothing is left.
            LlmEvent::Limits(limits) => {
                if let Some(wait) = limits.wait() {
                    self.chain.limited(asked.index, wait);
                }
            }
            LlmEvent::Connected { .. } if seam.is_some() => {}
            LlmEvent::ToolCall(_) | LlmEvent::Finished(_) => {
                let last_words = seam.as_mut().map(Seam::finish).unwrap_or_default();
                let is_over = matches!(event, LlmEvent::Finished(_));
                if is_over {
                    self.chain.succeeded(asked.index, asked.at);
                    self.writing = None;
                }
                self.has_called |= !is_over;
                let words = std::mem::take(&mut self.word) + &last_words;
                self.say(words);
                self.ready.push_back(event);
            }
            LlmEvent::Connected { .. }
            | LlmEvent::FailedOver(_)
            | LlmEvent::Progress
            | LlmEvent::Usage(_) => {
                self.ready.push_back(event);
            }
        }
    }

    fn say(&mut self, words: String) {
        if !words.is_empty() {
            self.said.push_str(&words);
            self.ready.push_back(LlmEvent::Text(words));
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;
    use crate::{
        adapt::FallbackLlm,
        llm::{FinishReason, LlmCapabilities, ToolCall},
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// Says the first events at once and the others each second, over and over.
    #[derive(Debug)]
    struct Model(&'static str, Vec<LlmEvent>, Vec<LlmEvent>);

    #[async_trait]
    impl LanguageModel for Model {
        fn name(&self) -> &str {
            self.0
        }

        fn capabilities(&self) -> LlmCapabilities {
            LlmCapabilities::default()
        }

        async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
            let (first, then) = (self.1.clone(), self.2.clone());
            let each = stream::iter(then.into_iter().cycle()).then(async |event| {
                sleep(SECOND).await;
                event
            });
            Ok(stream::iter(first).chain(each).map(Ok).boxed())
        }
    }

    fn text(text: &str) -> LlmEvent {
        LlmEvent::Text(text.to_owned())
    }

    /// After how many seconds a model that goes on like this is given up, within so many.
    async fn given_up(first: Vec<LlmEvent>, then: Vec<LlmEvent>, within: u64) -> Option<u64> {
        let end = vec![text("nine."), LlmEvent::Finished(FinishReason::Stop)];
        let models = [Model("a", first, then), Model("b", end, Vec::new())];
        let [first, second] = models.map(|model| Arc::new(model) as Arc<dyn LanguageModel>);
        let chain = FallbackLlm::new(first, vec![second]);
        let begun = now();
        let mut answer = chain.generate(LlmRequest::new("", [])).await.unwrap();
        let is_over = async {
            while let Some(Ok(event)) = answer.next().await {
                if matches!(event, LlmEvent::FailedOver(_)) {
                    break;
                }
            }
        };
        timeout(Duration::from_secs(within), is_over).await.ok().map(|()| begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn rd5_a_model_that_reasons_without_end_after_a_word_is_given_up_as_well() {
        let usage = LlmEvent::Usage(crate::llm::Usage::new(1, 0, 1));
        for nothing in [LlmEvent::Progress, usage, text(" "), text("...\n")] {
            for begin in [vec![], vec![text("Your appointment is at ")], vec![text("\n")]] {
                let after = given_up(begin.clone(), vec![nothing.clone()], 60).await;
                let begun = u64::from(begin.is_empty());
                assert_eq!(after, Some(20 + begun), "{begin:?}, then {nothing:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rd7_a_model_that_reasons_without_end_after_a_call_ends_the_answer() {
        let (name, arguments) = ("book".into(), "{}".into());
        let call = LlmEvent::ToolCall(ToolCall { id: "call-1".into(), name, arguments });
        assert_eq!(given_up(vec![call], vec![LlmEvent::Progress], 60).await, Some(20));
    }

    #[tokio::test(start_paused = true)]
    async fn each_word_gives_a_model_its_time_to_reason_anew() {
        let mut turns = vec![LlmEvent::Progress; 18];
        turns.push(text("5"));
        assert_eq!(given_up(vec![text("One, ")], turns, 200).await, None);
    }
}
