//! The files that put the program on machines agree with it and with one another. The tools that
//! read them check the rest: `.ci/deployment`.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use dealership::config::Config;
use serde_json::Value;

/// Between the end of `drain_seconds` and the end of the program: a goodbye, and the closing of
/// sockets.
const GOODBYE: u64 = 14;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn deploy(path: &str) -> String {
    read(&format!("examples/dealership/deploy/{path}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The settings inside the image.
fn image() -> Config {
    Config::parse(&deploy("container/dealership.toml"), &|name| match name {
        "DEALERSHIP_LISTEN" => Some("0.0.0.0:8080".to_owned()),
        "DEALERSHIP_PUBLIC_URL" => Some("https://agent.example.com".to_owned()),
        _ => None,
    })
    .unwrap()
}

#[test]
fn every_platform_waits_until_calls_have_ended() {
    let needed = image().server.drain_seconds + GOODBYE;
    let fly: toml::Value = toml::from_str(&deploy("fly/fly.toml")).unwrap();
    let railway: Value = serde_json::from_str(&deploy("railway/railway.json")).unwrap();
    let northflank: Value = serde_json::from_str(&deploy("northflank/northflank.json")).unwrap();
    let render = yaml(&deploy("render/render.yaml"));
    let unit = deploy("systemd/dealership.service");
    let unit = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    let compose = deploy("compose/compose.yaml");
    let compose = compose.split("stop_grace_period: ").nth(1).unwrap().split('s').next().unwrap();
    for (platform, waits) in [
        ("Compose", compose.parse().unwrap()),
        ("Fly", fly["kill_timeout"].as_integer().unwrap().try_into().unwrap()),
        (
            "Northflank",
            northflank["spec"]["spec"]["deployment"]["gracePeriodSeconds"].as_u64().unwrap(),
        ),
        ("Railway", railway["deploy"]["drainingSeconds"].as_u64().unwrap()),
        ("Render", render["services"][0]["maxShutdownDelaySeconds"].as_u64().unwrap()),
        ("systemd", unit.parse::<u64>().unwrap()),
    ] {
        assert!(waits >= needed, "{platform} kills after {waits} s, and {needed} s are needed");
    }
}

#[test]
fn every_platform_asks_the_program_at_its_port_whether_it_takes_calls() {
    let port = u64::from(image().server.listen.port());
    let fly: toml::Value = toml::from_str(&deploy("fly/fly.toml")).unwrap();
    let service = &fly["http_service"];
    assert_eq!(service["internal_port"].as_integer().unwrap().unsigned_abs(), port);
    assert_eq!(service["checks"][0]["path"].as_str(), Some("/readyz"));
    assert_eq!(service["min_machines_running"].as_integer(), Some(2));
    assert_eq!(fly["deploy"]["strategy"].as_str(), Some("rolling"));
    let railway: Value = serde_json::from_str(&deploy("railway/railway.json")).unwrap();
    assert_eq!(railway["deploy"]["healthcheckPath"], "/readyz");
    let render = yaml(&deploy("render/render.yaml"));
    assert_eq!(render["services"][0]["healthCheckPath"], "/readyz");
    let set = render["services"][0]["envVars"].as_array().unwrap();
    let port_set = set.iter().find(|one| one["key"] == "PORT").unwrap();
    assert_eq!(port_set["value"].as_str(), Some(port.to_string().as_str()));
    let northflank: Value = serde_json::from_str(&deploy("northflank/northflank.json")).unwrap();
    let northflank = &northflank["spec"]["spec"];
    assert_eq!(northflank["ports"][0]["internalPort"], port);
    assert_eq!(northflank["healthChecks"][0]["path"], "/readyz");
    let haproxy = deploy("haproxy/haproxy.cfg");
    assert!(haproxy.contains("option httpchk GET /readyz"));
    let nginx = deploy("nginx/dealership.conf");
    assert!(nginx.contains(&format!("server 127.0.0.1:{port};")));
    let docker = deploy("container/Dockerfile");
    assert!(docker.contains(&format!("DEALERSHIP_LISTEN=0.0.0.0:{port}")));
}

#[test]
fn the_image_is_the_program_alone_for_nobody_in_particular_and_knows_its_commit() {
    let docker = deploy("container/Dockerfile");
    let (build, image) = docker.split_once("\nFROM scratch\n").unwrap();
    assert!(image.contains("\nUSER 65532:65532\n"), "it does not run as root");
    assert!(image.contains("org.opencontainers.image.revision=$COMMIT"));
    assert!(!image.contains("RUN "), "there is no shell");
    let set = build.find("ENV DEALERSHIP_COMMIT=$COMMIT").unwrap();
    assert!(set < build.find("RUN cargo build").unwrap(), "another commit builds anew");
}

#[test]
fn every_file_that_is_named_is_there_and_every_change_of_the_program_is_deployed() {
    let docker = "examples/dealership/deploy/container/Dockerfile";
    let railway: Value = serde_json::from_str(&deploy("railway/railway.json")).unwrap();
    assert_eq!(railway["build"]["dockerfilePath"], docker);
    let render = yaml(&deploy("render/render.yaml"));
    assert_eq!(render["services"][0]["dockerfilePath"], format!("./{docker}"));
    let northflank: Value = serde_json::from_str(&deploy("northflank/northflank.json")).unwrap();
    let build = &northflank["spec"]["spec"]["buildSettings"]["dockerfile"];
    assert_eq!(build["dockerFilePath"], format!("/{docker}"));
    let workflow = yaml(&read(".github/workflows/dealership.yml"));
    let paths: Vec<&str> = workflow["on"]["push"]["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    for path in &paths {
        assert!(root().join(path.trim_end_matches("/**")).exists(), "{path}");
    }
    // What the program is made of.
    let manifest: toml::Value = toml::from_str(&read("examples/dealership/Cargo.toml")).unwrap();
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        if root().join(name).is_dir() {
            assert!(paths.contains(&format!("{name}/**").as_str()), "{name}");
        }
    }
    assert!(paths.contains(&"examples/dealership/**"));
}

#[test]
fn variables_that_are_set_are_ones_that_are_read() {
    let known = read("examples/dealership/src/config/read.rs");
    let commit = read("examples/dealership/src/version.rs");
    let mut files = String::new();
    for file in [
        "compose/compose.yaml",
        "container/Dockerfile",
        "fly/fly.toml",
        "render/render.yaml",
        "systemd/dealership.service",
    ] {
        files += &deploy(file);
    }
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    let names = files.split(|c: char| !is_part(c)).filter(|word| word.starts_with("DEALERSHIP_"));
    for name in names.filter(|name| *name != "DEALERSHIP_CONFIG") {
        assert!(known.contains(name) || commit.contains(name), "{name} is read by nobody");
    }
}

#[test]
fn who_calls_while_the_program_is_down_hears_so_and_may_leave_a_message() {
    let said = deploy("fallback/busy.xml");
    let (_, said) = said.split_once("<Response>").unwrap();
    let verbs: Vec<&str> = said
        .split('<')
        .skip(1)
        .filter(|element| !element.starts_with('/'))
        .map(|element| element.split([' ', '>', '/']).next().unwrap())
        .collect();
    assert_eq!(verbs, ["Say", "Record", "Say", "Hangup"], "the carrier needs nobody for it");
}

#[test]
fn every_link_of_the_pages_on_deployment_and_trouble_leads_somewhere() {
    for page in ["deployment.md", "runbook.md"] {
        let text = read(&format!("docs/{page}"));
        let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("https://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = root().join("docs").join(if file.is_empty() { page } else { file });
            assert!(target.exists(), "{page}: {link}");
            if !anchor.is_empty() {
                let told = fs::read_to_string(&target).unwrap();
                let mut headings = told.lines().filter(|line| line.starts_with('#')).map(slug);
                assert!(headings.any(|heading| heading == anchor), "{page}: {link}");
            }
        }
        // Files that are named in passing.
        for word in text.split('`').skip(1).step_by(2).filter(|word| word.starts_with("deploy/")) {
            let file = word.split(' ').next().unwrap();
            assert!(root().join("examples/dealership").join(file).exists(), "{page}: {word}");
        }
    }
}

/// The anchor of a heading.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}
