use std::time::Duration;

use super::*;

fn spoken(texts: &[(&str, u64)]) -> Script {
    let mut script = Script::new(8_000);
    for (text, samples) in texts {
        script.push_text(text);
        script.push_audio(*samples);
        script.on_spoken(1);
    }
    script
}

#[test]
fn h6_text_flows_evenly_between_anchors_and_whole_words_count() {
    let script = spoken(&[("one two ", 800), ("three four", 1_000)]);
    assert_eq!(script.heard(0), "");
    assert_eq!(script.heard(299), "");
    assert_eq!(script.heard(400), "one");
    assert_eq!(script.heard(799), "one two");
    assert_eq!(script.heard(800 + 550), "one two three");
}

#[test]
fn h2_a_word_that_a_voice_broke_off_was_not_heard_though_silence_follows_it() {
    let mut script = Script::new(8_000);
    script.push_text("one two");
    let at = Duration::from_millis;
    let words = [("one", at(0), at(100)), ("two", at(100), at(200))];
    let words = words.map(|(word, start, end)| WordTiming { word: word.into(), start, end });
    script.on_words(&words);
    script.push_audio(1_590);
    script.on_break_off();
    script.push_audio(10);
    assert_eq!(script.heard(1_600), "one");
}

#[test]
fn h2_where_a_voice_broke_off_in_its_first_word_nothing_was_heard() {
    let mut script = Script::new(8_000);
    script.push_text("one two");
    let (start, end) = (Duration::ZERO, Duration::from_millis(500));
    script.on_words(&[WordTiming { word: "one".into(), start, end }]);
    script.push_audio(3_400);
    script.on_break_off();
    assert_eq!(script.heard(3_400), "");
}

#[test]
fn h6_a_voice_that_left_most_of_a_text_out_tells_nothing_of_its_pace() {
    let mut script = spoken(&[("one two three four five. ", 800)]);
    script.push_text("six seven eight nine ten.");
    script.push_audio(4_000);
    assert_eq!(script.heard(800 + 4_000), "one two three four five. six");
}

#[test]
fn h6_the_pace_of_a_voice_is_that_of_its_letters_whatever_bytes_they_take() {
    // 14 characters a second, and a second and a half of the next text.
    let texts = [
        ("Good day to you all. ", "How may I help you today?", "How may I help you"),
        ("Добрый день, привет! ", "Чем я могу вам помочь?", "Чем я могу вам помочь"),
    ];
    for (first, next, heard) in texts {
        let before = first.chars().count() as u64 * 8_000 / 14;
        let mut script = spoken(&[(first, before)]);
        script.push_text(next);
        script.push_text(" And more.");
        script.push_audio(24_000);
        assert_eq!(script.heard(before + 12_600), format!("{first}{heard}"));
    }
    // Nothing is known of the voice: a typical one says some 15 characters a second.
    let mut script = Script::new(8_000);
    script.push_text("Чем я могу вам помочь?");
    script.push_audio(8_000);
    assert_eq!(script.heard(8_000), "Чем я могу вам");
}

#[test]
fn h17_a_cut_inside_a_word_is_rounded_down() {
    let script = spoken(&[("goodbye", 700)]);
    assert_eq!(script.heard(690), "");
}

#[test]
fn h10_all_is_heard_when_all_audio_was_played() {
    let mut script = spoken(&[("one two.", 800)]);
    assert_eq!(script.heard(690), "one");
    assert_eq!(script.heard(800), "one two.", "a text whose audio is complete was heard whole");
    script.on_complete();
    assert_eq!(script.heard(800), "one two.");
    assert_eq!(script.heard(9_000), "one two.");
}

#[test]
fn h6_the_last_word_of_a_text_counts_though_the_next_text_follows_without_a_space() {
    let script = spoken(&[("One moment.", 1_100), ("Here it is.", 1_100)]);
    assert_eq!(script.heard(900), "One");
    assert_eq!(script.heard(1_100), "One moment.");
    assert_eq!(script.heard(1_300), "One moment.");
    assert_eq!(script.heard(1_500), "One moment.Here");
}

#[test]
fn h6_word_timings_are_exact() {
    let mut script = Script::new(8_000);
    script.push_text("Yes, we have one.");
    script.push_audio(8_000);
    let word = |word: &str, end| WordTiming {
        word: word.into(),
        start: Duration::ZERO,
        end: Duration::from_millis(end),
    };
    script.on_words(&[word("yes", 300), word("we", 400), word("have", 700), word("one", 990)]);
    assert_eq!(script.heard(2_399), "");
    assert_eq!(script.heard(2_400), "Yes,");
    assert_eq!(script.heard(5_600), "Yes, we have");
    assert_eq!(script.heard(7_920), "Yes, we have one.");
}

#[test]
fn h6_a_word_that_is_spelled_otherwise_moves_nothing() {
    let mut script = Script::new(8_000);
    let text = "At 10 we often have room, and much later in the day there are ten more.";
    script.push_text(text);
    script.push_audio(16_000);
    let word = |word: &str, end| WordTiming {
        word: word.into(),
        start: Duration::ZERO,
        end: Duration::from_millis(end),
    };
    script.on_words(&[word("at", 200), word("ten", 400), word("we", 500)]);
    assert_eq!(script.heard(4_000), "At 10 we");
}

#[test]
fn h7_without_any_anchor_the_typical_pace_is_assumed() {
    let mut script = Script::new(8_000);
    script.push_text("This is a sentence that is being spoken.");
    script.push_audio(4_000);
    assert_eq!(script.heard(8_000), "This is a");
}

#[test]
fn h6_text_that_runs_ahead_of_its_audio_is_not_taken_for_heard() {
    let mut script = Script::new(8_000);
    script.flow_evenly(true);
    script.push_text("one two three four five six seven eight");
    script.push_audio(1_600);
    assert_eq!(script.heard(1_600), "one", "0.2 s are five characters at most");
    script.push_audio(30_400);
    script.on_complete();
    assert_eq!(script.heard(16_000), "one two three four");
    assert_eq!(script.heard(0), "");
    assert_eq!(script.heard(32_000), "one two three four five six seven eight");
}

#[test]
fn h6_each_round_of_a_model_has_the_text_that_came_in_it() {
    let mut script = Script::new(8_000);
    script.flow_evenly(true);
    script.push_text("One moment. ");
    script.push_audio(4_000);
    script.on_round_end();
    script.push_text("Here it is, as you wished.");
    script.push_audio(12_000);
    script.on_complete();
    assert_eq!(script.heard(4_000), "One moment.");
    assert_eq!(script.heard(10_000), "One moment. Here it is,");
}

#[test]
fn h6_a_guess_never_takes_back_a_word() {
    let mut script = spoken(&[("one two. ", 900)]);
    script.push_text("three four!");
    script.push_audio(3_000);
    let heard: Vec<&str> = (0..4_000).map(|sample| script.heard(sample)).collect();
    assert!(heard.windows(2).all(|pair| pair[1].starts_with(pair[0])));
    assert_eq!(heard.last(), Some(&"one two. three"), "the last word may be on its way");
}

#[test]
fn h8_no_audio_and_no_text_divide_by_nothing() {
    let mut script = Script::new(0);
    script.on_spoken(3);
    script.on_complete();
    assert_eq!(script.heard(5), "");
    let mut silent = Script::new(8_000);
    silent.push_text("Hello there");
    silent.on_spoken(1);
    assert_eq!(silent.heard(1), "Hello");
}

#[test]
fn h6_a_word_that_another_voice_says_again_is_heard_once() {
    // 60 ms for each letter; the first voice ends within the third word.
    let mut script = Script::new(8_000);
    script.push_text("one two three four");
    script.push_audio("one two th".len() as u64 * 480);
    script.on_continued(0, 8, 2);
    let cut = script.samples();
    assert_eq!((script.heard(1_700), script.heard(cut)), ("one", "one two"));
    script.push_audio("three four".len() as u64 * 480);
    script.on_complete();
    assert_eq!(script.heard(cut + 4 * 480), "one two", "it is said again");
    assert_eq!(script.heard(cut + 5 * 480), "one two three");
    assert_eq!(script.heard(script.samples()), "one two three four");
}

#[test]
fn h6_the_pace_of_a_voice_that_went_on_is_its_own() {
    let mut script = Script::new(8_000);
    for text in ["One moment, please. ", "Here it is, as you asked for it. ", "And the rest."] {
        script.push_text(text);
    }
    // The first voice is as fast as anybody, the second as slow as most.
    script.push_audio(20 * 320);
    script.on_continued(1, 0, 0);
    let cut = script.samples();
    assert_eq!(script.heard(cut), "One moment, please.");
    script.push_audio(8_000);
    assert_eq!(
        script.heard(cut + 8_000),
        "One moment, please. Here it is, as",
        "15 letters a second"
    );
}

#[test]
fn h6_a_place_that_nobody_can_have_reached_breaks_nothing() {
    let mut script = spoken(&[("one two. ", 900)]);
    script.push_text("größer");
    for (texts, bytes) in [(0, 3), (0, 400), (9, 0), (u32::MAX, u32::MAX)] {
        script.on_continued(texts, bytes, 2);
        let heard: Vec<&str> = (0..2_000).map(|sample| script.heard(sample)).collect();
        assert!(heard.windows(2).all(|pair| pair[1].starts_with(pair[0])), "{texts} {bytes}");
    }
}

#[test]
fn re2_a_voice_owes_whole_clauses_that_nobody_says_so_fast() {
    let mut script = Script::new(8_000);
    script.push_text("One moment, please. ");
    assert!(script.is_owed());
    // 15 letters, of which nobody says more than 25 a second.
    script.push_audio(4_799);
    assert!(script.is_owed());
    script.push_audio(1);
    assert!(!script.is_owed());
    script.push_text("And then we");
    assert!(!script.is_owed(), "it may wait for the end of the clause");
    script.push_audio(80_000);
    script.push_text(" see.");
    assert!(script.is_owed(), "it cannot have been spoken before it was there");
}

#[test]
fn re2_how_a_word_is_pronounced_is_not_spoken_letter_by_letter() {
    let mut script = Script::new(8_000);
    script.push_text(r#"Hi, <phoneme alphabet="ipa" ph="ʃɪˈvɔn">Siobhan</phoneme>!"#);
    // Nine letters.
    script.push_audio(9 * 320);
    assert!(!script.is_owed());
}

#[test]
fn re2_a_voice_that_tells_ends_of_texts_or_words_ahead_owes_them() {
    let mut script = Script::new(8_000);
    script.expect_ends(true);
    script.push_text("Yes. ");
    script.push_audio(80_000);
    assert!(script.is_owed());
    script.on_spoken(1);
    assert!(!script.is_owed());
    let mut script = Script::new(8_000);
    script.push_text("Yes. ");
    script.push_audio(8_000);
    let (start, end) = (Duration::ZERO, Duration::from_secs(2));
    script.on_words(&[WordTiming { word: "Yes".into(), start, end }]);
    assert!(script.is_owed());
    script.push_audio(8_000);
    assert!(!script.is_owed());
}
