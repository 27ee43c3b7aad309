//! What is learnt of somebody who may buy a car, and how they are met.

use serde_json::{Value, json};

use super::{
    numbers::{self, cardinal},
    words::Words,
};

/// How far a talk with a lead has come.
#[derive(Debug, Default)]
pub(crate) struct Lead {
    /// Whether it was looked up what is known.
    pub(crate) is_known: bool,
    pub(crate) details: Details,
    /// Whether something was learnt that is not noted.
    pub(crate) is_changed: bool,
    pub(crate) objections: Vec<&'static str>,
    pub(crate) budget_asked: u32,
    /// What they want to know, and were not told.
    pub(crate) topics: Vec<Topic>,
    pub(crate) declined: bool,
    /// Who advises them: the identifier and the name.
    pub(crate) broker: Option<(String, String)>,
    /// The appointment that was booked.
    pub(crate) booked: Option<String>,
    pub(crate) has_number: bool,
    /// The code that was sent.
    pub(crate) session: Option<String>,
    /// What they read of it.
    pub(crate) code: Option<String>,
    /// Whether nothing more is done about a code.
    pub(crate) is_settled: bool,
}

/// What is learnt of a lead.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Details {
    /// Dollars a month.
    pub(crate) budget: Option<u32>,
    pub(crate) timeframe: Option<String>,
    trade_in: Option<String>,
    financing: Option<&'static str>,
}

/// Something that leads want to know before they talk with an advisor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topic {
    Credit,
    Fee,
    Rate,
}

/// Less than this a month finances no car here.
const LEAST_BUDGET: u32 = 150;

impl Lead {
    /// Whether a consultation is worth their while; `None` while nobody knows.
    pub(crate) fn is_qualified(&self) -> Option<bool> {
        let budget = self.details.budget?;
        if budget < LEAST_BUDGET {
            return Some(false);
        }
        self.details.timeframe.as_ref().map(|_| true)
    }

    /// What was learnt, as `update_lead_info` takes it.
    pub(crate) fn patch(&self) -> Value {
        let qualified = self.is_qualified();
        json!({
            "budget_monthly_usd": self.details.budget,
            "timeframe": self.details.timeframe,
            "trade_in": self.details.trade_in,
            "financing": self.details.financing,
            "qualified": qualified,
            "disqualify_reason": (qualified == Some(false)).then_some("budget"),
            "objections": (!self.objections.is_empty()).then_some(&self.objections),
        })
    }

    /// Takes in what they say of themselves. Returns whether there was anything.
    pub(crate) fn hear(&mut self, words: &Words, is_asked: bool) -> bool {
        let before = (self.details.clone(), self.objections.len(), self.topics.len());
        for (topic, marks) in TOPICS {
            if words.any(marks) && !self.topics.contains(&topic) {
                self.topics.push(topic);
            }
        }
        for (objection, marks) in OBJECTIONS {
            if words.says(marks) && !self.objections.contains(&objection) {
                self.objections.push(objection);
            }
        }
        if is_asked || words.says(&["a month", "per month", "monthly", "budget"]) {
            self.details.budget = budget(words).or(self.details.budget);
        }
        if is_asked {
            self.details.timeframe = timeframe(words).or(self.details.timeframe.take());
        }
        if words.any(&["trade", "trading"]) {
            self.details.trade_in = Some(trade_in(words));
        }
        if words.any(&["finance", "financing", "financed", "loan", "lease"]) {
            self.details.financing =
                Some(if words.any(&["no", "not", "cash"]) { "no" } else { "yes" });
        } else if words.any(&["cash"]) {
            self.details.financing = Some("no");
        }
        let learnt = before.0 != self.details || before.1 != self.objections.len();
        self.is_changed |= learnt;
        learnt || before.2 != self.topics.len()
    }
}

const TOPICS: [(Topic, &[&str]); 3] = [
    (Topic::Credit, &["credit"]),
    (Topic::Fee, &["charge", "charges", "cost", "costs", "fee", "fees"]),
    (Topic::Rate, &["rate", "rates", "apr", "interest"]),
];

const OBJECTIONS: [(&str, &[&str]); 3] = [
    ("just_looking", &["just looking", "only looking", "just browsing", "not ready"]),
    ("no_time", &["no time", "don't have time", "busy right now", "in a meeting"]),
    ("has_car", &["already bought", "already have a car", "found a car", "found one"]),
];

impl Topic {
    /// What the documents are searched for.
    pub(crate) fn query(self) -> &'static str {
        match self {
            Self::Credit => "credit check by a consultation",
            Self::Fee => "broker fee to the customer",
            Self::Rate => "rates of the lender and the broker",
        }
    }

    /// The sentences of a text that are about it; all of them, if none is.
    pub(crate) fn of(self, text: &str) -> String {
        let marks: &[&str] = match self {
            Self::Credit => &["credit"],
            Self::Fee => &["fee", "paid", "cost"],
            Self::Rate => &["rate"],
        };
        let is_about = |sentence: &&str| {
            let lower = sentence.to_lowercase();
            marks.iter().any(|mark| lower.contains(mark))
        };
        let sentences: Vec<&str> =
            text.split_inclusive(". ").filter(is_about).map(str::trim).collect();
        if sentences.is_empty() { text.to_owned() } else { sentences.join(" ") }
    }
}

/// An amount: "450", "four fifty", "four hundred fifty", "five hundred". The largest counts, and what
/// is no amount of money for a car is none.
fn budget(words: &Words) -> Option<u32> {
    let amounts = (0..words.len()).filter_map(|at| amount(words, at));
    amounts
        .filter(|amount| (50..10_000).contains(amount) && !(1_980..=2_050).contains(amount))
        .max()
}

fn amount(words: &Words, at: usize) -> Option<u32> {
    let word = words.at(at);
    if word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok();
    }
    let (first, taken) = cardinal(words, at)?;
    let next = at + taken;
    if words.at(next) == "hundred" {
        let and = usize::from(words.at(next + 1) == "and");
        let rest = cardinal(words, next + 1 + and).map_or(0, |(rest, _)| rest);
        return Some(first * 100 + rest);
    }
    match cardinal(words, next) {
        Some((rest @ 10..=99, _)) if (1..=9).contains(&first) => Some(first * 100 + rest),
        _ => (first >= 50).then_some(first),
    }
}

/// By when they want a car, in their words.
fn timeframe(words: &Words) -> Option<String> {
    const UNITS: [&str; 8] = ["day", "days", "week", "weeks", "month", "months", "year", "years"];
    const FROM: [&str; 6] = ["within", "in", "next", "this", "couple", "few"];
    if words.says(&["as soon as possible", "right away", "asap"]) {
        return Some("as soon as possible".to_owned());
    }
    let unit = (0..words.len()).find(|at| {
        // "A month" is how often they pay.
        UNITS.contains(&words.at(*at)) && !matches!(words.before(*at), "a" | "per" | "each")
    })?;
    let start = (unit.saturating_sub(4)..unit).find(|at| FROM.contains(&words.at(*at)))?;
    let said: Vec<&str> = (start..=unit).map(|at| words.at(at)).collect();
    Some(said.join(" "))
}

/// The car that they would give in, in their words.
fn trade_in(words: &Words) -> String {
    const ENDS: [&str; 7] = ["to", "in", "that", "and", "which", "i", ""];
    if words.says(&["no trade", "nothing to trade", "not trading"]) {
        return "none".to_owned();
    }
    let is_year = |at: &usize| matches!(words.at(*at).parse(), Ok(1_980..=2_050_u32));
    let Some(year) = (0..words.len()).find(is_year) else { return "yes".to_owned() };
    let car: Vec<&str> =
        (year..year + 3).map(|at| words.at(at)).take_while(|word| !ENDS.contains(word)).collect();
    car.join(" ")
}

/// The six digits of a code.
pub(crate) fn code(words: &Words) -> Option<String> {
    let mut digits = String::new();
    for word in words.iter() {
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            digits.push_str(word);
        } else if let Some(digit) = numbers::digit(word) {
            digits.push_str(&digit.to_string());
        }
    }
    (digits.len() == 6).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_heard_as_people_say_them() {
        let table = [
            ("about 450 a month", Some(450)),
            ("four fifty", Some(450)),
            ("three hundred and twenty dollars", Some(320)),
            ("maybe five hundred", Some(500)),
            ("I drive a 2017 Altima", None),
            ("two kids", None),
        ];
        for (text, amount) in table {
            assert_eq!(budget(&Words::new(text)), amount, "{text}");
        }
    }

    #[test]
    fn who_says_budget_and_time_is_qualified_and_who_has_too_little_is_not() {
        let mut lead = Lead::default();
        assert!(lead.hear(
            &Words::new("400 a month, in two weeks, and I would trade a 2015 Civic in"),
            true
        ));
        assert_eq!(lead.is_qualified(), Some(true));
        let patch = lead.patch();
        assert_eq!(patch["timeframe"], "in two weeks");
        assert_eq!(patch["trade_in"], "2015 civic");
        let mut lead = Lead::default();
        lead.hear(&Words::new("eighty a month"), true);
        assert_eq!(
            (lead.is_qualified(), &lead.patch()["disqualify_reason"]),
            (Some(false), &json!("budget"))
        );
    }

    #[test]
    fn codes_are_six_digits_and_answers_keep_to_their_topic() {
        assert_eq!(code(&Words::new("one two three, four five six")).as_deref(), Some("123456"));
        assert_eq!(code(&Words::new("it is 987654")).as_deref(), Some("987654"));
        assert_eq!(code(&Words::new("one two three")), None);
        let text = "It is quick. Rates depend on the lender.";
        assert_eq!(Topic::Rate.of(text), "Rates depend on the lender.");
        assert_eq!(Topic::Credit.of(text), text);
    }
}
