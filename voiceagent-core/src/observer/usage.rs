use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Observer, log::Log};
use crate::{CallTime, GenerationId, llm::Usage, session::Event};

/// What a call has used of what vendors charge for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CallUsage {
    /// Tokens of everything but dropped drafts.
    pub answers: Tokens,
    /// Tokens of drafts that were thrown away.
    pub wasted: Tokens,
    /// Drafts that were begun.
    pub drafts: u32,
    /// Those of them that were thrown away.
    pub drafts_dropped: u32,
    /// Those of the dropped that were stopped before the vendor told what they cost. They are not
    /// in `wasted`.
    pub drafts_unreported: u32,
    /// What those will have cost in input tokens, estimated: each as much as the next request
    /// that was reported, or the last one if none came after it.
    pub unreported_input_tokens: u64,
    /// Audio that was handed to the recognizer.
    pub stt: Duration,
    /// Audio that the voice made, whether or not it was heard.
    pub tts: Duration,
    /// Characters that were handed to the voice.
    pub characters: u64,
    /// Those of them that were handed over for drafts which were thrown away.
    pub characters_wasted: u64,
}

/// Tokens of several answers of a language model.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Tokens {
    /// Requests that were reported.
    pub requests: u32,
    /// Tokens of the requests, cached ones included.
    pub input: u64,
    /// Tokens of the requests that the vendor had at hand.
    pub cached: u64,
    /// Tokens of the answers, reasoning included.
    pub output: u64,
    /// Tokens of the answers that were reasoning.
    pub reasoning: u64,
}

/// Adds up what a call uses, and what of it was for nothing.
///
/// ```
/// use voiceagent_core::observer::UsageObserver;
///
/// let (observer, report) = UsageObserver::new();
/// // The observer goes into the call, the report stays outside.
/// # drop(observer);
/// assert_eq!(report.snapshot().answers.input, 0);
/// ```
#[derive(Debug)]
pub struct UsageObserver {
    log: Log<CallUsage>,
    usage: CallUsage,
    /// The draft that is alive or was committed last, and what it has cost.
    draft: Option<(GenerationId, Tokens)>,
    /// Dropped drafts that wait for a report to be estimated by.
    unreported: u32,
    last_input: u64,
}

/// Reads what a [`UsageObserver`] added up, during the call and after it.
#[derive(Debug)]
pub struct UsageReport(Log<CallUsage>);

impl UsageObserver {
    /// Makes an observer for a call, and a handle to what it adds up.
    #[must_use]
    pub fn new() -> (Self, UsageReport) {
        let log = Log::new();
        let report = UsageReport(log.share());
        let usage = CallUsage::default();
        (Self { log, usage, draft: None, unreported: 0, last_input: 0 }, report)
    }

    fn reported(&mut self, generation: GenerationId, usage: Usage) {
        self.usage.answers.add(usage);
        if let Some((draft, tokens)) = &mut self.draft
            && *draft == generation
        {
            tokens.add(usage);
        }
        self.last_input = u64::from(usage.input_tokens);
        let waiting = u64::from(std::mem::take(&mut self.unreported));
        self.usage.unreported_input_tokens += waiting * self.last_input;
    }

    fn draft_dropped(&mut self, generation: GenerationId) {
        self.usage.drafts_dropped += 1;
        let draft = self.draft.take_if(|(draft, _)| *draft == generation);
        let cost = draft.map(|(_, tokens)| tokens).unwrap_or_default();
        self.usage.answers.take(cost);
        self.usage.wasted.put(cost);
        if cost.requests == 0 {
            self.usage.drafts_unreported += 1;
            self.unreported += 1;
        }
    }

    /// With what is not estimated yet estimated by the last report.
    fn publish(&self) {
        let mut usage = self.usage.clone();
        usage.unreported_input_tokens += u64::from(self.unreported) * self.last_input;
        self.log.put(usage, |_| true);
    }
}

impl Observer for UsageObserver {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most of what happens costs nothing")]
    fn on_event(&mut self, _at: CallTime, event: &Event) {
        match *event {
            Event::DraftStarted { generation, .. } => {
                self.usage.drafts += 1;
                self.draft = Some((generation, Tokens::default()));
            }
            Event::DraftDropped { generation } => self.draft_dropped(generation),
            Event::Metered { stt, tts, characters, characters_wasted } => {
                let before = std::mem::take(&mut self.usage);
                self.usage = CallUsage { stt, tts, characters, characters_wasted, ..before };
            }
            Event::UsageReported { generation, usage } => self.reported(generation, usage),
            _ => return,
        }
        self.publish();
    }
}

impl UsageReport {
    /// What the call has used so far.
    #[must_use]
    pub fn snapshot(&self) -> CallUsage {
        self.0.snapshot().pop().unwrap_or_default()
    }
}

impl Tokens {
    fn add(&mut self, usage: Usage) {
        self.put(Self {
            requests: 1,
            input: usage.input_tokens.into(),
            cached: usage.cached_tokens.into(),
            output: usage.output_tokens.into(),
            reasoning: usage.reasoning_tokens.into(),
        });
    }

    fn put(&mut self, more: Self) {
        self.requests += more.requests;
        self.input += more.input;
        self.cached += more.cached;
        self.output += more.output;
        self.reasoning += more.reasoning;
    }

    fn take(&mut self, less: Self) {
        self.requests -= less.requests;
        self.input -= less.input;
        self.cached -= less.cached;
        self.output -= less.output;
        self.reasoning -= less.reasoning;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_up(events: &[Event]) -> CallUsage {
        let (mut observer, report) = UsageObserver::new();
        for event in events {
            observer.on_event(CallTime::ZERO, event);
        }
        report.snapshot()
    }

    fn draft(number: u64) -> Event {
        let turn = crate::TurnId::new(1);
        Event::DraftStarted { generation: GenerationId::new(number), turn }
    }

    fn dropped(number: u64) -> Event {
        Event::DraftDropped { generation: GenerationId::new(number) }
    }

    fn cost(number: u64, input: u32, output: u32) -> Event {
        let usage = Usage::new(input, input / 2, output).with_reasoning(output / 2);
        Event::UsageReported { generation: GenerationId::new(number), usage }
    }

    #[test]
    fn m18_tokens_characters_and_seconds_add_up() {
        let metered = |seconds, characters| Event::Metered {
            stt: Duration::from_secs(2 * seconds),
            tts: Duration::from_secs(seconds),
            characters,
            characters_wasted: 3,
        };
        let used = add_up(&[cost(1, 100, 20), metered(10, 50), cost(1, 200, 30), metered(20, 90)]);
        let answers = Tokens { requests: 2, input: 300, cached: 150, output: 50, reasoning: 25 };
        assert_eq!((used.answers, used.wasted), (answers, Tokens::default()));
        assert_eq!((used.characters, used.characters_wasted), (90, 3));
        assert_eq!((used.stt, used.tts), (Duration::from_secs(40), Duration::from_secs(20)));
    }

    #[test]
    fn p8_tokens_of_drafts_that_were_thrown_away_are_told_apart() {
        let used = add_up(&[
            draft(1),
            cost(1, 100, 20),
            dropped(1),
            draft(2),
            cost(2, 110, 10),
            // The draft was taken, and needs another round.
            cost(2, 130, 12),
        ]);
        let wasted = Tokens { requests: 1, input: 100, cached: 50, output: 20, reasoning: 10 };
        let answers = Tokens { requests: 2, input: 240, cached: 120, output: 22, reasoning: 11 };
        assert_eq!((used.wasted, used.answers), (wasted, answers));
        assert_eq!((used.drafts, used.drafts_dropped, used.drafts_unreported), (2, 1, 0));
    }

    #[test]
    fn p8_a_draft_that_was_stopped_in_time_is_estimated_and_not_counted() {
        let stopped = [cost(1, 90, 5), draft(2), dropped(2), draft(3), dropped(3)];
        let used = add_up(&stopped);
        assert_eq!((used.drafts_unreported, used.unreported_input_tokens), (2, 180));
        assert_eq!(used.wasted, Tokens::default());
        let answered = [cost(4, 100, 5), cost(5, 120, 5)];
        let used = add_up(&[&stopped[..], &answered].concat());
        assert_eq!(used.unreported_input_tokens, 200, "by the request that came next");
    }
}
