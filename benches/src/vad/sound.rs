//! Streams with known speech in them.

use std::{error::Error, fs, iter, path::Path};

use super::dice::Dice;

/// All streams have this rate.
pub(crate) const RATE: usize = 16_000;
/// Samples of a millisecond.
pub(crate) const MILLI: usize = RATE / 1_000;
/// How loud speech is, as the root mean square of all that is labelled as speech: -26 dBFS, as
/// ITU-T P.56 asks for telephony.
pub(crate) const LEVEL: f32 = 0.05;
/// How much quieter the second half of the stream is, whose callers hold the phone away.
const FARTHER: f32 = 0.25;

/// A stretch of milliseconds.
pub(crate) type Stretch = std::ops::Range<usize>;

/// Sound at 16 kHz, and where in it somebody speaks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sound {
    pub(crate) samples: Vec<f32>,
    pub(crate) speech: Vec<Stretch>,
}

impl Sound {
    /// How long it lasts, in milliseconds.
    pub(crate) fn duration(&self) -> usize {
        self.samples.len() / MILLI
    }

    /// The root mean square of its speech.
    pub(crate) fn level(&self) -> f32 {
        let end = self.samples.len();
        let spoken =
            self.speech.iter().map(|it| &self.samples[it.start * MILLI..end.min(it.end * MILLI)]);
        let (mut power, mut count) = (0.0_f64, 0);
        for samples in spoken {
            power += samples.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
            count += samples.len();
        }
        (power / count.max(1) as f64).sqrt() as f32
    }

    pub(super) fn scale(&mut self, factor: f32) {
        for sample in &mut self.samples {
            *sample *= factor;
        }
    }

    /// Lets it begin and end softly, as the pauses around it are silent.
    fn soften(&mut self) {
        const SOFT: usize = 20 * MILLI;
        let end = self.samples.len();
        for at in 0..SOFT.min(end / 2) {
            let factor = at as f32 / SOFT as f32;
            self.samples[at] *= factor;
            self.samples[end - 1 - at] *= factor;
        }
    }

    pub(super) fn append(&mut self, other: &Self) {
        let at = self.duration();
        self.samples.extend(&other.samples);
        self.speech.extend(other.speech.iter().map(|it| it.start + at..it.end + at));
    }

    fn pause(&mut self, millis: usize) {
        self.samples.extend(iter::repeat_n(0.0, millis * MILLI));
    }
}

/// The recordings that come with the bench; `labels.txt` says where somebody speaks.
pub(crate) fn recordings() -> Result<Vec<Sound>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/speech");
    let labels = fs::read_to_string(folder.join("labels.txt"))?;
    labels
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let speech = words.map(|word| {
                let (start, end) = word.split_once('-').ok_or("a label is `from-to`")?;
                Ok(start.parse()?..end.parse()?)
            });
            let speech = speech.collect::<Result<_, Box<dyn Error>>>()?;
            Ok(Sound { samples: wav(&folder.join(format!("{name}.wav")))?, speech })
        })
        .collect()
}

/// The `testset` of TEN VAD: 30 recordings, each with a line of stretches and whether they hold
/// speech, in seconds.
pub(super) fn ten_vad(folder: &Path) -> Result<Vec<Sound>, Box<dyn Error>> {
    let mut sounds = Vec::new();
    for number in 1..=30 {
        let name = format!("testset-audio-{number:02}");
        let labels = fs::read_to_string(folder.join(format!("{name}.scv")))?;
        let fields: Vec<&str> = labels.trim().split(',').skip(1).collect();
        let (stretches, _) = fields.as_chunks::<3>();
        let mut speech = Vec::new();
        for [start, end, spoken] in stretches {
            if *spoken == "1" {
                let millis = |text: &str| text.parse().map(|at: f64| (at * 1_000.0) as usize);
                speech.push(millis(start)?..millis(end)?);
            }
        }
        sounds.push(Sound { samples: wav(&folder.join(format!("{name}.wav")))?, speech });
    }
    Ok(sounds)
}

/// A stream of all recordings with pauses of 0.4 to 2 s between, at the usual level, and once more
/// as heard from afar.
pub(crate) fn stream(recordings: &[Sound]) -> Sound {
    stream_of(recordings, &mut Dice(1))
}

/// A stream with pauses of these dice.
pub(super) fn stream_of(recordings: &[Sound], dice: &mut Dice) -> Sound {
    let mut near = Sound::default();
    for recording in recordings {
        let mut recording = recording.clone();
        recording.scale(LEVEL / recording.level());
        recording.soften();
        near.pause(400 + dice.below(1_600));
        near.append(&recording);
    }
    near.pause(1_000);
    near
}

/// The stream, and the same once more as heard from afar.
pub(crate) fn twice(near: &Sound) -> Sound {
    let mut both = near.clone();
    let mut far = near.clone();
    far.scale(FARTHER);
    both.append(&far);
    both
}

/// Reads 16 bit mono at 16 kHz.
fn wav(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let file = fs::read(path)?;
    let wrong = || format!("{}: not 16 bit mono at 16 kHz", path.display());
    let mut chunks = file.get(12..).ok_or_else(wrong)?;
    let mut format = None;
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = &rest[..length.min(rest.len())];
        match &head[..4] {
            b"fmt " => format = chunk.get(2..16).map(<[u8]>::to_vec),
            b"data" => {
                let expected = [1, 0, 0x80, 0x3E, 0, 0, 0, 0x7D, 0, 0, 2, 0, 16, 0];
                if format.as_deref() != Some(&expected) {
                    return Err(wrong().into());
                }
                let (samples, _) = chunk.as_chunks::<2>();
                let scaled = |bytes: &[u8; 2]| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0;
                return Ok(samples.iter().map(scaled).collect());
            }
            _ => {}
        }
        chunks = rest.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    Err(wrong().into())
}
