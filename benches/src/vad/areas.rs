//! Areas under the curve on the telephone, in other layouts and with other noise.

use std::{error::Error, fmt::Write as _, sync::Arc};

use super::{
    Detector,
    condition::{Condition, Noise},
    layout::Layout,
    listen::{Heard, listen, listen_without_hiss},
    progress,
    score::Moments,
    sound::Sound,
};

/// Those by which the default was chosen.
const CONDITIONS: [Condition; 3] = [
    Condition { noise: None, phone: true },
    Condition { noise: Some((Noise::Pink, 10)), phone: true },
    Condition { noise: Some((Noise::Babble, 10)), phone: true },
];

/// What was said in each stream, and what a detector heard.
type Streams = Vec<(Sound, Heard)>;

/// A column: a detector, with the noise that a call adds or without it.
struct Ear<'a> {
    name: String,
    detector: &'a Detector,
    hisses: bool,
}

/// A row for each condition of the telephone, a column for each detector: the mean over as many
/// seeds, and the standard deviation.
pub(super) fn table(
    detectors: &[Detector],
    recordings: &[Sound],
    babble: &[Sound],
    (layout, seeds): (Layout, u64),
) -> Result<String, Box<dyn Error>> {
    let ears = ears(detectors);
    let conditions = CONDITIONS;
    // For each ear and condition, the areas of all seeds.
    let mut areas = vec![vec![Vec::new(); conditions.len()]; ears.len()];
    for seed in 0..seeds {
        let mut lags = vec![None; ears.len()];
        for (row, condition) in conditions.iter().enumerate() {
            progress(&format!("{}: seed {seed}: {}", layout.name(), condition.name()));
            let streams = layout.heard(*condition, (recordings, babble), seed);
            for (column, ear) in ears.iter().enumerate() {
                let heard = streams.iter().map(|(said, frames)| {
                    let vad = Arc::clone(&ear.detector.vad);
                    let heard = if ear.hisses {
                        listen(&vad, frames)?
                    } else {
                        listen_without_hiss(&*vad, frames)?
                    };
                    Ok((said.clone(), heard))
                });
                let heard: Streams = heard.collect::<Result<_, Box<dyn Error>>>()?;
                let lag = *lags[column].get_or_insert_with(|| best_lag(&heard));
                areas[column][row].push(area(&heard, lag));
            }
        }
    }
    let mut out = format!("| ROC-AUC, {} |", layout.name());
    for ear in &ears {
        write!(out, " {} |", ear.name)?;
    }
    writeln!(out, "\n|---|{}", "---|".repeat(ears.len()))?;
    for (row, condition) in conditions.iter().enumerate() {
        write!(out, "| {} |", condition.name())?;
        for column in &areas {
            let (mean, deviation) = spread(&column[row]);
            write!(out, " {mean:.3} ± {deviation:.3} |")?;
        }
        writeln!(out)?;
    }
    Ok(out)
}

fn ears(detectors: &[Detector]) -> Vec<Ear<'_>> {
    let all = detectors.iter().flat_map(|detector| {
        let ear = |name: String, hisses| Ear { name, detector, hisses };
        let usual = ear(detector.name.to_owned(), true);
        // The noise is for detectors that were made for 16 kHz; what it makes of Silero is told.
        let bare = (detector.name == "silero").then(|| ear("silero, no hiss".to_owned(), false));
        std::iter::once(usual).chain(bare)
    });
    all.collect()
}

fn best_lag(heard: &Streams) -> usize {
    let areas = super::LAGS.map(|lag| (lag, area(heard, lag)));
    areas.into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).map_or(0, |best| best.0)
}

/// The area of the moments of all streams together.
fn area(heard: &Streams, lag: usize) -> f64 {
    let moments =
        heard.iter().map(|(said, heard)| Moments::of(heard, &said.speech, said.duration(), lag));
    Moments::all(moments).quality().auc
}

/// The mean and the standard deviation; none of a single one.
fn spread(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!(spread(&[0.5]), (0.5, 0.0));
        assert_eq!(spread(&[1.0, 3.0, 2.0]), (2.0, 1.0));
    }

    #[test]
    fn streams_of_their_own_count_together() {
        let said = |speech| Sound { samples: vec![0.0; 20 * 16], speech: vec![speech] };
        let heard = |score| Heard { scores: vec![score; 2], window: 10.0, edges: Vec::new() };
        let streams = vec![(said(0..20), heard(0.9)), (said(0..0), heard(0.1))];
        assert_eq!(area(&streams, 0), 1.0);
        let streams = vec![(said(0..20), heard(0.1)), (said(0..0), heard(0.9))];
        assert_eq!(area(&streams, 0), 0.0);
    }
}
