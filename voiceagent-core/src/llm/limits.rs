use std::time::Duration;

/// What a vendor says is left of the rates that it grants.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Requests.
    pub requests: Option<Quota>,
    /// Tokens; of several kinds, the one of which the least is left.
    pub tokens: Option<Quota>,
}

/// What is left of a rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Quota {
    /// How many there may still be.
    pub remaining: u64,
    /// How long it takes until there are as many as ever.
    pub reset: Duration,
}

impl Quota {
    /// So many are left, for so long.
    #[must_use]
    pub const fn new(remaining: u64, reset: Duration) -> Self {
        Self { remaining, reset }
    }
}

impl RateLimits {
    /// What is left of requests and tokens.
    #[must_use]
    pub const fn new(requests: Option<Quota>, tokens: Option<Quota>) -> Self {
        Self { requests, tokens }
    }

    /// How long the next request has to wait, where nothing is left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use voiceagent_core::llm::{Quota, RateLimits};
    ///
    /// let second = Duration::from_secs(1);
    /// let limits = RateLimits::new(Some(Quota::new(0, second)), Some(Quota::new(900, 6 * second)));
    /// assert_eq!(limits.wait(), Some(second));
    /// ```
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let spent = [self.requests, self.tokens].into_iter().flatten();
        spent.filter(|quota| quota.remaining == 0).map(|quota| quota.reset).max()
    }
}
