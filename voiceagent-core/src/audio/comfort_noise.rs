use super::{AudioFormat, Decibels};

/// Reflection coefficients that are kept of a payload, and made of sound: as many as Appendix II of
/// ITU-T G.711 uses.
const ORDER: usize = 10;
/// How quickly the sound of noise follows a new description: within some 20 ms.
const FOLLOW_MILLIS: f32 = 8.0;
/// No filter may ring longer than this lets it.
const MOST: f32 = 0.98;

/// The noise of a line in a pause, as one side tells the other what to make up while it sends
/// nothing (RFC 3389).
///
/// ```
/// use voiceagent_core::audio::{ComfortNoise, Decibels};
///
/// let noise = ComfortNoise::parse(&[62, 110, 127]).unwrap();
/// assert_eq!(noise.level(), Decibels(-62.0));
/// let mut payload = Vec::new();
/// noise.write(&mut payload);
/// assert_eq!(payload[..3], [62, 110, 127]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComfortNoise {
    level: Decibels,
    reflections: [f32; ORDER],
}

impl ComfortNoise {
    /// White noise of a level, at most that of full scale; what is no number is silence.
    #[must_use]
    pub const fn white(Decibels(level): Decibels) -> Self {
        let level = if level.is_nan() { Decibels::SILENCE } else { Decibels(level.min(0.0)) };
        Self { level, reflections: [0.0; ORDER] }
    }

    /// Reads a payload: the level, and any number of reflection coefficients, of which the first ten
    /// count. `None` for an empty one.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (level, coded) = payload.split_first()?;
        let mut noise = Self::white(Decibels(-f32::from(level & 0x7F)));
        for (reflection, &coded) in noise.reflections.iter_mut().zip(coded) {
            // 255 is reserved.
            let coded = if coded == 255 { 127 } else { coded };
            *reflection = 258.0 * (f32::from(coded) - 127.0) / 32_768.0;
        }
        Some(noise)
    }

    /// Describes sound from -1 to 1, best some 20 ms of it: its level, and the shape of its spectrum.
    /// Samples that are no numbers describe silence.
    #[must_use]
    pub fn of(samples: &[f32]) -> Self {
        let mut likeness = [0.0_f32; ORDER + 1];
        for (lag, sum) in likeness.iter_mut().enumerate() {
            let later = samples.get(lag..).unwrap_or_default();
            *sum = samples.iter().zip(later).map(|(one, other)| one * other).sum();
        }
        if !likeness[0].is_finite() {
            return Self::white(Decibels::SILENCE);
        }
        // A little white noise below, so that a pure tone has a finite filter.
        likeness[0] *= 1.000_1;
        Self { reflections: reflections(&likeness), ..Self::white(Decibels::of(samples)) }
    }

    /// How loud it is.
    #[must_use]
    pub const fn level(&self) -> Decibels {
        self.level
    }

    /// Appends the payload: eleven bytes.
    pub fn write(&self, payload: &mut Vec<u8>) {
        // Both are limited to what a byte holds here.
        payload.push((-self.level.0).round().clamp(0.0, 127.0) as u8);
        let coded = |reflection: &f32| (reflection * 32_768.0 / 258.0 + 127.0).round();
        payload.extend(self.reflections.iter().map(|it| coded(it).clamp(0.0, 254.0) as u8));
    }

    fn amplitude(&self) -> f32 {
        10.0_f32.powf(self.level.0 / 20.0)
    }
}

/// Makes the noise that was described.
///
/// The same descriptions make the same noise, however it is cut into pieces. Nothing is allocated.
///
/// ```
/// use voiceagent_core::audio::{AudioFormat, ComfortNoise, Decibels, NoiseGenerator};
///
/// let mut generator = NoiseGenerator::new(AudioFormat::MULAW_8K);
/// generator.describe(ComfortNoise::white(Decibels(-50.0)));
/// let mut samples = [0.0; 160];
/// generator.fill(&mut samples);
/// assert!((Decibels::of(&samples).0 + 50.0).abs() < 2.0);
/// ```
#[derive(Clone, Debug)]
pub struct NoiseGenerator {
    wanted: ComfortNoise,
    amplitude: f32,
    reflections: [f32; ORDER],
    /// What each stage of the lattice sends back, a sample later.
    back: [f32; ORDER],
    follow: f32,
    random: u32,
    /// Whether something was described.
    is_set: bool,
}

impl NoiseGenerator {
    /// One that is silent until something is described.
    #[must_use]
    pub fn new(format: AudioFormat) -> Self {
        let samples = FOLLOW_MILLIS * format.sample_rate as f32 / 1_000.0;
        Self {
            wanted: ComfortNoise::white(Decibels::SILENCE),
            amplitude: 0.0,
            reflections: [0.0; ORDER],
            back: [0.0; ORDER],
            follow: 1.0 - (-1.0 / samples.max(1.0)).exp(),
            random: 1,
            is_set: false,
        }
    }

    /// Says what it shall sound like. The first time it does at once, and then it turns into that.
    pub fn describe(&mut self, noise: ComfortNoise) {
        self.wanted = noise;
        if !self.is_set {
            self.is_set = true;
            self.amplitude = noise.amplitude();
            self.reflections = noise.reflections;
        }
    }

    /// Makes the next samples, from -1 to 1; what noise of nearly full scale exceeds is cut off.
    pub fn fill(&mut self, samples: &mut [f32]) {
        let amplitude = self.wanted.amplitude();
        for sample in samples {
            self.amplitude += (amplitude - self.amplitude) * self.follow;
            let pairs = self.reflections.iter_mut().zip(self.wanted.reflections);
            for (reflection, wanted) in pairs {
                *reflection += (wanted - *reflection) * self.follow;
            }
            *sample = (self.amplitude * self.next()).clamp(-1.0, 1.0);
        }
    }

    /// White noise of unit power through a lattice of all poles, and that at unit power.
    fn next(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let even = (self.random >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let lost: f32 = self.reflections.iter().map(|it| 1.0 - limit(*it).powi(2)).product();
        let mut forth = even * (3.0 * lost).sqrt();
        for stage in (0..ORDER).rev() {
            let reflection = limit(self.reflections[stage]);
            forth -= reflection * self.back[stage];
            let back = self.back[stage] + reflection * forth;
            if let Some(next) = self.back.get_mut(stage + 1) {
                *next = back;
            }
        }
        self.back[0] = forth;
        forth
    }
}

fn limit(reflection: f32) -> f32 {
    reflection.clamp(-MOST, MOST)
}

/// Levinson's and Durbin's recursion.
fn reflections(likeness: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let mut reflections = [0.0; ORDER];
    let mut filter = [0.0; ORDER];
    let mut error = likeness[0];
    for order in 0..ORDER {
        if error <= f32::MIN_POSITIVE {
            break;
        }
        let past = filter[..order].iter().zip(likeness[1..=order].iter().rev());
        let sum: f32 = past.map(|(weight, value)| weight * value).sum();
        let reflection = -(likeness[order + 1] + sum) / error;
        reflections[order] = limit(reflection);
        let before = filter;
        for index in 0..order {
            filter[index] += reflection * before[order - 1 - index];
        }
        filter[order] = reflection;
        error *= 1.0 - reflection * reflection;
    }
    reflections
}

#[cfg(test)]
mod tests;
