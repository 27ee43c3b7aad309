//! Which of the words that are heard again are those that were told.

use super::spelling::Word;

/// What it costs where two recognizers heard different words, and where one missed a word that the
/// other told: as many words must be the same, and one more.
const OTHER: i32 = 2;
const MISSED: i32 = 1;
/// So many digits of a number are no coincidence.
const DIGITS: usize = 3;

/// Where what was told ends in what is heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cut {
    /// How many words of what was told it goes over.
    pub(super) told: usize,
    /// How many words of what is heard it goes over.
    pub(super) heard: usize,
    /// How many digits of the word behind them.
    pub(super) digits: usize,
    /// The words among them that nobody told.
    pub(super) untold: Vec<usize>,
}

/// Finds the end of what was told in what is heard again, from the beginning of both.
///
/// A word that is heard counts as told where it is the same, or stands in the place of another one
/// between those that are the same. So no more words are taken for told than were, and those of
/// which nobody can be sure are not. `None` where that is all of them.
pub(super) fn align(told: &[&str], heard: &[Word]) -> Option<Cut> {
    let mut grid = Grid::new(told, heard);
    let mut best: Option<End> = None;
    for row in 0..=told.len() {
        for column in 0..=heard.len() {
            for end in grid.visit(row, column).into_iter().flatten() {
                let is_better = |other: &End| {
                    (end.score, other.heard, other.digits) > (other.score, end.heard, end.digits)
                };
                if end.score > 0 && best.as_ref().is_none_or(is_better) {
                    best = Some(end);
                }
            }
        }
    }
    best.map(|end| grid.cut(&end))
}

/// The best way to each pair of places, as many words into what was told and into what is heard.
struct Grid<'a> {
    told: &'a [&'a str],
    heard: &'a [Word],
    best: Vec<Option<Way>>,
}

/// A way, by its last step.
#[derive(Clone, Copy)]
struct Way {
    score: i32,
    last: Step,
}

#[derive(Clone, Copy)]
enum Step {
    /// So many words of either are the same.
    Same(usize, usize),
    /// Two words stand in one place.
    Other,
    /// A word was told that is not heard again.
    Missed,
    /// A filler is heard that was not told.
    Filler,
    /// Nothing was told and heard before.
    Begin,
}

/// A place where what was told may end.
struct End {
    score: i32,
    /// Where the way to it has been followed to.
    row: usize,
    column: usize,
    told: usize,
    heard: usize,
    digits: usize,
}

impl<'a> Grid<'a> {
    fn new(told: &'a [&'a str], heard: &'a [Word]) -> Self {
        let mut best = vec![None; (told.len() + 1) * (heard.len() + 1)];
        best[0] = Some(Way { score: 0, last: Step::Begin });
        Self { told, heard, best }
    }

    const fn index(&self, row: usize, column: usize) -> usize {
        row * (self.heard.len() + 1) + column
    }

    /// Goes on from a place, to which all ways are known. Returns what may end here or behind.
    fn visit(&mut self, row: usize, column: usize) -> [Option<End>; 2] {
        let Some(Way { score, last }) = self.best[self.index(row, column)] else {
            return [None, None];
        };
        let here = End { score, row, column, told: row, heard: column, digits: 0 };
        let here = matches!(last, Step::Same(..)).then_some(here);
        let filler = self.heard.get(column).map(|word| word.is_filler);
        if row < self.told.len() {
            self.offer(row + 1, column, Way { score: score - MISSED, last: Step::Missed });
            if filler == Some(false) {
                self.offer(row + 1, column + 1, Way { score: score - OTHER, last: Step::Other });
            }
        }
        if filler == Some(true) {
            self.offer(row, column + 1, Way { score, last: Step::Filler });
        }
        let Some(same) = same(&self.told[row..], &self.heard[column..]) else {
            return [here, None];
        };
        let Same { told, heard, digits } = same;
        let score = score + i32::try_from(told.max(heard)).unwrap_or(i32::MAX);
        if digits == 0 {
            self.offer(row + told, column + heard, Way { score, last: Step::Same(told, heard) });
            return [here, None];
        }
        let within = End { score, row, column, told: row + told, heard: column + heard, digits };
        [here, Some(within)]
    }

    fn offer(&mut self, row: usize, column: usize, way: Way) {
        let index = self.index(row, column);
        let place = &mut self.best[index];
        if place.is_none_or(|other| other.score < way.score) {
            *place = Some(way);
        }
    }

    fn cut(&self, end: &End) -> Cut {
        let mut untold = Vec::new();
        let (mut row, mut column) = (end.row, end.column);
        while let Some(Way { last, .. }) = self.best[self.index(row, column)] {
            let (told, heard) = match last {
                Step::Begin => break,
                Step::Same(told, heard) => (told, heard),
                Step::Other => (1, 1),
                Step::Missed => (1, 0),
                Step::Filler => (0, 1),
            };
            (row, column) = (row - told, column - heard);
            untold.extend(matches!(last, Step::Filler).then_some(column));
        }
        untold.reverse();
        Cut { told: end.told, heard: end.heard, digits: end.digits, untold }
    }
}

/// How many words of two rows are the same.
struct Same {
    told: usize,
    heard: usize,
    /// What was told ends within the word behind them, after so many digits.
    digits: usize,
}

/// The first words of two rows that have the same letters and end together: "555" and "5 5 5".
fn same(told: &[&str], heard: &[Word]) -> Option<Same> {
    let mut same = Same { told: 0, heard: 0, digits: 0 };
    let (mut one, mut other): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if one.is_empty() {
            one = told.get(same.told)?.as_bytes();
        }
        if other.is_empty() {
            other = heard.get(same.heard)?.form.as_bytes();
        }
        let both = one.len().min(other.len());
        if both == 0 || one[..both] != other[..both] {
            return None;
        }
        (one, other) = (&one[both..], &other[both..]);
        same.told += usize::from(one.is_empty());
        same.heard += usize::from(other.is_empty());
        if one.is_empty() && other.is_empty() {
            return Some(same);
        }
        if one.is_empty() && same.told == told.len() {
            let word = &heard[same.heard];
            same.digits = word.form.len() - other.len();
            // "1,000" is no "100" of which a nought is left.
            let goes_on = word.is_digits && same.digits >= DIGITS && other[0] != b'0';
            return goes_on.then_some(same);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::spelling::words, *};

    /// What is left of what is heard, and how many words of what was told it goes over.
    fn rest(told: &str, heard: &str) -> Option<(usize, String)> {
        let told = words(told);
        let told: Vec<&str> = told.iter().map(|word| word.form.as_str()).collect();
        let heard = words(heard);
        let cut = align(&told, &heard)?;
        let form = |index: usize| heard[index].form.as_str();
        let mut left: Vec<&str> = cut.untold.iter().map(|index| form(*index)).collect();
        for index in cut.heard..heard.len() {
            left.push(&form(index)[if index == cut.heard { cut.digits } else { 0 }..]);
        }
        Some((cut.told, left.join(" ")))
    }

    fn is_cut(told: &str, heard: &str, over: usize, left: &str) {
        assert_eq!(rest(told, heard), Some((over, left.to_owned())), "{told:?} {heard:?}");
    }

    #[test]
    fn words_that_are_the_same_are_told() {
        is_cut("I would like", "I would like a table", 3, "a table");
        is_cut("I would like a table", "I would", 2, "");
        is_cut("call me some time", "call me sometime soon", 4, "soon");
    }

    #[test]
    fn a_word_that_is_heard_differently_is_told_where_those_around_it_are() {
        is_cut("I would like a", "I'd would like a table", 4, "table");
        is_cut("a table at nine for two please", "a table at five for two please", 7, "");
        is_cut("a table at nine please", "a table at five please", 3, "5 please");
        is_cut("I want four", "I want for tomorrow", 2, "for tomorrow");
        assert_eq!(rest("the car", "my car is red"), None);
    }

    #[test]
    fn a_word_that_was_not_told_is_news() {
        is_cut("I do want it", "I do not want it", 2, "not want it");
        assert_eq!(rest("yes", "what time do you close yes"), None);
    }

    #[test]
    fn words_that_only_one_recognizer_heard_are_few() {
        is_cut("well I would like", "I would like a table", 4, "a table");
        assert_eq!(rest("yes I want a car please", "please help me"), None);
    }

    #[test]
    fn fillers_are_no_words_and_are_kept() {
        is_cut("I would like", "um I would uh like a table", 3, "um uh a table");
        assert_eq!(rest("I would like", "um"), None);
    }

    #[test]
    fn digits_are_the_same_in_any_groups() {
        is_cut("five five five", "555 one two", 3, "1 2");
        is_cut("my number is five five five", "my number is 555 one two", 6, "1 2");
        is_cut("my number is 5 55", "my number is 555-1234", 5, "1234");
        is_cut("555", "five five five one two", 1, "1 2");
        is_cut("five fifty-five", "555, 12", 2, "12");
    }

    #[test]
    fn a_number_is_not_torn_where_it_may_be_another_one() {
        assert_eq!(rest("one", "10 people"), None);
        assert_eq!(rest("one hundred", "1,000 people"), None);
        is_cut("for five", "for 55", 1, "55");
    }
}
