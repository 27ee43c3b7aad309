use super::bands::{BANDS, NOTHING};

/// Hops that are remembered: 5 s, of which up to 3 s may lie ahead.
const KEPT: usize = 512;
/// What is quieter is no speech, in dBFS.
const AUDIBLE: f32 = -62.0;
/// How far changes are followed, in hops.
const SPAN: u64 = 2;
/// A change by more is no more telling, in dB.
const STEEP: f32 = 6.0;
/// How much of what is common to all bands is taken out of a change. Voices begin and end in all
/// bands at once, and any two of them do so alike.
const COMMON: f32 = 0.7;

/// How the levels change, without what changes them all.
pub(super) fn change(
    now: &[f32; BANDS],
    before: &[f32; BANDS],
    floor: &[f32; BANDS],
) -> [f32; BANDS] {
    let mut change = [0.0; BANDS];
    for (band, change) in change.iter_mut().enumerate() {
        let (now, before) = (now[band].max(floor[band]), before[band].max(floor[band]));
        *change = (now - before).clamp(-STEEP, STEEP);
    }
    let common = COMMON * change.iter().sum::<f32>() / BANDS as f32;
    change.map(|change| change - common)
}

/// What the caller is made to hear, hop by hop.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    levels: Box<[[f32; BANDS]; KEPT]>,
    changes: Box<[[f32; BANDS]; KEPT]>,
    /// The decaying sum of squared changes.
    energies: Box<[f32; KEPT]>,
    decay: f32,
    /// The hop after the last.
    end: u64,
    /// The last hop with a sound before each, itself included.
    sounded: Box<[Option<u64>; KEPT]>,
}

impl Reference {
    pub(super) fn new(decay: f32) -> Self {
        Self {
            levels: Box::new([[NOTHING; BANDS]; KEPT]),
            changes: Box::new([[0.0; BANDS]; KEPT]),
            energies: Box::new([0.0; KEPT]),
            decay,
            end: 0,
            sounded: Box::new([None; KEPT]),
        }
    }

    /// Takes the levels of a hop; between it and the last one there was nothing.
    pub(super) fn push(&mut self, hop: u64, levels: [f32; BANDS]) {
        self.fill(hop);
        self.add(levels);
    }

    /// Notes that nothing sounds up to a hop unless it is known.
    pub(super) fn fill(&mut self, hop: u64) {
        if hop.saturating_sub(self.end) > KEPT as u64 {
            *self = Self { end: hop - KEPT as u64, ..Self::new(self.decay) };
        }
        while self.end < hop {
            self.add([NOTHING; BANDS]);
        }
    }

    /// Forgets what was to sound from a hop on.
    pub(super) fn cut(&mut self, hop: u64) {
        self.end = self.end.min(hop);
    }

    /// Whether something sounds in the `before` hops up to this one.
    pub(super) fn sounds(&self, hop: u64, before: u64) -> bool {
        self.sounded[at(hop)].is_some_and(|sounded| sounded + before > hop)
    }

    pub(super) fn levels(&self, hop: u64) -> &[f32; BANDS] {
        &self.levels[at(hop)]
    }

    pub(super) fn change(&self, hop: u64) -> &[f32; BANDS] {
        &self.changes[at(hop)]
    }

    pub(super) fn energy(&self, hop: u64) -> f32 {
        self.energies[at(hop)]
    }

    fn add(&mut self, levels: [f32; BANDS]) {
        let before = self.levels[at(self.end.wrapping_sub(SPAN))];
        let change = change(&levels, &before, &[AUDIBLE; BANDS]);
        let energy = self.energies[at(self.end.wrapping_sub(1))] * self.decay;
        let is_audible = levels.iter().any(|level| *level > AUDIBLE);
        let sounded = self.sounded[at(self.end.wrapping_sub(1))];
        self.sounded[at(self.end)] = if is_audible { Some(self.end) } else { sounded };
        self.levels[at(self.end)] = levels;
        self.changes[at(self.end)] = change;
        self.energies[at(self.end)] = energy + change.iter().map(|it| it * it).sum::<f32>();
        self.end += 1;
    }
}

fn at(hop: u64) -> usize {
    hop as usize % KEPT
}
