use std::ops::Range;

/// The marks of Markdown, and emoji, in a text: what nobody says. A link is its words.
pub(super) fn marks(text: &str) -> Vec<Range<usize>> {
    let mut marks: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let mut closing: Option<Range<usize>> = None;
    while at < text.len() {
        if let Some(link) = closing.take_if(|link| link.start == at) {
            at = link.end;
            push(&mut marks, link);
            continue;
        }
        let begins = is_line_start(text, at, &marks);
        let length = line_mark(text, at, begins).or_else(|| inline_mark(text, at));
        if let Some(length) = length {
            push(&mut marks, at..at + length);
            at += length;
        } else if let Some((opening, close)) = link(text, at) {
            push(&mut marks, at..at + opening);
            closing = Some(close);
            at += opening;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    marks
}

/// Marks that touch are one.
fn push(marks: &mut Vec<Range<usize>>, mark: Range<usize>) {
    match marks.last_mut() {
        Some(last) if last.end == mark.start => last.end = mark.end,
        _ => marks.push(mark),
    }
}

/// Whether nothing but white space and marks stands before this in its line.
fn is_line_start(text: &str, at: usize, marks: &[Range<usize>]) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut rest = text[line..at].char_indices();
    rest.all(|(place, c)| {
        let place = line + place;
        c == ' ' || marks.iter().any(|mark| mark.contains(&place))
    })
}

/// The length of a heading's, list's or quotation's mark, of a rule or a fence.
fn line_mark(text: &str, at: usize, begins: bool) -> Option<usize> {
    if !begins {
        return None;
    }
    let rest = &text[at..];
    let line = rest.split('\n').next().unwrap_or(rest);
    if line.starts_with("```") {
        return Some(line.len());
    }
    let is_rule = line.len() >= 3
        && line.chars().all(|c| matches!(c, '-' | '*' | '_' | '=' | '|' | ':' | ' '))
        && line.chars().any(|c| c != ' ' && c != '|' && c != ':');
    if is_rule {
        return Some(line.len());
    }
    let hashes = line.len() - line.trim_start_matches('#').len();
    let mark = if (1..=6).contains(&hashes) { hashes } else { 1 };
    let is_mark = hashes > 0 || line.starts_with(['-', '*', '+', '>', '•']);
    let mark = if line.starts_with('•') { '•'.len_utf8() } else { mark };
    (is_mark && line[mark..].starts_with(' ')).then_some(mark + 1)
}

/// The length of a mark of emphasis, code or tables, or of an emoji.
fn inline_mark(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    let before = text[..at].chars().next_back();
    let run = rest.len() - rest.trim_start_matches(first).len();
    let after = rest[run..].chars().next();
    let is_space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match first {
        '`' => Some(run),
        // Between spaces or numbers it is an operator.
        '*' if is_space(before) && is_space(after) => None,
        '*' if before.is_some_and(|c| c.is_ascii_digit())
            && after.is_some_and(|c| c.is_ascii_digit()) =>
        {
            None
        }
        '*' => Some(run),
        '~' if run == 2 => Some(run),
        // Within a word it belongs to it.
        '_' if is_word(before) && is_word(after) || is_space(before) && is_space(after) => None,
        '_' => Some(run),
        '|' if is_space(before) && is_space(after) => Some(with_space(rest, run, before)),
        _ if is_emoji(first) => {
            let end = rest.find(|c| !is_emoji(c) && !is_joiner(c)).unwrap_or(rest.len());
            Some(with_space(rest, end, before))
        }
        _ => None,
    }
}

/// With the space behind it, where one stands before it.
fn with_space(rest: &str, end: usize, before: Option<char>) -> usize {
    let is_apart = before.is_none_or(char::is_whitespace);
    end + usize::from(is_apart && rest[end..].starts_with(' '))
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c),
        0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B05..=0x2B07 | 0x2B1B..=0x2B1C | 0x2B50 | 0x2B55
        | 0x231A..=0x231B | 0x23E9..=0x23FA | 0x20E3 | 0xE0020..=0xE007F)
}

/// What ties emoji together, or says how they look.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200D}' | '\u{FE0F}' | '\u{FE0E}')
}

/// What a link begins with, and the part behind its words.
fn link(text: &str, at: usize) -> Option<(usize, Range<usize>)> {
    let rest = &text[at..];
    let opening = if rest.starts_with("![") { 2 } else { 1 };
    if !rest.starts_with('[') && opening == 1 {
        return None;
    }
    let words = rest.find("](")?;
    if rest[opening..words].contains(['[', '\n']) {
        return None;
    }
    let end = words + rest[words..].find(')')? + 1;
    let address = &rest[words + 2..end - 1];
    (!address.contains(char::is_whitespace)).then_some((opening, at + words..at + end))
}
