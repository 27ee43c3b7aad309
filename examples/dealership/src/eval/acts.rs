use std::collections::BTreeMap;

use super::scenario::Pattern;

/// What something that is said does, by its words: `offers_slots`, `claims_booked`.
#[derive(Debug)]
pub(super) struct Acts(BTreeMap<String, Vec<Pattern>>);

impl Acts {
    pub(super) fn load() -> Self {
        let text = include_str!("../../testdata/eval/acts.yaml");
        Self(serde_saphyr::from_str(text).expect("the acts are part of the program"))
    }

    pub(super) fn knows(&self, act: &str) -> bool {
        self.0.contains_key(act)
    }

    /// All that a text does.
    pub(super) fn of(&self, text: &str) -> Vec<String> {
        let does = |patterns: &Vec<Pattern>| patterns.iter().any(|pattern| pattern.is_in(text));
        let acts = self.0.iter().filter(|(_, patterns)| does(patterns));
        acts.map(|(act, _)| act.clone()).collect()
    }

    /// Where in a text an act is done last.
    pub(super) fn place(&self, act: &str, text: &str) -> Option<usize> {
        self.0.get(act)?.iter().filter_map(|pattern| pattern.last(text)).max()
    }
}
