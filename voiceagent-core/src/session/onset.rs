use std::time::Duration;

use bytes::Bytes;

use crate::audio::{AudioFormat, AudioFrame, Decibels, MediaTime};

/// What is quieter cannot be heard on a phone line: its own noise is louder.
const AUDIBLE: Decibels = Decibels(-50.0);
/// How exactly the beginning is found; the shortest sounds of speech are about as long.
const WINDOW: Duration = Duration::from_millis(10);

/// Looks for the first sound in the audio of a voice. Costs nothing once it was found.
#[derive(Debug, Default)]
pub(super) struct Onset {
    silent: u64,
    found: bool,
}

impl Onset {
    /// Takes the next audio. Returns once how much silence came before the first sound, to 10 ms.
    /// Of coded packets nothing is known.
    pub(super) fn push(&mut self, format: AudioFormat, payload: &Bytes) -> Option<Duration> {
        let window = format.bytes_in(WINDOW).max(1);
        let mut start = 0;
        while !self.found && start < payload.len() {
            let end = payload.len().min(start + window);
            let frame = AudioFrame::new(format, MediaTime(0), payload.slice(start..end));
            if Decibels::of_frame(&frame)? >= AUDIBLE {
                self.found = true;
                return Some(format.duration_of(self.silent));
            }
            self.silent += format.samples(end - start);
            start = end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(millis: u64) -> Bytes {
        vec![0xFF; AudioFormat::MULAW_8K.bytes_in(Duration::from_millis(millis))].into()
    }

    #[test]
    fn m9_the_silence_before_the_first_sound_is_measured_once() {
        let sound = Bytes::from(vec![0x00; 160]);
        let mut onset = Onset::default();
        let push = |onset: &mut Onset, audio: &Bytes| onset.push(AudioFormat::MULAW_8K, audio);
        assert_eq!(push(&mut onset, &silence(95)), None);
        let rest = [&silence(45)[..], &sound[..]].concat().into();
        assert_eq!(push(&mut onset, &rest), Some(Duration::from_millis(135)));
        assert_eq!(push(&mut onset, &sound), None, "it is told once");
    }

    #[test]
    fn m9_noise_that_no_line_carries_is_silence() {
        let at = |level: i16| {
            let samples: Vec<u8> =
                [level, -level].repeat(80).iter().flat_map(|s| s.to_le_bytes()).collect();
            Onset::default().push(AudioFormat::PCM_8K, &samples.into())
        };
        assert_eq!((at(60), at(200)), (None, Some(Duration::ZERO)));
    }
}
