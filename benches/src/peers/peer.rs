use std::{io, path::Path, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::e2e_latency::agent::Program;

/// For packages of half a gigabyte to arrive.
const INSTALLATION: Duration = Duration::from_secs(900);

/// Another framework: an agent of ours that is built with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The name of its files in `benches/peers`.
    file: &'static str,
}

pub(super) const PEERS: [Peer; 2] =
    [Peer { name: "Pipecat", file: "pipecat" }, Peer { name: "LiveKit Agents", file: "livekit" }];

impl Peer {
    /// Puts its packages into a virtual environment below `folder`, and says how the agent is
    /// started.
    ///
    /// # Errors
    ///
    /// When there is no Python, or its packages cannot be got.
    pub(super) async fn install(&self, folder: &Path) -> io::Result<Program> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let environment = std::path::absolute(folder.join(self.file))?;
        let requirements = sources.join(format!("{}-requirements.txt", self.file));
        let python = environment.join("bin/python");
        if !python.exists() {
            let mut command = Command::new("python3");
            run(command.args(["-m", "venv"]).arg(&environment)).await?;
        }
        let mut command = Command::new(&python);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(command.arg("--requirement").arg(requirements)).await?;
        let agent = sources.join(format!("{}_agent.py", self.file));
        Ok(Program { binary: python, arguments: vec![path(&agent)?] })
    }
}

fn path(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
    Ok(text.to_owned())
}

async fn run(command: &mut Command) -> io::Result<()> {
    let status = timeout(INSTALLATION, command.kill_on_drop(true).status()).await??;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} failed"))) }
}
