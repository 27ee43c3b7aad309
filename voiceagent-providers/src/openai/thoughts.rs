const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Takes away the `<think>…</think>` with which some open models begin an answer. It is not for
/// the caller's ear.
#[derive(Debug)]
pub(crate) struct Thoughts {
    state: State,
    held: String,
}

#[derive(Debug)]
enum State {
    /// What came may yet turn out to be the beginning of a thought.
    Before,
    Inside,
    Past,
}

impl Thoughts {
    pub(crate) fn new() -> Self {
        Self { state: State::Before, held: String::new() }
    }

    /// What of `text` and of the text before it is to be said.
    pub(crate) fn filter(&mut self, text: String) -> String {
        if matches!(self.state, State::Past) {
            return text;
        }
        self.held.push_str(&text);
        if matches!(self.state, State::Before) {
            let begun = self.held.trim_start();
            if begun.starts_with(OPEN) {
                self.state = State::Inside;
            } else if OPEN.starts_with(begun) {
                return String::new();
            } else {
                self.state = State::Past;
                return std::mem::take(&mut self.held);
            }
        }
        let Some(end) = self.held.find(CLOSE) else { return String::new() };
        self.state = State::Past;
        let said = self.held[end + CLOSE.len()..].trim_start().to_owned();
        self.held.clear();
        said
    }

    /// Whether the model is in the middle of a thought.
    pub(crate) fn are_inside(&self) -> bool {
        matches!(self.state, State::Inside)
    }

    /// What is still to be said when nothing more comes.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Past) {
            State::Before => held,
            State::Inside | State::Past => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pieces: &[&str]) -> String {
        let mut thoughts = Thoughts::new();
        let mut said: String =
            pieces.iter().map(|piece| thoughts.filter((*piece).to_owned())).collect();
        said.push_str(&thoughts.finish());
        said
    }

    #[test]
    fn a_thought_at_the_beginning_is_not_said_however_it_is_cut() {
        let text = "\n<think>a < b, </thin so d\u{e9}</think>\n\nHello <think> you";
        for at in (0..=text.len()).filter(|&at| text.is_char_boundary(at)) {
            let (head, tail) = text.split_at(at);
            // A break right after the thought is all that may remain of it.
            assert_eq!(said(&[head, tail]).trim_start(), "Hello <think> you", "cut at {at}");
        }
    }

    #[test]
    fn other_text_is_said_at_once() {
        let mut thoughts = Thoughts::new();
        assert_eq!(thoughts.filter("Hi".to_owned()), "Hi");
        assert_eq!(thoughts.filter("<think>".to_owned()), "<think>");
    }

    #[test]
    fn what_only_looked_like_a_thought_is_said_at_the_end() {
        assert_eq!(said(&["<", "thi"]), "<thi");
        assert_eq!(said(&["<think> for ever"]), "");
    }
}
