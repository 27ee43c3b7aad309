use super::*;

/// What is written, and what is spoken.
fn speaks(texts: &[(&str, &str)]) {
    for (written, spoken) in texts {
        assert_eq!(SpokenForm::english().speak(written), *spoken, "{written}");
    }
}

#[test]
fn numbers_and_money_are_spoken_in_words() {
    speaks(&[
        // Numbers.
        ("We have 3 of 12.", "We have three of twelve."),
        ("1,250 people", "one thousand two hundred fifty people"),
        ("Pi is 3.14, not -5.", "Pi is three point one four, not minus five."),
        (
            "Since 1999, or 2005, or 2026.",
            "Since nineteen ninety-nine, or two thousand five, or twenty twenty-six.",
        ),
        (
            "Order 00417 and 48151623",
            "Order zero zero four one seven and four eight one five one six two three",
        ),
        ("50+ cars, ~5 of 1,000,000", "fifty plus cars, about five of one million"),
        ("version 1.2.3 of B2B, COVID-19 and an A4", "version 1.2.3 of B2B, COVID-19 and an A4"),
        ("the 1st, 2nd, 12th and 40th", "the first, second, twelfth and fortieth"),
        (
            "1/2 or 3/4, 2½ and 24/7",
            "one half or three quarters, two and one half and twenty-four seven",
        ),
        ("#5 or No. 6", "number five or number six"),
        ("open 9-5, 10–12 people", "open nine to five, ten to twelve people"),
        // Money.
        ("$1, $5.50 and $0.99.", "one dollar, five dollars and fifty cents and ninety-nine cents."),
        ("It is $1,250.01!", "It is one thousand two hundred fifty dollars and one cent!"),
        (
            "€3.20, 5 € or 7 EUR, £1.01",
            "three euros and twenty cents, five euros or seven euros, one pound and one penny",
        ),
        (
            "$1.5 million, $20k, -$5",
            "one point five million dollars, twenty thousand dollars, minus five dollars",
        ),
        ("$5-10 and $30/month", "five to ten dollars and thirty dollars per month"),
    ]);
}

#[test]
fn dates_addresses_and_measures_are_spoken_in_words() {
    speaks(&[
        // Dates and times.
        ("on 2026-11-22", "on November twenty-second, twenty twenty-six"),
        (
            "on 11/22/2026 or 3/4/26",
            "on November twenty-second, twenty twenty-six or March fourth, twenty twenty-six",
        ),
        ("Nov. 22, 2026, May 5th", "November twenty-second, twenty twenty-six, May fifth"),
        ("on 22 November 2026.", "on the twenty-second of November, twenty twenty-six."),
        ("the 3rd of May, the 4 July", "the third of May, the fourth of July"),
        ("in Sept. 2026 I may 5", "in September twenty twenty-six I may five"),
        (
            "10:30 a.m. or 3pm, 14:05, 10:00",
            "ten thirty AM or three PM, fourteen oh five, ten o'clock",
        ),
        ("at 3 p.m. on Monday. At 4 p.m. We", "at three PM on Monday. At four PM. We"),
        (
            "9am-5pm, 9:00-17:30, 10-11 a.m.",
            "nine AM to five PM, nine o'clock to seventeen thirty, ten to eleven AM.",
        ),
        // Addresses.
        ("call (555) 123-4567.", "call five five five, one two three, four five six seven."),
        (
            "+1 555 010-9999, ext. 5",
            "plus one, five five five, zero one zero, nine nine nine nine, extension five",
        ),
        (
            "030 1234 567 or 555-0123",
            "zero three zero, one two three four, five six seven or five five five, zero one two three",
        ),
        ("from 2019-2026", "from twenty nineteen to twenty twenty-six"),
        ("jo.doe42@example.com", "jo dot doe four two at example dot com"),
        (
            "see https://www.example.com/a-b/, or shop.io.",
            "see example dot com slash a dash b, or shop dot io.",
        ),
        // Units, abbreviations, signs.
        (
            "5 km, 1 kg, 20 °C, 30%, 60mph",
            "five kilometers, one kilogram, twenty degrees Celsius, thirty percent, sixty miles an hour",
        ),
        ("5-10 min", "five to ten minutes"),
        ("Dr. Lee, 12 Main St. near St. Paul", "Doctor Lee, twelve Main Street near Saint Paul"),
        ("tyres, e.g. Dunlop, etc.", "tyres, for example Dunlop, et cetera."),
        ("you & me = us", "you and me equals us"),
        ("Nothing to change here, is there?", "Nothing to change here, is there?"),
        ("", ""),
    ]);
}

#[test]
fn codes_and_short_numbers_are_spoken_digit_by_digit() {
    speaks(&[
        ("ZIP 60601-1234.", "ZIP six zero six zero one, one two three four."),
        ("It is zip code 60601, right?", "It is zip code six zero six zero one, right?"),
        ("Chicago, IL 60601", "Chicago, IL six zero six zero one"),
        ("IL 60601, or TV 60601", "IL six zero six zero one, or TV sixty thousand six hundred one"),
        (
            "the IL 60601 or 5000-6000",
            "the IL sixty thousand six hundred one or five thousand to six thousand",
        ),
        ("Hang up and call 911!", "Hang up and call nine one one!"),
        ("Dial 988 or 311 people", "Dial nine eight eight or three hundred eleven people"),
        ("911 km", "nine hundred eleven kilometers"),
    ]);
}

#[test]
fn mixed_numbers_cents_and_capitals_are_spoken_in_words() {
    speaks(&[
        ("1 1/2 or 2 ¾ cups", "one and one half or two and three quarters cups"),
        ("for 1 1/2 hrs.", "for one and one half hours."),
        ("1, 1/2 and 7 24/7", "one, one half and seven twenty-four seven"),
        ("$.50, -$.05 or $.5", "fifty cents, minus five cents or zero point five dollars"),
        ("Apt. 4, Apt. B, apt. 5", "Apartment four, Apartment B, apartment five"),
        ("Ext. 5. Approx. 3.", "Extension five. Approximately three."),
        ("Bring tools, etc. We wait.", "Bring tools, et cetera. We wait."),
    ]);
}

#[test]
fn a_day_may_stand_before_its_month() {
    let mut form = SpokenForm::of("en-GB");
    form.day_first = true;
    assert_eq!(form.speak("3/4/2026"), "April third, twenty twenty-six");
}

#[test]
fn marks_and_emoji_are_not_spoken() {
    let form = SpokenForm::of("de-DE");
    for (written, spoken) in [
        ("**Ja**, _gern_ und `so`.", "Ja, gern und so."),
        ("# Titel\n- eins\n* zwei\n1. drei", "Titel\neins\nzwei\n1. drei"),
        ("> Zitat\n---\nEnde", "Zitat\n\nEnde"),
        ("[hier](https://x.de/a) klicken ![bild](b.png)", "hier klicken bild"),
        ("Gut! 👍🏽 Bis dann 🎉", "Gut! Bis dann "),
        ("2 * 3, 2*3 und foo_bar_baz", "2 * 3, 2*3 und foo_bar_baz"),
        ("5 € bleiben", "5 € bleiben"),
        ("[offen und a](b c)", "[offen und a](b c)"),
    ] {
        assert_eq!(form.speak(written), spoken, "{written}");
    }
}

#[test]
fn marks_within_an_amount_belong_to_it() {
    let form = SpokenForm::english();
    let changes = form.changes("It is **$5**.50 now, **1** *2*.");
    let written: Vec<_> = changes.iter().map(|it| (it.written.clone(), &*it.spoken)).collect();
    assert_eq!(
        written,
        [
            (6..8, ""),
            (8..15, "five dollars and fifty cents"),
            (21..23, ""),
            (23..24, "one"),
            (24..26, ""),
            (27..28, ""),
            (28..29, "two"),
            (29..30, ""),
        ]
    );
}

#[test]
fn the_dictionary_comes_before_the_rules() {
    let form = SpokenForm::english()
        .pronounce(Pronunciation::new("24/7", "around the clock"))
        .pronounce(Pronunciation::new("nginx", "engine x"));
    assert_eq!(form.speak("**nginx** 24/7, 5 km"), "engine x around the clock, five kilometers");
}

#[test]
fn changes_are_in_order_and_apart_whatever_the_text_is() {
    let form = SpokenForm::english();
    let alphabet = [
        "$", "5", "0", ".", ",", " ", "*", "-", "(", ")", "a", "pm", "/", ":", "é", "👍", "[",
        "](", "\n", "#", "+", "%", "1st", "No. ", "Nov ", "@x.com",
    ];
    let mut state = 7_u64;
    for _ in 0..2_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % alphabet.len();
            text.push_str(alphabet[at]);
        }
        let mut end = 0;
        for change in form.changes(&text) {
            assert!(
                change.written.start >= end && change.written.end >= change.written.start,
                "{text:?}"
            );
            end = change.written.end;
            assert!(text.is_char_boundary(change.written.start) && text.is_char_boundary(end));
        }
    }
}
