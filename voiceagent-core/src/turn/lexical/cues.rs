use super::words::{Kind, is_auxiliary, is_closing, is_hesitation, is_symbol, kind};
use crate::turn::Expected;

/// No cue looks further back than so many words.
const REACH: usize = 32;

/// Signs in a text that its speaker has finished, or has not: what [`Lexical`](super::Lexical)
/// goes by.
///
/// Each is 0 or 1, and has a place and a [name](Self::NAMES).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cues([f32; Self::COUNT]);

/// Where a cue stands among the values.
#[derive(Clone, Copy, Debug)]
enum Cue {
    Always,
    OneWord,
    FewWords,
    QuestionMark,
    Comma,
    Hesitation,
    Determiner,
    Preposition,
    Particle,
    Conjunction,
    Joiner,
    Subject,
    Auxiliary,
    AnswersWithAuxiliary,
    Transitive,
    QuestionWord,
    Degree,
    Attribute,
    Object,
    Late,
    Closing,
    AllAnswers,
    AllGreetings,
    GreetsFirst,
    QuestionForm,
    StrandedInQuestion,
    JustJoined,
    InfinitiveBegun,
    OpensWithCondition,
    NoVerbToStranger,
    Symbol,
    ShortRun,
    ItemUnbegun,
    ItemLeadIn,
    YesNoAnswered,
    ChoiceAnswered,
    BareAnswer,
    AnswerBegun,
    ToldToStranger,
}

impl Cues {
    /// How many there are.
    pub const COUNT: usize = Cue::ToldToStranger as usize + 1;

    /// What each is called, in their order.
    pub const NAMES: [&str; Self::COUNT] = [
        "always",
        "one word",
        "two or three words",
        "ends with a question mark",
        "ends with a comma or dash",
        "ends with a hesitation",
        "ends with a determiner",
        "ends with a preposition",
        "ends with a particle",
        "ends with a conjunction",
        "ends with so, that or the like",
        "ends with a subject",
        "ends with an auxiliary",
        "yes it is",
        "ends with a verb that wants an object",
        "ends with a question word",
        "ends with an adverb of degree",
        "ends with an attribute",
        "ends with an object",
        "ends with an adverb that comes last",
        "ends with a thanks or the like",
        "nothing but answers",
        "nothing but greetings",
        "greets first, and little more",
        "has the form of a question",
        "what, and at the end a gap for it",
        "a conjunction one or two words before the end",
        "to and one word more",
        "a condition without what it is for",
        "no verb, and nobody asked for a word",
        "ends with a digit or letter",
        "reads out, one or two so far",
        "nothing yet of the thing asked for",
        "leads in the thing asked for",
        "answers a yes-or-no question",
        "answers a choice",
        "a bare phrase for a question",
        "a sentence begun for a question",
        "a sentence for an open question",
    ];

    /// Reads a turn so far. `agent` is what the agent has said before it, `expected` what it is
    /// known to have asked for.
    #[must_use]
    pub fn of(text: &str, agent: &str, expected: Option<Expected>) -> Self {
        let mut cues = Self([0.0; Self::COUNT]);
        let lower = lower_case(text);
        let words = Words::of(&lower);
        let words = words.as_slice();
        let agent = lower_case(agent.trim_end());
        let asked = Asked::by(&agent, expected);
        cues.set(Cue::Always, true);
        cues.note_length(words);
        cues.note_punctuation(text);
        cues.note_end(words, asked);
        cues.note_form(words);
        cues.note_symbols(words);
        cues.note_answer(words, asked);
        cues
    }

    /// The values, in the order of the names.
    #[must_use]
    pub const fn values(&self) -> &[f32; Self::COUNT] {
        &self.0
    }

    fn set(&mut self, cue: Cue, on: bool) {
        self.0[cue as usize] = f32::from(u8::from(on));
    }

    fn has(&self, cue: Cue) -> bool {
        self.0[cue as usize] > 0.0
    }

    fn note_length(&mut self, words: &[&str]) {
        self.set(Cue::OneWord, words.len() == 1);
        self.set(Cue::FewWords, matches!(words.len(), 2 | 3));
    }

    fn note_punctuation(&mut self, text: &str) {
        let text = text.trim_end();
        self.set(Cue::QuestionMark, text.ends_with('?'));
        self.set(Cue::Comma, text.ends_with([',', ';', ':', '-', '–', '—', '…']));
    }

    /// What the last words want to be followed by.
    fn note_end(&mut self, words: &[&str], asked: Asked) {
        if is_closing(words) {
            return self.set(Cue::Closing, true);
        }
        self.set(Cue::Hesitation, is_hesitation(words));
        let fillers = words.iter().rev().take_while(|word| kind(word) == Kind::Hesitation);
        let words = &words[..words.len() - fillers.count()];
        let Some(last) = words.last() else { return };
        let body = after_openers(words);
        let is_left_over = kind(body.first().unwrap_or(last)) == Kind::Question && body.len() > 3;
        let cue = match kind(last) {
            Kind::Auxiliary | Kind::Preposition | Kind::Particle | Kind::Transitive
                if is_left_over =>
            {
                Cue::StrandedInQuestion
            }
            Kind::Determiner => Cue::Determiner,
            Kind::Preposition => Cue::Preposition,
            Kind::Particle => Cue::Particle,
            Kind::Conjunction => Cue::Conjunction,
            Kind::Joiner => Cue::Joiner,
            Kind::Subject => Cue::Subject,
            Kind::Auxiliary if is_short_answer(words, asked) => Cue::AnswersWithAuxiliary,
            Kind::Auxiliary => Cue::Auxiliary,
            Kind::Transitive => Cue::Transitive,
            Kind::Question => Cue::QuestionWord,
            Kind::Degree => Cue::Degree,
            Kind::Attribute => Cue::Attribute,
            Kind::Object => Cue::Object,
            Kind::Late => Cue::Late,
            Kind::Symbol => Cue::Symbol,
            Kind::Hesitation | Kind::Answer | Kind::Courtesy | Kind::Greeting | Kind::Other => {
                return;
            }
        };
        self.set(cue, true);
    }

    /// What the whole has the form of.
    fn note_form(&mut self, words: &[&str]) {
        let all = |of: fn(&str) -> bool| !words.is_empty() && words.iter().all(|word| of(word));
        self.set(Cue::AllAnswers, all(is_answer_word));
        self.set(Cue::AllGreetings, all(is_greeting_word));
        let greets = words.first().is_some_and(|word| kind(word) == Kind::Greeting);
        self.set(Cue::GreetsFirst, greets && (2..=4).contains(&words.len()));
        let body = after_openers(words);
        let is_question = is_question(body);
        self.set(Cue::QuestionForm, is_question);
        let before = words.len().saturating_sub(3)..words.len().saturating_sub(1);
        let joins = |word: &&str| kind(word) == Kind::Conjunction;
        self.set(Cue::JustJoined, words[before].iter().any(joins));
        let is_infinitive = matches!(words, [.., "to", last] if kind(last) == Kind::Other);
        self.set(Cue::InfinitiveBegun, is_infinitive);
        let conditional = ["after", "because", "if", "since", "when", "while"];
        let is_condition = body.first().is_some_and(|word| conditional.contains(word));
        self.set(Cue::OpensWithCondition, is_condition && body.len() < 7);
    }

    /// How far something has come that is read out.
    fn note_symbols(&mut self, words: &[&str]) {
        let run = words.iter().rev().take_while(|word| is_symbol(word) || **word == "oh");
        let length: usize = run
            .map(|word| if word.starts_with(|c: char| c.is_ascii_digit()) { word.len() } else { 1 })
            .sum();
        self.set(Cue::ShortRun, (1..=2).contains(&length));
    }

    /// How the words fit what the agent has asked.
    fn note_answer(&mut self, words: &[&str], asked: Asked) {
        let first = words.first().map_or(Kind::Other, |word| kind(word));
        let ends_openly = [
            Cue::Hesitation,
            Cue::Determiner,
            Cue::Preposition,
            Cue::Conjunction,
            Cue::Subject,
            Cue::Auxiliary,
            Cue::Transitive,
            Cue::Degree,
        ]
        .iter()
        .any(|cue| self.has(*cue));
        let is_verbal = words
            .iter()
            .any(|word| matches!(kind(word), Kind::Auxiliary | Kind::Transitive | Kind::Subject));
        match asked {
            Asked::Item => {
                let is_agreement = self.has(Cue::AllAnswers) && words.last() != Some(&"no");
                self.set(Cue::ItemUnbegun, is_agreement);
                let leads = matches!(words.last(), Some(&("is" | "it's" | "name's" | "number's")));
                self.set(Cue::ItemLeadIn, leads);
            }
            Asked::YesNo => {
                let is_answer = first == Kind::Answer && words.len() <= 3;
                self.set(Cue::YesNoAnswered, is_answer && !ends_openly);
            }
            Asked::Choice => {
                self.set(Cue::ChoiceAnswered, !ends_openly && words.len() <= 3);
            }
            Asked::Wh => {
                self.set(Cue::BareAnswer, !ends_openly && !is_verbal && words.len() <= 4);
                self.set(Cue::AnswerBegun, is_verbal && words.len() <= 3);
            }
            Asked::Open => {
                let is_bare = !is_verbal && first != Kind::Greeting && words.len() <= 5;
                self.set(Cue::NoVerbToStranger, is_bare && !self.has(Cue::Closing));
                self.set(Cue::ToldToStranger, is_verbal && !ends_openly && words.len() > 4);
            }
            Asked::Unknown => {
                self.set(Cue::YesNoAnswered, self.has(Cue::AllAnswers));
                self.set(Cue::BareAnswer, !ends_openly && !is_verbal && words.len() <= 4);
                self.set(Cue::AnswerBegun, is_verbal && words.len() <= 3);
            }
        }
    }
}

/// What kind of words the agent waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    /// A number, a name, an address.
    Item,
    /// A yes or a no.
    YesNo,
    /// One of two.
    Choice,
    /// What, when, how much.
    Wh,
    /// Anything.
    Open,
    /// Nobody knows.
    Unknown,
}

impl Asked {
    fn by(agent: &str, expected: Option<Expected>) -> Self {
        const ITEMS: [&str; 10] = [
            "account", "address", "code", "digits", "e-mail", "email", "name", "number", "phone",
            "spell",
        ];
        if agent.is_empty() && expected.is_none() {
            return Self::Unknown;
        }
        let sentence = agent.trim_end_matches(['.', '?', '!', ' ']);
        let sentence = sentence.rsplit(['.', '?', '!']).next().unwrap_or_default();
        let words = Words::of(sentence);
        let words = words.as_slice();
        let body = after_openers(words);
        let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
        if expected.is_some() || has(&ITEMS) {
            Self::Item
        } else if has(&["help", "direct", "tell"]) || !is_question(body) && !agent.ends_with('?') {
            Self::Open
        } else if has(&["or"]) {
            Self::Choice
        } else if body.first().is_some_and(|word| is_auxiliary(word)) {
            Self::YesNo
        } else {
            Self::Wh
        }
    }
}

/// The last words of a text.
#[derive(Debug)]
struct Words<'a> {
    words: [&'a str; REACH],
    count: usize,
}

impl<'a> Words<'a> {
    fn of(lower: &'a str) -> Self {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '-');
        let mut words = [""; REACH];
        let mut count = 0;
        let found = lower.rsplit(|c| !is_part(c)).map(|word| word.trim_matches(['\'', '-']));
        for word in found.filter(|word| !word.is_empty()).take(REACH) {
            words[count] = word;
            count += 1;
        }
        words[..count].reverse();
        Self { words, count }
    }

    fn as_slice(&self) -> &[&'a str] {
        &self.words[..self.count]
    }
}

/// So much of a text as any cue looks at, in lower case.
fn lower_case(text: &str) -> String {
    const BYTES: usize = REACH * 12;
    let mut start = text.len().saturating_sub(BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..]
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '’' { '\'' } else { c })
        .collect()
}

fn after_openers<'a, 'b>(words: &'b [&'a str]) -> &'b [&'a str] {
    const OPENERS: [&str; 14] = [
        "actually", "alright", "and", "but", "hello", "hey", "hi", "no", "oh", "ok", "okay", "so",
        "well", "yes",
    ];
    let opener = |word: &&&str| OPENERS.contains(*word) || kind(word) == Kind::Hesitation;
    &words[words.iter().take_while(opener).count()..]
}

/// Whether words without what opens them have the form of a question.
fn is_question(body: &[&str]) -> bool {
    let Some(first) = body.first() else { return false };
    let inverts = is_auxiliary(first) && !first.contains('\'') && body.len() >= 3;
    let asks = kind(first) == Kind::Question || matches!(*first, "what's" | "where's" | "who's");
    inverts || asks && body.len() >= 3
}

/// Whether an auxiliary is the end of "yes it is".
fn is_short_answer(words: &[&str], asked: Asked) -> bool {
    let said = words.iter().take_while(|word| kind(word) == Kind::Answer).count();
    let [subject, _] = words[said..] else { return false };
    let is_subject = kind(subject) == Kind::Subject || matches!(subject, "it" | "that" | "this");
    is_subject && (said > 0 || asked == Asked::YesNo)
}

fn is_answer_word(word: &str) -> bool {
    kind(word) == Kind::Answer
        || kind(word) == Kind::Courtesy
        || matches!(word, "all" | "course" | "it's" | "it" | "of" | "that's" | "you")
}

fn is_greeting_word(word: &str) -> bool {
    kind(word) == Kind::Greeting
        || matches!(word, "afternoon" | "evening" | "good" | "morning" | "there")
}
