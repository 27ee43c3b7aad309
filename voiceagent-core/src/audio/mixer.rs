use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};

use super::{AudioFormat, Clip, Decibels, Decoder, Encoder};
use crate::{Error, Result};

/// How fast the background gives way to speech, in full gains a second: within 60 ms.
const DUCK_RATE: f32 = 1.0 / 0.06;
/// How fast it comes back: within half a second.
const RETURN_RATE: f32 = 1.0 / 0.5;

/// At so many rates a background is kept for the calls to come. Lines have two or three.
const RATES: usize = 8;

/// A sound that is heard behind the agent throughout a call, and more softly while the agent
/// speaks.
///
/// All calls with it, and with clones of it, share its samples, which are brought to the rate of a
/// line when the first call on such a line begins.
///
/// ```
/// use voiceagent_core::audio::{AudioFormat, Background, Clip, Decibels};
///
/// let office = Clip::new(AudioFormat::MULAW_8K, &[0x80; 8_000])?;
/// let background = Background::new(office).with_gain(Decibels(-24.0)).with_duck(Decibels(-9.0));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Background {
    clip: Clip,
    gain: Decibels,
    duck: Decibels,
    /// The clip at the rates of lines.
    looped: Arc<Mutex<BTreeMap<u32, Arc<[i16]>>>>,
}

impl Background {
    /// A clip that is played again and again, at -18 dB, and 9 dB below that under speech.
    #[must_use]
    pub fn new(clip: Clip) -> Self {
        Self { clip, gain: Decibels(-18.0), duck: Decibels(-9.0), looped: Arc::default() }
    }

    /// Says how loud it is, against the clip.
    #[must_use]
    pub const fn with_gain(mut self, gain: Decibels) -> Self {
        self.gain = gain;
        self
    }

    /// Says how much louder, or rather softer, it is under speech.
    #[must_use]
    pub const fn with_duck(mut self, duck: Decibels) -> Self {
        self.duck = duck;
        self
    }

    /// The clip at this rate, so that it can be played again and again; `None` if that has no
    /// sample, or more than can be counted.
    fn looped(&self, sample_rate: u32) -> Option<Arc<[i16]>> {
        // Calls that begin meanwhile wait for the samples in place of making their own.
        let mut kept = self.looped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looped) = kept.get(&sample_rate) {
            return Some(Arc::clone(looped));
        }
        let looped = self.clip.looped(sample_rate)?;
        if kept.len() < RATES {
            kept.insert(sample_rate, Arc::clone(&looped));
        }
        Some(looped)
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming what is accepted.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.clip.duration().is_zero() {
            return Err(Error::config("the clip of a background is empty"));
        }
        let accepted = [("gain", self.gain, 20.0), ("duck", self.duck, 0.0)];
        for (name, Decibels(value), most) in accepted {
            if !(-120.0..=most).contains(&value) {
                let why = format!("`{name}` of a background is {value}; from -120 to {most} dB");
                return Err(Error::config(why));
            }
        }
        Ok(())
    }
}

impl PartialEq for Background {
    fn eq(&self, other: &Self) -> bool {
        (&self.clip, self.gain, self.duck) == (&other.clip, other.gain, other.duck)
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clip, gain, duck, looped: _ } = self;
        let mut it = f.debug_struct("Background");
        it.field("clip", clip).field("gain", gain).field("duck", duck).finish()
    }
}

/// Adds a background to what the agent says, sample by sample: how the audio is cut into pieces
/// makes no difference.
///
/// A call with [`AgentBuilder::background`](crate::AgentBuilder::background) has one of its own.
///
/// ```
/// use voiceagent_core::audio::{AudioFormat, Background, Clip, Mixer};
///
/// let office = Background::new(Clip::new(AudioFormat::MULAW_8K, &[0x80; 8_000])?);
/// let mut mixer = Mixer::new(&office, AudioFormat::MULAW_8K)?;
/// assert_eq!(mixer.mix(&[0xFF; 160]).len(), 160);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Mixer {
    decoder: Decoder,
    encoder: Encoder,
    background: Arc<[i16]>,
    /// The sample of it that is next.
    at: usize,
    gain: f32,
    ducked: f32,
    /// The gain of the last sample.
    now: f32,
    /// How far the gain moves with each sample: down, and up.
    steps: (f32, f32),
    /// The piece at hand.
    samples: Vec<i16>,
    block: BytesMut,
}

impl Mixer {
    /// Makes a mixer for audio of this format.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a background that makes no sense,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for Opus and more than one channel.
    pub fn new(background: &Background, format: AudioFormat) -> Result<Self> {
        background.validate()?;
        let (decoder, encoder) = (Decoder::new(format)?, Encoder::new(format)?);
        let samples = background.looped(format.sample_rate);
        let samples = samples
            .ok_or_else(|| Error::config("the clip of a background is empty or too long"))?;
        let amplitude = |Decibels(gain)| 10.0_f32.powf(gain / 20.0);
        let gain = amplitude(background.gain);
        let ducked = amplitude(Decibels(background.gain.0 + background.duck.0));
        let rate = format.sample_rate as f32;
        let steps = ((gain - ducked) * DUCK_RATE / rate, (gain - ducked) * RETURN_RATE / rate);
        Ok(Self {
            decoder,
            encoder,
            background: samples,
            at: 0,
            gain,
            ducked,
            now: gain,
            steps,
            samples: Vec::new(),
            block: BytesMut::new(),
        })
    }

    /// Adds the background to speech, under which it is softer.
    pub fn mix(&mut self, speech: &[u8]) -> Bytes {
        self.samples.clear();
        self.decoder.decode_i16(speech, &mut self.samples);
        self.run(true)
    }

    /// Gives the next samples of the background alone.
    pub fn alone(&mut self, samples: usize) -> Bytes {
        self.samples.clear();
        self.samples.resize(samples, 0);
        self.run(false)
    }

    /// Goes back by so many samples, which were not heard.
    pub fn rewind(&mut self, samples: u64) {
        let length = self.background.len();
        let back = (samples % length as u64) as usize;
        self.at = (self.at + length - back) % length;
    }

    fn run(&mut self, is_speech: bool) -> Bytes {
        let Self { background, at, gain, ducked, now, steps, samples, block, .. } = self;
        for sample in &mut *samples {
            *now =
                if is_speech { (*now - steps.0).max(*ducked) } else { (*now + steps.1).min(*gain) };
            let behind = f32::from(background[*at]) * *now;
            *at += 1;
            if *at == background.len() {
                *at = 0;
            }
            // A float becomes the nearest sample there is.
            *sample = (f32::from(*sample) + behind).round() as i16;
        }
        self.encoder.write(samples.iter().copied(), block);
        block.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audio::{Encoding, decoder::pcm};

    fn mixer(format: AudioFormat) -> Mixer {
        let clip: Vec<u8> = (0..777_i16).flat_map(|sample| (sample * 20).to_le_bytes()).collect();
        let clip = Clip::new(AudioFormat::PCM_8K, &clip).unwrap();
        Mixer::new(&Background::new(clip), format).unwrap()
    }

    #[test]
    fn i17_the_background_gives_way_to_speech_and_comes_back() {
        let clip = Clip::new(AudioFormat::PCM_8K, &10_000_i16.to_le_bytes().repeat(8_000)).unwrap();
        let background =
            Background::new(clip).with_gain(Decibels(-20.0)).with_duck(Decibels(-20.0));
        let mut mixer = Mixer::new(&background, AudioFormat::PCM_8K).unwrap();
        let last = |bytes: &Bytes| pcm(bytes).last().unwrap();
        assert_eq!(last(&mixer.alone(160)), 1_000);
        let speech = mixer.mix(&500_i16.to_le_bytes().repeat(800));
        assert_eq!(last(&speech), 500 + 100);
        let steps = pcm(&speech).zip(pcm(&speech).skip(1)).map(|(a, b)| (b - a).abs()).max();
        assert!(steps <= Some(3), "it gives way without a step: {steps:?}");
        let back = mixer.alone(8_000);
        let steps = pcm(&back).zip(pcm(&back).skip(1)).map(|(a, b)| b - a).max();
        assert!(pcm(&back).next() < Some(105) && steps <= Some(3), "nor comes back: {steps:?}");
        assert_eq!(last(&back), 1_000);
    }

    #[test]
    fn i17_what_was_not_heard_is_played_again() {
        let mut mixer = mixer(AudioFormat::PCM_8K);
        let first = mixer.alone(2_000);
        mixer.rewind(900);
        assert_eq!(mixer.alone(900), first.slice(2_200..));
    }

    #[test]
    fn i17_a_tone_goes_on_over_the_joint_of_a_clip_at_every_rate() {
        for (from, to, length) in
            [(16_000, 8_000, 16_000), (44_100, 8_000, 44_101), (8_000, 24_000, 403)]
        {
            let clip = AudioFormat::mono(Encoding::PcmS16Le, from);
            let turns = length / 32;
            let turn = f64::from(turns) / f64::from(length) * std::f64::consts::TAU;
            let wave = (0..length).map(|at| (10_000.0 * (turn * f64::from(at)).sin()) as i16);
            let clip = Clip::new(clip, &wave.flat_map(i16::to_le_bytes).collect::<Vec<_>>());
            let background = Background::new(clip.unwrap()).with_gain(Decibels(0.0));
            let line = AudioFormat::mono(Encoding::PcmS16Le, to);
            let mut mixer = Mixer::new(&background, line).unwrap();
            let period = mixer.background.len();
            let heard = mixer.alone(period * 3);
            let heard: Vec<f64> = pcm(&heard).map(f64::from).collect();
            let turn = f64::from(turns) / period as f64 * std::f64::consts::TAU;
            // The next sample of a sine follows from the two before, wherever it is.
            let surprise = heard.windows(3).map(|it| it[0] + it[2] - 2.0 * turn.cos() * it[1]);
            let most = surprise.fold(0.0, |most: f64, it| most.max(it.abs()));
            assert!(most < 4.0, "{from} to {to} Hz: a step of {most}");
            let loudest = heard.iter().fold(0.0, |most: f64, it| most.max(it.abs()));
            assert!((loudest - 10_000.0).abs() < 200.0, "{from} to {to} Hz: {loudest}");
        }
    }

    #[test]
    fn i17_calls_share_the_samples_of_a_background_at_each_rate() {
        let clip = Clip::new(AudioFormat::PCM_16K, &[0, 1].repeat(16_000)).unwrap();
        let background = Background::new(clip);
        let one = Mixer::new(&background, AudioFormat::MULAW_8K).unwrap();
        let other = Mixer::new(&background.clone().with_gain(Decibels(-30.0)), AudioFormat::PCM_8K);
        assert!(Arc::ptr_eq(&one.background, &other.unwrap().background));
        let at = |rate| AudioFormat::mono(Encoding::PcmS16Le, rate);
        let wide = Mixer::new(&background, at(24_000)).unwrap();
        assert_eq!((one.background.len(), wide.background.len()), (8_000, 24_000));
        // What far ends can ask for does not pile up.
        for rate in 4_000..4_020 {
            assert_eq!(Mixer::new(&background, at(rate)).unwrap().background.len(), rate as usize);
        }
        assert_eq!(background.looped.lock().unwrap().len(), RATES);
    }

    #[test]
    fn i17_a_clip_begins_with_its_beginning_at_every_rate() {
        let click = |at| if at == 160 { 20_000 } else { 0_i16 };
        let click: Vec<u8> = (0..1_600).flat_map(|at| click(at).to_le_bytes()).collect();
        let background = Background::new(Clip::new(AudioFormat::PCM_16K, &click).unwrap());
        let mut mixer = Mixer::new(&background, AudioFormat::PCM_24K).unwrap();
        let heard: Vec<i16> = pcm(&mixer.alone(2_400)).collect();
        let loudest = (0..heard.len()).max_by_key(|at| heard[*at]).unwrap();
        assert!(loudest.abs_diff(240) <= 1, "{loudest}");
    }

    #[test]
    fn what_is_too_loud_is_limited() {
        let mut mixer = mixer(AudioFormat::PCM_8K);
        let loud = mixer.mix(&i16::MAX.to_le_bytes().repeat(2_000));
        assert!(pcm(&loud).all(|sample| sample == i16::MAX));
    }

    proptest! {
        #[test]
        fn how_audio_is_cut_into_pieces_changes_nothing(
            pieces in prop::collection::vec((any::<bool>(), 1_usize..500), 1..20),
            cut in 1_usize..100,
        ) {
            for format in [AudioFormat::PCM_8K, AudioFormat::MULAW_8K] {
                let bytes = format.sample_bytes().unwrap();
                let (mut whole, mut parts) = (mixer(format), mixer(format));
                let (mut first, mut second) = (Vec::new(), Vec::new());
                for (speaks, samples) in &pieces {
                    let speech = vec![0x31; samples * bytes];
                    match speaks {
                        true => first.extend(whole.mix(&speech)),
                        false => first.extend(whole.alone(*samples)),
                    }
                    for part in speech.chunks(cut * bytes) {
                        match speaks {
                            true => second.extend(parts.mix(part)),
                            false => second.extend(parts.alone(part.len() / bytes)),
                        }
                    }
                }
                prop_assert_eq!(first, second);
            }
        }
    }
}
