//! How short an agent is: the smallest one of the pages, and the wiring of this one.

use std::{fs, path::Path};

/// A page, from the root of the repository.
fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).expect("the page is there")
}

/// How many lines of code there are, without tests, comments and empty lines.
fn lines(source: &str) -> usize {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    source.lines().map(str::trim).filter(is_code).count()
}

#[test]
fn the_smallest_agent_of_the_readme_is_compiled_and_has_less_than_sixty_lines() {
    let readme = page("README.md");
    let (_, rest) = readme.split_once("```rust,no_run\n").expect("an agent that is compiled");
    let (agent, _) = rest.split_once("```").expect("the agent has an end");
    assert!(agent.contains("Agent::builder()") && agent.contains("FrontDoor::"), "{agent}");
    assert!(agent.lines().count() < 60, "{} lines", agent.lines().count());
    // It is compiled with the tests of the documentation of this package.
    assert!(
        page("examples/dealership/src/lib.rs").contains("include_str!(\"../../../README.md\")")
    );
    let wiring = lines(&page("examples/dealership/src/agent.rs"));
    println!("the smallest agent: {} lines; src/agent.rs: {wiring} lines", lines(agent));
    assert!(wiring <= 450, "the wiring of the agent is one file that is read in five minutes");
}
