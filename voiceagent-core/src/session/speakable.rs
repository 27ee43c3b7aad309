use std::ops::ControlFlow;

/// What models write when they mean to call a tool and say it instead, from here to there.
const MARKUP: [(&str, &str); 5] = [
    ("<tool_call>", "</tool_call>"),
    ("<function_call>", "</function_call>"),
    ("<function=", "</function>"),
    ("<|tool_call|>", "<|/tool_call|>"),
    ("[TOOL_CALLS]", "\n"),
];
/// How the names of tool calls begin.
const IDS: [&str; 3] = ["call_", "toolu_", "chatcmpl-tool-"];
/// Words of a name that are shorter than this are words.
const SHORT_ID: usize = 6;
/// An object that is longer than this is waited for no longer. A call that is meant for a tool is
/// a few hundred characters.
const LONG: usize = 4_000;

/// Keeps out of a model's words what is not meant for ears: tool calls written as text, and the
/// names of tool calls.
///
/// Text passes as it comes. Only from where a call may have begun is it kept back, until that is
/// decided.
#[derive(Debug, Default)]
pub(super) struct Speakable {
    kept: String,
    /// The last character that passed.
    before: Option<char>,
}

impl Speakable {
    /// Takes words, and returns what may be spoken by now.
    pub(super) fn push(&mut self, words: &str) -> String {
        self.kept.push_str(words);
        self.pass(false)
    }

    /// There are no more words for now: returns what may be spoken of the rest.
    pub(super) fn flush(&mut self) -> String {
        let rest = self.pass(true);
        *self = Self::default();
        rest
    }

    fn pass(&mut self, is_all: bool) -> String {
        let mut passed = String::with_capacity(self.kept.len());
        let mut at = 0;
        while let Some(rest) = self.kept.get(at..).filter(|rest| !rest.is_empty()) {
            match judge(rest, self.before, is_all) {
                Verdict::Passes(bytes) => {
                    passed.push_str(&rest[..bytes]);
                    self.before = passed.chars().next_back();
                    at += bytes;
                }
                Verdict::IsCall(bytes) => at += bytes,
                Verdict::Undecided => break,
            }
        }
        self.kept.drain(..at);
        passed
    }
}

/// What becomes of the beginning of a text.
enum Verdict {
    /// So many bytes are not meant for ears.
    IsCall(usize),
    /// So many bytes may be spoken.
    Passes(usize),
    /// It depends on what follows.
    Undecided,
}

fn judge(text: &str, before: Option<char>, is_all: bool) -> Verdict {
    let first = text.chars().next().map_or(1, char::len_utf8);
    let in_word = before.is_some_and(char::is_alphanumeric);
    let suspects = [markup(text, is_all), object(text, is_all), id(text, in_word, is_all)];
    let mut undecided = false;
    for suspect in suspects {
        match suspect {
            ControlFlow::Break(Some(bytes)) => return Verdict::IsCall(bytes),
            ControlFlow::Break(None) => undecided = true,
            ControlFlow::Continue(()) => {}
        }
    }
    if undecided && !is_all { Verdict::Undecided } else { Verdict::Passes(first) }
}

/// Where a call ends that begins here: `Break(None)` if it is too early to tell, `Continue` if none
/// begins.
type Suspect = ControlFlow<Option<usize>>;

fn markup(text: &str, is_all: bool) -> Suspect {
    for (begin, end) in MARKUP {
        if let Some(inside) = text.strip_prefix(begin) {
            return match inside.find(end) {
                Some(at) => ControlFlow::Break(Some(begin.len() + at + end.len())),
                // A call that was not closed is one nevertheless.
                None if is_all || text.len() > LONG => ControlFlow::Break(Some(text.len())),
                None => ControlFlow::Break(None),
            };
        }
        if begin.starts_with(text) {
            return ControlFlow::Break(None);
        }
    }
    ControlFlow::Continue(())
}

/// An object with a name and arguments, in JSON.
fn object(text: &str, is_all: bool) -> Suspect {
    if !text.starts_with('{') {
        return ControlFlow::Continue(());
    }
    let is_call = |object: &str| {
        object.contains("\"name\"")
            && (object.contains("\"arguments\"") || object.contains("\"parameters\""))
    };
    match end_of_object(text) {
        Some(end) if is_call(&text[..end]) => ControlFlow::Break(Some(end)),
        Some(_) => ControlFlow::Continue(()),
        None if is_all || text.len() > LONG => {
            if is_call(text) {
                ControlFlow::Break(Some(text.len()))
            } else {
                ControlFlow::Continue(())
            }
        }
        None => ControlFlow::Break(None),
    }
}

fn end_of_object(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The name of a tool call, as a word by itself.
fn id(text: &str, in_word: bool, is_all: bool) -> Suspect {
    if in_word {
        return ControlFlow::Continue(());
    }
    for prefix in IDS {
        if let Some(rest) = text.strip_prefix(prefix) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
            return match end.or(is_all.then_some(rest.len())) {
                Some(end) if end >= SHORT_ID => ControlFlow::Break(Some(prefix.len() + end)),
                Some(_) => ControlFlow::Continue(()),
                None => ControlFlow::Break(None),
            };
        }
        if prefix.starts_with(text) {
            return ControlFlow::Break(None);
        }
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(text: &str, chunk: usize) -> String {
        let mut speakable = Speakable::default();
        let letters: Vec<char> = text.chars().collect();
        let mut spoken = String::new();
        for words in letters.chunks(chunk) {
            spoken += &speakable.push(&words.iter().collect::<String>());
        }
        spoken + &speakable.flush()
    }

    #[test]
    fn x19_a_call_written_as_text_is_not_spoken_however_it_arrives() {
        for (text, expected) in [
            ("One moment. <tool_call>{\"name\":\"book\"}</tool_call> Done.", "One moment.  Done."),
            ("<function=book>{\"day\":1}</function>Done.", "Done."),
            ("Let me see. {\"name\": \"book\", \"arguments\": {\"a\": \"}\"}}", "Let me see. "),
            ("Yes. {\"name\": \"book\", \"parameters\": {", "Yes. "),
            ("{\"name\": \"book\", \"arguments\": {\"a\": {}}} Done.", " Done."),
            ("{\"name\": \"{\", \"arguments\": 1} Done.", " Done."),
            ("{\"name\": 1, \"arguments\": \\} Done.", " Done."),
            ("Well <tool_call>{\"name\"", "Well "),
            ("I used call_abc123XYZ for it.", "I used  for it."),
            ("See toolu_01A2b3C4", "See "),
            ("[TOOL_CALLS] [{}]\nHello.", "Hello."),
        ] {
            for chunk in [1, 2, 3, 7, 100] {
                assert_eq!(spoken(text, chunk), expected, "{text:?} in pieces of {chunk}");
            }
        }
    }

    #[test]
    fn x19_other_words_pass_whole() {
        for text in [
            "If a < b then call me, will you? Recall_me is a name.",
            "The set {1, 2} and \"name\" are fine.",
            "call_me and <b>bold</b>. Ça va? [TODO]",
            "{ never closed",
            "We call",
        ] {
            for chunk in [1, 2, 5, 100] {
                assert_eq!(spoken(text, chunk), text, "in pieces of {chunk}");
            }
        }
    }

    #[test]
    fn x19_words_are_not_kept_waiting() {
        let mut speakable = Speakable::default();
        assert_eq!(speakable.push("Good morning, how are you"), "Good morning, how are you");
        assert_eq!(speakable.push(" to"), " ");
        assert_eq!(speakable.push("day?"), "today?");
    }
}
