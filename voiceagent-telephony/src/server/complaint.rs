use std::time::Duration;

use tokio::time::Instant;

/// Between two lines in the log about the same trouble.
const QUIET: Duration = Duration::from_secs(10);

/// Something that may happen a thousand times each second, and is to be read once.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    told: Option<Instant>,
    times: u64,
}

impl Complaint {
    /// How often it has happened since it was told, if it is to be told again.
    pub(crate) fn due(&mut self) -> Option<u64> {
        self.times += 1;
        let now = Instant::now();
        if self.told.is_some_and(|told| now - told < QUIET) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_trouble_is_told_every_ten_seconds() {
        let mut complaint = Complaint::default();
        assert_eq!(complaint.due(), Some(1));
        for _ in 0..99 {
            assert_eq!(complaint.due(), None);
        }
        tokio::time::advance(QUIET).await;
        assert_eq!(complaint.due(), Some(100));
    }
}
