use std::time::Duration;

use voiceagent_core::stt::Transcript;

use super::super::{
    profile,
    sound::{FRAME_MS, Loudness, NOISE},
};

const FRAME: Duration = Duration::from_millis(FRAME_MS);

/// What a far end hears of the caller, frame by frame.
#[derive(Debug)]
pub(super) struct Ear {
    notices: Duration,
    silence: Duration,
    interim: Option<Duration>,
    words: Vec<String>,
    speaking: bool,
    loud_for: Duration,
    quiet_for: Duration,
    since_word: Duration,
    since_interim: Duration,
}

/// What there is to tell after a frame.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    pub(super) started: bool,
    /// The caller's voice is heard.
    pub(super) speaks: bool,
    pub(super) interim: Option<Transcript>,
    /// The words of a turn that is over.
    pub(super) ended: Option<Vec<String>>,
}

impl Ear {
    pub(super) fn new(profile: &profile::Relay) -> Self {
        Self {
            notices: profile.notices,
            silence: profile.silence,
            interim: profile.interim,
            words: Vec::new(),
            speaking: false,
            loud_for: Duration::ZERO,
            quiet_for: Duration::ZERO,
            since_word: Duration::ZERO,
            since_interim: Duration::ZERO,
        }
    }

    pub(super) fn hear(&mut self, loudness: Loudness, word: Option<&str>) -> Noticed {
        let mut noticed = Noticed::default();
        self.since_interim += FRAME;
        self.since_word = if word.is_some() { Duration::ZERO } else { self.since_word + FRAME };
        self.words.extend(word.map(str::to_owned));
        if loudness != Loudness::Loud || self.speaking && self.since_word >= NOISE {
            self.quiet_for += FRAME;
            if self.quiet_for > self.notices {
                self.loud_for = Duration::ZERO;
            }
            if self.quiet_for >= self.silence {
                // A word that was too short to be noticed is not kept for the next voice.
                self.speaking = false;
                noticed.ended = Some(std::mem::take(&mut self.words)).filter(|it| !it.is_empty());
            }
            return noticed;
        }
        self.quiet_for = Duration::ZERO;
        self.loud_for += FRAME;
        // Such far ends begin with words: a cough is none.
        if !self.speaking && self.loud_for >= self.notices && !self.words.is_empty() {
            self.speaking = true;
            self.since_interim = Duration::ZERO;
            noticed.started = true;
        } else if self.speaking && self.interim.is_some_and(|after| self.since_interim >= after) {
            self.since_interim = Duration::ZERO;
            noticed.interim = Some(Transcript::interim(self.words.join(" ")));
        }
        noticed.speaks = self.speaking;
        noticed
    }
}

/// All of what was understood.
pub(super) fn whole(words: &[String]) -> Transcript {
    Transcript::final_(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_was_too_short_to_be_noticed_is_not_kept_for_the_next_voice() {
        let mut ear = Ear {
            notices: FRAME * 5,
            silence: FRAME * 10,
            interim: None,
            words: Vec::new(),
            speaking: false,
            loud_for: Duration::ZERO,
            quiet_for: Duration::ZERO,
            since_word: Duration::ZERO,
            since_interim: Duration::ZERO,
        };
        let mut told = Vec::new();
        for (word, loud) in [("u1", 2), ("u2", 8)] {
            let mut hears = |loudness, word| told.extend(ear.hear(loudness, word).ended);
            hears(Loudness::Loud, Some(word));
            (0..loud).for_each(|_| hears(Loudness::Loud, None));
            (0..20).for_each(|_| hears(Loudness::Silent, None));
        }
        assert_eq!(told, [["u1".to_owned()], ["u2".to_owned()]]);
    }
}
