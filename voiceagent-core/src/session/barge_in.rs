use std::time::Duration;

use super::BargeInConfig;
use crate::{CallTime, GenerationId};

/// Decides when the user's voice stops the agent's.
#[derive(Debug)]
pub(super) struct BargeIn {
    config: BargeInConfig,
    /// When the user began to speak over the agent.
    since: Option<CallTime>,
    overlap: Option<Overlap>,
}

/// What the open turn holds that was said while the agent had the floor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlap {
    /// Whose speech it was.
    pub(super) generation: GenerationId,
    /// Words of the turn from before.
    before: usize,
    /// Words of the turn from before the voice that was heard last.
    before_voice: usize,
    voice_since: Option<CallTime>,
    /// How long voices were heard that have stopped; `None` where no detector heard any.
    stopped: Option<Duration>,
}

impl Overlap {
    /// Whether nothing was said in this turn before the agent had the floor.
    pub(super) fn is_whole_turn(&self) -> bool {
        self.before == 0
    }

    /// How many of the turn's words were said over the agent.
    pub(super) fn words(&self, words: usize) -> usize {
        words.saturating_sub(self.before)
    }

    /// How long the user's voice was heard over the agent; `None` where no detector heard it.
    pub(super) fn voice(&self, now: CallTime) -> Option<Duration> {
        let lasting = self.voice_since.map(|since| now - since);
        Some(self.stopped.or(lasting.map(|_| Duration::ZERO))? + lasting.unwrap_or_default())
    }
}

impl BargeIn {
    pub(super) fn new(config: BargeInConfig) -> Self {
        Self { config, since: None, overlap: None }
    }

    /// Goes by other settings from now on.
    pub(super) fn configure(&mut self, config: BargeInConfig) {
        self.config = config;
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.config.enabled
    }

    /// Notes that the user speaks over the agent. Returns when that becomes an interruption.
    pub(super) fn on_overlap(&mut self, since: CallTime) -> Option<CallTime> {
        if !self.config.enabled {
            return None;
        }
        self.since = Some(since);
        Some(since + self.config.min_duration)
    }

    /// Notes that the user, or the agent, went silent.
    pub(super) fn reset(&mut self) {
        self.since = None;
    }

    /// Whether the user speaks over the agent.
    pub(super) fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// Whether the user has by now spoken long enough, in so many words.
    pub(super) fn is_due(&self, now: CallTime, words: usize) -> bool {
        self.since.is_some_and(|since| {
            now >= since + self.config.min_duration && words >= self.config.min_words as usize
        })
    }

    /// Whether words that were said over the agent ask for the floor, in a voice of this length.
    /// Where no number of words is asked for, understood words do, however short the voice was: a
    /// detector may have missed most of it.
    pub(super) fn is_enough(&self, voice: Option<Duration>, words: usize) -> bool {
        let min_words = self.config.min_words as usize;
        let is_long = voice.is_none_or(|voice| voice >= self.config.min_duration);
        words > 0 && (min_words == 0 || (words >= min_words && is_long))
    }

    /// When the overlap began.
    pub(super) fn since(&self) -> Option<CallTime> {
        self.since
    }

    /// Until when a voice whose words do not tell is waited on.
    pub(super) fn undecided_until(&self) -> Option<CallTime> {
        Some(self.since? + self.config.backchannel?)
    }

    pub(super) fn overlap(&self) -> Option<&Overlap> {
        self.overlap.as_ref()
    }

    /// Words of the turn that were said in the voice that is heard now.
    pub(super) fn words_of_voice(&self, words: usize) -> usize {
        words.saturating_sub(self.overlap.as_ref().map_or(0, |overlap| overlap.before_voice))
    }

    /// Notes that a voice is heard while this generation has the floor, in a turn of so many
    /// words.
    pub(super) fn note_voice(&mut self, generation: GenerationId, since: CallTime, words: usize) {
        let overlap = self.note_words(generation, words);
        overlap.before_voice = words;
        // The agent may fall silent and speak again while one voice goes on.
        overlap.voice_since = Some(overlap.voice_since.map_or(since, |earlier| earlier.min(since)));
    }

    /// Notes that words come while this generation has the floor, in a turn of so many before.
    pub(super) fn note_words(&mut self, generation: GenerationId, words: usize) -> &mut Overlap {
        let overlap = self.overlap.get_or_insert(Overlap {
            generation,
            before: words,
            before_voice: words,
            voice_since: None,
            stopped: None,
        });
        overlap.generation = generation;
        overlap
    }

    /// Notes that the voice stopped.
    pub(super) fn note_silence(&mut self, at: CallTime) {
        if let Some(overlap) = &mut self.overlap
            && let Some(since) = overlap.voice_since.take()
        {
            *overlap.stopped.get_or_insert_default() += at - since;
        }
    }

    /// Begins anew with the next turn, or when the agent has given way.
    pub(super) fn forget(&mut self) {
        self.overlap = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i1_duration_and_words_are_both_needed() {
        let config = BargeInConfig {
            min_duration: Duration::from_millis(300),
            min_words: 2,
            ..BargeInConfig::default()
        };
        let mut barge_in = BargeIn::new(config);
        let start = CallTime::from_millis(1_000);
        assert_eq!(barge_in.on_overlap(start), Some(CallTime::from_millis(1_300)));
        assert!(!barge_in.is_due(CallTime::from_millis(1_299), 2));
        assert!(!barge_in.is_due(CallTime::from_millis(1_300), 1));
        assert!(barge_in.is_due(CallTime::from_millis(1_300), 2));
        barge_in.reset();
        assert!(!barge_in.is_due(CallTime::from_millis(2_000), 9));
    }

    #[test]
    fn t19_only_the_words_of_the_voice_that_is_heard_count() {
        let mut barge_in = BargeIn::new(BargeInConfig::default());
        let generation = GenerationId::new(1);
        barge_in.note_voice(generation, CallTime::from_millis(1_000), 0);
        assert_eq!(barge_in.words_of_voice(1), 1);
        barge_in.note_silence(CallTime::from_millis(1_200));
        barge_in.note_voice(generation, CallTime::from_millis(1_500), 1);
        assert_eq!(barge_in.words_of_voice(2), 1);
        let overlap = *barge_in.overlap().unwrap();
        assert_eq!(overlap.words(2), 2, "the turn has them all");
        let voice = overlap.voice(CallTime::from_millis(1_600));
        assert_eq!(voice, Some(Duration::from_millis(300)));
    }

    #[test]
    fn i1_a_voice_counts_whole_though_the_agent_begins_again_in_the_midst_of_it() {
        let mut barge_in = BargeIn::new(BargeInConfig::default());
        barge_in.note_voice(GenerationId::new(1), CallTime::from_millis(1_000), 0);
        barge_in.note_voice(GenerationId::new(1), CallTime::from_millis(2_300), 5);
        barge_in.note_silence(CallTime::from_millis(2_400));
        let voice = barge_in.overlap().and_then(|over| over.voice(CallTime::from_millis(3_000)));
        assert_eq!(voice, Some(Duration::from_millis(1_400)));
        assert_eq!(barge_in.words_of_voice(6), 1, "but the words before it were no interruption");
    }
}
