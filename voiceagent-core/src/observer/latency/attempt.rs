use std::time::Duration;

use super::TurnLatency;
use crate::{CallTime, TurnId, observer::Offset};

/// What is known of one attempt to speak. What comes first counts: later rounds of the model are
/// another matter.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// The turn that it was drafted for, and when.
    drafted: Option<(TurnId, CallTime)>,
    ttft: Option<Duration>,
    first_answer_token: Option<Duration>,
    first_token_at: Option<CallTime>,
    /// The first token of the round that is being written.
    round_token: Option<Duration>,
    first_sentence: Option<Duration>,
    aggregation: Option<Duration>,
    ttfb: Option<Duration>,
    first_audio_at: Option<CallTime>,
    first_audible: Option<Duration>,
}

impl Attempt {
    pub(super) fn on_draft(&mut self, at: CallTime, turn: TurnId) {
        self.drafted = Some((turn, at));
    }

    pub(super) fn on_token(&mut self, at: CallTime, after: Duration, reasoned: Option<Duration>) {
        let first = reasoned.unwrap_or(after);
        self.round_token = Some(after);
        self.ttft.get_or_insert(first);
        self.first_answer_token.get_or_insert(after);
        self.first_token_at.get_or_insert(at.saturating_sub(after) + first);
    }

    pub(super) fn on_sentence(&mut self, after: Duration) {
        if self.first_sentence.is_none() {
            self.first_sentence = Some(after);
            self.aggregation = self.round_token.map(|token| after.saturating_sub(token));
        }
    }

    pub(super) fn on_audio(&mut self, at: CallTime, after: Duration) {
        self.ttfb.get_or_insert(after);
        self.first_audio_at.get_or_insert(at);
    }

    /// The silence before a sound is played before it. A voice that is slower than real time
    /// delivers the sound later than that.
    pub(super) fn on_audible(&mut self, at: CallTime, silence: Duration) {
        if let (Some(ttfb), Some(first)) = (self.ttfb, self.first_audio_at) {
            self.first_audible.get_or_insert(ttfb + silence.max(at - first));
        }
    }

    /// Whether it was begun before its turn was over.
    pub(super) fn is_draft(&self) -> bool {
        self.drafted.is_some()
    }

    /// Writes down what is known, for the answer that began to leave at `left`.
    pub(super) fn tell(&self, left: CallTime, latency: &mut TurnLatency) {
        let since_turn = |moment: CallTime| Offset::between(latency.at, moment);
        latency.first_token_at = self.first_token_at.map(since_turn);
        latency.first_audio_at = self.first_audio_at.map(since_turn);
        let head_start = self.drafted.filter(|(turn, _)| *turn == latency.turn);
        latency.drafted = head_start.is_some();
        latency.saved = head_start.map(|(_, begun)| {
            let ready = self.first_audio_at.unwrap_or(left);
            latency.at.min(ready) - begun
        });
        latency.ttft = self.ttft;
        latency.first_answer_token = self.first_answer_token;
        latency.first_sentence = self.first_sentence;
        latency.aggregation = self.aggregation;
        latency.ttfb = self.ttfb;
        latency.first_audible = self.first_audible;
    }
}
