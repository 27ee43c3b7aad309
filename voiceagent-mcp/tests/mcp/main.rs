//! Tools of real MCP servers: a program over its standard input and output, and a service over HTTP.

mod clock;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rmcp::transport::{
    StreamableHttpService, streamable_http_server::session::local::LocalSessionManager,
};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use voiceagent_core::{
    ErrorKind, Result,
    tool::{Effect, Tool, ToolContext},
};
use voiceagent_mcp::{McpConfig, McpServer};

use clock::Clock;

const PATIENCE: Duration = Duration::from_secs(30);

/// The example, which is built with the tests.
fn program() -> String {
    let test = std::env::current_exe().expect("a test knows its path");
    let folder = test.ancestors().nth(2).expect("tests lie in target/debug/deps");
    let program: PathBuf = folder.join("examples").join("clock_server");
    assert!(program.exists(), "run `cargo build -p voiceagent-mcp --examples` first");
    program.to_string_lossy().into_owned()
}

fn config(transport: Value) -> McpConfig {
    let mut settings = json!({ "name": "clock", "open_timeout": "30s", "timeout": "30s" });
    let fields = settings.as_object_mut().expect("it is one");
    fields.extend(transport.as_object().cloned().expect("so is this"));
    serde_json::from_value(settings).expect("these are its fields")
}

fn by_program() -> McpConfig {
    config(json!({ "command": program() }))
}

/// A server over HTTP; aborting its task ends it with all connections.
async fn service(clock: &Clock, at: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let clock = clock.clone();
    let sessions = Arc::new(LocalSessionManager::default());
    let service =
        StreamableHttpService::new(move || Ok(clock.clone()), sessions, Default::default());
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = TcpListener::bind(at).await.expect("the port is free");
    let address = listener.local_addr().expect("a bound socket has an address");
    let serving = async move { axum::serve(listener, router).await.expect("it serves") };
    (address, tokio::spawn(serving))
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn by_url(address: SocketAddr) -> McpConfig {
    config(json!({ "url": format!("http://{address}/mcp") }))
}

fn tool(server: &McpServer, name: &str) -> Arc<dyn Tool> {
    let found = server.tools().into_iter().find(|tool| &*tool.spec().name == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

async fn call(server: &McpServer, name: &str, arguments: Value) -> Result<Value> {
    let tool = tool(server, name);
    let called = tool.call(arguments, ToolContext::detached("1"));
    timeout(PATIENCE, called).await.expect("it comes to an end")
}

fn names(server: &McpServer) -> Vec<String> {
    server.tools().iter().map(|tool| tool.spec().name.to_string()).collect()
}

async fn reaches(count: &watch::Sender<usize>, expected: usize) {
    let mut count = count.subscribe();
    let reached = count.wait_for(|count| *count == expected);
    timeout(PATIENCE, reached).await.expect("it is reached").expect("the server lives");
}

#[tokio::test]
async fn tools_of_a_program_are_called_and_their_failures_told() {
    let server = McpServer::open(by_program()).await.unwrap();
    let expected = [
        "clock_time_now",
        "clock_time_now_2",
        "clock_book",
        "clock_die",
        "clock_grow",
        "clock_hide",
        "clock_hang",
    ];
    assert_eq!(names(&server), expected, "one has a schema that nobody can check");
    let booked = call(&server, "clock_book", json!({ "slot": 9 })).await.unwrap();
    assert_eq!(booked, json!({ "booked": 9 }));
    let taken = call(&server, "clock_book", json!({ "slot": 8 })).await.unwrap_err();
    assert_eq!(taken.to_string(), "clock call: rejected: The slot is taken.");
    let unknown = call(&server, "clock_time_now_2", json!({})).await.unwrap_err();
    assert_eq!(
        (unknown.kind(), unknown.message()),
        (ErrorKind::Rejected, "there is no such function")
    );
}

#[tokio::test]
async fn tools_of_a_service_are_called() {
    let (address, _serving) = service(&Clock::default(), loopback()).await;
    let server = McpServer::open(by_url(address)).await.unwrap();
    let booked = call(&server, "clock_book", json!({ "slot": 9 })).await.unwrap();
    assert_eq!(booked, json!({ "booked": 9 }));
}

#[tokio::test]
async fn what_a_tool_does_is_what_the_owner_says_and_not_what_the_server_says() {
    let (address, _serving) = service(&Clock::default(), loopback()).await;
    let effects = async |trust: bool| {
        let mut config = by_url(address);
        config.trust_hints = trust;
        config.only = Some(vec!["time.now".into(), "book".into()]);
        config.prefix = Some(String::new());
        let book = json!({ "effect": "idempotent", "timeout": "3s", "fillers": ["One moment."] });
        config.tools = serde_json::from_value(json!({ "book": book })).unwrap();
        let server = McpServer::open(config).await.unwrap();
        server.tools().iter().map(|tool| tool.spec()).collect::<Vec<_>>()
    };
    let [time, book] = &effects(false).await[..] else { panic!("two are wanted") };
    assert_eq!((&*time.name, time.effect, time.cancellable), ("time_now", Effect::Once, false));
    assert_eq!((book.effect, book.timeout), (Effect::Idempotent, Duration::from_secs(3)));
    assert_eq!(book.fillers.len(), 1);
    let trusted = &effects(true).await[0];
    assert_eq!((trusted.effect, trusted.cancellable), (Effect::Pure, true));
}

#[tokio::test]
async fn a_program_that_dies_in_a_call_is_a_failure_of_that_call_and_started_again() {
    let server = McpServer::open(by_program()).await.unwrap();
    let before = call(&server, "clock_time_now", json!({})).await.unwrap();
    let lost = call(&server, "clock_die", json!({})).await.unwrap_err();
    assert_eq!(lost.to_string(), "clock call: disconnected: the server was lost during the call");
    let after = call(&server, "clock_time_now", json!({})).await.unwrap();
    assert_ne!(before, after, "it is another process");
}

#[tokio::test]
async fn a_service_that_was_gone_is_found_again() {
    let (address, serving) = service(&Clock::default(), loopback()).await;
    let mut config = by_url(address);
    config.open_timeout = Duration::from_secs(5);
    let server = McpServer::open(config).await.unwrap();
    serving.abort();
    let _ = serving.await;
    let lost = call(&server, "clock_book", json!({ "slot": 9 })).await.unwrap_err();
    assert!(matches!(lost.kind(), ErrorKind::Disconnected | ErrorKind::Timeout), "{lost}");
    let (_, _serving) = service(&Clock::default(), address).await;
    let mut found = call(&server, "clock_book", json!({ "slot": 9 })).await;
    for _ in 0..3 {
        if found.is_err() {
            found = call(&server, "clock_book", json!({ "slot": 9 })).await;
        }
    }
    assert_eq!(found.unwrap(), json!({ "booked": 9 }));
}

#[tokio::test]
async fn a_call_that_is_given_up_or_too_late_is_cancelled_at_the_server() {
    let clock = Clock::default();
    let (address, _serving) = service(&clock, loopback()).await;
    let mut config = by_url(address);
    let server = McpServer::open(config.clone()).await.unwrap();
    let hang = tool(&server, "clock_hang");
    tokio::select! {
        done = hang.call(json!({}), ToolContext::detached("1")) => panic!("it is done: {done:?}"),
        () = reaches(&clock.hung, 1) => {}
    }
    reaches(&clock.cancelled, 1).await;
    config.timeout = Duration::from_millis(200);
    let server = McpServer::open(config).await.unwrap();
    let late = call(&server, "clock_hang", json!({})).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    reaches(&clock.cancelled, 2).await;
}

#[tokio::test]
async fn calls_for_which_there_is_room_are_asked_at_once_and_one_more_is_refused_unasked() {
    let clock = Clock::default();
    let (address, _serving) = service(&clock, loopback()).await;
    let mut config = by_url(address);
    config.max_calls = 40;
    let server = McpServer::open(config).await.unwrap();
    let hang = tool(&server, "clock_hang");
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let hang = Arc::clone(&hang);
            tokio::spawn(async move { hang.call(json!({}), ToolContext::detached("1")).await })
        })
        .collect();
    reaches(&clock.hung, 40).await;
    let refused = call(&server, "clock_book", json!({ "slot": 9 })).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::RateLimited);
    calls.iter().for_each(JoinHandle::abort);
    reaches(&clock.cancelled, 40).await;
    let booked = call(&server, "clock_book", json!({ "slot": 9 })).await.unwrap();
    assert_eq!(booked, json!({ "booked": 9 }));
}

#[tokio::test]
async fn a_list_that_changes_is_followed_and_what_is_gone_is_refused() {
    let server = McpServer::open(by_program()).await.unwrap();
    let book = tool(&server, "clock_book");
    let changed = server.changed();
    call(&server, "clock_grow", json!({})).await.unwrap();
    timeout(PATIENCE, changed).await.expect("the list changes");
    let now = names(&server);
    assert!(now.iter().any(|name| name == "clock_cancel"), "{now:?}");
    let gone = book.call(json!({ "slot": 9 }), ToolContext::detached("1")).await.unwrap_err();
    assert_eq!(gone.message(), "the server does not offer this function any more");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_when_it_is_opened() {
    let missing = McpServer::open(config(json!({ "command": "/no/such/program" }))).await;
    let error = missing.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let silent = config(json!({ "command": "sleep", "args": ["60"], "open_timeout": "200ms" }));
    assert_eq!(McpServer::open(silent).await.unwrap_err().kind(), ErrorKind::Timeout);
    let wrong = McpServer::open(config(json!({ "command": "true" }))).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Disconnected);
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_ends_with_its_last_tool_and_knows_no_keys_of_ours() {
    let folder = std::env::temp_dir().join(format!("voiceagent-mcp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (environment, life) = (folder.join("environment"), folder.join("life"));
    assert!(std::process::Command::new("mkfifo").arg(&life).status().unwrap().success());
    // A program that writes down what it was given, and holds a pipe for as long as it lives.
    let script =
        format!("env > {}; exec 9> {}; exec {}", environment.display(), life.display(), program());
    let mut config = config(json!({ "command": "sh", "args": ["-c", script] }));
    config.env.insert("OWN".into(), voiceagent_core::Secret::new("7"));
    let (server, held) = tokio::join!(McpServer::open(config), tokio::fs::File::open(&life));
    let (server, mut held) = (server.unwrap(), held.unwrap());
    let given = std::fs::read_to_string(&environment).unwrap();
    assert!(given.contains("OWN=7") && !given.contains("CARGO"), "{given}");
    let time = tool(&server, "clock_time_now");
    drop(server);
    assert!(time.call(json!({}), ToolContext::detached("1")).await.is_ok());
    drop(time);
    let ended = timeout(PATIENCE, held.read_to_end(&mut Vec::new())).await;
    assert_eq!(ended.expect("it ends").unwrap(), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_keeps_its_new_list_back_ends_with_the_last_handle_all_the_same() {
    let folder = std::env::temp_dir().join(format!("voiceagent-mcp-list-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let life = folder.join("life");
    assert!(std::process::Command::new("mkfifo").arg(&life).status().unwrap().success());
    let script = format!("exec 9> {}; exec {}", life.display(), program());
    let mut config = config(json!({ "command": "sh", "args": ["-c", script] }));
    config.open_timeout = PATIENCE * 10;
    let (server, held) = tokio::join!(McpServer::open(config), tokio::fs::File::open(&life));
    let (server, mut held) = (server.unwrap(), held.unwrap());
    call(&server, "clock_hide", json!({})).await.unwrap();
    // By the next answer the new list has been asked for.
    call(&server, "clock_time_now", json!({})).await.unwrap();
    drop(server);
    let ended = timeout(PATIENCE, held.read_to_end(&mut Vec::new())).await;
    assert_eq!(ended.expect("it ends").unwrap(), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}
