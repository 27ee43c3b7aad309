//! Changes of the clocks, as callers speak of them.

use super::words::Words;

/// Whether a change of the clocks is spoken of; its words, which name no time, are blanked.
pub(crate) fn take(words: &mut Words) -> bool {
    const PHRASES: [&str; 15] = [
        "clocks change",
        "clock change",
        "clocks are changing",
        "clocks go",
        "clocks spring",
        "clocks fall",
        "change of the clocks",
        "change the clocks",
        "time change",
        "time changes",
        "daylight saving",
        "daylight savings",
        "spring forward",
        "new time",
        "old time",
    ];
    let mut found = false;
    for phrase in PHRASES {
        while let Some(at) = words.position(phrase) {
            let end = at + phrase.split(' ').count();
            let when = ["tonight", "tomorrow", "today", "forward", "back", "time"];
            words.take(at..end + usize::from(when.contains(&words.at(end))));
            found = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_are_no_time_of_day() {
        for text in [
            "is that before the time change",
            "don't the clocks go back on sunday",
            "with daylight saving time ending",
        ] {
            assert!(take(&mut Words::new(text)), "{text}");
        }
        let mut words = Words::new("eight, but the clocks change tonight");
        assert!(take(&mut words) && !words.any(&["tonight"]));
        assert!(!take(&mut Words::new("can i change the time to nine")));
    }
}
