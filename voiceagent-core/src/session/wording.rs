use std::ops::Range;

use crate::spoken::{Change, SpokenForm};

/// A text as it is written and remembered, and as a voice is given it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wording {
    written: String,
    spoken: String,
    /// Parts that are spoken otherwise than written, in order. Between them both are the same.
    changes: Vec<Changed>,
}

#[derive(Clone, Debug)]
struct Changed {
    written: Range<usize>,
    spoken: Range<usize>,
}

impl Wording {
    /// The text as it is remembered.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The text as a voice is given it.
    pub(crate) fn spoken(&self) -> &str {
        &self.spoken
    }

    /// Adds a text, which is spoken as it is written unless there is a form for it.
    pub(crate) fn push(&mut self, text: &str, form: Option<&SpokenForm>) {
        let before = self.written.len();
        let mut at = 0;
        for Change { written, spoken } in form.map(|form| form.changes(text)).unwrap_or_default() {
            self.spoken.push_str(&text[at..written.start]);
            let start = self.spoken.len();
            self.spoken.push_str(&spoken);
            at = written.end;
            self.changes.push(Changed {
                written: before + written.start..before + written.end,
                spoken: start..self.spoken.len(),
            });
        }
        self.spoken.push_str(&text[at..]);
        self.written.push_str(text);
    }

    /// How much of the written text so much of the spoken one is. A part of which not all was
    /// spoken was not spoken.
    pub(crate) fn written_at(&self, spoken: usize) -> usize {
        if spoken == 0 {
            return 0;
        }
        if spoken == self.spoken.len() {
            return self.written.len();
        }
        let next = self.changes.partition_point(|change| change.spoken.end <= spoken);
        match self.changes.get(next) {
            Some(cut) if cut.spoken.start < spoken => {
                self.changes[self.behind_words(next, cut.spoken.start)].written.start
            }
            _ => {
                let before = self.behind_words(next, spoken).checked_sub(1);
                let before = before.map(|last| &self.changes[last]);
                before.map_or(spoken, |it| it.written.end + (spoken - it.spoken.end))
            }
        }
    }

    /// The first of the changes before `next` that are not spoken at all and stand at this place,
    /// if they belong to the word behind it: others close the word before.
    fn behind_words(&self, next: usize, place: usize) -> usize {
        let opens = self.spoken[..place].chars().next_back().is_none_or(char::is_whitespace);
        let is_mark = |change: &Changed| change.spoken == (place..place);
        let marks = self.changes[..next].iter().rev().take_while(|it| opens && is_mark(it));
        next - marks.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording(texts: &[&str]) -> Wording {
        let form = SpokenForm::english();
        let mut wording = Wording::default();
        texts.iter().for_each(|text| wording.push(text, Some(&form)));
        wording
    }

    #[test]
    fn h6_so_much_of_the_spoken_text_is_so_much_of_the_written_one() {
        let wording = wording(&["It costs **$5.50**, ", "until 3 p.m. on *Monday*."]);
        let spoken = wording.spoken();
        assert_eq!(spoken, "It costs five dollars and fifty cents, until three PM on Monday.");
        for (heard, remembered) in [
            ("", ""),
            ("It", "It"),
            ("It costs", "It costs"),
            ("It costs five dollars", "It costs"),
            ("It costs five dollars and fifty cents", "It costs **$5.50**"),
            ("It costs five dollars and fifty cents,", "It costs **$5.50**,"),
            ("It costs five dollars and fifty cents, until", "It costs **$5.50**, until"),
            ("It costs five dollars and fifty cents, until three", "It costs **$5.50**, until"),
            (spoken.trim_end_matches(" on Monday."), "It costs **$5.50**, until 3 p.m."),
            (spoken, "It costs **$5.50**, until 3 p.m. on *Monday*."),
        ] {
            let at = wording.written_at(heard.len());
            assert_eq!(wording.written()[..at].trim_end(), remembered, "{heard}");
        }
    }

    #[test]
    fn h6_every_place_of_the_spoken_text_is_one_of_the_written_and_none_goes_back() {
        let wording =
            wording(&["# Ça: **5** €, 👍 [so](http://x.de) 1/2, 10:30–11:00 a.m. ", "é 7%"]);
        let mut last = 0;
        for at in (0..=wording.spoken().len()).filter(|at| wording.spoken().is_char_boundary(*at)) {
            let written = wording.written_at(at);
            assert!(wording.written().is_char_boundary(written), "{at}: {written}");
            assert!(written >= last, "{at}: {written} is before {last}");
            last = written;
        }
        assert_eq!(last, wording.written().len());
    }

    #[test]
    fn a_text_without_a_form_is_spoken_as_it_is_written() {
        let mut wording = Wording::default();
        wording.push("**$5**", None);
        assert_eq!((wording.spoken(), wording.written_at(3)), ("**$5**", 3));
    }
}
