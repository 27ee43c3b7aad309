use std::{fs, path::Path};

use crate::{Failure, tree};

/// Where the vendors' modules are.
const MODULES: &str = "voiceagent-providers/src";
/// Modules that are no vendor's.
const SHARED: [&str; 3] = ["fuzz", "lib", "wire"];
/// What a vendor may register that a call talks to.
const CONTRACTS: [&str; 5] = ["embedding", "llm", "realtime", "stt", "tts"];
/// How a module registers what runs on this machine, which is no vendor's.
const DETECTORS: [&str; 2] = ["registry.turn.register(", "registry.vad.register("];
/// Contracts whose messages come while a caller waits: what each of them takes is measured.
const MEASURED: [&str; 3] = ["llm", "stt", "tts"];
/// These are not: recognizers and voices that answer whole requests, of which the first byte is none
/// of the adapter's doing, and the model that is the one of `openai` by another name.
const UNMEASURED: [(&str, &str); 5] = [
    ("llm", "openai-compatible"),
    ("stt", "openai"),
    ("stt", "openai-compatible"),
    ("tts", "openai"),
    ("tts", "openai-compatible"),
];

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
    let (registered, unread) = registered(tree, module);
    for name in unread {
        missing.push(format!("{module}: registers {name}, of which no name is found"));
    }
    if registered.is_empty() {
        if missing.is_empty() && !DETECTORS.iter().any(|it| root.contains(it)) {
            missing.push(format!("{module}: {MODULES}/{module}.rs registers nothing"));
        }
        return missing;
    }
    let mut wants = |file: &str, what: String| {
        if !tree.read(file).contains(&what) {
            missing.push(format!("{module}: {file} lacks {}", what.trim()));
        }
    };
    wants(LIB, format!("\n    {module}::register(registry);"));
    wants(SUITES, format!("\nmod {module};"));
    wants(LIST, format!("(providers/{feature}.md)"));
    let folder = format!("{MODULES}/{module}");
    let has_address = tree.below(&folder).any(|(_, source)| source.contains("base_url"));
    for (contract, name) in &registered {
        wants(LIST, format!("`{name}`"));
        if has_address {
            wants(REDIRECTS, format!("\"{name}\""));
            if MEASURED.contains(contract) && !UNMEASURED.contains(&(contract, name)) {
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

/// What a module registers, contracts and names; and what it registers by a name that is neither
/// written there nor a constant of the module.
fn registered<'a>(tree: &'a Tree, module: &str) -> (Vec<(&'static str, &'a str)>, Vec<&'a str>) {
    let root = tree.read(&format!("{MODULES}/{module}.rs"));
    let (mut registered, mut unread) = (Vec::new(), Vec::new());
    for call in root.split("registry.").skip(1) {
        let Some((contract, rest)) = call.split_once(".register(") else { continue };
        let Some(contract) = CONTRACTS.into_iter().find(|known| *known == contract.trim()) else {
            continue;
        };
        let argument = rest.split(',').next().unwrap_or_default().trim();
        let literal = argument.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        match literal.or_else(|| constant(tree, module, argument)) {
            Some(name) => registered.push((contract, name)),
            None => unread.push(argument),
        }
    }
    (registered, unread)
}

/// The text of a constant of the module, or of one of the files in its folder.
fn constant<'a>(tree: &'a Tree, module: &str, path: &str) -> Option<&'a str> {
    let (file, name) = match path.rsplit_once("::") {
        Some((file, name)) => (format!("{MODULES}/{module}/{}.rs", file.replace("::", "/")), name),
        None => (format!("{MODULES}/{module}.rs"), path),
    };
    let (_, rest) = tree.read(&file).split_once(&format!("const {name}: &str = \""))?;
    Some(rest.split_once('"')?.0)
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
    fn a_name_is_found_where_it_is_written_and_a_module_without_one_is_told() {
        let registers = |name: &str| format!("registry.stt.register({name}, |c| Ok(c));");
        let here = format!("const PROVIDER: &str = \"new\";\n{}", registers("PROVIDER"));
        let below = registers("ears::PROVIDER");
        let ears = "pub(super) const PROVIDER: &str = \"new-ears\";";
        for (root, found, unread) in [
            (&here, vec![("stt", "new")], vec![]),
            (&below, vec![("stt", "new-ears")], vec![]),
            (&registers("NAMES[0]"), vec![], vec!["NAMES[0]"]),
        ] {
            let files = [
                ("voiceagent-providers/src/new.rs", root.as_str()),
                ("voiceagent-providers/src/new/ears.rs", ears),
            ];
            assert_eq!(registered(&tree(&files), "new"), (found, unread), "{root}");
        }
        let files = [
            ("voiceagent-providers/Cargo.toml", "\nnew = []\n"),
            ("voiceagent-providers/src/lib.rs", "\n//! | `new` | ears |\npub mod new;\n"),
            ("voiceagent-providers/src/new.rs", "//! Nobody can name it."),
        ];
        let told = missing(&tree(&files));
        assert_eq!(told, ["new: voiceagent-providers/src/new.rs registers nothing"]);
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
