use std::{num::NonZeroU32, time::Duration};

use tokio::time::sleep;

use crate::shared::Shared;

const SECOND: Duration = Duration::from_secs(1);
/// Between two questions whether it is one's turn.
const LOOK: Duration = Duration::from_millis(100);

/// How fast the house calls and writes, all of its programs together: carriers take so many calls
/// within a second and no more.
#[derive(Clone, Debug)]
pub struct Pace {
    shared: Shared,
    most: NonZeroU32,
}

impl Pace {
    /// So many within a second.
    #[must_use]
    pub fn new(shared: Shared, most: NonZeroU32) -> Self {
        Self { shared, most }
    }

    /// Waits until one more may be begun.
    pub(super) async fn wait(&self) {
        while !self.shared.admit("outbound", self.most.get(), SECOND).await {
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_programs_together_begin_so_many_within_a_second() {
        let shared = Shared::local();
        let most = NonZeroU32::new(2).unwrap();
        let (one, other) = (Pace::new(shared.clone(), most), Pace::new(shared, most));
        let begun = Instant::now();
        for _ in 0..3 {
            tokio::join!(one.wait(), other.wait());
        }
        assert_eq!(begun.elapsed(), SECOND * 2);
    }
}
