use std::time::Duration;

use super::{
    RATE,
    bands::{BANDS, HOP, NOTHING},
};

/// Hops that are remembered of what has sounded: 2 s, for echoes and for frames that come late.
const PAST: u64 = 212;
/// Hops that may lie ahead in any case: 3 s.
const AHEAD: u64 = 300;
/// What is quieter is no speech, in dBFS.
const AUDIBLE: f32 = -62.0;
/// How far changes are followed, in hops.
const SPAN: u64 = 2;
/// A change by more is no more telling, in dB.
const STEEP: f32 = 6.0;
/// How much of what is common to all bands is taken out of a change. Voices begin and end in all
/// bands at once, and any two of them do so alike.
const COMMON: f32 = 0.7;

/// How the levels change, without what changes them all. What was not heard before has not changed:
/// a line that opens in the middle of a word is no beginning of one.
pub(super) fn change(
    now: &[f32; BANDS],
    before: &[f32; BANDS],
    floor: &[f32; BANDS],
) -> [f32; BANDS] {
    let mut change = [0.0; BANDS];
    if before[0] == f32::NEG_INFINITY {
        return change;
    }
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
    /// The hops that are remembered, each at its number modulo their count, a power of two.
    hops: Box<[Hop]>,
    /// The hop after the last.
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Hop {
    levels: [f32; BANDS],
    change: [f32; BANDS],
    /// The sum of its squares.
    energy: f32,
    /// The last hop with a sound up to this one.
    sounded: Option<u64>,
}

/// A hop without any sound.
const EMPTY: Hop =
    Hop { levels: [NOTHING; BANDS], change: [0.0; BANDS], energy: 0.0, sounded: None };

impl Reference {
    /// Remembers what is told of up to `lead` ahead of its sound.
    pub(super) fn new(lead: Duration) -> Self {
        let ahead = lead.as_micros() as u64 * u64::from(RATE) / 1_000_000 / HOP as u64;
        // A power of two, so that a place is quickly found.
        let kept = (PAST + AHEAD.max(ahead.saturating_add(1))).next_power_of_two();
        Self { hops: vec![EMPTY; kept as usize].into(), end: 0 }
    }

    /// Takes the levels of a hop; between it and the last one there was nothing.
    pub(super) fn push(&mut self, hop: u64, levels: [f32; BANDS]) {
        self.fill(hop);
        self.add(levels);
    }

    /// Notes that nothing sounds up to a hop unless it is known.
    pub(super) fn fill(&mut self, hop: u64) {
        let kept = self.hops.len() as u64;
        if hop.saturating_sub(self.end) > kept {
            self.hops.fill(EMPTY);
            self.end = hop - kept;
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
        self.hop(hop).sounded.is_some_and(|sounded| sounded + before > hop)
    }

    pub(super) fn levels(&self, hop: u64) -> &[f32; BANDS] {
        &self.hop(hop).levels
    }

    /// How a hop changes, and by how much in all.
    pub(super) fn change(&self, hop: u64) -> (&[f32; BANDS], f32) {
        let hop = self.hop(hop);
        (&hop.change, hop.energy)
    }

    fn add(&mut self, levels: [f32; BANDS]) {
        let before = self.levels(self.end.wrapping_sub(SPAN));
        let change = change(&levels, before, &[AUDIBLE; BANDS]);
        let last = self.hop(self.end.wrapping_sub(1));
        let energy = change.iter().map(|it| it * it).sum();
        let is_audible = levels.iter().any(|level| *level > AUDIBLE);
        let sounded = if is_audible { Some(self.end) } else { last.sounded };
        let place = self.place(self.end);
        self.hops[place] = Hop { levels, change, energy, sounded };
        self.end += 1;
    }

    /// What is not known of yet is silent.
    fn hop(&self, hop: u64) -> &Hop {
        if hop < self.end { &self.hops[self.place(hop)] } else { &EMPTY }
    }

    fn place(&self, hop: u64) -> usize {
        hop as usize & (self.hops.len() - 1)
    }
}
