//! The pages of the providers tell what there is: examples that can be built, settings that exist.

use std::{fs, path::Path};

use serde_json::{Value, json};
use voiceagent_core::registry::Registry;

/// What each page has to say, besides settings.
const PARTS: [&str; 5] =
    ["```toml", "| Limits |", "| Billed by |", "## What it can do", "## What to know"];

const LIST: &str = include_str!("../../../docs/providers.md");

/// The pages, by their names.
fn pages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers");
    let entries = fs::read_dir(folder).expect("the pages are there");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_stem().expect("a page has a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a page is text"))
    };
    entries.map(read).collect()
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

/// What a table of a configuration is for, and what its provider says of it.
fn complaint(registry: &Registry, what: &str, config: Value) -> Option<String> {
    let built = match what {
        "llm" => registry.llm.build(config).map(drop),
        "realtime" => registry.realtime.build(config).map(drop),
        "stt" => registry.stt.build(config).map(drop),
        "tts" => registry.tts.build(config).map(drop),
        other => panic!("`[{other}]` is no table of a provider"),
    };
    built.err().map(|error| error.to_string())
}

/// The blocks of a page that are configurations.
fn examples(page: &str) -> impl Iterator<Item = toml::Table> {
    let blocks =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest));
    blocks.map(|block| block.replace('…', "x").parse().expect("an example is a configuration"))
}

#[test]
fn every_page_tells_config_capabilities_limits_price_and_quirks() {
    for (name, page) in pages() {
        for part in PARTS {
            assert!(page.contains(part), "{name}: {part} is missing");
        }
        assert!(LIST.contains(&format!("(providers/{name}.md)")), "{name} is not in the list");
    }
}

#[test]
fn every_example_of_a_page_is_a_configuration_that_can_be_built() {
    let registry = registry();
    for (name, page) in pages() {
        for (what, config) in examples(&page).flatten() {
            let complaint = complaint(&registry, &what, json!(config));
            assert_eq!(complaint, None, "{name}: [{what}]");
        }
    }
}

#[test]
fn every_setting_of_a_page_is_one_of_its_providers() {
    let registry = registry();
    let names: [(&str, Vec<&str>); 4] = [
        ("llm", registry.llm.names().collect()),
        ("realtime", registry.realtime.names().collect()),
        ("stt", registry.stt.names().collect()),
        ("tts", registry.tts.names().collect()),
    ];
    let mut found = 0;
    for (name, page) in pages() {
        let on_page = |provider: &&&str| {
            page.contains(&format!("`{provider}`")) || page.contains(&format!("\"{provider}\""))
        };
        for setting in settings(&page) {
            let is_known = names.iter().any(|(what, providers)| {
                providers.iter().filter(on_page).any(|provider| {
                    // Of no type that a setting has.
                    let config = json!({ "provider": provider, setting: [[[0]]] });
                    let complaint = complaint(&registry, what, config);
                    !complaint.is_some_and(|it| it.contains(&format!("unknown field `{setting}`")))
                })
            });
            assert!(is_known, "{name}: nobody knows `{setting}`");
            found += 1;
        }
    }
    assert!(found > 100, "{found} settings were found");
}

/// What stands in the first column of the tables of settings.
fn settings(page: &str) -> Vec<&str> {
    let mut settings = Vec::new();
    let mut is_table = false;
    for line in page.lines() {
        is_table = (is_table || line.starts_with("| Setting |")) && line.starts_with('|');
        let first = line.split('|').nth(1).filter(|_| is_table).unwrap_or_default();
        // What stands in brackets says whose setting it is.
        let names = first.split([',', '(']).map(str::trim).filter(|name| !name.ends_with(')'));
        let is_name = |name: &&str| name.starts_with('`');
        settings.extend(names.filter(is_name).map(|name| name.trim_matches(['`', ' '])));
    }
    settings
}
