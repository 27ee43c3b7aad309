use std::ops::Range;

use super::Change;

/// A text without some of its parts, and where the rest of it comes from.
#[derive(Debug)]
pub(super) struct Stripped {
    text: String,
    removed: Vec<Range<usize>>,
}

impl Stripped {
    /// `removed`: in order, and apart from each other.
    pub(super) fn new(written: &str, removed: Vec<Range<usize>>) -> Self {
        let mut text = String::with_capacity(written.len());
        let mut at = 0;
        for part in &removed {
            text.push_str(&written[at..part.start]);
            at = part.end;
        }
        text.push_str(&written[at..]);
        Self { text, removed }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The changes of this text and what it lacks, as changes of the written text.
    pub(super) fn in_written(&self, changes: Vec<Change>) -> Vec<Change> {
        let mut all: Vec<Change> = changes
            .into_iter()
            .map(|change| Change {
                written: self.first(change.written.start)..self.last(change.written.end),
                spoken: change.spoken,
            })
            .collect();
        let lies_in = |change: &Change, part: &Range<usize>| {
            change.written.start <= part.start && part.end <= change.written.end
        };
        let apart = self.removed.iter().filter(|part| !all.iter().any(|it| lies_in(it, part)));
        let apart: Vec<Change> =
            apart.map(|part| Change { written: part.clone(), spoken: String::new() }).collect();
        all.extend(apart);
        all.sort_by_key(|change| change.written.start);
        all
    }

    /// Where a place is in the written text, behind what was removed there.
    fn first(&self, place: usize) -> usize {
        self.removed.iter().fold(
            place,
            |at, part| {
                if part.start <= at { at + part.len() } else { at }
            },
        )
    }

    /// Where a place is in the written text, before what was removed there.
    fn last(&self, place: usize) -> usize {
        self.removed.iter().fold(
            place,
            |at, part| {
                if part.start < at { at + part.len() } else { at }
            },
        )
    }
}
