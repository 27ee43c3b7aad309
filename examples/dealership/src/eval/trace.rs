use serde_json::Value;

use super::acts::Acts;

/// Something that happened in the calls of a scenario, in order.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Agent(Utterance),
    Caller { id: String, text: String },
    Tool(ToolRun),
}

/// What the agent says in one go: up to the next tool or turn of the caller.
#[derive(Clone, Debug)]
pub(super) struct Utterance {
    pub(super) text: String,
    pub(super) acts: Vec<String>,
    /// Among those of its call, from 1.
    pub(super) turn: usize,
    /// From 1.
    pub(super) call: usize,
    /// Whether the caller heard it to its end.
    pub(super) heard: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ToolRun {
    pub(super) name: String,
    pub(super) arguments: Value,
    pub(super) result: Value,
}

impl Utterance {
    pub(super) fn does(&self, act: &str) -> bool {
        self.acts.iter().any(|done| done == act)
    }

    /// By words that no sentence of the other language has two of.
    pub(super) fn is_spanish(&self) -> bool {
        const WORDS: [&str; 12] = [
            "el", "la", "de", "que", "su", "para", "está", "cita", "gracias", "usted", "mañana",
            "con",
        ];
        let lower = self.text.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphabetic());
        words.filter(|word| WORDS.contains(word)).count() >= 2
    }
}

impl ToolRun {
    pub(super) fn is_ok(&self) -> bool {
        self.result["ok"] == true
    }
}

/// What happened, as far as it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub(super) happenings: Vec<Happening>,
    call: usize,
    turn: usize,
    /// Whether what the agent says next goes on with its last words.
    is_open: bool,
}

impl Trace {
    pub(super) fn begin_call(&mut self) {
        (self.call, self.turn, self.is_open) = (self.call + 1, 0, false);
    }

    /// The agent says more.
    pub(super) fn say(&mut self, words: &str, acts: &Acts) {
        if let (true, Some(Happening::Agent(last))) = (self.is_open, self.happenings.last_mut()) {
            last.text.push_str(words);
            last.acts = acts.of(&last.text);
            return;
        }
        self.is_open = true;
        self.turn += 1;
        self.happenings.push(Happening::Agent(Utterance {
            acts: acts.of(words),
            text: words.to_owned(),
            turn: self.turn,
            call: self.call,
            heard: true,
        }));
    }

    pub(super) fn fall_silent(&mut self) {
        self.is_open = false;
    }

    pub(super) fn hear(&mut self, id: impl Into<String>, text: &str) {
        self.is_open = false;
        self.happenings.push(Happening::Caller { id: id.into(), text: text.to_owned() });
    }

    pub(super) fn run(&mut self, run: ToolRun) {
        self.is_open = false;
        self.happenings.push(Happening::Tool(run));
    }

    pub(super) fn interrupt(&mut self) {
        let said = self.happenings.iter_mut().rev().find_map(|one| match one {
            Happening::Agent(said) => Some(said),
            Happening::Caller { .. } | Happening::Tool(_) => None,
        });
        if let Some(said) = said {
            said.heard = false;
        }
    }

    /// What the agent said, with its place.
    pub(super) fn said(&self) -> impl DoubleEndedIterator<Item = (usize, &Utterance)> {
        self.happenings.iter().enumerate().filter_map(|(at, one)| match one {
            Happening::Agent(said) => Some((at, said)),
            Happening::Caller { .. } | Happening::Tool(_) => None,
        })
    }

    /// The tools that ran, with their places.
    pub(super) fn runs(&self) -> impl DoubleEndedIterator<Item = (usize, &ToolRun)> {
        self.happenings.iter().enumerate().filter_map(|(at, one)| match one {
            Happening::Tool(run) => Some((at, run)),
            Happening::Agent(_) | Happening::Caller { .. } => None,
        })
    }

    /// What the caller said, with its place and its name.
    pub(super) fn heard(&self) -> impl DoubleEndedIterator<Item = (usize, &str, &str)> {
        self.happenings.iter().enumerate().filter_map(|(at, one)| match one {
            Happening::Caller { id, text } => Some((at, id.as_str(), text.as_str())),
            Happening::Agent(_) | Happening::Tool(_) => None,
        })
    }

    /// Whether the agent has said something in this call since the caller did.
    pub(super) fn is_answered(&self) -> bool {
        let said = self.said().next_back().filter(|(_, said)| said.call == self.call);
        let said = said.map(|(at, _)| at);
        said > self.heard().next_back().map(|(at, ..)| at)
    }

    /// Where one of these tools first succeeded.
    pub(super) fn done(&self, tools: &[&str]) -> Option<usize> {
        let done = |run: &ToolRun| run.is_ok() && tools.contains(&run.name.as_str());
        self.runs().find(|(_, run)| done(run)).map(|(at, _)| at)
    }
}
