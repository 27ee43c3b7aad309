//! How recordings follow each other.

use clap::ValueEnum;
use voiceagent_core::audio::AudioFrame;

use super::{
    condition::Condition,
    dice::Dice,
    sound::{LEVEL, Sound, stream_of, twice},
};

/// How recordings become what a detector hears.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Layout {
    /// One stream with pauses of 0.4 to 2 s between them, and once more, softer.
    Padded,
    /// One stream, one recording behind the other.
    Joined,
    /// A stream each, and a detector that has heard nothing before.
    Alone,
}

impl Layout {
    /// The streams, each with what is said in it, before noise and way.
    fn streams(self, recordings: &[Sound], seed: u64) -> Vec<Sound> {
        match self {
            Self::Padded => vec![stream_of(recordings, &mut Dice(1 + seed))],
            Self::Joined => {
                let mut joined = Sound::default();
                recordings.iter().for_each(|it| joined.append(&levelled(it)));
                vec![joined]
            }
            Self::Alone => recordings.iter().map(levelled).collect(),
        }
    }

    /// What a detector hears under a condition, and what is said in it. Another seed draws other
    /// noise and other pauses.
    pub(super) fn heard(
        self,
        condition: Condition,
        (recordings, babble): (&[Sound], &[Sound]),
        seed: u64,
    ) -> Vec<(Sound, Vec<AudioFrame>)> {
        let streams = self.streams(recordings, seed).into_iter().zip(0..);
        let heard = streams.map(|(near, number)| {
            // Each stream has noise of its own.
            let noisy = condition.noisy(&near, babble, seed * 1_000 + number);
            let (said, noisy) = match self {
                Self::Padded => (twice(&near), twice(&noisy)),
                Self::Joined | Self::Alone => (near, noisy),
            };
            let frames = condition.way(&noisy);
            (said, frames)
        });
        heard.collect()
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Padded => "with pauses, and once more, softer",
            Self::Joined => "one behind the other",
            Self::Alone => "each alone",
        }
    }
}

fn levelled(recording: &Sound) -> Sound {
    let mut recording = recording.clone();
    recording.scale(LEVEL / recording.level());
    recording
}

#[cfg(test)]
mod tests {
    use super::{super::condition::Noise, *};

    const QUIET: Condition = Condition { noise: None, phone: true };

    fn recordings() -> Vec<Sound> {
        let tone = |at: usize| 0.1 * ((at % 40) as f32 / 20.0 - 1.0);
        let one = |millis: usize| Sound {
            samples: (0..millis * 16).map(tone).collect(),
            speech: std::iter::once(100..millis - 100).collect(),
        };
        vec![one(1_000), one(2_000)]
    }

    #[test]
    fn only_the_padded_layout_has_pauses_and_a_softer_pass() {
        let heard = |layout: Layout| {
            let streams = layout.heard(QUIET, (&recordings(), &[]), 0);
            streams.iter().map(|(said, frames)| (said.duration(), frames.len())).collect::<Vec<_>>()
        };
        assert_eq!(heard(Layout::Alone), [(1_000, 50), (2_000, 100)]);
        assert_eq!(heard(Layout::Joined), [(3_000, 150)]);
        let [(padded, _)] = heard(Layout::Padded)[..] else { panic!("one stream") };
        assert!(padded > 2 * (3_000 + 2 * 400 + 1_000), "{padded}");
    }

    #[test]
    fn another_seed_draws_other_noise_and_the_same_seed_the_same() {
        let pink = Condition { noise: Some((Noise::Pink, 10)), ..QUIET };
        let payloads = |seed| {
            let streams = Layout::Joined.heard(pink, (&recordings(), &[]), seed);
            streams.into_iter().flat_map(|it| it.1).map(|it| it.payload).collect::<Vec<_>>()
        };
        assert_eq!(payloads(1), payloads(1));
        assert_ne!(payloads(1), payloads(2));
    }
}
