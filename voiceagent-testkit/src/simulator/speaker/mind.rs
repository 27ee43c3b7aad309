use voiceagent_core::{ErrorKind, ToolCallId, llm::ToolCall};

use super::super::{log::Log, profile, prose::Prose};

const BREAKS: [ErrorKind; 4] =
    [ErrorKind::Disconnected, ErrorKind::Overloaded, ErrorKind::RateLimited, ErrorKind::Rejected];

/// What a model makes up its replies from, in all of its conversations.
#[derive(Debug)]
pub(super) struct Mind {
    prose: Prose,
    calls: u64,
    fails: u64,
    repeats: u64,
    /// Calls so far, each of which has a name of its own.
    called: u32,
    log: Log,
}

/// What a model does when it is its turn.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) fault: Option<Fault>,
    /// Calls are told twice, and so is the end.
    pub(super) twice: bool,
}

/// What goes wrong with a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is not given.
    Refused(ErrorKind),
    /// It ends early, and the model says so.
    Cut,
    /// It ends early, and the model does not say so.
    Stalled,
    /// It takes seconds.
    Slow,
    /// Nothing comes, and nobody says why.
    Hung,
    /// The conversation ends in the middle of it.
    Lost,
}

impl Mind {
    pub(super) fn new(profile: &profile::Speaker, prose: Prose, log: Log) -> Self {
        let profile::Speaker { calls, fails, repeats, .. } = *profile;
        Self { prose, calls, fails, repeats, called: 0, log }
    }

    /// A reply of the model's own, after the results of its tools or else.
    pub(super) fn reply(&mut self, after_tools: bool) -> Reply {
        let calls = if after_tools { self.calls / 3 } else { self.calls };
        let mut reply = Reply::default();
        if self.prose.dice.percent(calls) {
            if self.prose.dice.percent(40) {
                reply.text = self.prose.text(2, 6);
            }
            for _ in 0..1 + u32::from(self.prose.dice.percent(20)) {
                let (name, arguments) = self.prose.call();
                self.called += 1;
                let id = ToolCallId::new(format!("call-{}", self.called));
                let arguments = arguments.to_string().into();
                reply.calls.push(ToolCall { id, name: name.into(), arguments });
            }
        } else if self.prose.dice.percent(6) {
            reply.text = self.prose.text(40, 70);
        } else {
            reply.text = self.prose.text(1, 20);
        }
        self.spoil(reply)
    }

    /// A text that the model is to say.
    pub(super) fn recite(&mut self, text: &str) -> Reply {
        self.spoil(Reply { text: text.to_owned(), ..Reply::default() })
    }

    fn spoil(&mut self, mut reply: Reply) -> Reply {
        reply.twice = self.prose.dice.percent(self.repeats);
        if reply.twice {
            self.log.inject("the model repeats itself");
        }
        if !self.prose.dice.percent(self.fails) {
            return reply;
        }
        let (what, fault) = match self.prose.dice.between(0, 6) {
            0 => ("the model refuses", Some(Fault::Refused(*self.prose.dice.pick(&BREAKS)))),
            1 => ("the model breaks off", Some(Fault::Cut)),
            2 => ("the model stalls", Some(Fault::Stalled)),
            3 => ("the model is slow", Some(Fault::Slow)),
            4 => ("the model hangs", Some(Fault::Hung)),
            5 => ("the model is lost", Some(Fault::Lost)),
            _ => {
                reply = Reply::default();
                ("the model says nothing", None)
            }
        };
        self.log.inject(what);
        reply.fault = fault;
        reply
    }
}
