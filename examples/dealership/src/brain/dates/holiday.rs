//! Days of the year with a name of their own.

use jiff::civil::{Date, Weekday};

use super::{plus, upcoming};
use crate::brain::words::Words;

/// The day that is named at `at`, and how many words it takes.
pub(super) fn at(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let (phrase, rule) = DAYS.iter().find(|(phrase, _)| words.stands(at, phrase))?;
    Some((upcoming(today, |year| rule.in_year(year))?, phrase.split(' ').count()))
}

#[derive(Clone, Copy)]
enum Rule {
    Fixed(i8, i8),
    /// Month, which one of it (the last is -1), weekday, and how many days after.
    Nth(i8, i8, Weekday, i64),
}

impl Rule {
    fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Fixed(month, day) => Date::new(year, month, day).ok(),
            Self::Nth(month, nth, weekday, after) => {
                let first = Date::new(year, month, 1).ok()?;
                Some(plus(first.nth_weekday_of_month(nth, weekday).ok()?, after))
            }
        }
    }
}

/// In order of looking: longer names come first.
const DAYS: [(&str, Rule); 24] = [
    ("christmas eve", Rule::Fixed(12, 24)),
    ("christmas day", Rule::Fixed(12, 25)),
    ("christmas", Rule::Fixed(12, 25)),
    ("xmas", Rule::Fixed(12, 25)),
    ("boxing day", Rule::Fixed(12, 26)),
    ("new year's eve", Rule::Fixed(12, 31)),
    ("new years eve", Rule::Fixed(12, 31)),
    ("new year's day", Rule::Fixed(1, 1)),
    ("new years day", Rule::Fixed(1, 1)),
    ("new year's", Rule::Fixed(1, 1)),
    ("new years", Rule::Fixed(1, 1)),
    ("valentine's day", Rule::Fixed(2, 14)),
    ("valentines day", Rule::Fixed(2, 14)),
    ("presidents' day", Rule::Nth(2, 3, Weekday::Monday, 0)),
    ("presidents day", Rule::Nth(2, 3, Weekday::Monday, 0)),
    ("memorial day", Rule::Nth(5, -1, Weekday::Monday, 0)),
    ("juneteenth", Rule::Fixed(6, 19)),
    ("independence day", Rule::Fixed(7, 4)),
    ("labor day", Rule::Nth(9, 1, Weekday::Monday, 0)),
    ("halloween", Rule::Fixed(10, 31)),
    ("veterans day", Rule::Fixed(11, 11)),
    ("thanksgiving day", Rule::Nth(11, 4, Weekday::Thursday, 0)),
    ("thanksgiving", Rule::Nth(11, 4, Weekday::Thursday, 0)),
    ("black friday", Rule::Nth(11, 4, Weekday::Thursday, 1)),
];
