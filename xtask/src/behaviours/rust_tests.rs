use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The tests of a Rust file that run: the line of each, and its name. Those inside macros such
/// as `proptest!` are among them. A file that cannot be read as Rust has none.
pub(crate) fn find(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if let Ok(tokens) = source.parse() {
        search(tokens, &mut found);
    }
    found
}

fn search(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    if let [TokenTree::Punct(_), TokenTree::Punct(not), TokenTree::Group(attribute), ..] =
        &tokens[..]
        && not.as_char() == '!'
        && is_left_out(attribute)
    {
        return;
    }
    // The attributes of the item whose beginning is being read.
    let mut attributes = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let marked = place > 0 && tokens[place - 1].to_string() == "#";
                if marked && group.delimiter() == Delimiter::Bracket {
                    attributes.push(group);
                    continue;
                }
                if !attributes.iter().any(|attribute| is_left_out(attribute)) {
                    search(group.stream(), found);
                }
                // `pub(crate)` is still the beginning.
                if group.delimiter() != Delimiter::Parenthesis {
                    attributes.clear();
                }
            }
            TokenTree::Ident(word) if word == "fn" => {
                if let Some(TokenTree::Ident(name)) = tokens.get(place + 1)
                    && attributes.iter().any(|attribute| is_test(attribute))
                    && !attributes.iter().any(|attribute| is_ignored(attribute))
                    && !attributes.iter().any(|attribute| is_left_out(attribute))
                {
                    found.push((name.span().start().line, name.to_string()));
                }
                attributes.clear();
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => attributes.clear(),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Whether an attribute is `#[test]` or one of a runtime, such as `#[tokio::test(…)]`.
fn is_test(attribute: &Group) -> bool {
    let path = attribute.stream().into_iter().take_while(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(mark) => mark.as_char() == ':',
        TokenTree::Group(_) | TokenTree::Literal(_) => false,
    });
    path.last().is_some_and(|word| word.to_string() == "test")
}

/// Whether an attribute is `#[ignore]`, or might be, as in `#[cfg_attr(…, ignore)]`.
fn is_ignored(attribute: &Group) -> bool {
    fn named(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(word) => word == "ignore",
            TokenTree::Group(group) => named(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    named(attribute.stream())
}

/// Whether what has this attribute is never compiled.
fn is_left_out(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    matches!(&*text, "cfg(any())" | "cfg(false)" | "cfg(not(all()))" | "cfg(not(true))")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        find(source).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn tests_of_all_kinds_are_found_with_their_lines() {
        let source = "#[test]\nfn a() {}\n\
                      #[tokio::test(start_paused = true)]\nasync fn b() {}\n\
                      #[cfg(test)]\nmod tests {\n    #[test]\n    #[should_panic]\n    \
                      pub(crate) fn c() -> Result<(), ()> { Ok(()) }\n}\n\
                      proptest! {\n    #![proptest_config(x)]\n\n    /// Says something.\n    \
                      #[test]\n    fn d(bits in any::<u8>()) {}\n}\n";
        let expected = [(2, "a"), (4, "b"), (9, "c"), (16, "d")];
        assert_eq!(find(source), expected.map(|(line, name)| (line, name.to_owned())));
    }

    #[test]
    fn other_functions_are_no_tests() {
        assert!(names("fn a() {} pub async fn b() {}").is_empty());
        assert!(names("#[test_case(1)]\nfn a() {}").is_empty());
        assert!(names("#[cfg(test)]\nfn a() {}\n#[inline]\nfn b() {}").is_empty());
        assert!(
            names("// #[test]\n// fn a() {}\nconst A: &str = \"#[test] fn a() {}\";").is_empty()
        );
        assert_eq!(names("#[test]\nfn a() { fn inner() {} }\nfn b() {}"), ["a"]);
        assert!(names("#[test]\nstruct A;\nfn b() {}").is_empty());
        assert!(names("fn a( {").is_empty());
    }

    #[test]
    fn tests_that_are_never_compiled_are_not_found() {
        assert!(names("#[cfg(any())]\n#[test]\nfn a() {}").is_empty());
        assert!(names("#[test]\n#[cfg(false)]\nfn a() {}").is_empty());
        assert!(names("#[cfg(any())]\nmod tests {\n#[test]\nfn a() {}\n}").is_empty());
        assert!(names("#![cfg(any())]\n#[test]\nfn a() {}").is_empty());
        assert_eq!(names("#[cfg(any(unix, windows))]\n#[test]\nfn a() {}"), ["a"]);
        assert_eq!(names("#[cfg(any())]\nfn b() {}\n#[test]\nfn a() {}"), ["a"]);
    }

    #[test]
    fn ignored_tests_are_not_found() {
        assert!(names("#[test]\n#[ignore]\nfn a() {}").is_empty());
        assert!(names("#[ignore = \"slow\"]\n#[tokio::test]\nasync fn a() {}").is_empty());
        assert!(names("#[test]\n#[cfg_attr(miri, ignore)]\nfn a() {}").is_empty());
        assert_eq!(names("/// They ignore it.\n#[test]\nfn a() { ignore(); }"), ["a"]);
    }
}
