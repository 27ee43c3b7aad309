/// Follows a counter that begins again at zero after `BITS` bits, as one that never does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwrapped<const BITS: u32>(i64);

impl<const BITS: u32> Unwrapped<BITS> {
    /// Begins at a value.
    pub(super) const fn new(value: u32) -> Self {
        // One turn above zero, so that what came just before the first value has a place.
        Self(value as i64 + (1 << BITS))
    }

    /// The place of a value, next to the latest.
    pub(super) const fn place(self, value: u32) -> i64 {
        let turn = 1_i64 << BITS;
        let ahead = (value as i64 - self.0).rem_euclid(turn);
        if ahead < turn / 2 { self.0 + ahead } else { self.0 + ahead - turn }
    }

    /// Makes a place the latest.
    pub(super) const fn move_to(&mut self, place: i64) {
        self.0 = place;
    }

    pub(super) const fn latest(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_on_over_its_end_in_both_directions() {
        let mut sequence = Unwrapped::<16>::new(65_534);
        let begin = sequence.latest();
        assert_eq!(sequence.place(1), begin + 3);
        assert_eq!(sequence.place(65_533), begin - 1);
        sequence.move_to(sequence.place(1));
        assert_eq!(sequence.place(65_535), begin + 1);
        assert_eq!(Unwrapped::<32>::new(5).place(u32::MAX), Unwrapped::<32>::new(5).latest() - 6);
    }
}
