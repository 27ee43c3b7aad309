//! The files that put the program on machines agree with it and with one another. The tools that
//! read them check the rest: `.ci/deployment`.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
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
    for page in ["deployment.md", "go-live.md", "production-checklist.md", "runbook.md"] {
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

/// The commands of the program that a page shows, in blocks and between backticks.
fn commands(page: &str) -> Vec<&str> {
    let lines = page.lines().map(str::trim);
    let spans = page.split('`').skip(1).step_by(2);
    let shown = lines.chain(spans).filter_map(|text| {
        let starts = ["dealership ", "cargo run -p dealership -- "];
        starts.iter().find_map(|start| text.strip_prefix(start))
    });
    let commands = shown.filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    commands.map(|rest| rest.split(['#', '|', '>', ';', '\\']).next().unwrap_or(rest)).collect()
}

#[test]
fn every_command_of_the_pages_is_one_of_the_program() {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let pages = docs.map(|entry| entry.unwrap().path());
    let pages = pages.chain([root().join("examples/dealership/README.md")]);
    let mut count = 0;
    for page in pages.filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for command in commands(&text) {
            // What stands between quotation marks is one word.
            let words = command.split('"').enumerate().flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            });
            // Nothing is done, and what the program does not know it says before it helps.
            let output = Command::new(env!("CARGO_BIN_EXE_dealership"))
                .args(words)
                .arg("--help")
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            let is_known = !["unexpected argument", "unrecognized subcommand"]
                .iter()
                .any(|complaint| told.contains(complaint));
            assert!(is_known, "{}: {command}: {told}", page.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count} commands were found");
}

#[test]
fn the_oldest_compiler_is_named_alike_everywhere() {
    let manifest: toml::Value = toml::from_str(&read("Cargo.toml")).unwrap();
    let version = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let image = deploy("container/Dockerfile");
    assert!(image.contains(&format!("/rust:{version}-alpine AS build")), "the image uses it");
    let workflow = yaml(&read(".github/workflows/ci.yml"));
    let oldest = &workflow["jobs"]["oldest-compiler"]["steps"];
    let told = oldest.to_string();
    assert!(told.contains(&format!("rustup toolchain install {version}")), "{told}");
    assert!(read("README.md").contains(&format!("({version} or later)")), "the README says so");
}

#[test]
fn every_change_runs_the_checks_before_it_is_in() {
    let workflow = yaml(&read(".github/workflows/ci.yml"));
    let on = &workflow["on"];
    assert!(on.get("pull_request").is_some() && on["push"]["branches"][0] == "main");
    let steps = workflow["jobs"]["checks"]["steps"].to_string();
    assert!(steps.contains(".ci/run"), "{steps}");
    // What `.ci/run` is made of: formatters, linters, advisories, secrets.
    let run = read(".ci/run");
    for check in [
        "cargo fmt --all -- --check",
        "cargo clippy --locked --workspace --all-targets -- -D warnings",
        "cargo deny --locked check licenses bans sources",
        "cargo deny --locked check advisories",
        "cargo xtask secrets",
        "cargo xtask links",
    ] {
        assert!(run.contains(check), "{check}");
    }
    let hook = read(".githooks/pre-commit");
    assert!(hook.contains("cargo fmt") && hook.contains("cargo xtask secrets"), "{hook}");
}

#[test]
fn one_container_is_enough() {
    let compose = yaml(&deploy("compose/single.yaml"));
    let services = compose["services"].as_object().unwrap();
    let [(name, service)] = services.iter().collect::<Vec<_>>()[..] else {
        panic!("one service runs all: {:?}", services.keys())
    };
    assert_eq!(name, "dealership");
    let set = &service["environment"];
    assert!(set.get("DEALERSHIP_ROLES").is_none(), "it has all roles");
    assert_eq!(service["volumes"][0], "data:/data", "the database outlives it");
}

/// The anchor of a heading.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}
