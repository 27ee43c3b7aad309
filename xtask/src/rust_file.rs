use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::settings;

/// Lines that a file may have.
const LONGEST_FILE: usize = 500;
/// Lines that a function may have, from its signature to its last brace.
const LONGEST_FUNCTION: usize = 80;

/// What is wrong in a file: the line, and why.
pub(crate) type Finding = (usize, String);

/// Checks one Rust file. `pure` files belong to the session machine, which neither waits nor
/// reads a clock.
pub(crate) fn check(source: &str, pure: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = source.lines().count();
    if lines > LONGEST_FILE {
        findings.push((lines, format!("{lines} lines; a file has at most {LONGEST_FILE}")));
    }
    match source.parse::<TokenStream>() {
        Ok(tokens) => Scan { pure, findings: &mut findings }.group(tokens),
        Err(unreadable) => {
            findings.push((unreadable.span().start().line, "cannot be read as Rust".to_owned()));
        }
    }
    findings.sort();
    findings
}

struct Scan<'a> {
    pure: bool,
    findings: &'a mut Vec<Finding>,
}

impl Scan<'_> {
    fn group(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (place, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    if place > 0 && tokens[place - 1].to_string() == "#" {
                        self.attribute(group);
                    }
                    self.group(group.stream());
                }
                TokenTree::Ident(name) => self.name(&name.to_string(), &tokens, place),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn attribute(&mut self, attribute: &Group) {
        if let Some(TokenTree::Ident(name)) = attribute.stream().into_iter().next()
            && name == "ignore"
        {
            let line = name.span().start().line;
            self.findings.push((line, "`#[ignore]`: a test runs or does not exist".to_owned()));
        }
    }

    fn name(&mut self, name: &str, tokens: &[TokenTree], place: usize) {
        let line = tokens[place].span().start().line;
        let after = |text: &str| follows(tokens, place, text);
        let before = |text: &str| place > 0 && tokens[place - 1].to_string() == text;
        match name {
            "fn" => self.function(tokens, place),
            "struct" => self.findings.extend(settings::unreadable_times(tokens, place)),
            "todo" | "unimplemented" if after("!") => {
                self.findings.push((line, format!("`{name}!`: finish it")));
            }
            "await" if self.pure && before(".") => self.impure(line, ".await"),
            "async" | "SystemTime" | "spawn" if self.pure => self.impure(line, name),
            "Instant" if self.pure && after("::now") => self.impure(line, "Instant::now"),
            _ => {}
        }
    }

    fn function(&mut self, tokens: &[TokenTree], place: usize) {
        let Some(TokenTree::Ident(name)) = tokens.get(place + 1) else { return };
        let body = tokens[place..].iter().find(|token| {
            let braces = |group: &Group| group.delimiter() == Delimiter::Brace;
            matches!(token, TokenTree::Group(group) if braces(group)) || token.to_string() == ";"
        });
        let last = body.map_or(0, |body| body.span().end().line);
        let first = tokens[place].span().start().line;
        let length = (last + 1).saturating_sub(first);
        if length > LONGEST_FUNCTION {
            let why = format!("`{name}` has {length} lines; a function has at most");
            self.findings.push((first, format!("{why} {LONGEST_FUNCTION}")));
        }
    }

    fn impure(&mut self, line: usize, what: &str) {
        let why = format!("`{what}` in the session machine, which neither waits nor reads a clock");
        self.findings.push((line, why));
    }
}

/// Whether the tokens after `place` read `text`, written without spaces.
fn follows(tokens: &[TokenTree], place: usize, text: &str) -> bool {
    let mut read = String::new();
    for token in &tokens[place + 1..] {
        if read.len() >= text.len() {
            break;
        }
        read.push_str(&token.to_string());
    }
    read == text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(source: &str) -> Vec<usize> {
        check(source, false).into_iter().map(|(line, _)| line).collect()
    }

    fn impurities(source: &str) -> Vec<usize> {
        check(source, true).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_file_may_have_500_lines() {
        assert!(findings(&"\n".repeat(500)).is_empty());
        assert_eq!(findings(&"\n".repeat(501)), [501]);
    }

    #[test]
    fn a_function_may_have_80_lines() {
        let function = |lines: usize| format!("\nfn long() {{{}}}\n", "\n".repeat(lines - 1));
        assert!(findings(&function(80)).is_empty());
        assert_eq!(findings(&function(81)), [2]);
        let method = format!("impl A {{ async fn b(&self) -> [u8; 2] {{{}}} }}", "\n".repeat(90));
        assert_eq!(findings(&method), [1]);
        let declared = format!("trait A {{ fn b(); }}\nstruct B {{{}}}", "\n".repeat(90));
        assert!(findings(&declared).is_empty(), "a struct is no function body");
        let pointer = format!("struct A {{ b: fn(u8),{} c: u8 }}", "\n".repeat(90));
        assert!(findings(&pointer).is_empty(), "a pointer has no body");
    }

    #[test]
    fn what_is_unfinished_is_found_inside_macros_too() {
        assert_eq!(findings("fn a() { todo!() }"), [1]);
        assert_eq!(findings("fn a() {\n    select! { _ = b => unimplemented!(\"c\") }\n}"), [2]);
        assert!(findings("/// A `todo!()`.\nfn todo() { let ignore = \"todo!()\"; }").is_empty());
    }

    #[test]
    fn ignored_tests_are_found() {
        assert_eq!(findings("#[test]\n#[ignore]\nfn a() {}"), [2]);
        assert_eq!(findings("#[ignore = \"slow\"]\nfn a() {}"), [1]);
        assert!(findings("fn a() { ignore(b); }").is_empty());
    }

    #[test]
    fn the_session_machine_neither_waits_nor_reads_a_clock() {
        let source = "fn a() { b.await; }\nasync fn c() {}\nfn d() { Instant::now(); }\n\
                      use std::time::SystemTime;\nfn e() { tokio::spawn(f); }";
        assert_eq!(impurities(source), [1, 2, 3, 4, 5]);
        assert!(findings(source).is_empty());
        let pure = "// async: .await\nfn a(now: Instant) -> Instant { now }";
        assert!(impurities(pure).is_empty());
    }

    #[test]
    fn a_file_that_is_not_rust_is_a_finding() {
        assert_eq!(findings("fn a( {"), [1]);
    }
}
