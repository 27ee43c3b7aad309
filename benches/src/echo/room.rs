/// When the reflections of the room come, in samples, and how strong they are.
const REFLECTIONS: [(usize, f32); 6] =
    [(0, 1.0), (21, -0.4), (37, 0.3), (90, 0.25), (151, -0.2), (230, 0.15)];

/// A speakerphone, a room around it, and a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// How late the echo comes, in samples.
    pub(super) delay: usize,
    /// How far below what is played it is, in dB.
    pub(super) attenuation: f32,
    /// The noise of the line, in dBFS.
    pub(super) noise: f32,
}

impl Room {
    /// What comes back of what is played.
    pub(super) fn echo(self, played: &[f32]) -> Vec<f32> {
        let power: f32 = REFLECTIONS.iter().map(|(_, gain)| gain * gain).sum();
        let gain = 10_f32.powf(-self.attenuation / 20.0) / power.sqrt();
        // Even noise from -1 to 1 has a third of the power of its peak.
        let peak = 10_f32.powf(self.noise / 20.0) * 3_f32.sqrt();
        let mut state = 1_u32;
        (0..played.len())
            .map(|at| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
                let back = |(late, part): &(usize, f32)| {
                    at.checked_sub(self.delay + late).map_or(0.0, |at| part * played[at])
                };
                gain * REFLECTIONS.iter().map(back).sum::<f32>() + peak * noise
            })
            .collect()
    }
}

/// The root mean square.
pub(super) fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|it| it * it).sum::<f32>() / samples.len() as f32).sqrt()
}

/// A level in dBFS.
pub(super) fn decibels(level: f32) -> f32 {
    20.0 * level.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_as_far_below_what_is_played_as_it_says() {
        let mut state = 7_u32;
        let noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.05 * ((state >> 8) as f32 / (1 << 22) as f32 - 2.0)
        };
        let played: Vec<f32> = (0..16_000).map(noise).collect();
        let room = Room { delay: 800, attenuation: 12.0, noise: f32::NEG_INFINITY };
        let echo = room.echo(&played);
        assert!(echo[..800].iter().all(|sample| *sample == 0.0));
        let below = decibels(level(&played)) - decibels(level(&echo[1_100..]));
        assert!((below - 12.0).abs() < 0.5, "{below}");
    }
}
