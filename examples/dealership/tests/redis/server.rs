use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use dealership::shared::{Health, Shared};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use voiceagent_core::Secret;

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(60);

/// A Redis server of a test's own.
pub(crate) struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self { process: run(port), port }
    }

    pub(crate) fn address(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends it, with all that is on it.
    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.process = run(self.port);
    }

    /// Lets it answer nothing any more, or go on.
    pub(crate) fn hang(&self, hangs: bool) {
        let signal = if hangs { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(port: u16) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
        .arg(port.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("Redis is installed: .ci/redis sees to it")
}

/// One program's way to the server.
pub(crate) struct Program {
    pub(crate) shared: Shared,
    watch: JoinHandle<()>,
}

impl Program {
    pub(crate) async fn at(redis: &Redis) -> Self {
        let shared = Shared::at(&Secret::new(redis.address())).unwrap();
        let watched = shared.clone();
        let program = Self { shared, watch: tokio::spawn(async move { watched.watch().await }) };
        program.until(Health::Up).await;
        program
    }

    pub(crate) async fn until(&self, health: Health) {
        let so = async {
            while self.shared.health() != health {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, so).await.unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
