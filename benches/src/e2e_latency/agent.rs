//! The agent under test: the example binary, as a process of its own.

use std::{env, fs, io, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{
    pass::{Folders, Plan},
    script::ENDPOINTING,
    vendors::Vendors,
};

/// The package of the agent, and its binary.
const AGENT: &str = "media_stream_agent";

/// How the agent announces its address.
const ANNOUNCEMENT: &str = "media stream at ";

/// An interpreter that imports a whole framework takes its time on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Ticks of a second in `/proc/<pid>/stat`: Linux fixes them for user space (`USER_HZ`, proc(5)).
const USER_HZ: f64 = 100.0;

/// A running agent. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Child,
    url: String,
    /// Passes on what the agent complains about.
    _complaints: JoinHandle<()>,
}

/// How an agent is started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl Program {
    /// The agent at `binary`; without one, it is built in the profile of this bench.
    pub(crate) async fn agent(binary: Option<PathBuf>) -> io::Result<Self> {
        let binary = match binary {
            Some(binary) => binary,
            None => build().await?,
        };
        Ok(Self { binary, arguments: Vec::new() })
    }
}

async fn build() -> io::Result<PathBuf> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", AGENT]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    if !command.status().await?.success() {
        return Err(io::Error::other("the agent cannot be built"));
    }
    Ok(env::current_exe()?.with_file_name(AGENT))
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_kib: u64,
}

impl Agent {
    /// Starts it against the vendors.
    pub(crate) async fn start(
        program: &Program,
        vendors: &Vendors,
        plan: &Plan,
        folders: &Folders,
    ) -> io::Result<Self> {
        let mut command = Command::new(&program.binary);
        command
            .args(&program.arguments)
            .env("PORT", "0")
            .env("DEEPGRAM_BASE_URL", vendors.speech_url())
            .env("OPENAI_BASE_URL", vendors.model_url())
            .env("ENDPOINTING_MS", ENDPOINTING.as_millis().to_string())
            .env("SPECULATION", if plan.speculation { "on" } else { "off" })
            .env("DETECTOR", if plan.detector { "on" } else { "off" })
            .env_remove("JOURNALS")
            .env_remove("RECORDINGS")
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if plan.journals {
            command.env("JOURNALS", &folders.journals);
        }
        if plan.recordings {
            command.env("RECORDINGS", &folders.recordings);
        }
        let mut process = command.spawn()?;
        let output = process.stderr.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut lines = BufReader::new(output).lines();
        let announced = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(url) = line.strip_prefix(ANNOUNCEMENT) {
                    return Ok(url.replace("0.0.0.0", "127.0.0.1"));
                }
                eprintln!("agent: {line}");
            }
            Err(io::Error::other("the agent ended before it listened"))
        };
        let url = timeout(START, announced).await??;
        let complaints = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("agent: {line}");
            }
        });
        Ok(Self { process, url, _complaints: complaints })
    }

    /// Where it takes calls.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> io::Result<u32> {
        self.process.id().ok_or_else(|| io::Error::other("the agent has ended"))
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let pid = self.pid()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        read_usage(&stat, &status).ok_or_else(|| io::Error::other("/proc cannot be understood"))
    }
}

/// What this process has used so far.
pub(crate) fn own_cpu_seconds() -> io::Result<f64> {
    let (stat, status) =
        (fs::read_to_string("/proc/self/stat")?, fs::read_to_string("/proc/self/status")?);
    let usage = read_usage(&stat, &status);
    Ok(usage.ok_or_else(|| io::Error::other("/proc cannot be understood"))?.cpu_seconds)
}

/// User and system time are the fields 14 and 15 of `stat`; the name before them, in brackets, may
/// hold spaces.
fn read_usage(stat: &str, status: &str) -> Option<Usage> {
    let mut ticks = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident_kib = resident.trim().trim_end_matches(" kB").parse().ok()?;
    Some(Usage { cpu_seconds: (user + system) / USER_HZ, resident_kib })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_confuse_the_reader() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 900 0 0 0 120 30 0 0 20 0 3 0 100 1 2";
        let usage = read_usage(stat, "Name:\ta\nVmRSS:\t    9120 kB\n").unwrap();
        assert_eq!(usage.resident_kib, 9_120);
        assert!((usage.cpu_seconds - 1.5).abs() < 1e-9);
    }
}
