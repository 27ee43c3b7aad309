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
        ("not on monday, on wednesday", (2026, 3, 4)),
        ("this afternoon", (2026, 3, 3)),
        ("in two weeks", (2026, 3, 17)),
        ("in a month", (2026, 4, 3)),
        ("a week from the day after tomorrow", (2026, 3, 12)),
        ("the first monday in december", (2026, 12, 7)),
        ("the second tuesday of april", (2026, 4, 14)),
        ("the last friday of the month", (2026, 3, 27)),
        ("the 1st monday of next month", (2026, 4, 6)),
        ("the first monday in march", (2027, 3, 1)),
        ("tuesday the 24th", (2026, 3, 24)),
        ("tuesday, march 24th", (2026, 3, 24)),
        ("the 24th, a tuesday", (2026, 3, 24)),
        ("thursday the fifth", (2026, 3, 5)),
        ("thursday next week", (2026, 3, 12)),
        ("next week on thursday", (2026, 3, 12)),
        ("monday of next week", (2026, 3, 9)),
        ("march 24th 2026", (2026, 3, 24)),
        ("march third twenty twenty-seven", (2027, 3, 3)),
        ("3-24-2026", (2026, 3, 24)),
        ("in december, the third", (2026, 12, 3)),
        ("in december third", (2026, 12, 3)),
        ("christmas eve", (2026, 12, 24)),
        ("christmas", (2026, 12, 25)),
        ("new year's eve", (2026, 12, 31)),
        ("new year's day", (2027, 1, 1)),
        ("the day before thanksgiving", (2026, 11, 25)),
        ("black friday", (2026, 11, 27)),
        ("memorial day", (2026, 5, 25)),
        ("the fourth of july", (2026, 7, 4)),
    ];
    for (text, (year, month, day)) in table {
        let found = take(&mut Words::new(text), TODAY);
        assert_eq!(found, Some(Ok(Days::one(date(year, month, day)))), "{text}");
    }
}

#[test]
fn several_days_are_found_in_each_phrase() {
    let table = [
        ("next week", (3, 9), (3, 15)),
        ("sometime this week", (3, 3), (3, 8)),
        ("on the weekend", (3, 7), (3, 8)),
        ("next weekend", (3, 14), (3, 15)),
        ("as soon as possible", (3, 3), (3, 4)),
        ("as soon as you can", (3, 3), (3, 4)),
        ("any day next week is fine", (3, 9), (3, 15)),
        ("next month", (4, 1), (4, 30)),
        ("sometime in april", (4, 1), (4, 30)),
        ("later this month", (3, 4), (3, 31)),
        ("the end of the week", (3, 5), (3, 7)),
        ("early next week", (3, 9), (3, 10)),
        ("in the middle of next week", (3, 10), (3, 12)),
        ("end of the month", (3, 22), (3, 31)),
        ("beginning of the month", (3, 3), (3, 7)),
        ("the first week of april", (4, 1), (4, 7)),
        ("late april", (4, 22), (4, 30)),
        ("the week after next", (3, 16), (3, 22)),
        ("the week of the 24th", (3, 23), (3, 29)),
        ("in the next two weeks", (3, 3), (3, 17)),
        ("within a week", (3, 3), (3, 10)),
        ("thursday or friday", (3, 5), (3, 6)),
    ];
    for (text, from, to) in table {
        let days = Days { from: date(2026, from.0, from.1), to: date(2026, to.0, to.1) };
        assert_eq!(take(&mut Words::new(text), TODAY), Some(Ok(days)), "{text}");
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
        "have a good weekend",
        "merry christmas",
        "between 9-11",
        "you may",
        "nine thirty",
        "13/45",
        "i called yesterday",
        "it started yesterday",
        "march 45",
        "thirty thousand miles",
    ] {
        let mut words = Words::new(text);
        assert_eq!(take(&mut words, TODAY), None, "{text}");
    }
}

#[test]
fn a_day_is_named_by_the_one_that_is_talked_about() {
    // A Thursday.
    let anchor = date(2026, 3, 12);
    let table = [
        ("the same day at noon", Some((3, 12))),
        ("could i come that day", Some((3, 12))),
        ("the day after that", Some((3, 13))),
        ("rather the day after", Some((3, 13))),
        ("the next day please", Some((3, 13))),
        ("the day before that", Some((3, 11))),
        ("wednesday that week", Some((3, 11))),
        ("saturday of that week", Some((3, 14))),
        ("the day after tomorrow", None),
        ("wednesday", None),
    ];
    for (text, day) in table {
        let found = take_relative(&mut Words::new(text), anchor);
        let day = day.map(|(month, day)| Days::one(date(2026, month, day)));
        assert_eq!(found, day, "{text}");
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
    assert_eq!(found, Some(Ok(Days::one(date(2028, 2, 29)))));
    let doubt = take(&mut Words::new("february 29th"), TODAY).and_then(Result::err).unwrap();
    assert_eq!(doubt.sentence(TODAY), "There is no February 29th in 2027.");
}

#[test]
fn what_is_wrong_with_a_day_is_said() {
    let table = [
        ("2020-03-24", "Tuesday, March 24th, 2020, is in the past."),
        ("3/24/20", "Tuesday, March 24th, 2020, is in the past."),
        ("march 3rd 2021", "Wednesday, March 3rd, 2021, is in the past."),
        ("march third, twenty twenty one", "Wednesday, March 3rd, 2021, is in the past."),
        ("last monday", "Monday, March 2nd is in the past."),
        ("yesterday", "Monday, March 2nd is in the past."),
        ("the day before yesterday", "Sunday, March 1st is in the past."),
        ("november 31st", "There is no November 31st."),
        ("the 31st of november", "There is no November 31st."),
        ("31 april", "There is no April 31st."),
        ("11/31", "There is no November 31st."),
        ("2026-04-31", "There is no April 31st."),
        ("2/29/27", "There is no February 29th in 2027."),
        ("february 30th, a tuesday", "There is no February 30th."),
        ("tuesday february thirtieth", "There is no February 30th."),
        ("february 29th 2027", "There is no February 29th in 2027."),
        ("the first monday of march 2025", "Monday, March 3rd, 2025, is in the past."),
        ("tuesday the 25th", "March 25th is a Wednesday, not a Tuesday."),
        ("march 25th, a tuesday", "March 25th is a Wednesday, not a Tuesday."),
        (
            "tomorrow the 25th",
            "Wednesday, March 4th and Wednesday, March 25th are two different days.",
        ),
    ];
    for (text, sentence) in table {
        let doubt = take(&mut Words::new(text), TODAY).and_then(Result::err);
        assert_eq!(doubt.map(|doubt| doubt.sentence(TODAY)).as_deref(), Some(sentence), "{text}");
    }
    let moved = take(&mut Words::new("move the one of last monday to friday"), TODAY);
    assert_eq!(moved, Some(Ok(Days::one(date(2026, 3, 6)))), "the last one counts");
}

#[test]
fn a_text_of_any_length_is_read() {
    let text = format!("{}monday", "a day from ".repeat(3000));
    assert_eq!(take(&mut Words::new(&text), TODAY), None);
    let text = format!("{}monday", "a day from ".repeat(100));
    assert!(take(&mut Words::new(&text), TODAY).is_some());
    let text = "the day after ".repeat(3000);
    assert_eq!(take(&mut Words::new(&text), TODAY), None);
}
