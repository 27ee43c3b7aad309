//! When edges are known, and which of them nobody caused.

use serde::Serialize;

use super::{listen::Edge, sound::Stretch};

/// Pauses up to this length lie within an utterance: the gate waits 200 ms before it closes.
const PAUSE: usize = 300;
/// How far from any speech a start has to lie for being false.
const NEAR: usize = 150;
/// How much sooner than the label speech may be known.
const EARLY: usize = 100;

/// Delays in milliseconds: of the moment when the call knows, after the label.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Delays {
    pub(crate) onset: Spread,
    pub(crate) offset: Spread,
    /// Utterances of which nothing was noticed.
    pub(crate) missed: usize,
    pub(crate) utterances: usize,
    pub(crate) false_starts_per_minute: f64,
}

/// Median, and what nine in ten do not exceed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: i64,
    pub(crate) p90: i64,
}

impl Spread {
    fn of(mut delays: Vec<i64>) -> Self {
        delays.sort_unstable();
        let at = |share: f64| {
            let rank = (share * delays.len() as f64).ceil() as usize;
            delays.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p90: at(0.9) }
    }
}

impl Delays {
    pub(crate) fn of(edges: &[Edge], speech: &[Stretch], duration: usize) -> Self {
        let utterances = utterances(speech);
        let (mut onsets, mut offsets, mut missed) = (Vec::new(), Vec::new(), 0);
        for (number, utterance) in utterances.iter().enumerate() {
            let until = utterances.get(number + 1).map_or(duration + 1, |next| next.start);
            let start = edges.iter().find(|edge| {
                edge.starts && edge.known + EARLY >= utterance.start && edge.since < utterance.end
            });
            if let Some(start) = start {
                onsets.push(start.known as i64 - utterance.start as i64);
            } else if !speaking(edges, utterance.start) {
                missed += 1;
                continue;
            }
            // Stops in the middle of an utterance count when nothing starts again.
            let within = |edge: &&Edge| edge.known > utterance.start && edge.since < until;
            if let Some(last) = edges.iter().rfind(within)
                && !last.starts
            {
                offsets.push(last.known as i64 - utterance.end as i64);
            }
        }
        let is_false = |edge: &&Edge| {
            let near = |it: &Stretch| edge.since + NEAR > it.start && edge.since < it.end + NEAR;
            edge.starts && !speech.iter().any(near)
        };
        let spoken: usize = speech.iter().map(|it| it.end - it.start).sum();
        let minutes = duration.saturating_sub(spoken) as f64 / 60_000.0;
        Self {
            onset: Spread::of(onsets),
            offset: Spread::of(offsets),
            missed,
            utterances: utterances.len(),
            false_starts_per_minute: edges.iter().filter(is_false).count() as f64 / minutes,
        }
    }
}

/// Whether the call took somebody to speak at this moment.
fn speaking(edges: &[Edge], at: usize) -> bool {
    edges.iter().rfind(|edge| edge.known <= at).is_some_and(|edge| edge.starts)
}

fn utterances(speech: &[Stretch]) -> Vec<Stretch> {
    let mut utterances: Vec<Stretch> = Vec::new();
    for stretch in speech {
        match utterances.last_mut() {
            Some(last) if stretch.start <= last.end + PAUSE => last.end = stretch.end,
            Some(_) | None => utterances.push(stretch.clone()),
        }
    }
    utterances
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    const fn edge(starts: bool, since: usize, known: usize) -> Edge {
        Edge { starts, since, known }
    }

    #[test]
    fn delays_count_from_the_label_to_the_moment_when_the_call_knows() {
        let edges = [edge(true, 1_020, 1_080), edge(false, 2_010, 2_220)];
        let delays = Delays::of(&edges, &[1_000..1_400, 1_600..2_000], 3_000);
        assert_eq!((delays.onset.p50, delays.offset.p50), (80, 220));
        assert_eq!((delays.utterances, delays.missed), (1, 0));
        assert_eq!(delays.false_starts_per_minute, 0.0);
    }

    #[test]
    fn speech_that_nobody_noticed_is_missed_and_noise_is_a_false_start() {
        let edges = [edge(true, 5_000, 5_080), edge(false, 5_300, 5_500)];
        let delays = Delays::of(&edges, from_ref(&(1_000..2_000)), 61_000);
        assert_eq!((delays.missed, delays.false_starts_per_minute), (1, 1.0));
    }

    #[test]
    fn speech_that_begins_before_the_call_closed_the_last_is_not_missed() {
        let edges = [edge(true, 1_000, 1_060), edge(false, 3_000, 3_200)];
        let delays = Delays::of(&edges, &[1_000..2_000, 2_400..3_000], 4_000);
        assert_eq!((delays.missed, delays.utterances), (0, 2));
        assert_eq!(delays.offset.p50, 200);
    }
}
