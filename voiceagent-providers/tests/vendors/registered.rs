//! What is registered has passed the suite of its contract.

use voiceagent_core::registry::Registry;

/// Its tables are written from the reports of the suites by `cargo xtask conformance`.
const FOUND: &str = include_str!("../../../docs/providers.md");

/// A program, which is not installed everywhere: its own tests say so loudly where it is not.
const PROGRAMS: [&str; 1] = ["espeak-ng"];

/// The rows of the table of a contract.
fn rows(contract: &str) -> impl Iterator<Item = &'static str> {
    let heading = format!("| {contract} |");
    let table = FOUND.lines().skip_while(move |line| !line.starts_with(&heading));
    table.take_while(|line| line.starts_with('|'))
}

#[test]
fn every_provider_that_is_registered_has_passed_its_suite() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let contracts: [(&str, Vec<&str>); 5] = [
        ("embedder", registry.embedding.names().collect()),
        ("language model", registry.llm.names().collect()),
        ("recognizer", registry.stt.names().collect()),
        ("speech-to-speech model", registry.realtime.names().collect()),
        ("voice", registry.tts.names().collect()),
    ];
    for (contract, names) in contracts {
        for name in names.into_iter().filter(|name| !PROGRAMS.contains(name)) {
            let row = format!("| `{name}` ");
            assert!(rows(contract).any(|it| it.starts_with(&row)), "no {contract} {name}");
        }
    }
}
