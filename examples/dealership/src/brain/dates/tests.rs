use jiff::civil::date;

use super::*;

/// A Tuesday.
const TODAY: Date = date(2026, 3, 3);

#[test]
fn one_day_is_found_in_each_phrase() {
    let table = [
        ("today", (2026, 3, 3)),
        ("tomorrow afternoon at three", (2026, 3, 4)),
        ("the day after tomorrow", (2026, 3, 5)),
        ("Thursday", (2026, 3, 5)),
        ("on friday please", (2026, 3, 6)),
        ("tuesday", (2026, 3, 10)),
        ("this Tuesday", (2026, 3, 3)),
        ("this Saturday", (2026, 3, 7)),
        ("next Thursday", (2026, 3, 12)),
        ("next monday", (2026, 3, 9)),
        ("the coming Wednesday", (2026, 3, 4)),
        ("the 24th", (2026, 3, 24)),
        ("the 2nd", (2026, 4, 2)),
        ("the 31st", (2026, 3, 31)),
        ("the twenty-fourth", (2026, 3, 24)),
        ("the twentieth", (2026, 3, 20)),
        ("December 3rd", (2026, 12, 3)),
        ("december third", (2026, 12, 3)),
        ("on the third of december", (2026, 12, 3)),
        ("march the 24th", (2026, 3, 24)),
        ("March 2", (2027, 3, 2)),
        ("april twenty second", (2026, 4, 22)),
        ("Jan. 5", (2027, 1, 5)),
        ("3/24", (2026, 3, 24)),
        ("3/24/26", (2026, 3, 24)),
        ("2026-04-02", (2026, 4, 2)),
        ("in two days", (2026, 3, 5)),
        ("in a week", (2026, 3, 10)),
        ("in a couple of days", (2026, 3, 5)),
        ("two weeks from today", (2026, 3, 17)),
        ("a week from friday", (2026, 3, 13)),
        ("three days from now", (2026, 3, 6)),
        ("no, Tuesday instead", (2026, 3, 10)),
        ("not Thursday, Friday", (2026, 3, 6)),
        ("Friday instead of Thursday", (2026, 3, 6)),
        ("i have one tomorrow and need to move it to friday", (2026, 3, 6)),
        ("monday or wednesday", (2026, 3, 9)),
    ];
    for (text, (year, month, day)) in table {
        let found = take(&mut Words::new(text), TODAY);
        assert_eq!(found, Some(Days::one(date(year, month, day))), "{text}");
    }
}

#[test]
fn several_days_are_found_in_each_phrase() {
    let table = [
        ("next week", (3, 9), (3, 15)),
        ("sometime this week", (3, 3), (3, 8)),
        ("on the weekend", (3, 7), (3, 8)),
        ("next weekend", (3, 14), (3, 15)),
        ("as soon as possible", (3, 3), (3, 17)),
        ("whenever you can", (3, 3), (3, 17)),
        ("thursday or friday", (3, 5), (3, 6)),
    ];
    for (text, from, to) in table {
        let days = Days { from: date(2026, from.0, from.1), to: date(2026, to.0, to.1) };
        assert_eq!(take(&mut Words::new(text), TODAY), Some(days), "{text}");
    }
}

#[test]
fn what_names_no_day_is_left_alone() {
    for text in [
        "the second one",
        "the first",
        "may I come in",
        "how are you doing today",
        "a week",
        "nine thirty",
        "13/45",
        "thirty thousand miles",
    ] {
        let mut words = Words::new(text);
        assert_eq!(take(&mut words, TODAY), None, "{text}");
    }
}

#[test]
fn the_words_of_a_day_are_taken() {
    let mut words = Words::new("tomorrow at nine");
    take(&mut words, TODAY);
    assert_eq!(words.iter().filter(|word| !word.is_empty()).collect::<Vec<_>>(), ["at", "nine"]);
}

#[test]
fn a_leap_day_is_found_where_there_is_one() {
    let today = date(2027, 12, 1);
    let found = take(&mut Words::new("february 29th"), today);
    assert_eq!(found, Some(Days::one(date(2028, 2, 29))));
    assert_eq!(take(&mut Words::new("february 30th"), today), None, "there is none");
}

#[test]
fn a_day_is_spoken_with_its_weekday() {
    assert_eq!(spoken(TODAY), "Tuesday, March 3rd");
    assert_eq!(spoken(date(2026, 11, 22)), "Sunday, November 22nd");
}
