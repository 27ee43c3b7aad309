use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::rust_file::Finding;

/// Finds the times among the settings of a struct that cannot be written as people write them.
/// Settings are what refuses unknown fields. `place` is where the struct is declared.
pub(crate) fn unreadable_times(tokens: &[TokenTree], place: usize) -> Vec<Finding> {
    let attributes = attributes_before(&tokens[..place]);
    if !attributes.contains("Deserialize") || !attributes.contains("deny_unknown_fields") {
        return Vec::new();
    }
    let body = tokens[place..].iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        TokenTree::Punct(end) if end.as_char() == ';' => Some(TokenStream::new()),
        _ => None,
    });
    let body: Vec<TokenTree> = body.unwrap_or_default().into_iter().collect();
    let fields = body.split(|token| token.to_string() == ",");
    fields.filter_map(unreadable_time).collect()
}

/// A field that holds a time and is read as serde reads it.
fn unreadable_time(field: &[TokenTree]) -> Option<Finding> {
    let colon = field.iter().position(|token| token.to_string() == ":")?;
    let name = &field[colon.checked_sub(1)?];
    let kind: String = field[colon + 1..].iter().map(ToString::to_string).collect();
    let is_time = ["Duration", "Option<Duration>"].iter().any(|time| {
        kind == *time || kind.strip_suffix(time).is_some_and(|path| path.ends_with("::"))
    });
    let attributes = attributes_before(&field[..colon - 1]);
    if !is_time || ["duration::", "duration\"", "skip"].iter().any(|read| attributes.contains(read))
    {
        return None;
    }
    let why = format!("`{name}` is a time: `deserialize_with = \"duration::deserialize\"`");
    Some((name.span().start().line, why))
}

/// The attributes at the end of these tokens, and what is public or not behind them.
fn attributes_before(tokens: &[TokenTree]) -> String {
    let mut attributes = String::new();
    for token in tokens.iter().rev() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                attributes.push_str(&group.to_string());
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {}
            TokenTree::Punct(mark) if mark.as_char() == '#' => {}
            TokenTree::Ident(word) if word == "pub" => {}
            _ => break,
        }
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &str) -> usize {
        let head = "#[derive(Clone, Deserialize)]\n/// Settings.\n#[serde(deny_unknown_fields)]";
        let source = format!("{head} pub(crate) struct Settings {{ {fields} }}");
        unreadable(&source)
    }

    fn unreadable(source: &str) -> usize {
        let tokens: TokenStream = source.parse().unwrap();
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let place = tokens.iter().position(|token| token.to_string() == "struct").unwrap();
        unreadable_times(&tokens, place).len()
    }

    #[test]
    fn a_time_that_is_read_as_serde_reads_it_is_found() {
        assert_eq!(found("/// How long.\n#[serde(default)] pub a: Duration, b: u8,"), 1);
        assert_eq!(found("a: Option<Duration>, b: std::time::Duration"), 2);
        assert_eq!(found("a: Map<u8, Duration>, b: MyDuration"), 0);
    }

    #[test]
    fn a_time_that_is_read_as_people_write_it_is_none_of_those() {
        let read = "#[serde(default, deserialize_with = \"duration::deserialize\")] a: Duration";
        assert_eq!(found(read), 0);
        assert_eq!(found("#[serde(skip)] a: Duration"), 0);
        assert_eq!(unreadable("#[derive(Deserialize)] struct Message { a: Duration }"), 0);
        assert_eq!(unreadable("#[serde(deny_unknown_fields)] struct Made { a: Duration }"), 0);
        assert_eq!(unreadable("#[derive(Deserialize)] struct Unit;"), 0);
    }
}
