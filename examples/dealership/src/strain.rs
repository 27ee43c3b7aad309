//! Whether this machine carries one more call.

use std::{collections::VecDeque, fs, path::Path, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::{config::ServerConfig, lobby::Lobby, metrics::Metrics};

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);

/// Looks that are remembered, which are three seconds: one late moment refuses nobody.
const LOOKS: usize = 12;

/// How much of the memory that a container or a service may have is for calls, in percent. The rest
/// is for what those that are let in still take.
const FOR_CALLS: u64 = 90;

/// What is short.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strain {
    Memory,
    Processor,
}

impl Strain {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Processor];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processor => "processor",
        }
    }
}

/// What calls may cost the machine before no more of them are let in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Scales {
    /// Bytes that the process may have in memory; `None` where nobody bounds it.
    most_memory: Option<u64>,
    /// How late the process may be woken, as the median of the last looks.
    most_late: Duration,
    late: VecDeque<Duration>,
}

impl Scales {
    /// As the configuration says, and without a word on memory as the system bounds it.
    pub(crate) fn of(config: &ServerConfig) -> Self {
        let configured = config.most_memory_mib.map(|most| most.get() << 20);
        let bounded = || group_bound().map(|most| most / 100 * FOR_CALLS);
        Self {
            most_memory: configured.or_else(bounded),
            most_late: Duration::from_millis(config.most_late_ms.get()),
            late: VecDeque::with_capacity(LOOKS),
        }
    }

    /// What is short, by how late this look was and what the process has in memory.
    fn weigh(&mut self, late: Duration, memory: Option<u64>) -> Option<Strain> {
        if self.late.len() == LOOKS {
            self.late.pop_front();
        }
        self.late.push_back(late);
        let mut late: Vec<Duration> = self.late.iter().copied().collect();
        late.sort_unstable();
        let is_late = late.len() == LOOKS && late[(LOOKS - 1) / 2] > self.most_late;
        if memory.zip(self.most_memory).is_some_and(|(has, most)| has > most) {
            return Some(Strain::Memory);
        }
        is_late.then_some(Strain::Processor)
    }

    /// Tells the lobby what is short, for as long as the future is polled.
    pub(crate) async fn watch(mut self, lobby: Lobby, metrics: Arc<Metrics>) {
        let mut before = None;
        loop {
            let due = Instant::now() + EVERY;
            sleep_until(due).await;
            let strain = self.weigh(due.elapsed(), resident());
            if strain == before {
                continue;
            }
            match strain {
                Some(strain) => {
                    warn!(short = strain.word(), "no call is let in: the machine is at its end");
                }
                None => info!("calls are let in again"),
            }
            lobby.strain(strain);
            metrics.strained(strain);
            before = strain;
        }
    }
}

/// Bytes that the process has in memory, where the system tells it (Linux, proc(5)).
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// Bytes that the control group of the process may have, where it has a bound (Linux, cgroups(7)).
fn group_bound() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    bound_of(&groups, Path::new("/sys/fs/cgroup"))
}

/// The second version has one line, `0::/path`; in a container the path is often that of the host,
/// and the root is the container's own group.
fn bound_of(groups: &str, root: &Path) -> Option<u64> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let bound = |group: &str| {
        let most = fs::read_to_string(root.join(group).join("memory.max")).ok()?;
        most.trim().parse().ok()
    };
    bound(group).or_else(|| bound(""))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    const SOON: Duration = Duration::from_millis(3);
    const LATE: Duration = Duration::from_millis(300);

    fn scales(most_memory: Option<u64>) -> Scales {
        Scales { most_memory, ..Scales::of(&ServerConfig::default()) }
    }

    #[test]
    fn rg8_who_is_woken_late_again_and_again_lets_no_call_in() {
        let mut scales = scales(None);
        for look in 0..LOOKS {
            let told = scales.weigh(if look % 2 == 0 { LATE } else { SOON }, Some(1 << 40));
            assert_eq!(told, None, "half of the looks, look {look}");
        }
        let mut told = Vec::new();
        for _ in 0..LOOKS {
            told.push(scales.weigh(LATE, None).is_some());
        }
        assert_eq!(told.last(), Some(&true), "{told:?}");
        let again = (0..LOOKS).map(|_| scales.weigh(SOON, None)).filter(Option::is_none).count();
        assert!(again >= LOOKS / 2, "it passes: {again}");
    }

    #[test]
    fn rg8_a_short_stop_refuses_nobody() {
        let mut scales = scales(None);
        for _ in 0..LOOKS {
            assert_eq!(scales.weigh(SOON, None), None);
        }
        assert_eq!(scales.weigh(Duration::from_secs(3), None), None);
        assert_eq!(scales.weigh(SOON, None), None);
    }

    #[test]
    fn rg7_who_is_near_the_end_of_memory_lets_no_call_in() {
        let mut scales = scales(Some(100));
        assert_eq!(scales.weigh(SOON, Some(100)), None);
        assert_eq!(scales.weigh(SOON, Some(101)), Some(Strain::Memory));
        assert_eq!(scales.weigh(SOON, Some(99)), None, "what was freed is there for others");
        assert_eq!(scales.weigh(SOON, None), None, "where nobody tells, nobody is refused");
    }

    #[test]
    fn a_bound_is_that_of_the_service_or_of_the_container() {
        let folder = std::env::temp_dir().join(format!("groups-{}", std::process::id()));
        let service = folder.join("system.slice/dealership.service");
        fs::create_dir_all(&service).unwrap();
        fs::write(service.join("memory.max"), "1048576\n").unwrap();
        let bound = |groups: &str| bound_of(groups, &folder);
        assert_eq!(bound("0::/system.slice/dealership.service\n"), Some(1 << 20));
        assert_eq!(bound("0::/docker/4f1a\n"), None);
        fs::write(folder.join("memory.max"), "2097152\n").unwrap();
        assert_eq!(bound("0::/docker/4f1a\n"), Some(2 << 20));
        fs::write(folder.join("memory.max"), "max\n").unwrap();
        assert_eq!(bound("0::/\n"), None, "no bound");
        assert_eq!(bound("5:memory:/docker/4f1a\n"), None, "the first version");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_configured_bound_goes_before_that_of_the_system() {
        let config =
            ServerConfig { most_memory_mib: NonZeroU64::new(3), ..ServerConfig::default() };
        assert_eq!(Scales::of(&config).most_memory, Some(3 << 20));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_in_memory() {
        assert!(resident().unwrap() > 1 << 20);
    }
}
