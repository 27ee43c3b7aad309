//! How well scores tell speech from the rest, moment by moment.

use serde::Serialize;

use super::{
    listen::{Edge, Heard},
    sound::Stretch,
};

/// Moments are looked at every so many milliseconds.
const STEP: usize = 10;

/// How many points of a curve are kept.
const POINTS: usize = 60;

/// Moments, each with its score and whether somebody speaks.
#[derive(Debug)]
pub(super) struct Moments(Vec<(f32, bool)>);

/// What moments come to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Quality {
    /// The area under the curve.
    pub(super) auc: f64,
    /// F1 at the threshold that suits best, and that threshold.
    pub(super) best_f1: f64,
    pub(super) best_threshold: f32,
    /// Shares of silence taken for speech, and of speech noticed.
    pub(super) curve: Vec<(f64, f64)>,
}

impl Moments {
    /// Pairs each moment with the score of the window that holds the moment `lag` later.
    pub(super) fn of(heard: &Heard, speech: &[Stretch], duration: usize, lag: usize) -> Self {
        let labels = labels(speech, duration);
        let scored = labels.iter().enumerate().filter_map(|(number, spoken)| {
            let at = (number * STEP + STEP / 2 + lag) as f64;
            Some((*heard.scores.get((at / heard.window) as usize)?, *spoken))
        });
        Self(scored.collect())
    }

    /// The moments of several streams.
    pub(super) fn all(streams: impl Iterator<Item = Self>) -> Self {
        Self(streams.flat_map(|it| it.0).collect())
    }

    /// All there is to say.
    pub(super) fn quality(mut self) -> Quality {
        self.0.sort_by(|one, other| other.0.total_cmp(&one.0));
        let speech = self.0.iter().filter(|(_, spoken)| *spoken).count().max(1) as f64;
        let silence = (self.0.len() as f64 - speech).max(1.0);
        let (mut hits, mut alarms, mut auc) = (0.0, 0.0, 0.0);
        let (mut best_f1, mut best_threshold) = (0.0, 1.0);
        let mut curve = vec![(0.0, 0.0)];
        // Moments of one score count together.
        for same in self.0.chunk_by(|one, other| one.0 == other.0) {
            let spoken = same.iter().filter(|(_, spoken)| *spoken).count() as f64;
            let other = same.len() as f64 - spoken;
            auc += other * (hits + spoken / 2.0);
            hits += spoken;
            alarms += other;
            let f1 = 2.0 * hits / (hits + alarms + speech);
            if f1 > best_f1 {
                (best_f1, best_threshold) = (f1, same[0].0);
            }
            curve.push((alarms / silence, hits / speech));
        }
        Quality { auc: auc / (speech * silence), best_f1, best_threshold, curve: thin(&curve) }
    }
}

/// F1 of the stretches between edges.
pub(super) fn f1_of_edges(edges: &[Edge], speech: &[Stretch], duration: usize) -> f64 {
    let mut heard: Vec<Stretch> = Vec::new();
    for edge in edges {
        match heard.last_mut() {
            Some(last) if !edge.starts => last.end = edge.since,
            Some(_) | None => heard.push(edge.since..duration),
        }
    }
    let both = labels(speech, duration).into_iter().zip(labels(&heard, duration));
    let (mut hits, mut total) = (0.0, 0.0);
    for (spoken, heard) in both {
        hits += f64::from(u8::from(spoken && heard));
        total += f64::from(u8::from(spoken)) + f64::from(u8::from(heard));
    }
    2.0 * hits / f64::max(total, 1.0)
}

fn labels(speech: &[Stretch], duration: usize) -> Vec<bool> {
    let mut labels = vec![false; duration / STEP];
    for stretch in speech {
        let end = (stretch.end / STEP).min(labels.len());
        labels[(stretch.start / STEP).min(end)..end].fill(true);
    }
    labels
}

/// Fewer points, evenly along the way.
fn thin(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = vec![curve[0]];
    for point in curve {
        let (alarms, hits) = kept[kept.len() - 1];
        if point.0 - alarms + point.1 - hits >= 2.0 / POINTS as f64 {
            kept.push(*point);
        }
    }
    kept.push((1.0, 1.0));
    let rounded = |share: f64| (share * 1e4).round() / 1e4;
    kept.into_iter().map(|(alarms, hits)| (rounded(alarms), rounded(hits))).collect()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn quality(scores: &[(f32, bool)]) -> Quality {
        Moments(scores.to_vec()).quality()
    }

    #[test]
    fn the_area_is_1_where_all_is_told_apart_and_a_half_where_nothing_is() {
        let perfect = quality(&[(0.9, true), (0.1, false), (0.8, true), (0.2, false)]);
        assert_eq!((perfect.auc, perfect.best_f1, perfect.best_threshold), (1.0, 1.0, 0.8));
        assert_eq!(quality(&[(0.5, true), (0.5, false), (0.5, false)]).auc, 0.5);
        let mixed = quality(&[(0.9, true), (0.8, false), (0.7, true), (0.1, false)]);
        assert_eq!(mixed.auc, 0.75);
    }

    #[test]
    fn a_window_scores_the_moments_within_it() {
        let heard = Heard { scores: vec![0.1, 0.9], window: 20.0, edges: Vec::new() };
        let moments = Moments::of(&heard, from_ref(&(20..40)), 40, 0);
        assert_eq!(moments.0, [(0.1, false), (0.1, false), (0.9, true), (0.9, true)]);
        let late = Moments::of(&heard, from_ref(&(10..30)), 40, 10);
        assert_eq!(late.0, [(0.1, false), (0.9, true), (0.9, true)]);
    }

    #[test]
    fn edges_have_an_f1_of_what_lies_between_them() {
        let edge = |starts, since| Edge { starts, since, known: since };
        let edges = [edge(true, 0), edge(false, 100)];
        assert_eq!(f1_of_edges(&edges, from_ref(&(0..100)), 1_000), 1.0);
        assert_eq!(f1_of_edges(&edges, from_ref(&(50..100)), 1_000), 2.0 / 3.0);
    }
}
