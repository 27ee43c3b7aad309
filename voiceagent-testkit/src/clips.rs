//! Short utterances in G.711 mu-law, 8 kHz, made by a speech synthesizer.

use std::time::Duration;

use bytes::Bytes;

/// Bytes of one second.
const SECOND: usize = 8_000;

/// An utterance.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Clip {
    /// Its name.
    pub name: &'static str,
    /// What is said.
    pub text: &'static str,
    /// How it sounds, in mu-law at 8 kHz.
    pub audio: &'static [u8],
}

macro_rules! clip {
    ($(#[$doc:meta])* $constant:ident, $name:literal, $text:literal) => {
        $(#[$doc])*
        pub const $constant: Clip = Clip {
            name: $name,
            text: $text,
            audio: include_bytes!(concat!("../testdata/clips/", $name, ".ulaw")),
        };
    };
}

clip! {
    /// "I would like to book an appointment for Monday at ten"
    APPOINTMENT, "appointment", "I would like to book an appointment for Monday at ten"
}
clip! {
    /// "goodbye"
    GOODBYE, "goodbye", "goodbye"
}
clip! {
    /// "hello there"
    HELLO, "hello", "hello there"
}
clip! {
    /// "wait stop"
    STOP, "stop", "wait stop"
}
clip! {
    /// "yes please"
    YES, "yes", "yes please"
}

/// All clips, by name.
pub const ALL: [Clip; 5] = [APPOINTMENT, GOODBYE, HELLO, STOP, YES];

impl Clip {
    /// The clip with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        ALL.into_iter().find(|clip| clip.name == name)
    }

    /// How long it lasts.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        Duration::from_micros(self.audio.len() as u64 * 1_000_000 / SECOND as u64)
    }
}

impl From<Clip> for Bytes {
    fn from(clip: Clip) -> Self {
        Self::from_static(clip.audio)
    }
}

/// Speech of this duration, with the pauses that it has in the clips. Always the same.
#[must_use]
pub fn speech(duration: Duration) -> Bytes {
    let bytes = usize::try_from(duration.as_micros() * SECOND as u128 / 1_000_000)
        .expect("speech that fits in memory");
    let endless = ALL.iter().cycle().flat_map(|clip| clip.audio);
    endless.copied().take(bytes).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::is_audible;

    #[test]
    fn each_clip_can_be_heard() {
        for clip in ALL {
            let audible = clip.audio.chunks(160).filter(|frame| is_audible(frame)).count();
            assert!(audible * 160 > clip.audio.len() / 3, "{}", clip.name);
            assert_eq!(Clip::find(clip.name).unwrap().text, clip.text);
        }
    }

    #[test]
    fn speech_has_the_length_that_was_asked_for() {
        assert_eq!(speech(Duration::from_secs(60)).len(), 60 * SECOND);
    }
}
