//! Two programs on one database that share what there is to do.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use dealership::store::{JobKind, Store};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::house::{LOOK, SOON};

/// A program with some of the roles, in a process of its own.
struct Program {
    process: Child,
    address: SocketAddr,
    client: Client,
}

impl Program {
    async fn start(folder: &Path, roles: &str) -> Self {
        let address = free();
        // Who takes no calls needs neither ears nor a voice, nor what the carrier signs with.
        let speech = "[stt]\nprovider = \"deepgram\"\napi_key = \"nobody\"\n\
                      [tts]\nprovider = \"deepgram\"\napi_key = \"nobody\"\n";
        let config = format!(
            "[server]\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\nreplica = \"{}\"\n\
             drain_seconds = 0\n[dealership]\ndatabase = {:?}\n\
             [outbound]\nfrom = \"+16305550100\"\nallow = [\"*\"]\n\
             [twilio]\naccount_sid = \"AC1\"\nauth_token = \"t\"\napi_url = \"http://127.0.0.1:9\"\n{}",
            roles.replace(',', "-"),
            folder.join("dealership.db"),
            if roles.contains("media") { speech } else { "" },
        );
        let file = folder.join(format!("{}.toml", address.port()));
        fs::write(&file, config).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_dealership"))
            .args(["serve", "--roles", roles, "--config"])
            .arg(file)
            .env("DEALERSHIP_OPERATOR_KEY", "the operator's key in these tests")
            .env_remove("DEALERSHIP_ROLES")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The program has its own; this process has none yet.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let program = Self { process, address, client: Client::new() };
        let ready = async {
            while program.get("/readyz").await.is_none_or(|(status, _)| status != StatusCode::OK) {
                sleep(LOOK).await;
            }
        };
        timeout(SOON, ready).await.expect("it to be ready");
        program
    }

    async fn get(&self, path: &str) -> Option<(StatusCode, Value)> {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        Some((answer.status(), answer.json().await.unwrap_or_default()))
    }

    /// What somebody gets who asks for it and shows nothing.
    async fn knock(&self, method: &str, path: &str) -> u16 {
        let url = format!("http://{}{path}", self.address);
        let request = self.client.request(method.parse().unwrap(), url);
        request.form(&[("CallSid", "CA1")]).send().await.unwrap().status().as_u16()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dealership-roles-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_program_answers_and_another_does_the_jobs() {
    let folder = folder();
    let desk = Program::start(&folder, "web,media").await;
    let (_, health) = desk.get("/readyz").await.unwrap();
    assert_eq!(health["roles"], json!(["web", "media"]));
    assert_eq!(desk.knock("POST", "/twilio/voice").await, 403, "there, for the carrier");
    assert_eq!(desk.knock("POST", "/twilio/messages").await, 403);
    assert_eq!(desk.knock("GET", "/api/jobs").await, 401, "there, for the operator");

    let store = Store::open(&folder.join("dealership.db")).await.unwrap();
    let now = jiff::Timestamp::now();
    // About a visit that there is not: whoever does it is done with it at once, at any hour.
    store.schedule_job((JobKind::Reminder, "nobody"), now, now).await.unwrap();
    let is_untouched = async || {
        let job = &store.jobs(true).await.unwrap()[0];
        job.state == "ready" && job.faults == 0
    };
    assert!(is_untouched().await);

    let worker = Program::start(&folder, "jobs").await;
    let (_, health) = worker.get("/readyz").await.unwrap();
    assert_eq!((&health["roles"], &health["takes_calls"]), (&json!(["jobs"]), &json!(false)));
    for (method, path) in [
        ("POST", "/twilio/voice"),
        ("POST", "/webhook"),
        ("POST", "/twilio/messages"),
        ("GET", "/api/jobs"),
        ("GET", "/dashboard"),
    ] {
        assert_eq!(worker.knock(method, path).await, 404, "{path}");
    }
    let done = async {
        while is_untouched().await {
            sleep(LOOK).await;
        }
    };
    timeout(SOON, done).await.expect("the worker to do the job");
    store.close().await;
    drop((desk, worker));
    fs::remove_dir_all(&folder).unwrap();
}
