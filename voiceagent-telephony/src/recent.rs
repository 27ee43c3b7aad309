use std::collections::{BTreeMap, VecDeque};

/// A map with a bound: where it is full, what came first is forgotten for what comes next.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    room: usize,
    values: BTreeMap<K, V>,
    /// Oldest first.
    order: VecDeque<K>,
}

impl<K: Clone + Ord, V: Default> Recent<K, V> {
    pub(crate) const fn new(room: usize) -> Self {
        Self { room, values: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn has(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// What is known under this key, from now on if it was not.
    pub(crate) fn of(&mut self, key: &K) -> &mut V {
        if !self.values.contains_key(key) {
            if self.order.len() >= self.room
                && let Some(oldest) = self.order.pop_front()
            {
                self.values.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.values.entry(key.clone()).or_default()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    pub(crate) fn forget(&mut self, key: &K) {
        if self.values.remove(key).is_some() {
            self.order.retain(|known| known != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_is_forgotten_first() {
        let mut recent = Recent::new(2);
        for key in ["a", "b", "a", "c"] {
            *recent.of(&key) += 1;
        }
        assert!(!recent.has(&"a") && recent.has(&"b") && recent.has(&"c"));
        assert_eq!((*recent.of(&"b"), *recent.of(&"a")), (1, 0));
        assert_eq!((recent.values.len(), recent.order.len()), (2, 2));
        recent.forget(&"c");
        recent.forget(&"z");
        assert_eq!((recent.values.len(), recent.order.len()), (1, 1));
        assert_eq!((recent.get(&"a"), recent.get(&"c")), (Some(&0), None));
    }
}
