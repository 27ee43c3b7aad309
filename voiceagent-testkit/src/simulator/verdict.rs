use std::{collections::BTreeSet, sync::Arc, time::Duration};

use voiceagent_core::{Event, ToolCallId, llm::Message, session::EndReason, tool::Effect};

use super::{
    Settings, Violation, floor, goodbyes,
    heard::Expected,
    legs::Kind,
    log::{Account, Span, ToolRun},
    memory,
    owed::Replies,
    plans,
    profile::Profile,
    tool::TIME,
    words::Words,
    world::{Aftermath, GREETING},
};

/// Audio may be on its way, and a decision be for this moment, so long.
const MOMENT: Duration = Duration::from_millis(1);
/// A caller's sounds with no longer gap between them are one to every detector.
const BREATH: Duration = Duration::from_millis(120);
/// Nobody goes on with the same voice after so long.
const PAUSE: Duration = Duration::from_millis(900);
/// Who talks for so long over the agent wants the floor, and is to have it after the second time.
const INSISTS: (Duration, Duration) = (Duration::from_millis(1_200), Duration::from_millis(900));

/// Where words come only behind the voice it takes longer.
const INSISTS_UNHEARD: (Duration, Duration) =
    (Duration::from_millis(4_000), Duration::from_millis(3_500));

/// What is thought of a call.
pub(super) struct Verdict {
    /// What does not hold.
    pub(super) violations: Vec<Violation>,
    /// Replies that were owed, and those of them that nothing excuses.
    pub(super) owed: u64,
    pub(super) judged: u64,
}

/// Judges a call.
pub(super) fn judge(aftermath: &Aftermath, profile: &Profile, settings: &Settings) -> Verdict {
    let account = &aftermath.account;
    let mut judge = Judge { account, profile, found: Vec::new() };
    judge.the_end(aftermath);
    judge.the_order_of_events();
    judge.drafts();
    judge.conversations();
    judge.barge_ins();
    judge.found.extend(floor::check(account, profile));
    judge.found.extend(memory::check(account, profile));
    judge.found.extend(plans::check(account, profile));
    judge.found.extend(goodbyes::check(account));
    match &account.remembered {
        Some(messages) => {
            let expected = Expected::of(account, profile);
            let wrong = expected.check(messages);
            judge
                .check(wrong.is_none(), "law 6: only what was heard", || wrong.unwrap_or_default());
            judge.tools(messages);
            judge.found.extend(Words::of(account, profile).check(messages));
            judge.found.extend(plans::edits(account, messages));
        }
        None => judge.check(false, "law 7: what happened is written down", || {
            "no conversation was remembered".to_owned()
        }),
    }
    let replies = Replies::of(account, profile, settings).judge();
    judge.found.extend(replies.found);
    Verdict { violations: judge.found, owed: replies.owed, judged: replies.judged }
}

struct Judge<'a> {
    account: &'a Account,
    profile: &'a Profile,
    found: Vec<Violation>,
}

impl Judge<'_> {
    fn check(&mut self, holds: bool, law: &'static str, seen: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation { law, seen: seen() });
        }
    }

    fn the_end(&mut self, aftermath: &Aftermath) {
        let Account { events, opened, closed, hung_up, injected, .. } = self.account;
        self.check(aftermath.ended, "law 9: it comes to rest", || "the call goes on".to_owned());
        self.check(aftermath.tasks == 0, "no leak", || format!("{} tasks run on", aftermath.tasks));
        self.check(opened == closed, "no leak", || format!("{opened} opened, {closed} closed"));
        let ends: Vec<_> = events
            .iter()
            .filter_map(|(at, event)| match event {
                Event::Ended { reason } => Some((*at, *reason)),
                _ => None,
            })
            .collect();
        self.check(ends.len() == 1, "every call ends once", || format!("{ends:?}"));
        let Some((end, reason)) = ends.first().copied() else { return };
        let late = hung_up.is_some_and(|at| end > at + self.profile.carrier.inbound + 2 * MOMENT);
        let held = injected.contains_key("the line holds its breath");
        self.check(!late || held, "every call ends", || format!("{hung_up:?}, {end:?}"));
        let failed = events.iter().any(|(_, event)| matches!(event, Event::Failed { .. }));
        let fair = reason != EndReason::Failed || failed && !self.profile.healthy;
        self.check(fair, "a sound call does not fail", || format!("at {end:?}"));
        let after = events.iter().skip_while(|(_, event)| !matches!(event, Event::Ended { .. }));
        let late = after.skip(1).find(|(_, event)| !matches!(event, Event::ToolFinished { .. }));
        self.check(late.is_none(), "nothing happens after the end", || format!("{late:?}"));
    }

    /// The agent speaks once at a time, but for words on the side within an answer, and each time
    /// to an end; turns follow each other.
    fn the_order_of_events(&mut self) {
        let (mut speaking, mut turn, mut wrong) = (BTreeSet::new(), None, None);
        // A far end without marks tells afterwards that it was stopped.
        let is_told_later = self.profile.kind == Kind::Text && !self.profile.carrier.marks;
        for (at, event) in &self.account.events {
            let is_wrong = match event {
                Event::AgentStarted { generation, .. } => {
                    !speaking.insert(*generation) || speaking.len() > 2
                }
                Event::AgentStopped { generation, interrupted, .. } => {
                    !(speaking.remove(generation) || is_told_later && *interrupted)
                }
                Event::UserTurn { turn: next, .. } => {
                    turn.replace(*next).is_some_and(|last| *next <= last)
                }
                _ => false,
            };
            if is_wrong {
                wrong.get_or_insert((at, event));
            }
        }
        self.check(wrong.is_none(), "law 5: one at a time", || format!("{wrong:?}"));
        let answers = self.account.most_answers;
        self.check(answers <= 1, "law 5: one at a time", || format!("{answers} answers at once"));
    }

    /// A draft is alone, unheard, and changes nothing.
    fn drafts(&mut self) {
        let (mut open, mut drafts) = (None, Vec::new());
        for (at, event) in &self.account.events {
            match event {
                Event::DraftStarted { .. } => {
                    let second = open.replace(*at).is_some();
                    self.check(!second, "law 5: one at a time", || format!("two drafts at {at:?}"));
                }
                Event::DraftDropped { .. } | Event::UserTurn { .. } | Event::Ended { .. } => {
                    drafts.extend(open.take().map(|from| (from, *at)));
                }
                _ => {}
            }
        }
        let within = |run: &&ToolRun| {
            run.effect != Effect::Pure
                && drafts.iter().any(|(from, to)| *from < run.begun && run.begun < *to)
        };
        let early = self.account.tools.iter().find(within);
        self.check(early.is_none(), "a draft changes nothing", || format!("{early:?}"));
    }

    /// Whatever the model is shown is a conversation that vendors take.
    fn conversations(&mut self) {
        let account = self.account;
        let shown = account.conversations.iter().map(|messages| &messages[..]);
        let all = shown.chain(account.remembered.as_deref());
        let wrong = all.filter_map(unpaired).next();
        self.check(wrong.is_none(), "each call has one result", || format!("{wrong:?}"));
        let wrong = account.successions.iter().find_map(|messages| mistold(messages));
        self.check(wrong.is_none(), "no call has two results", || format!("{wrong:?}"));
    }

    fn tools(&mut self, messages: &[Message]) {
        let mut keys = BTreeSet::new();
        for run in &self.account.tools {
            let is_new = keys.insert(run.key.clone());
            self.check(is_new, "law 7: each tool runs once", || format!("{run:?}"));
            let cut = run.dropped.filter(|at| !run.cancellable && *at < run.begun + TIME);
            self.check(cut.is_none(), "a tool has its time", || format!("{run:?}"));
            let result = messages.iter().find_map(|message| match message {
                Message::ToolResult { id, output } if *id == run.id => Some(output.clone()),
                _ => None,
            });
            let is_right = match (&result, &run.output) {
                // A draft that was dropped leaves no trace.
                _ if self.was_dropped(run) => run.effect == Effect::Pure,
                (None, _) => false,
                (Some(told), Some(output)) => *told == Arc::from(output.to_string()),
                (Some(told), None) => told.contains("error") || told.contains("cancelled"),
            };
            let seen = || format!("{run:?}: {result:?}");
            self.check(is_right, "law 7: side effects are written down", seen);
        }
    }

    /// Whether a tool ran for a draft that nobody heard.
    fn was_dropped(&self, run: &ToolRun) -> bool {
        self.account.events.iter().any(|(_, event)| {
            matches!(event, Event::DraftDropped { generation } if *generation == run.generation)
        })
    }

    /// Who insists is let speak.
    fn barge_ins(&mut self) {
        let Profile { kind, healthy, recognizer, speaker, relay, min_words, manner, .. } =
            self.profile;
        let leaves = self.account.events.iter().any(|(_, event)| {
            matches!(event, Event::ToolStarted { name, .. } if &**name == "hang_up" || &**name == "transfer")
        });
        let leaves = leaves || plans::leave(self.account);
        let is_noticed = match kind {
            Kind::Cascade => recognizer.detects && *min_words == 0,
            Kind::Realtime => true,
            // Without edges the model alone knows when it gives way.
            Kind::Duplex => speaker.edges,
            // Of a far end that leaves it to the agent only words are known, when they come.
            Kind::Text => relay.decides,
        };
        // Who speaks for too long is spoken over.
        let is_cut_off = manner.max_turn.is_some();
        if !healthy || !is_noticed || leaves || self.profile.meddling || is_cut_off {
            return;
        }
        let says_late = *kind == Kind::Cascade && !recognizer.interims;
        let (long, soon) = if says_late { INSISTS_UNHEARD } else { INSISTS };
        let firm = self.firm();
        let spans = joined(&self.account.caller);
        for (index, over) in spans.iter().enumerate() {
            // Who goes on for 5 s before any words of it are known is a noise, and so is what follows.
            let before = index.checked_sub(1).map(|before| spans[before].to);
            if *kind == Kind::Realtime && before.is_some_and(|to| to + PAUSE > over.from) {
                continue;
            }
            let stop = over.from + soon;
            // A far end that hears by itself takes a noise for nothing.
            let early = over.from..over.from + soon / 2;
            if *kind == Kind::Text && !self.account.said_at.iter().any(|at| early.contains(at)) {
                continue;
            }
            let ignored = self.account.agent.iter().find(|Span { from, to }| {
                let begun = *from + MOMENT * 20 < over.from;
                let is_firm = firm.is_some_and(|firm| *from < firm.to && firm.from < *to);
                over.to - over.from >= long && begun && !is_firm && *to > stop
            });
            self.check(ignored.is_none(), "a caller who insists is let speak", || {
                format!("{over:?} over {ignored:?}")
            });
        }
    }
}

impl Judge<'_> {
    /// While the agent speaks as nobody can stop it: a firm greeting, before which a model that takes
    /// turns by itself may have answered already.
    fn firm(&self) -> Option<Span> {
        let Profile { manner, greeting, kind, speaker, carrier, .. } = self.profile;
        let in_own_words = kind.is_realtime() && speaker.greets;
        let mut events = self.account.events.iter().filter(|_| manner.firm_greeting && *greeting);
        let (greeted, to) = events.find_map(|(at, event)| match event {
            Event::AgentStopped { generation, pii_heard, .. }
                if in_own_words || is_greeting(pii_heard) =>
            {
                Some((*generation, *at))
            }
            _ => None,
        })?;
        let from = self.account.events.iter().find_map(|(at, event)| match event {
            Event::AgentStarted { generation, .. } if *generation == greeted => Some(*at),
            _ => None,
        });
        Some(Span { from: from?, to: to + carrier.outbound })
    }
}

/// Whether this was heard of the greeting.
fn is_greeting(heard: &str) -> bool {
    heard.split_whitespace().next() == GREETING.split_whitespace().next()
}

fn joined(spans: &[Span]) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if last.to + BREATH >= span.from => last.to = span.to,
            _ => joined.push(*span),
        }
    }
    joined
}

/// A tool call that is there twice, or a result without a call before it, or a second one.
fn mistold(messages: &[Message]) -> Option<ToolCallId> {
    let (mut open, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for message in messages {
        match message {
            Message::ToolCall(call) if !seen.insert(call.id.clone()) => {
                return Some(call.id.clone());
            }
            Message::ToolCall(call) => drop(open.insert(call.id.clone())),
            Message::ToolResult { id, .. } if !open.remove(id) => return Some(id.clone()),
            _ => {}
        }
    }
    None
}

/// A tool call without exactly one result right behind it, or a result without a call.
fn unpaired(messages: &[Message]) -> Option<ToolCallId> {
    let (mut open, mut seen) = (Vec::new(), BTreeSet::new());
    for message in messages {
        match message {
            Message::ToolCall(call) => {
                if !seen.insert(call.id.clone()) {
                    return Some(call.id.clone());
                }
                open.push(call.id.clone());
            }
            Message::ToolResult { id, .. } => match open.iter().position(|call| call == id) {
                Some(index) => drop(open.remove(index)),
                None => return Some(id.clone()),
            },
            _ if open.is_empty() => {}
            _ => break,
        }
    }
    open.pop()
}
