use super::{Found, Line, numbers::digits};

/// Ends of names of hosts that are known for what they are without `www` or `https`.
const TOP_LEVEL: [&str; 16] = [
    "com", "org", "net", "io", "co", "uk", "us", "ca", "au", "de", "eu", "edu", "gov", "info",
    "app", "dev",
];
/// Numbers of three digits that services have in all of North America, but for 911.
const SERVICES: [&str; 8] = ["211", "311", "411", "511", "611", "711", "811", "988"];
const STATES: [&str; 51] = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA",
    "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM",
    "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA",
    "WV", "WI", "WY",
];
const SHORTEST_NUMBER: usize = 7;
const LONGEST_NUMBER: usize = 15;

/// An address of mail or of the web.
pub(super) fn name(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+/:@?=&%#~,".contains(c);
    if !core.chars().all(is_plain) || !core.contains('.') {
        return None;
    }
    let is_mail = core.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains(['@', '/'])
    });
    let bare = core.trim_start_matches("https://").trim_start_matches("http://");
    let bare = bare.trim_start_matches("www.");
    if !is_mail && bare.len() == core.len() && !is_host(core) {
        return None;
    }
    line.found(at, 1, spell(bare.trim_end_matches('/')))
}

fn is_host(core: &str) -> bool {
    let host = core.split(['/', ':', '?']).next().unwrap_or_default();
    let (stem, top) = host.rsplit_once('.').unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    stem.len() > 1
        && stem.chars().all(is_name)
        && stem.contains(|c: char| c.is_ascii_alphabetic())
        && TOP_LEVEL.contains(&&*top.to_ascii_lowercase())
}

/// Words as they are, digits one by one, signs by their names.
fn spell(address: &str) -> String {
    let mut words = Vec::new();
    let mut rest = address;
    while let Some(first) = rest.chars().next() {
        let is_same_kind = |c: char| match first {
            '0'..='9' => c.is_ascii_digit(),
            _ if first.is_ascii_alphabetic() => c.is_ascii_alphabetic(),
            _ => false,
        };
        let end = rest.find(|c| !is_same_kind(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (part, behind) = rest.split_at(end);
        words.push(match first {
            '.' => "dot".to_owned(),
            '@' => "at".to_owned(),
            '-' => "dash".to_owned(),
            '_' => "underscore".to_owned(),
            '/' => "slash".to_owned(),
            ':' => "colon".to_owned(),
            '+' => "plus".to_owned(),
            '?' => "question mark".to_owned(),
            '=' => "equals".to_owned(),
            '&' => "and".to_owned(),
            '%' => "percent".to_owned(),
            '#' => "hash".to_owned(),
            '~' => "tilde".to_owned(),
            ',' => "comma".to_owned(),
            '0'..='9' => digits(part),
            _ => part.to_owned(),
        });
        rest = behind;
    }
    words.join(" ")
}

/// A postal code of the United States: with its four more digits anywhere, and else where it is
/// called one or stands behind a state.
pub(super) fn postal_code(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    let is_code =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((area, block)) = core.split_once(['-', '\u{2011}', '–']) {
        // No range ends below its beginning.
        let is_postal = is_code(area, 5) && is_code(block, 4);
        let spoken = is_postal.then(|| format!("{}, {}", digits(area), digits(block)))?;
        return line.found(at, 1, spoken);
    }
    let is_postal = is_code(core, 5) && (is_called_zip(line, at) || is_behind_state(line, at));
    is_postal.then(|| line.found(at, 1, digits(core)))?
}

/// "ZIP 60601", "zip code: 60601", "my zip is 60601".
fn is_called_zip(line: &Line<'_>, at: usize) -> bool {
    let is = |word: &str, known: &str| word.eq_ignore_ascii_case(known);
    let mut before = (at.saturating_sub(3)..at).rev().map(|at| line.core(at));
    let named = before.find(|word| !is(word, "code") && !is(word, "is"));
    named.is_some_and(|word| is(word, "zip"))
}

/// "Chicago, IL 60601", and "IL 60601" where the text was cut before it.
fn is_behind_state(line: &Line<'_>, at: usize) -> bool {
    let Some(state) = at.checked_sub(1) else { return false };
    let is_apart = state.checked_sub(1).is_none_or(|city| line.behind(city) == ",");
    is_apart && line.behind(state).is_empty() && STATES.contains(&line.core(state))
}

/// A telephone number of three digits: that of emergencies, and those of services where somebody
/// is to call them.
pub(super) fn short_number(line: &Line<'_>, at: usize) -> Option<String> {
    let core = line.core(at);
    let before = at.checked_sub(1).map_or("", |before| line.core(before));
    let is_dialled = ["call", "dial", "text"].iter().any(|it| before.eq_ignore_ascii_case(it));
    (core == "911" || is_dialled && SERVICES.contains(&core)).then(|| digits(core))
}

/// A telephone number, in groups of digits.
pub(super) fn telephone(line: &Line<'_>, at: usize) -> Option<Found> {
    let start = line.tokens[at].all.start;
    let text = &line.text[start..];
    let (is_international, body) = match text.strip_prefix('+') {
        Some(body) => (true, body),
        None => (false, text),
    };
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '(') {
        return None;
    }
    let (groups, length) = groups(body);
    let count: usize = groups.iter().map(|group| group.len()).sum();
    let body = &body[..length];
    let behind = text[usize::from(is_international) + length..].chars().next();
    let is_whole = behind.is_none_or(|c| !c.is_alphanumeric() && !"/:%$€£".contains(c));
    if !(SHORTEST_NUMBER..=LONGEST_NUMBER).contains(&count) || !is_whole {
        return None;
    }
    if !is_international && !looks_national(body, &groups) {
        return None;
    }
    let spoken = groups.iter().map(|group| digits(group)).collect::<Vec<_>>().join(", ");
    let spoken = if is_international { format!("plus {spoken}") } else { spoken };
    let end = start + usize::from(is_international) + length;
    let tokens = line.tokens[at..].iter().take_while(|token| token.all.start < end).count();
    Some(Found { tokens, bytes: start..end, spoken })
}

/// The groups of digits that a text begins with, and where the last one ends.
fn groups(text: &str) -> (Vec<&str>, usize) {
    let (mut groups, mut end) = (Vec::new(), 0);
    let mut rest = text.strip_prefix('(').unwrap_or(text);
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return (groups, end);
        }
        groups.push(&rest[..digits]);
        rest = &rest[digits..];
        end = text.len() - rest.len();
        let behind = rest.strip_prefix(')').unwrap_or(rest);
        let behind = behind.strip_prefix(['-', '.', ' ', '\u{2011}', '\u{a0}']).unwrap_or(behind);
        if behind.len() == rest.len() {
            return (groups, end);
        }
        rest = behind.strip_prefix('(').unwrap_or(behind);
    }
}

/// Whether digits without a country are grouped as telephone numbers are.
fn looks_national(body: &str, groups: &[&str]) -> bool {
    let are_years = groups.iter().all(|it| it.len() == 4 && (*it).starts_with(['1', '2']));
    let in_bounds = groups.iter().all(|group| (2..=5).contains(&group.len()));
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let by_shape = match lengths[..] {
        [3, 4] | [3, 3, 4] | [1, 3, 3, 4] => true,
        _ => in_bounds && groups[0].starts_with('0'),
    };
    let is_amount = body.contains('.') && groups.len() == 2;
    groups.len() > 1 && by_shape && !are_years && !is_amount
}
