use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use crate::store::CodeId;

/// Codes that are known before they are sent, in their order: for calls that are made up.
#[derive(Debug)]
pub struct KnownCodes(Mutex<(VecDeque<String>, BTreeMap<CodeId, String>)>);

impl KnownCodes {
    /// These, in this order.
    pub fn new(codes: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new((codes.into_iter().collect(), BTreeMap::new())))
    }

    /// The code under an identifier: the next one, and then always that one.
    pub(super) fn of(&self, id: CodeId) -> Option<String> {
        let (next, known) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = known.get(&id) {
            return Some(code.clone());
        }
        let code = next.pop_front()?;
        known.insert(id, code.clone());
        Some(code)
    }
}
