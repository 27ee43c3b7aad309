use std::{fs, path::Path};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{Failure, tree};

/// Where vendors' messages are read.
const PROVIDERS: &str = "voiceagent-providers/src";

/// Files that build requests, read settings or understand refusals, once for an answer or less; and
/// what tests have in common.
const ONCE: [&str; 7] =
    ["body.rs", "config.rs", "fixture.rs", "http.rs", "request.rs", "schema.rs", "tests.rs"];

/// Checks that no message of a vendor becomes a tree of `serde_json::Value` on its way: it would
/// allocate each of its fields.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for path in tree::files(root)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !path.starts_with(PROVIDERS) || !name.ends_with(".rs") || ONCE.contains(&&*name) {
            continue;
        }
        let source = fs::read_to_string(root.join(&path))?;
        let tokens = source.parse().map_err(|_| format!("{}: not Rust", path.display()))?;
        for line in trees(tokens, name == "messages.rs") {
            findings.push(format!("{}:{line}: a `Value` of a vendor's message", path.display()));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

/// The lines with a `Value` of `serde_json`, but for tests. Among `messages` those count that are
/// read: what is sent may hold a schema.
fn trees(tokens: TokenStream, messages: bool) -> Vec<usize> {
    let items = items(tokens);
    let of_json = items.iter().any(|item| names(item).any(|(name, _)| name == "serde_json"));
    let counts = |item: &&Vec<TokenTree>| {
        let has = |wanted: &str| names(item).any(|(name, _)| name == wanted);
        of_json && !has("cfg_test") && (!messages || has("Deserialize")) && !has("use")
    };
    let lines = items
        .iter()
        .filter(counts)
        .flat_map(|item| names(item).filter(|(name, _)| name == "Value").map(|(_, line)| line));
    lines.collect()
}

/// A file's items with their attributes. Each ends with a semicolon or with braces.
fn items(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut items = vec![Vec::new()];
    for token in tokens {
        let ends = match &token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            token => token.to_string() == ";",
        };
        items.last_mut().expect("there is one").push(token);
        if ends {
            items.push(Vec::new());
        }
    }
    items
}

/// All names in an item, with their lines. An item for tests has the name `cfg_test`.
fn names(item: &[TokenTree]) -> impl Iterator<Item = (String, usize)> {
    let mut names = Vec::new();
    let mut left: Vec<TokenTree> = item.to_vec();
    while let Some(token) = left.pop() {
        match token {
            TokenTree::Group(group) => {
                if group.stream().to_string() == "cfg (test)" {
                    names.push(("cfg_test".to_owned(), 0));
                }
                left.extend(group.stream());
            }
            TokenTree::Ident(name) => {
                names.push((name.to_string(), name.span().start().line));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, messages: bool) -> Vec<usize> {
        trees(source.parse().unwrap(), messages)
    }

    #[test]
    fn a_tree_is_found_where_messages_are_read() {
        let import = "use serde_json::Value;\n";
        let codec = format!("{import}fn read() {{\n    let a: Value = b;\n}}");
        assert_eq!(found(&codec, false), [3]);
        assert_eq!(
            found("fn read() { serde_json::from_str::<serde_json::Value>(a); }", false),
            [1]
        );
        let own = "enum Value { A }\nfn read() -> Value { Value::A }";
        assert!(found(own, false).is_empty(), "it is another `Value`");
        let tests =
            format!("{import}fn read() {{}}\n#[cfg(test)]\nmod tests {{ use super::Value; }}");
        assert!(found(&tests, false).is_empty());
    }

    #[test]
    fn what_is_sent_may_hold_a_schema() {
        let sent = "use serde_json::Value;\n#[derive(Serialize)]\nstruct A { parameters: Value }\n";
        assert!(found(sent, true).is_empty());
        let read = format!(
            "{sent}#[derive(Deserialize)]\nstruct B(u8);\n#[derive(Deserialize)]\nstruct C {{\n    b: Value,\n}}"
        );
        assert_eq!(found(&read, true), [8]);
    }
}
