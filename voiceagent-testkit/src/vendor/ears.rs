use std::time::Duration;

use voiceagent_core::audio::{AudioFormat, Encoding};

use super::sound::level;

const FRAME: Duration = Duration::from_millis(20);

/// Mean magnitude from which a frame counts as a voice: about -40 dBFS.
const VOICE: u64 = 300;

/// Frames of voice in a row that make a beginning; a click is shorter.
const BEGINNING: u32 = 3;

/// What a frame of received audio means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// Speech began at this place, a little before the frame.
    Began(Duration),
    /// Speech goes on.
    Speech,
    /// The frame is silent; speech, if there was any, ended so long before.
    Silence(Duration),
}

/// Finds speech in received audio by its energy, frame by frame.
#[derive(Debug)]
pub(super) struct Ears {
    format: AudioFormat,
    table: Box<[u16; 256]>,
    frame_samples: u64,
    /// Samples heard so far.
    samples: u64,
    /// Of the frame that is not complete.
    sum: u64,
    count: u64,
    carry: Option<u8>,
    /// Frames of voice in a row.
    run: u32,
    speaking: bool,
    last_voice: Duration,
}

impl Ears {
    pub(super) fn new(format: AudioFormat) -> Self {
        let mut table = Box::new([0; 256]);
        for (code, magnitude) in (0..=u8::MAX).zip(table.iter_mut()) {
            *magnitude = level(format.encoding, code).unsigned_abs();
        }
        Self {
            format,
            table,
            frame_samples: format.samples_in(FRAME),
            samples: 0,
            sum: 0,
            count: 0,
            carry: None,
            run: 0,
            speaking: false,
            last_voice: Duration::ZERO,
        }
    }

    /// Where the audio that was heard ends.
    pub(super) fn position(&self) -> Duration {
        self.format.duration_of(self.samples)
    }

    /// Where the last voice was heard.
    pub(super) const fn last_voice(&self) -> Duration {
        self.last_voice
    }

    /// Ends speech that has begun and is not over. Returns whether there was any.
    pub(super) const fn finish_speech(&mut self) -> bool {
        let spoke = self.speaking;
        if spoke {
            self.end_speech();
        }
        spoke
    }

    /// The speech is over, whoever decided that; the next voice begins anew.
    pub(super) const fn end_speech(&mut self) {
        self.speaking = false;
        self.run = 0;
    }

    /// Hears audio of any length, and yields what each complete frame means, with its end.
    pub(super) fn hear(&mut self, mut audio: &[u8]) -> Vec<(Duration, Heard)> {
        let mut heard = Vec::new();
        if self.format.encoding == Encoding::PcmS16Le {
            while let Some((sample, rest)) = self.next_wide(audio) {
                audio = rest;
                self.add(u64::from(sample.unsigned_abs()), &mut heard);
            }
        } else {
            for code in audio {
                self.add(u64::from(self.table[usize::from(*code)]), &mut heard);
            }
        }
        heard
    }

    /// The next 16-bit sample, whose halves may have come in two messages.
    fn next_wide<'a>(&mut self, audio: &'a [u8]) -> Option<(i16, &'a [u8])> {
        if let Some(low) = self.carry.take() {
            let (high, rest) = audio.split_first().or_else(|| {
                self.carry = Some(low);
                None
            })?;
            return Some((i16::from_le_bytes([low, *high]), rest));
        }
        match audio {
            [low, high, rest @ ..] => Some((i16::from_le_bytes([*low, *high]), rest)),
            [low] => {
                self.carry = Some(*low);
                None
            }
            [] => None,
        }
    }

    fn add(&mut self, magnitude: u64, heard: &mut Vec<(Duration, Heard)>) {
        self.sum += magnitude;
        self.count += 1;
        self.samples += 1;
        if self.count == self.frame_samples {
            let voice = self.sum / self.count >= VOICE;
            (self.sum, self.count) = (0, 0);
            heard.push((self.position(), self.judge(voice)));
        }
    }

    fn judge(&mut self, voice: bool) -> Heard {
        let position = self.position();
        if !voice {
            self.run = 0;
            return Heard::Silence(position.saturating_sub(self.last_voice));
        }
        self.run += 1;
        if self.speaking {
            self.last_voice = position;
            return Heard::Speech;
        }
        if self.run < BEGINNING {
            return Heard::Silence(position.saturating_sub(self.last_voice));
        }
        self.speaking = true;
        self.last_voice = position;
        Heard::Began(position.saturating_sub(FRAME * BEGINNING))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sound, *};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn speech_is_found_where_it_is_in_every_format_and_however_it_is_cut() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_16K] {
            for cut in [1, 7, 160, 10_000] {
                let mut ears = Ears::new(format);
                let audio = [
                    sound::silence(format, 500 * MS),
                    sound::speech(format, 1_000 * MS),
                    sound::silence(format, 500 * MS),
                ]
                .concat();
                let heard: Vec<_> = audio.chunks(cut).flat_map(|it| ears.hear(it)).collect();
                let began = heard.iter().filter(|it| matches!(it.1, Heard::Began(_)));
                assert_eq!(began.collect::<Vec<_>>(), [&(560 * MS, Heard::Began(500 * MS))]);
                assert_eq!(ears.position(), 2_000 * MS, "{format:?}");
                assert_eq!(heard.last().unwrap().1, Heard::Silence(540 * MS), "a pause ends it");
            }
        }
    }
}
