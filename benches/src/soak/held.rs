use std::{fs, io};

use serde::Serialize;

use crate::e2e_latency::agent::Agent;

/// What a process holds beside memory.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Held {
    /// Files and sockets.
    pub(super) descriptors: usize,
    pub(super) threads: usize,
}

impl Held {
    /// Of the agent, as Linux tells it (proc(5)).
    ///
    /// # Errors
    ///
    /// When the agent has ended.
    pub(super) fn of(agent: &Agent) -> io::Result<Self> {
        let pid = agent.pid()?;
        let count =
            |what: &str| Ok::<_, io::Error>(fs::read_dir(format!("/proc/{pid}/{what}"))?.count());
        Ok(Self { descriptors: count("fd")?, threads: count("task")? })
    }
}
