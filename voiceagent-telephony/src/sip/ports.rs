use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use voiceagent_core::Result;

use super::SipConfig;
use crate::random::random_number;

/// The pairs of ports that no call of a server has, by the first of both.
///
/// All calls share it; each use of the lock is one step.
pub(super) struct Ports(Mutex<Vec<u16>>);

impl Ports {
    pub(super) fn new(config: &SipConfig) -> Arc<Self> {
        Arc::new(Self(Mutex::new(config.ports().collect())))
    }

    /// Takes a random pair that this takes; `None` when there is none. Other programs may have ports
    /// of ours: those are passed over, and tried again for the next call.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub(super) fn take<T>(
        self: &Arc<Self>,
        mut take: impl FnMut(u16) -> Option<T>,
    ) -> Result<Option<(Lease, T)>> {
        let mut free = self.lock();
        // Those that were tried stand at the end.
        let mut untried = free.len();
        while untried > 0 {
            let index = usize::try_from(random_number("take a port")?).unwrap_or(0) % untried;
            untried -= 1;
            free.swap(index, untried);
            if let Some(taken) = take(free[untried]) {
                let port = free.swap_remove(untried);
                return Ok(Some((Lease { port, ports: Arc::clone(self) }, taken)));
            }
        }
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u16>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("free", &self.lock().len()).finish()
    }
}

/// A pair that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    port: u16,
    ports: Arc<Ports>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.lock().push(self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_had_once_and_those_of_others_are_passed_over_and_tried_again() {
        let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), Vec::new());
        config.media_ports = (11_000, 11_199);
        let ports = Ports::new(&config);
        let is_ours = |port: u16| port >= 11_100;
        let take = |ports: &Arc<Ports>| ports.take(|port| is_ours(port).then_some(port)).unwrap();
        let mut taken: Vec<_> = std::iter::from_fn(|| take(&ports)).collect();
        let mut numbers: Vec<_> = taken.iter().map(|(_, port)| *port).collect();
        assert_ne!(numbers, (11_100..11_200).step_by(2).collect::<Vec<_>>(), "nobody guesses it");
        numbers.sort_unstable();
        assert_eq!(numbers, (11_100..11_200).step_by(2).collect::<Vec<_>>());
        let (lease, port) = taken.swap_remove(7);
        drop(lease);
        assert_eq!(take(&ports).map(|(_, again)| again), Some(port));
        let others: Vec<_> = std::iter::from_fn(|| ports.take(Some).unwrap()).collect();
        assert_eq!(others.len(), 50 + 1);
    }
}
