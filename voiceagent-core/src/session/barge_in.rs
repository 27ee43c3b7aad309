use super::BargeInConfig;
use crate::CallTime;

/// Decides when the user's voice stops the agent's.
#[derive(Debug)]
pub(super) struct BargeIn {
    config: BargeInConfig,
    /// When the user began to speak over the agent.
    since: Option<CallTime>,
}

impl BargeIn {
    pub(super) fn new(config: BargeInConfig) -> Self {
        Self { config, since: None }
    }

    /// Goes by other settings from now on.
    pub(super) fn configure(&mut self, config: BargeInConfig) {
        self.config = config;
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.config.enabled
    }

    /// Notes that the user speaks over the agent. Returns when that becomes an interruption.
    pub(super) fn on_overlap(&mut self, since: CallTime) -> Option<CallTime> {
        if !self.config.enabled {
            return None;
        }
        self.since = Some(since);
        Some(since + self.config.min_duration)
    }

    /// Notes that the user, or the agent, went silent.
    pub(super) fn reset(&mut self) {
        self.since = None;
    }

    /// Whether the user speaks over the agent.
    pub(super) fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// Whether the user has by now spoken long enough, in so many words.
    pub(super) fn is_due(&self, now: CallTime, words: usize) -> bool {
        self.since.is_some_and(|since| {
            now >= since + self.config.min_duration && words >= self.config.min_words as usize
        })
    }

    /// When the overlap began.
    pub(super) fn since(&self) -> Option<CallTime> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn i1_duration_and_words_are_both_needed() {
        let config = BargeInConfig {
            min_duration: Duration::from_millis(300),
            min_words: 2,
            ..BargeInConfig::default()
        };
        let mut barge_in = BargeIn::new(config);
        let start = CallTime::from_millis(1_000);
        assert_eq!(barge_in.on_overlap(start), Some(CallTime::from_millis(1_300)));
        assert!(!barge_in.is_due(CallTime::from_millis(1_299), 2));
        assert!(!barge_in.is_due(CallTime::from_millis(1_300), 1));
        assert!(barge_in.is_due(CallTime::from_millis(1_300), 2));
        barge_in.reset();
        assert!(!barge_in.is_due(CallTime::from_millis(2_000), 9));
    }
}
