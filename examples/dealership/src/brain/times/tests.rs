use super::*;

fn found(text: &str, bare: Bare) -> Option<TimeWish> {
    take(&mut Words::new(text), bare)
}

#[test]
fn an_exact_time_is_found_in_each_phrase() {
    let table = [
        ("nine thirty would be perfect", 9, 30),
        ("at three", 15, 0),
        ("tomorrow afternoon at three", 15, 0),
        ("three o'clock", 15, 0),
        ("nine o clock", 9, 0),
        ("3pm", 15, 0),
        ("3 p.m.", 15, 0),
        ("8 a.m. please", 8, 0),
        ("9:30", 9, 30),
        ("2:15", 14, 15),
        ("15:30", 15, 30),
        ("half past nine", 9, 30),
        ("half past two in the afternoon", 14, 30),
        ("quarter to ten", 9, 45),
        ("a quarter past ten", 10, 15),
        ("ten past eight", 8, 10),
        ("quarter to one", 12, 45),
        ("noon", 12, 0),
        ("at noon", 12, 0),
        ("twelve thirty", 12, 30),
        ("nine in the morning", 9, 0),
        ("five in the morning", 5, 0),
        ("seven in the evening", 19, 0),
        ("around ten", 10, 0),
        ("nine oh five", 9, 5),
        ("ten forty five", 10, 45),
        ("not nine, at ten", 10, 0),
        ("around ten thirty if you can", 10, 30),
        ("midnight", 0, 0),
        ("tonight at 8", 20, 0),
        ("no, make it ten", 10, 0),
        ("how about ten", 10, 0),
        ("ten o'clock doesn't work, at eleven", 11, 0),
    ];
    for (text, hour, minute) in table {
        let wish = TimeWish { exact: Some(time(hour, minute, 0, 0)), ..TimeWish::default() };
        assert_eq!(found(text, Bare::Never), Some(wish), "{text}");
    }
}

#[test]
fn a_bare_number_is_a_time_only_where_one_was_asked_for() {
    for (text, hour, minute) in
        [("nine", 9, 0), ("3", 15, 0), ("930", 9, 30), ("ten please", 10, 0)]
    {
        let wish = TimeWish { exact: Some(time(hour, minute, 0, 0)), ..TimeWish::default() };
        assert_eq!(found(text, Bare::Asked), Some(wish), "{text}");
        assert_eq!(found(text, Bare::Never), None, "{text}");
    }
}

#[test]
fn a_number_that_counts_something_is_no_time() {
    for text in [
        "yes that's the one",
        "there will be two of us",
        "i have 2 kids with me",
        "for the 2019 honda",
        "it's for my 2019",
        "my number ends in 0123",
        "<img src=x onerror=alert(1)>",
        "at least two people",
        "about 2 hours",
        "option two",
    ] {
        assert_eq!(found(text, Bare::Asked), None, "{text}");
        assert_eq!(found(text, Bare::Alone), None, "{text}");
    }
}

#[test]
fn a_time_that_was_named_is_corrected_by_a_number_alone_or_a_marked_one() {
    for text in
        ["ten", "no, ten", "no ten please", "10", "i said ten", "make it ten", "yes, at ten"]
    {
        let wish = TimeWish { exact: Some(time(10, 0, 0, 0)), ..TimeWish::default() };
        assert_eq!(found(text, Bare::Alone), Some(wish), "{text}");
    }
    for text in ["yes one question", "yes ten", "yes just one", "we are ten", "not at ten"] {
        assert_eq!(found(text, Bare::Alone), None, "{text}");
    }
}

#[test]
fn bounds_are_found_in_each_phrase() {
    let (nine, eleven, two) = (time(9, 0, 0, 0), time(11, 0, 0, 0), time(14, 0, 0, 0));
    let table = [
        ("after two", Some(two), None),
        ("two o'clock or later", Some(two), None),
        ("not before two", Some(two), None),
        ("no earlier than nine", Some(nine), None),
        ("later than nine", Some(nine), None),
        ("before eleven", None, Some(eleven)),
        ("before noon", None, Some(time(12, 0, 0, 0))),
        ("after lunch", Some(time(13, 0, 0, 0)), None),
        ("at the end of the day", Some(time(15, 0, 0, 0)), None),
        ("by eleven", None, Some(eleven)),
        ("no later than eleven", None, Some(eleven)),
        ("earlier than eleven", None, Some(eleven)),
        ("between nine and eleven", Some(nine), Some(eleven)),
        ("from nine to eleven", Some(nine), Some(eleven)),
        ("at nine or eleven", Some(nine), Some(eleven)),
    ];
    for (text, earliest, latest) in table {
        let wish = TimeWish { earliest, latest, ..TimeWish::default() };
        assert_eq!(found(text, Bare::Never), Some(wish), "{text}");
    }
}

#[test]
fn parts_of_the_day_are_found_in_each_phrase() {
    let table = [
        ("tomorrow morning", PartOfDay::Morning),
        ("first thing", PartOfDay::Morning),
        ("around lunch", PartOfDay::Midday),
        ("in the afternoon", PartOfDay::Afternoon),
        ("friday evening", PartOfDay::Evening),
        ("first thing in the morning", PartOfDay::Morning),
    ];
    for (text, part) in table {
        let wish = TimeWish { part: Some(part), ..TimeWish::default() };
        assert_eq!(found(text, Bare::Never), Some(wish), "{text}");
    }
}

#[test]
fn what_names_no_time_is_left_alone() {
    for text in ["good morning", "i have two cars", "the second one", "six", "a 2023 honda"] {
        assert_eq!(found(text, Bare::Never), None, "{text}");
    }
    assert_eq!(
        found("the first one please", Bare::Asked),
        None,
        "a choice, even where a time was asked for"
    );
}

#[test]
fn offered_times_are_read_in_their_order() {
    let words = Words::new("On Wednesday I have 9:00 AM, 9:30 AM or 1:00 PM. Which one?");
    let times: Vec<Time> = all(&words).into_iter().map(|(_, time)| time).collect();
    assert_eq!(times, [time(9, 0, 0, 0), time(9, 30, 0, 0), time(13, 0, 0, 0)]);
}

#[test]
fn a_shifted_time_stays_within_its_day() {
    assert_eq!(shifted(time(9, 0, 0, 0), -60), time(8, 0, 0, 0));
    assert_eq!(shifted(time(0, 30, 0, 0), -60), time(0, 0, 0, 0));
    assert_eq!(shifted(time(23, 30, 0, 0), 90), time(23, 59, 0, 0));
}
