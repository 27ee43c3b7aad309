//! The commands of the quick start, in their order, with made-up vendors.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use axum::{Json, Router, routing::get};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::house::{LOOK, SOON};

const SERVE: &str = "serve";

/// What is killed when the test is over, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The commands in the blocks of the page.
fn commands() -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/quick-start.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("dealership "));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The carrier, whose one number leads here.
async fn carrier(at: SocketAddr) -> String {
    let number = json!({
        "voice_url": format!("http://{at}/twilio/voice"),
        "status_callback": format!("http://{at}/twilio/status"),
    });
    let list = json!({ "incoming_phone_numbers": [number] });
    let path = "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json";
    let router = Router::new().route(path, get(|| async { Json(list) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn program(folder: &Path, arguments: &[String]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_dealership"));
    program
        .current_dir(folder)
        .args(arguments)
        .env("DEALERSHIP_OPERATOR_KEY", "the operator's key in these tests")
        .env("TWILIO_AUTH_TOKEN", "0123456789abcdef")
        .env("DEEPGRAM_API_KEY", "nobody")
        .env("OPENAI_API_KEY", "nobody")
        .env_remove("DEALERSHIP_CONFIG")
        .env_remove("RUST_LOG");
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_start_leads_from_nothing_to_a_program_that_is_well() {
    let folder = std::env::temp_dir().join(format!("dealership-quick-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // The example, with what the page says to fill in.
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("dealership.example.toml");
    let config = fs::read_to_string(example)
        .unwrap()
        .replace("127.0.0.1:8080", &address.to_string())
        .replace("https://agent.example.com", &format!("http://{address}"))
        .replace(
            "# api_url = \"https://api.dublin.ie1.twilio.com\"",
            &format!("api_url = \"{}\"", carrier(address).await),
        );
    fs::write(folder.join("dealership.toml"), config).unwrap();
    // The program has its own; this process has none yet.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let commands = commands();
    let names: Vec<&str> = commands.iter().map(|command| command[0].as_str()).collect();
    assert_eq!(names, ["doctor", "migrate", SERVE, "install-unit", "doctor"], "{commands:?}");
    let mut running = None;
    for command in &commands {
        if command[0] == SERVE {
            let started = program(&folder, command).stderr(Stdio::null()).spawn().unwrap();
            running = Some(Running(started));
            let ready = async {
                let url = format!("http://{address}/readyz");
                while reqwest::get(&url).await.is_err() {
                    sleep(LOOK).await;
                }
            };
            timeout(SOON, ready).await.expect("it to be ready");
            continue;
        }
        let mut program = program(&folder, command);
        let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {told}{complaint}");
        if command[0] == "doctor" {
            assert!(told.contains("\nReady: "), "{told}");
        }
    }
    drop(running);
    fs::remove_dir_all(&folder).unwrap();
}
