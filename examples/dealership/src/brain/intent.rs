//! What a caller wants.

use std::ops::Range;

use super::{numbers::cardinal, temper, words::Words};

/// What a caller wants of the agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Intent {
    Book,
    Cancel,
    Check,
    Goodbye,
    Greeting,
    Hours,
    Human,
    Location,
    /// Never to be contacted again.
    OptOut,
    Repeat,
    Reschedule,
    Robot,
    Vin,
}

/// Finds the plainest intent; `None` when the words are about something else.
pub(crate) fn find(words: &Words) -> Option<Intent> {
    let visit = words.any(&["appointment", "appointments", "booking", "visit", "reservation"]);
    if words.says(&OPT_OUT) {
        Some(Intent::OptOut)
    } else if words.says(&HUMAN)
        || words.any(&["human", "person", "representative", "operator"])
        || temper::wants_manager(words)
    {
        Some(Intent::Human)
    } else if words.says(&["cancel", "call off", "calling off"]) {
        Some(Intent::Cancel)
    } else if is_reschedule(words, visit) {
        Some(Intent::Reschedule)
    } else if is_check(words, visit) {
        Some(Intent::Check)
    } else if words.says(&HOURS) {
        Some(Intent::Hours)
    } else if words.says(&LOCATION) {
        Some(Intent::Location)
    } else if words.any(&["vin"]) || words.says(&["vehicle identification"]) {
        Some(Intent::Vin)
    } else if visit || words.says(&BOOK) {
        Some(Intent::Book)
    } else if words.says(&["are you a robot", "are you real", "are you an ai", "am i talking to"]) {
        Some(Intent::Robot)
    } else if words.says(&REPEAT) {
        Some(Intent::Repeat)
    } else if words.says(&GOODBYE) {
        Some(Intent::Goodbye)
    } else if words.says(&["hello", "hi", "hey", "good morning", "good afternoon", "how are you"]) {
        Some(Intent::Greeting)
    } else {
        None
    }
}

const OPT_OUT: [&str; 10] = [
    "stop calling",
    "stop texting",
    "stop contacting",
    "don't call me",
    "dont call me",
    "do not call me",
    "never call me",
    "take me off",
    "remove me from",
    "unsubscribe",
];
const HUMAN: [&str; 9] = [
    "talk to someone",
    "speak to someone",
    "speak with someone",
    "talk to somebody",
    "speak to somebody",
    "talk to a manager",
    "speak to a manager",
    "speak to the manager",
    "real agent",
];

const HOURS: [&str; 10] = [
    "hours",
    "are you open",
    "do you open",
    "do you close",
    "you closed",
    "when are you open",
    "opening times",
    "open on",
    "open today",
    "open tomorrow",
];
const LOCATION: [&str; 7] = [
    "where are you",
    "your address",
    "the address",
    "located",
    "directions",
    "your location",
    "find you",
];
const BOOK: [&str; 6] =
    ["book", "schedule", "come in", "bring it in", "bring my car in", "make a time"];
const REPEAT: [&str; 8] = [
    "repeat",
    "say that again",
    "say it again",
    "pardon",
    "come again",
    "didn't catch",
    "what did you say",
    "didn't hear",
];
const GOODBYE: [&str; 28] = [
    "bye",
    "goodbye",
    "good bye",
    "that's all",
    "thats all",
    "that's it",
    "that's everything",
    "thats everything",
    "nothing else",
    "hang up",
    "i'm done",
    "all set",
    "that is all",
    "that is it",
    "that is everything",
    "that will be all",
    "that'll be all",
    "that would be all",
    "nothing more",
    "i am done",
    "we're done",
    "i'm good",
    "i am good",
    "have a nice day",
    "have a good day",
    "have a great day",
    "have a good one",
    "take care",
];

fn is_reschedule(words: &Words, visit: bool) -> bool {
    let moves =
        words.any(&["move", "moved", "moving", "change", "changed", "push", "postpone", "shift"]);
    let it = words.says(&["move it", "push it", "move that", "change it to", "change that to"]);
    words.any(&["reschedule", "rescheduled", "rescheduling", "postpone"]) || it || (moves && visit)
}

fn is_check(words: &Words, visit: bool) -> bool {
    let asks = words.says(&[
        "when is my",
        "when's my",
        "what time is my",
        "do i have",
        "check my",
        "check on my",
        "check an",
        "confirm my",
        "look up my",
        "what are my",
        "when are my",
        "when am i",
        "upcoming",
    ]);
    asks && (visit || words.says(&["when am i"]))
}

/// Whether somebody agreed or refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    No,
    Yes,
}

/// Finds agreement or refusal. Refusal wins: "that's not right", "no, that's fine".
pub(crate) fn answer(words: &Words) -> Option<Answer> {
    if words.says(&["don't know", "not sure", "no idea", "dont know", "doesn't matter"]) {
        return None;
    }
    let agreed = words.says(&["no problem", "no worries", "why not", "don't mind"]);
    let refused = words.any(&[
        "no",
        "nope",
        "nah",
        "not",
        "wrong",
        "don't",
        "dont",
        "incorrect",
        "never",
        "neither",
        "none",
        "won't",
        "can't",
        "cannot",
    ]);
    let refused = refused || words.says(&["forget it", "forget about it", "never mind"]);
    let unfit = words.says(&["doesn't work", "does not work", "doesn't suit", "isn't right"]);
    if (refused || unfit) && !agreed {
        return Some(Answer::No);
    }
    let plain =
        words.any(&["yes", "yeah", "yep", "yup", "yah", "absolutely", "exactly", "definitely"]);
    let approving = words.any(&[
        "sure", "correct", "right", "ok", "okay", "perfect", "fine", "great", "good", "please",
        "works", "agreed",
    ]) || words.says(&["go ahead", "do it", "of course", "uh huh", "mm hmm"]);
    let yes = plain || agreed || (approving && !is_question(words));
    yes.then_some(Answer::Yes)
}

/// "Is it ok if I bring two kids" agrees to nothing.
fn is_question(words: &Words) -> bool {
    const VERBS: &str = "is are was can could does do did will would should may";
    const OTHERS: &str = "it that this there the my i you we he she they your anybody anyone ok";
    const ASKING: &str = "what when where who why how which";
    let is = |list: &str, at: usize| list.split(' ').any(|word| word == words.at(at));
    // "Do it" and "do that, please" are none.
    let orders = words.stands(0, "do it") || words.stands(0, "do that");
    (is(VERBS, 0) && is(OTHERS, 1) && !orders) || is(ASKING, 0)
}

/// Whether somebody asks for other times than those offered.
pub(crate) fn asks_for_times(words: &Words) -> bool {
    words.says(&[
        "what times",
        "what time do you have",
        "which times",
        "what do you have",
        "what else",
        "other times",
        "other time",
        "another time",
        "different time",
        "something else",
        "anything else",
        "more options",
        "other options",
        "what's available",
        "what is available",
        "openings",
        "none of those",
        "neither",
        "do you have anything",
    ])
}

/// Whether something is wanted beside what was wanted before, not in its place.
pub(crate) fn adds(words: &Words) -> bool {
    words.any(&["also", "additionally"])
        || words.says(&["as well", "in addition", "at the same time", "on top of that"])
}

/// Whether somebody asks for an earlier or a later time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shift {
    Earlier,
    Later,
}

/// Finds a wish for an earlier or later time than those offered.
pub(crate) fn shift(words: &Words) -> Option<Shift> {
    let told = words.says(&["said earlier", "called earlier", "told you earlier"]);
    let parting = words.says(&["see you later", "to you later", "later this"]);
    if words.any(&["earlier", "sooner"]) && !told {
        Some(Shift::Earlier)
    } else if words.says(&["later", "too early"]) && !parting {
        Some(Shift::Later)
    } else {
        None
    }
}

/// Whether any time will do.
pub(crate) fn is_indifferent(words: &Words) -> bool {
    words.says(&[
        "any time",
        "anytime",
        "any day",
        "any of them",
        "any of those",
        "any of these",
        "any is fine",
        "any one",
        "any works",
        "whenever",
        "don't care",
        "dont care",
        "do not care",
        "don't mind",
        "doesn't matter",
        "doesnt matter",
        "does not matter",
        "makes no difference",
        "no preference",
        "not picky",
        "whatever",
        "whichever",
        "you choose",
        "you pick",
        "you decide",
        "up to you",
        "flexible",
        "all the same",
        "they all work",
    ])
}

/// Whether the earliest of those offered is taken, not asked for; blanks the words.
pub(crate) fn takes_earliest(words: &mut Words) -> bool {
    let at = words.position("earliest").or_else(|| words.position("soonest"));
    match at {
        Some(at) if !asks_what_there_is(words) => {
            words.take(at..at + 1);
            true
        }
        Some(_) | None => false,
    }
}

/// Whether the last of all times is asked for, and none is taken.
pub(crate) fn asks_for_last(words: &Words) -> bool {
    words.any(&["last", "latest"]) && asks_what_there_is(words)
}

fn asks_what_there_is(words: &Words) -> bool {
    words.says(&[
        "you have",
        "you've got",
        "possible",
        "available",
        "what's",
        "what is",
        "is there",
    ])
}

/// Whether what stands there is ruled out: "not Monday", "ten doesn't work", "any day but Friday".
pub(crate) fn is_refused(words: &Words, range: Range<usize>) -> bool {
    const BEFORE: [&str; 8] = [
        "not",
        "day but",
        "time but",
        "anything but",
        "except",
        "can't do",
        "cannot do",
        "instead of",
    ];
    const BEHIND: [&str; 9] = [
        "doesn't",
        "does not",
        "won't",
        "will not",
        "isn't",
        "is not",
        "is wrong",
        "is too",
        "is no good",
    ];
    let particle = matches!(words.before(range.start), "at" | "on" | "the" | "for");
    let start = range.start - usize::from(particle);
    BEFORE.iter().any(|phrase| words.ends(start, phrase))
        || BEHIND.iter().any(|phrase| words.stands(range.end, phrase))
}

/// Which of `count` things somebody chose: "the second one", "the last", "either". From 0.
pub(crate) fn choice(words: &Words, count: usize) -> Option<usize> {
    const PLACES: [&[&str]; 3] =
        [&["first", "1st", "either"], &["second", "2nd", "middle"], &["third", "3rd"]];
    let takes_last = words.any(&["last", "latest", "latter"]) && !asks_for_last(words);
    let last = takes_last.then(|| count.checked_sub(1)).flatten();
    let place = || PLACES.iter().position(|names| words.any(names));
    let number = || {
        let at = words.position("number").or_else(|| words.position("option"))?;
        let (number, _) = cardinal(words, at + 1)?;
        usize::try_from(number).ok()?.checked_sub(1)
    };
    last.or_else(place).or_else(number).filter(|place| *place < count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_are_found_in_each_phrase() {
        let table = [
            ("I'd like to make an appointment", Intent::Book),
            ("can i schedule a service", Intent::Book),
            ("can I come in on friday", Intent::Book),
            ("i need to move my appointment", Intent::Reschedule),
            ("can we reschedule", Intent::Reschedule),
            ("i have an appointment tomorrow and i need to move it to friday", Intent::Reschedule),
            ("please cancel my appointment", Intent::Cancel),
            ("when is my appointment", Intent::Check),
            ("do i have an upcoming appointment", Intent::Check),
            ("when are my appointments", Intent::Check),
            ("what are your hours", Intent::Hours),
            ("are you open on saturday", Intent::Hours),
            ("where are you located", Intent::Location),
            ("can you check a vin", Intent::Vin),
            ("let me talk to a real person", Intent::Human),
            ("please stop calling me", Intent::OptOut),
            ("take me off your list", Intent::OptOut),
            ("i want to speak to a manager", Intent::Human),
            ("that's all, bye", Intent::Goodbye),
            ("that is all", Intent::Goodbye),
            ("that will be all", Intent::Goodbye),
            ("are you a robot", Intent::Robot),
            ("could you say that again", Intent::Repeat),
            ("hi there", Intent::Greeting),
        ];
        for (text, intent) in table {
            assert_eq!(find(&Words::new(text)), Some(intent), "{text}");
        }
        assert_eq!(find(&Words::new("the weather is nice")), None);
        assert_eq!(find(&Words::new("please change my oil")), None, "a service, not a move");
    }

    #[test]
    fn refusal_wins_over_agreement() {
        let table = [
            ("yes please", Some(Answer::Yes)),
            ("that's right", Some(Answer::Yes)),
            ("sure, go ahead", Some(Answer::Yes)),
            ("no problem", Some(Answer::Yes)),
            ("that's not right", Some(Answer::No)),
            ("no thanks, that's fine", Some(Answer::No)),
            ("i don't know", None),
            ("on friday", None),
            ("is it ok if i bring 2 kids", None),
            ("what is a good place to wait", None),
            ("can you please wait", None),
            ("do it please", Some(Answer::Yes)),
            ("ok, is there wifi", Some(Answer::Yes)),
        ];
        for (text, answered) in table {
            assert_eq!(answer(&Words::new(text)), answered, "{text}");
        }
    }

    #[test]
    fn choices_and_shifts_are_found() {
        let choose = |text| choice(&Words::new(text), 3);
        assert_eq!(choose("the second one"), Some(1));
        assert_eq!(choose("the last one please"), Some(2));
        assert_eq!(choose("either is fine"), Some(0));
        assert_eq!(choose("option three"), Some(2));
        assert_eq!(choose("nine thirty"), None);
        assert_eq!(choose("what is the last time you have"), None);
        assert_eq!(shift(&Words::new("great, see you later")), None);
        assert_eq!(choice(&Words::new("the third"), 2), None, "there are only two");
        assert_eq!(shift(&Words::new("anything earlier?")), Some(Shift::Earlier));
        assert_eq!(shift(&Words::new("a bit later")), Some(Shift::Later));
        assert!(asks_for_times(&Words::new("what other times do you have")));
    }
}
