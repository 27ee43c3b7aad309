use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Keys at once. Where there are more, those whose time is over go, and then the ones that would go
/// next.
const MOST: usize = 10_000;

/// What one process keeps. Each use takes the lock for one step.
#[derive(Debug, Default)]
pub(super) struct Local(Mutex<BTreeMap<String, Kept>>);

#[derive(Debug)]
struct Kept {
    value: String,
    number: u64,
    until: Instant,
}

impl Local {
    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.kept().get(key).filter(|kept| kept.is_good()).map(|kept| kept.value.clone())
    }

    pub(super) fn put(&self, key: &str, value: &str, time: Duration) {
        keep(&mut self.kept(), key, (0, value), time);
    }

    pub(super) fn forget(&self, key: &str) {
        self.kept().remove(key);
    }

    pub(super) fn update(&self, key: &str, (version, value): (u64, &str), time: Duration) -> bool {
        let mut all = self.kept();
        let is_older =
            all.get(key).filter(|kept| kept.is_good()).is_none_or(|kept| kept.number < version);
        if is_older {
            keep(&mut all, key, (version, value), time);
        }
        is_older
    }

    pub(super) fn version(&self, key: &str) -> Option<(u64, String)> {
        let all = self.kept();
        let kept = all.get(key).filter(|kept| kept.is_good())?;
        Some((kept.number, kept.value.clone()))
    }

    pub(super) fn count(&self, key: &str, within: Duration) -> u64 {
        let mut all = self.kept();
        if let Some(kept) = all.get_mut(key).filter(|kept| kept.is_good()) {
            kept.number += 1;
            return kept.number;
        }
        keep(&mut all, key, (1, ""), within);
        1
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(all: &mut BTreeMap<String, Kept>, key: &str, (number, value): (u64, &str), time: Duration) {
    if all.len() >= MOST && !all.contains_key(key) {
        all.retain(|_, kept| kept.is_good());
        while all.len() >= MOST {
            let next = all.iter().min_by_key(|(_, kept)| kept.until);
            let Some(next) = next.map(|(key, _)| key.clone()) else { break };
            all.remove(&next);
        }
    }
    let kept = Kept { value: value.to_owned(), number, until: Instant::now() + time };
    all.insert(key.to_owned(), kept);
}

impl Kept {
    fn is_good(&self) -> bool {
        Instant::now() < self.until
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_gone_when_its_time_is_over() {
        let local = Local::default();
        local.put("key", "value", MINUTE);
        advance(MINUTE - Duration::from_millis(1)).await;
        assert_eq!(local.get("key").as_deref(), Some("value"));
        advance(Duration::from_millis(1)).await;
        assert_eq!(local.get("key"), None);
        local.put("key", "again", MINUTE);
        local.forget("key");
        assert_eq!(local.get("key"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_takes_the_place_of_older_ones_alone() {
        let local = Local::default();
        assert!(local.update("key", (2, "two"), MINUTE));
        assert!(!local.update("key", (2, "other"), MINUTE));
        assert!(!local.update("key", (1, "one"), MINUTE));
        assert_eq!(local.version("key"), Some((2, "two".to_owned())));
        assert!(local.update("key", (3, "three"), MINUTE));
        advance(MINUTE).await;
        assert!(local.update("key", (1, "anew"), MINUTE), "nothing is there any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_begins_anew_when_its_time_is_over() {
        let local = Local::default();
        assert_eq!([local.count("calls", MINUTE), local.count("calls", MINUTE)], [1, 2]);
        assert_eq!(local.count("texts", MINUTE), 1);
        advance(MINUTE).await;
        assert_eq!(local.count("calls", MINUTE), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let local = Local::default();
        for number in 0..=MOST {
            local.put(&format!("{number}"), "", MINUTE);
            advance(Duration::from_millis(1)).await;
        }
        assert_eq!(local.kept().len(), MOST);
        assert_eq!(local.get("0"), None, "the oldest made room");
        assert_eq!(local.get("1").as_deref(), Some(""));
    }
}
