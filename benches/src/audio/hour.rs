//! An hour of frames through each stage.

use std::{error::Error, fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use stats_alloc::INSTRUMENTED_SYSTEM;
use voiceagent_core::audio::{
    AudioFilter as _, AudioFormat, AudioFrame, Background, Clip, ComfortNoise, Concealer, Decibels,
    DtmfDetector, Encoder, Encoding, MediaTime, Mixer, NoiseGenerator, Transcoder,
};
use voiceagent_providers::rnnoise::NoiseSuppressor;

use crate::vad::thread_time;

/// Frames after which memory has its size, and is not asked for any more.
const WARM_UP: u64 = 100;
const FRAME: Duration = Duration::from_millis(20);
const MULAW: AudioFormat = AudioFormat::MULAW_8K;

/// Takes a frame and its number, and tells how many samples come out.
type Work = Box<dyn FnMut(u64, Bytes) -> u64>;

pub(super) struct Stage {
    name: String,
    from: AudioFormat,
    /// `None` if no audio comes out.
    to: Option<AudioFormat>,
    work: Work,
}

/// What an hour has shown.
pub(super) struct Run {
    name: String,
    /// Samples too many or too few; `None` where no audio comes out.
    pub(super) drift: Option<i64>,
    pub(super) allocations: usize,
    /// In microseconds for a frame.
    cost: f64,
}

pub(super) fn stages() -> Result<Vec<Stage>, Box<dyn Error>> {
    let mut stages = transcoders()?;
    stages.extend(losses()?);
    stages.extend(listeners()?);
    stages.push(background()?);
    stages.extend([MULAW, AudioFormat::PCM_16K].map(suppressor));
    #[cfg(feature = "opus")]
    stages.extend(opus()?);
    Ok(stages)
}

fn transcoders() -> Result<Vec<Stage>, Box<dyn Error>> {
    let (g722, pcm16) = (AudioFormat::G722, AudioFormat::PCM_16K);
    let pcm44 = AudioFormat::mono(Encoding::PcmS16Le, 44_100);
    let pcm48 = AudioFormat::mono(Encoding::PcmS16Le, 48_000);
    let pairs = [
        (MULAW, AudioFormat::PCM_8K),
        (AudioFormat::PCM_8K, MULAW),
        (AudioFormat::ALAW_8K, AudioFormat::PCM_8K),
        (AudioFormat::PCM_8K, AudioFormat::ALAW_8K),
        (pcm16, g722),
        (g722, pcm16),
        (MULAW, pcm16),
        (pcm16, MULAW),
        (AudioFormat::PCM_24K, MULAW),
        (MULAW, pcm48),
        (pcm48, MULAW),
        (pcm44, MULAW),
        (g722, MULAW),
    ];
    let stage = |(from, to): (AudioFormat, AudioFormat)| {
        let mut transcoder = Transcoder::new(from, to)?;
        let work = move |_, payload| to.samples(transcoder.transcode(payload).len());
        Ok(Stage::new(format!("{} to {}", name(from), name(to)), from, work).to(to))
    };
    pairs.into_iter().map(stage).collect()
}

fn name(format: AudioFormat) -> String {
    format!("{:?} {} kHz", format.encoding, f64::from(format.sample_rate) / 1e3)
}

fn losses() -> Result<[Stage; 2], Box<dyn Error>> {
    let mut concealer = Concealer::new(MULAW)?;
    let conceal = move |number: u64, payload: Bytes| match number % 10 {
        3 => concealer.conceal(160).len() as u64,
        _ => concealer.receive(payload).len() as u64,
    };
    let mut generator = NoiseGenerator::new(MULAW);
    let mut noise = [0.0; 160];
    let fill = move |number: u64, _| {
        if number.is_multiple_of(50) {
            generator.describe(ComfortNoise::white(Decibels(-50.0 - (number % 7) as f32)));
        }
        generator.fill(&mut noise);
        noise.len() as u64
    };
    Ok([
        Stage::new("concealment, each tenth frame lost", MULAW, conceal).to(MULAW),
        Stage::new("comfort noise", MULAW, fill).to(MULAW),
    ])
}

fn listeners() -> Result<[Stage; 2], Box<dyn Error>> {
    let mut detector = DtmfDetector::new(8_000)?;
    let voice: Vec<f32> = wave(MULAW).collect();
    let keys = move |_, _| {
        detector.push(&voice, |_| {});
        0
    };
    let level = |_, payload| {
        let frame = AudioFrame::new(MULAW, MediaTime(0), payload);
        u64::from(Decibels::of_frame(&frame) > Some(Decibels(0.0)))
    };
    Ok([Stage::new("keys by their tones", MULAW, keys), Stage::new("level meter", MULAW, level)])
}

/// A voice for a second, then the background alone for one, of which 60 ms are not heard.
fn background() -> Result<Stage, Box<dyn Error>> {
    let clip = Clip::new(MULAW, &sound(MULAW)?.repeat(77))?;
    let mut mixer = Mixer::new(&Background::new(clip), MULAW)?;
    let work = move |number: u64, payload: Bytes| {
        if number.is_multiple_of(100) {
            mixer.rewind(480);
        }
        let mixed = if number % 100 < 50 { mixer.mix(&payload) } else { mixer.alone(160) };
        mixed.len() as u64
    };
    Ok(Stage::new("background, mixed in", MULAW, work).to(MULAW))
}

fn suppressor(format: AudioFormat) -> Stage {
    let mut suppressor = NoiseSuppressor::new();
    let work = move |number: u64, payload| {
        let at = MediaTime(number * format.samples_in(FRAME));
        suppressor.apply(AudioFrame::new(format, at, payload)).samples()
    };
    Stage::new(format!("noise suppression, {}", name(format)), format, work).to(format)
}

/// Packets of 20 ms at 24 kbit/s, as a recording has them, and what comes out of them.
#[cfg(feature = "opus")]
fn opus() -> Result<[Stage; 2], Box<dyn Error>> {
    use voiceagent_core::audio::opus::{Decoder, Encoder};

    let format = AudioFormat::PCM_16K;
    let encoder = || Encoder::new(format.sample_rate)?.with_bitrate(24_000);
    let samples = |payload: &Bytes, samples: &mut Vec<i16>| {
        samples.clear();
        samples.extend(payload.chunks_exact(2).map(|it| i16::from_le_bytes([it[0], it[1]])));
    };
    let (mut one, mut heard) = (encoder()?, Vec::new());
    let encode = move |_, payload: Bytes| {
        samples(&payload, &mut heard);
        one.encode(&heard, |_| Ok(())).expect("libopus takes any samples");
        0
    };
    let (mut other, mut decoder) = (encoder()?, Decoder::new(format.sample_rate)?);
    let (mut heard, mut told) = (Vec::new(), Vec::new());
    let both = move |_, payload: Bytes| {
        samples(&payload, &mut heard);
        told.clear();
        let decoded = other.encode(&heard, |packet| decoder.decode(packet, &mut told));
        decoded.expect("libopus takes its own packets");
        told.len() as u64
    };
    Ok([
        Stage::new("PCM 16 kHz to Opus", format, encode),
        Stage::new("PCM 16 kHz to Opus and back", format, both).to(format),
    ])
}

impl Stage {
    /// A stage out of which no audio comes.
    fn new(
        name: impl Into<String>,
        from: AudioFormat,
        work: impl FnMut(u64, Bytes) -> u64 + 'static,
    ) -> Self {
        Self { name: name.into(), from, to: None, work: Box::new(work) }
    }

    fn to(mut self, format: AudioFormat) -> Self {
        self.to = Some(format);
        self
    }

    pub(super) fn run(mut self, frames: u64) -> Result<Run, Box<dyn Error>> {
        let payload = sound(self.from)?;
        let frames = frames.max(WARM_UP + 1);
        let mut samples = 0;
        for number in 0..WARM_UP {
            samples += (self.work)(number, payload.clone());
        }
        let begun = thread_time()?;
        let before = INSTRUMENTED_SYSTEM.stats();
        for number in WARM_UP..frames {
            samples += (self.work)(number, payload.clone());
        }
        let made = INSTRUMENTED_SYSTEM.stats() - before;
        let spent = thread_time()? - begun;
        let given = self.from.samples(payload.len()) * frames;
        let drift = |to: AudioFormat| {
            let expected =
                (given * u64::from(to.sample_rate)).div_ceil(u64::from(self.from.sample_rate));
            samples.cast_signed() - expected.cast_signed()
        };
        Ok(Run {
            name: self.name,
            drift: self.to.map(drift),
            allocations: made.allocations + made.reallocations,
            cost: spent * 1e3 / (frames - WARM_UP) as f64,
        })
    }
}

/// A frame of a voice.
fn sound(format: AudioFormat) -> Result<Bytes, Box<dyn Error>> {
    let samples: Vec<f32> = wave(format).collect();
    let mut bytes = BytesMut::new();
    Encoder::new(format)?.encode(&samples, &mut bytes);
    Ok(bytes.freeze())
}

fn wave(format: AudioFormat) -> impl Iterator<Item = f32> {
    let sine = move |at: u32, frequency: f32| {
        (at as f32 * frequency / format.sample_rate as f32 * std::f32::consts::TAU).sin()
    };
    (0..format.samples_in(FRAME) as u32)
        .map(move |at| 0.2 * sine(at, 150.0) + 0.1 * sine(at, 1_250.0))
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, drift, allocations, cost } = self;
        let drift = drift.map_or("–".into(), |drift| drift.to_string());
        write!(f, "| {name} | {drift} | {allocations} | {cost:.2} |")
    }
}
