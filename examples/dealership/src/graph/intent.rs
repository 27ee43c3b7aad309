use serde::{Deserialize, Serialize};

use crate::brain::{
    intent::{self as plain, Intent as Plain},
    service,
    words::Words,
};

/// What a caller wants, as reports count it.
///
/// ```
/// use dealership::graph::Intent;
///
/// assert_eq!(Intent::of("I can't make it, please cancel my appointment"), Intent::Cancel);
/// assert_eq!(Intent::of("the weather is nice"), Intent::Unknown);
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "reports know these intents")]
pub enum Intent {
    /// A visit that is new.
    Book,
    /// A visit no more.
    Cancel,
    /// Another time for a visit.
    Reschedule,
    /// What visits there are.
    Check,
    /// What the house does, and for how much.
    ServiceInquiry,
    /// When the house is open.
    HoursInquiry,
    /// A person.
    SpeakToHuman,
    /// Something else that is understood.
    Other,
    /// Nothing that is understood.
    Unknown,
}

impl Intent {
    /// All intents.
    pub const ALL: [Self; 9] = [
        Self::Book,
        Self::Cancel,
        Self::Reschedule,
        Self::Check,
        Self::ServiceInquiry,
        Self::HoursInquiry,
        Self::SpeakToHuman,
        Self::Other,
        Self::Unknown,
    ];

    /// The plainest intent of a turn, by its words.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let words = Words::new(text);
        let asks = words.says(&ASKING);
        match plain::find(&words) {
            Some(Plain::Cancel) => Self::Cancel,
            Some(Plain::Reschedule) => Self::Reschedule,
            Some(Plain::Check) => Self::Check,
            Some(Plain::Human) => Self::SpeakToHuman,
            Some(Plain::Hours) => Self::HoursInquiry,
            Some(Plain::Location) => Self::ServiceInquiry,
            Some(Plain::OptOut) => Self::Other,
            _ if asks => Self::ServiceInquiry,
            Some(Plain::Book) => Self::Book,
            None if service::take(&mut words.clone()).is_some() => Self::Book,
            Some(Plain::Goodbye | Plain::Greeting | Plain::Repeat | Plain::Robot | Plain::Vin) => {
                Self::Other
            }
            None => Self::Unknown,
        }
    }

    /// Its name in tables and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Cancel => "cancel",
            Self::Reschedule => "reschedule",
            Self::Check => "check",
            Self::ServiceInquiry => "service_inquiry",
            Self::HoursInquiry => "hours_inquiry",
            Self::SpeakToHuman => "speak_to_human",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

const ASKING: [&str; 18] = [
    "how much",
    "what does",
    "what do you charge",
    "the price",
    "what price",
    "do you do",
    "do you fix",
    "do you offer",
    "do you repair",
    "do you sell",
    "do you service",
    "do you work on",
    "can you fix",
    "can you repair",
    "how long does",
    "what kind of",
    "what services",
    "is there a fee",
];

/// Whether somebody hesitates to buy.
pub(super) fn is_objection(words: &Words) -> bool {
    words.says(&[
        "too expensive",
        "too much money",
        "can't afford",
        "cannot afford",
        "think about it",
        "talk to my wife",
        "talk to my husband",
        "talk to my partner",
        "not sure about it",
        "bad credit",
        "my credit is bad",
        "better offer",
        "cheaper somewhere",
        "cheaper elsewhere",
        "bad time",
        "not a good time",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of callers, and what each wants. They were labelled before the rules were tried on them.
    const LABELLED: [(&str, Intent); 54] = [
        ("I need an oil change", Intent::Book),
        ("I'd like to book an appointment for my truck", Intent::Book),
        ("can I schedule a tire rotation for Friday", Intent::Book),
        ("my brakes are squeaking, can I bring it in", Intent::Book),
        ("I want to come in for a test drive", Intent::Book),
        ("make an appointment please", Intent::Book),
        ("could I get a state inspection next week", Intent::Book),
        ("cancel my appointment", Intent::Cancel),
        ("I have to cancel tomorrow's visit", Intent::Cancel),
        ("I'm calling off my oil change", Intent::Cancel),
        ("please cancel it, I sold the car", Intent::Cancel),
        ("I need to call off the visit on Monday", Intent::Cancel),
        ("can you cancel the booking for my wife", Intent::Cancel),
        ("I need to reschedule", Intent::Reschedule),
        ("can we move my appointment to Thursday", Intent::Reschedule),
        ("I want to change my appointment", Intent::Reschedule),
        ("could you push it to the afternoon", Intent::Reschedule),
        ("let's postpone the visit", Intent::Reschedule),
        ("is it possible to shift my booking by a day", Intent::Reschedule),
        ("when is my appointment", Intent::Check),
        ("do I have a visit booked", Intent::Check),
        ("I'd like to check my appointment", Intent::Check),
        ("what time is my appointment tomorrow", Intent::Check),
        ("what are my upcoming visits", Intent::Check),
        ("can you look up my booking", Intent::Check),
        ("how much is an oil change", Intent::ServiceInquiry),
        ("do you work on diesels", Intent::ServiceInquiry),
        ("what does an alignment cost", Intent::ServiceInquiry),
        ("do you sell tires", Intent::ServiceInquiry),
        ("how long does an inspection take", Intent::ServiceInquiry),
        ("where are you located", Intent::ServiceInquiry),
        ("do you offer loaner cars", Intent::ServiceInquiry),
        ("what are your hours", Intent::HoursInquiry),
        ("are you open on Sunday", Intent::HoursInquiry),
        ("when do you close today", Intent::HoursInquiry),
        ("what time are you open tomorrow", Intent::HoursInquiry),
        ("are you open on Thanksgiving", Intent::HoursInquiry),
        ("I want to talk to a person", Intent::SpeakToHuman),
        ("get me your manager", Intent::SpeakToHuman),
        ("a representative please", Intent::SpeakToHuman),
        ("can I speak to someone in sales", Intent::SpeakToHuman),
        ("I don't want to talk to a machine, give me a human", Intent::SpeakToHuman),
        ("operator", Intent::SpeakToHuman),
        ("hello", Intent::Other),
        ("could you repeat that", Intent::Other),
        ("are you a robot", Intent::Other),
        ("that's all, goodbye", Intent::Other),
        ("please take me off your list", Intent::Other),
        ("I have my VIN here", Intent::Other),
        ("the weather is nice", Intent::Unknown),
        ("my dog likes the car", Intent::Unknown),
        ("blue I think", Intent::Unknown),
        ("hmm let me see", Intent::Unknown),
        ("well you know", Intent::Unknown),
    ];

    #[test]
    fn the_nine_intents_are_told_apart_on_labelled_turns() {
        let mut sum = 0.0;
        for intent in Intent::ALL {
            let of = |found: bool, meant: bool| {
                let is = |(text, label): &&(&str, Intent)| {
                    (Intent::of(text) == intent) == found && (*label == intent) == meant
                };
                LABELLED.iter().filter(is).count() as f64
            };
            let right = of(true, true);
            let score = 2.0 * right / (2.0 * right + of(true, false) + of(false, true));
            println!("{:>16}  F1 {score:.2}", intent.name());
            sum += score;
        }
        let mean = sum / Intent::ALL.len() as f64;
        println!("{:>16}  F1 {mean:.2}", "mean");
        let wrong: Vec<_> = LABELLED.iter().filter(|(text, is)| Intent::of(text) != *is).collect();
        assert!(mean > 0.9, "{mean}: {wrong:?}");
    }
}
