use super::{
    Progress,
    spoken::{Piece, Spoken},
};

/// Names are longer than this.
const SHORT: usize = 2;

/// How much of a name that is spelled has been said.
pub(super) fn progress(spoken: &Spoken) -> Progress {
    if !spoken.ends_in_symbols() {
        return Progress::Unknown;
    }
    let letters = spoken.symbols();
    let is_said = |piece: &Piece| matches!(piece, Piece::Word(word) if *word == letters);
    match letters.chars().count() {
        _ if spoken.is_dangling() => Progress::Open,
        // "Smith, S M I T H."
        _ if spoken.pieces().iter().any(is_said) => Progress::Complete,
        0..=SHORT => Progress::Open,
        _ => Progress::Plausible,
    }
}
