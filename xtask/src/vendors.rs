use std::{fs, path::Path};

use crate::{Failure, tree};

/// Where the vendors' modules are.
const MODULES: &str = "voiceagent-providers/src";
/// Modules that are no vendor's.
const SHARED: [&str; 3] = ["fuzz", "lib", "wire"];
/// What a vendor may register that a call talks to.
const CONTRACTS: [&str; 5] = ["embedding", "llm", "realtime", "stt", "tts"];
/// Contracts whose messages come while a caller waits: what each of them takes is measured.
const MEASURED: [&str; 3] = ["llm", "stt", "tts"];
/// These answer whole requests, of which the first byte is none of the adapter's doing.
const WHOLE: [(&str, &str); 2] = [("stt", "openai"), ("tts", "openai")];

const MANIFEST: &str = "voiceagent-providers/Cargo.toml";
const LIB: &str = "voiceagent-providers/src/lib.rs";
const FUZZ: &str = "voiceagent-providers/src/fuzz.rs";
const CASSETTES: &str = "voiceagent-providers/tests/cassettes";
const SUITES: &str = "voiceagent-providers/tests/vendors/main.rs";
const REDIRECTS: &str = "voiceagent-providers/tests/vendors/redirects.rs";
const FIRST_BYTE: &str = "benches/src/first_byte/messages.rs";
const PAGES: &str = "docs/providers";
const LIST: &str = "docs/providers.md";

/// Checks that each vendor of `voiceagent-providers` stands wherever it has to, and says where one
/// does not.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in tree::files(root)? {
        let path = path.to_string_lossy().replace('\\', "/");
        let content = match path.rsplit('.').next() {
            Some("rs" | "toml" | "md") => fs::read_to_string(root.join(&path))?,
            // That it is there is all that is asked.
            _ => String::new(),
        };
        files.push((path, content));
    }
    let missing = missing(&Tree(files));
    if missing.is_empty() { Ok(()) } else { Err(Failure(missing)) }
}

/// Paths and contents of all files.
struct Tree(Vec<(String, String)>);

impl Tree {
    /// The content of a file; nothing if there is none.
    fn read(&self, path: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == path);
        found.map_or("", |(_, content)| content)
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = &(String, String)> {
        let folder = format!("{folder}/");
        self.0.iter().filter(move |(path, _)| path.starts_with(&folder))
    }

    fn modules(&self) -> Vec<&str> {
        let files = self.below(MODULES).filter_map(|(path, _)| {
            path.strip_prefix(MODULES)?.strip_prefix('/')?.strip_suffix(".rs")
        });
        files.filter(|name| !name.contains('/') && !SHARED.contains(name)).collect()
    }
}

/// Where one is missing, and what.
fn missing(tree: &Tree) -> Vec<String> {
    let modules = tree.modules();
    if modules.is_empty() {
        return vec![format!("{MODULES}: there is no vendor")];
    }
    modules.into_iter().flat_map(|module| missing_of(tree, module)).collect()
}

fn missing_of(tree: &Tree, module: &str) -> Vec<String> {
    let feature = module.replace('_', "-");
    let mut missing = Vec::new();
    let mut wants = |file: &str, what: String| {
        if !tree.read(file).contains(&what) {
            missing.push(format!("{module}: {file} lacks {}", what.trim()));
        }
    };
    let root = tree.read(&format!("{MODULES}/{module}.rs"));
    wants(MANIFEST, format!("\n{feature} = ["));
    wants(LIB, format!("\npub mod {module};"));
    wants(LIB, format!("\n//! | `{feature}` | "));
    let registered = registered(root);
    if registered.is_empty() {
        return missing;
    }
    wants(LIB, format!("\n    {module}::register(registry);"));
    wants(SUITES, format!("\nmod {module};"));
    wants(LIST, format!("(providers/{feature}.md)"));
    let folder = format!("{MODULES}/{module}");
    let has_address = tree.below(&folder).any(|(_, source)| source.contains("base_url"));
    for (contract, name) in &registered {
        wants(LIST, format!("`{name}`"));
        if has_address {
            wants(REDIRECTS, format!("\"{name}\""));
            if MEASURED.contains(contract) && !WHOLE.contains(&(contract, name)) {
                wants(FIRST_BYTE, format!("\"provider\":\"{name}\""));
            }
        }
    }
    let has_messages = tree.below(&folder).any(|(path, _)| path.ends_with("/messages.rs"));
    if has_messages {
        wants(FUZZ, format!("\n    crate::{module}::show(to);"));
        if tree.below(&format!("{CASSETTES}/{module}")).next().is_none() {
            missing.push(format!("{module}: {CASSETTES} has no folder {module}"));
        }
    }
    let default = tree.read(MANIFEST).lines().find(|line| line.starts_with("default = ["));
    if !default.is_some_and(|line| line.contains(&format!("\"{feature}\""))) {
        missing.push(format!("{module}: {MANIFEST} does not have {feature} among its defaults"));
    }
    if tree.read(&format!("{PAGES}/{feature}.md")).is_empty() {
        missing.push(format!("{module}: there is no page {PAGES}/{feature}.md"));
    }
    missing
}

/// What a module registers: the contract and the name, where it is written out.
fn registered(source: &str) -> Vec<(&str, &str)> {
    let calls = source.split("registry.").skip(1).filter_map(|call| {
        let (contract, rest) = call.split_once(".register(")?;
        let contract = CONTRACTS.into_iter().find(|known| *known == contract.trim())?;
        let name = rest.trim_start().strip_prefix('"')?.split_once('"')?.0;
        Some((contract, name))
    });
    calls.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "pub fn register(registry: &mut Registry) {\n    \
        registry.stt.register(\"new\", |config| Ok(config));\n}\n";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let owned = |(path, content): &(&str, &str)| ((*path).to_owned(), (*content).to_owned());
        Tree(files.iter().map(owned).collect())
    }

    #[test]
    fn what_a_vendor_lacks_is_named_with_its_file() {
        let found = missing(&tree(&[
            ("voiceagent-providers/src/lib.rs", ""),
            ("voiceagent-providers/src/new.rs", NEW),
            ("voiceagent-providers/src/new/config.rs", "base_url"),
            ("voiceagent-providers/src/new/messages.rs", ""),
        ]));
        for place in [
            "Cargo.toml lacks new = [",
            "lib.rs lacks pub mod new;",
            "lib.rs lacks //! | `new` |",
            "lib.rs lacks new::register(registry);",
            "main.rs lacks mod new;",
            "docs/providers.md lacks (providers/new.md)",
            "docs/providers.md lacks `new`",
            "redirects.rs lacks \"new\"",
            "messages.rs lacks \"provider\":\"new\"",
            "fuzz.rs lacks crate::new::show(to);",
            "cassettes has no folder new",
            "does not have new among its defaults",
            "no page docs/providers/new.md",
        ] {
            let named = found.iter().filter(|it| it.contains(place)).count();
            assert_eq!(named, 1, "{place:?} in {found:#?}");
        }
        assert_eq!(found.len(), 13, "{found:#?}");
    }

    #[test]
    fn one_that_stands_everywhere_lacks_nothing() {
        let manifest = "[features]\ndefault = [\"new\"]\nnew = []\n";
        let lib =
            "//!\n//! | `new` | a recognizer |\n\npub mod new;\n\n    new::register(registry);\n";
        let files = [
            ("voiceagent-providers/Cargo.toml", manifest),
            ("voiceagent-providers/src/lib.rs", lib),
            ("voiceagent-providers/src/new.rs", NEW),
            ("voiceagent-providers/tests/vendors/main.rs", "\nmod new;\n"),
            ("docs/providers.md", "[New](providers/new.md) | `new`"),
            ("docs/providers/new.md", "# New"),
        ];
        assert_eq!(missing(&tree(&files)), [""; 0]);
    }

    #[test]
    fn a_detector_is_no_vendor_of_a_call() {
        let files = [
            ("voiceagent-providers/Cargo.toml", "\nnew-ears = []\n"),
            ("voiceagent-providers/src/lib.rs", "\n//! | `new-ears` | ears |\npub mod new_ears;\n"),
            ("voiceagent-providers/src/new_ears.rs", "registry.vad.register(\"new\", |c| Ok(c));"),
        ];
        assert_eq!(missing(&tree(&files)), [""; 0]);
    }
}
