use std::{fs, path::Path};

use crate::{Failure, tree};

/// How keys begin that somebody pays for, and how many characters follow at least.
///
/// In two pieces, so that this file does not hold one.
const KEYS: [(&str, usize); 12] = [
    (concat!("AK", "IA"), 16),
    (concat!("AI", "za"), 35),
    (concat!("gh", "p_"), 36),
    (concat!("git", "hub_pat_"), 36),
    (concat!("gl", "pat-"), 20),
    (concat!("GOC", "SPX-"), 24),
    (concat!("sk", "-ant-"), 24),
    (concat!("sk", "-proj-"), 24),
    (concat!("sk", "_live_"), 20),
    (concat!("xo", "xb-"), 20),
    (concat!("fm", "2_"), 40),
    (concat!("-----BEGIN", " PRIV"), 8),
];

/// Fields and variables whose value is a secret, where it is a long text of letters and digits.
const NAMES: [&str; 5] = ["AUTH_TOKEN", "API_KEY", "CLIENT_SECRET", "REFRESH_TOKEN", "PASSWORD"];

/// What is shorter, or uses fewer characters, is an example.
const LONG: usize = 24;
const DIFFERENT: usize = 14;

/// Keys that were made for a test, and open nothing.
const OF_TESTS: [&str; 1] = ["voiceagent-telephony/testdata/sip/host.key"];

/// Where a line says that what looks like a secret opens nothing: keys that were made for a test.
const MADE_UP: &str = "nobody's key";

/// Checks that no file holds a key or a token: what begins as vendors' keys do, and what stands
/// behind the name of a secret and looks as if it were drawn by lot.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut files = tree::files(root)?;
    for folder in [".github", ".config", ".githooks"] {
        let hidden = root.join(folder);
        if hidden.is_dir() {
            files.extend(tree::files(&hidden)?.iter().map(|file| Path::new(folder).join(file)));
        }
    }
    for path in files {
        if OF_TESTS.iter().any(|known| path == Path::new(known)) {
            continue;
        }
        // What is not UTF-8 is no text.
        let Ok(text) = fs::read_to_string(root.join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = secret(line) {
                // It is not repeated: this goes to logs.
                findings.push(format!("{}:{}: {what}", path.display(), number + 1));
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

/// What is secret in a line.
fn secret(line: &str) -> Option<&'static str> {
    if line.contains(MADE_UP) {
        return None;
    }
    for (start, least) in KEYS {
        // A key in PEM fills the lines behind its first, which holds nothing else.
        let is_pem = start.starts_with('-');
        let is_key = match is_pem {
            true => line.trim().starts_with(start) && line.trim().ends_with("KEY-----"),
            false => line.split(start).skip(1).any(|rest| run(rest).len() >= least),
        };
        if is_key {
            return Some("it begins as a key does");
        }
    }
    let upper = line.to_uppercase().replace(['-', ' '], "_");
    let named = NAMES.iter().find_map(|name| upper.find(name).map(|at| at + name.len()))?;
    // Capitals of some letters are longer; what is no beginning of a letter then is no value either.
    let value = line.get(named..)?.trim_start_matches(['"', '\'', ' ', '=', ':', '`', '(']);
    is_drawn(run(value)).then_some("the value behind the name of a secret looks like one")
}

/// The characters of which keys are made, up to the first other one.
fn run(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/' | '.');
    text.split(|c| !is_part(c)).next().unwrap_or_default()
}

/// Whether a text is long, without words, and uses many different characters in no order.
fn is_drawn(text: &str) -> bool {
    let kinds = [char::is_alphabetic, char::is_numeric].iter().all(|is| text.contains(is));
    let mut different: Vec<char> = text.chars().collect();
    let neighbours =
        different.windows(2).filter(|pair| u32::from(pair[0]) + 1 == u32::from(pair[1]));
    let ordered = neighbours.count();
    different.sort_unstable();
    different.dedup();
    let is_path = text.contains("::") || text.contains('.') || text.matches('_').count() > 2;
    text.len() >= LONG
        && kinds
        && different.len() >= DIFFERENT
        && ordered * 3 < text.len()
        && !is_path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_how_they_begin_and_by_their_names() {
        // Put together here, so that the check does not find them in this file.
        let drawn = ["q7Zt0Wm4", "Bx9LrK2v", "Nc5HsJ8d", "Ye3PgU6a"].concat();
        for line in [
            format!("let key = \"{}{drawn}\";", KEYS[7].0),
            format!("{}{}", KEYS[0].0, "QWERTZUIOPASDFGH"),
            format!("TWILIO_AUTH_TOKEN={drawn}"),
            format!("api_key = \"{drawn}\""),
            format!("\"client-secret\": \"{drawn}\""),
            format!("{}ATE KEY-----", KEYS[11].0),
        ] {
            assert!(secret(&line).is_some(), "{line}");
        }
        for line in [
            "auth_token = \"0123456789abcdef0123456789abcdef\"".to_owned(),
            "TWILIO_AUTH_TOKEN=… DEEPGRAM_API_KEY=…".to_owned(),
            "api_key = \"hush\"".to_owned(),
            "password: ${POSTGRES_PASSWORD:?}".to_owned(),
            "let api_key = config.api_key.clone();".to_owned(),
            "the checksum is 0a1b2c3d4e5f60718293a4b5c6d7e8f9".to_owned(),
            format!("api_key = \"{drawn}\" # {MADE_UP}"),
        ] {
            assert_eq!(secret(&line), None, "{line}");
        }
    }
}
