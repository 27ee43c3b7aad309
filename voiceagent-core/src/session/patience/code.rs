use super::{Progress, spoken::Spoken};

/// Codes are longer than this.
const SHORT: usize = 3;
/// The length of a vehicle's identification number (ISO 3779).
const VIN: usize = 17;

/// How much of a number or mixed code of unknown length has been said.
pub(super) fn progress(spoken: &Spoken) -> Progress {
    match spoken.symbols().chars().count() {
        _ if !spoken.ends_in_symbols() => Progress::Unknown,
        _ if spoken.is_dangling() => Progress::Open,
        0..=SHORT => Progress::Open,
        _ => Progress::Plausible,
    }
}

/// How much of a vehicle's identification number has been said.
pub(super) fn vin(spoken: &Spoken) -> Progress {
    match spoken.symbols().chars().count() {
        VIN.. => Progress::Complete,
        _ if !spoken.ends_in_symbols() => Progress::Unknown,
        _ => Progress::Open,
    }
}
