//! How loud the caller speaks, and whether a voice over the agent can be theirs.

use std::collections::VecDeque;

use crate::audio::Decibels;

/// Voices by which the caller's is known: the last so many that were heard while the agent listened.
const KNOWN_BY: usize = 8;
/// How many it takes.
const ENOUGH: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Loudness {
    own: VecDeque<Decibels>,
    /// Of a voice that is about to begin.
    next: Option<Decibels>,
    /// Of the voice that began last.
    last: Option<Decibels>,
}

impl Loudness {
    /// Notes how loud a voice is that is about to begin.
    pub(super) fn hear(&mut self, level: Decibels) {
        self.next = Some(level).filter(|level| level.0.is_finite());
    }

    /// Notes that a voice begins. Nobody but the caller speaks to an agent who listens.
    pub(super) fn begin(&mut self, agent_listens: bool) {
        self.last = self.next.take();
        if let Some(level) = self.last.filter(|_| agent_listens) {
            if self.own.len() == KNOWN_BY {
                self.own.pop_front();
            }
            self.own.push_back(level);
        }
    }

    /// Whether the last voice is so much softer than the caller's.
    pub(super) fn is_softer(&self, by: Decibels) -> bool {
        let own = self.own().zip(self.last);
        own.is_some_and(|(own, last)| last.0 < own.0 - by.0)
    }

    /// The middle one of the caller's voices: a cough or a shout among them changes little.
    fn own(&self) -> Option<Decibels> {
        let mut own: Vec<Decibels> = self.own.iter().copied().collect();
        own.sort_by(|one, other| one.0.total_cmp(&other.0));
        own.get(own.len() / 2).copied().filter(|_| own.len() >= ENOUGH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: Decibels = Decibels(15.0);

    fn known(levels: &[f32]) -> Loudness {
        let mut loudness = Loudness::default();
        for level in levels {
            loudness.hear(Decibels(*level));
            loudness.begin(true);
        }
        loudness
    }

    fn is_softer(loudness: &mut Loudness, level: f32) -> bool {
        loudness.hear(Decibels(level));
        loudness.begin(false);
        loudness.is_softer(BY)
    }

    #[test]
    fn a_voice_is_softer_than_what_the_caller_mostly_is() {
        let mut loudness = known(&[-28.0, -20.0, -3.0]);
        assert!(is_softer(&mut loudness, -36.0));
        assert!(!is_softer(&mut loudness, -34.0));
        for level in [-50.0; 20] {
            assert!(is_softer(&mut loudness, level), "voices over the agent teach nothing");
        }
    }

    #[test]
    fn who_is_not_known_or_not_measured_is_the_caller() {
        assert!(!is_softer(&mut known(&[]), -60.0));
        assert!(!is_softer(&mut known(&[-20.0]), -60.0));
        let mut loudness = known(&[-20.0, -20.0]);
        for level in [f32::NAN, f32::NEG_INFINITY] {
            assert!(!is_softer(&mut loudness, level), "{level}");
        }
        assert!(is_softer(&mut loudness, -60.0));
        loudness.begin(false);
        assert!(!loudness.is_softer(BY), "the level was that of the voice before");
    }

    #[test]
    fn a_caller_who_turns_away_is_known_anew() {
        let mut loudness = known(&[-20.0; 10]);
        for _ in 0..5 {
            loudness.hear(Decibels(-40.0));
            loudness.begin(true);
        }
        assert!(!is_softer(&mut loudness, -50.0));
    }
}
