//! Nobody waits in silence: what is owed to the caller is heard in time.

use std::time::Duration;

use voiceagent_core::{
    Event, GenerationId, TurnId,
    flow::Plan,
    session::{InterruptionReason, Leg},
};

use super::{
    Settings, Violation,
    floor::{Limits, unstoppable_since},
    legs::Kind,
    log::{Account, Span},
    plans,
    profile::Profile,
};

const LAW: &str = "an owed reply is heard";
/// What goes wrong so long before still keeps an answer waiting.
const AFTERMATH: Duration = Duration::from_secs(4);
/// A recognizer that was lost or stalled hears anew what was said within this.
const RECALL: Duration = Duration::from_secs(20);

/// The replies of a call, against the time within which they are owed.
pub(super) struct Replies<'a> {
    account: &'a Account,
    profile: &'a Profile,
    settings: &'a Settings,
}

/// What came of them.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) found: Vec<Violation>,
    pub(super) owed: u64,
    pub(super) judged: u64,
}

/// A reply that is owed.
#[derive(Clone, Copy, Debug)]
struct Owed {
    /// The turn; `None` where the model takes turns by itself, and owes what it has begun to say.
    turn: Option<TurnId>,
    since: Duration,
    until: Duration,
}

impl<'a> Replies<'a> {
    pub(super) fn of(account: &'a Account, profile: &'a Profile, settings: &'a Settings) -> Self {
        Self { account, profile, settings }
    }

    /// A reply that nothing excuses must have been heard in time.
    pub(super) fn judge(&self) -> Judged {
        let mut judged = Judged::default();
        for (turn, since) in self.owed() {
            judged.owed += 1;
            let owed = Owed { turn, since, until: self.until(since, turn) };
            if self.is_excused(&owed) {
                continue;
            }
            let told = self.is_told(&owed);
            if !told && self.is_over(&owed) {
                continue;
            }
            judged.judged += 1;
            if !told {
                let seen = format!("nothing to {turn:?} from {since:?} to {:?}", owed.until);
                judged.found.push(Violation { law: LAW, seen });
            }
        }
        judged
    }

    /// What is owed since when: an answer to each turn, or, where the model takes turns by itself,
    /// what it has begun to say.
    fn owed(&self) -> Vec<(Option<TurnId>, Duration)> {
        if self.profile.kind == Kind::Duplex {
            return self.account.begun.iter().map(|at| (None, *at)).collect();
        }
        let turns = self.account.events.iter().filter_map(|(at, event)| match event {
            Event::UserTurn { turn, pii_text, .. } => {
                Some((Some(*turn), self.since(*at, pii_text)))
            }
            _ => None,
        });
        turns.collect()
    }

    /// A reply is owed since the end of the turn, which comes no later than the settings say after
    /// the last sound that was understood; unless the ear of the agent was not well meanwhile.
    fn since(&self, over: Duration, text: &str) -> Duration {
        let Account { said, said_at, caller, .. } = self.account;
        let of_turn = said.iter().zip(said_at).filter(|(word, at)| {
            **at <= over && text.split_whitespace().any(|told| told == **word)
        });
        let Some(last) = of_turn.map(|(_, at)| *at).max() else { return over };
        let sound = caller.iter().find(|Span { from, to }| *from <= last && last <= *to);
        let last = sound.map_or(last, |sound| sound.to);
        let unwell = self.account.faults.iter().any(|(at, what)| {
            is_of_hearing(what) && (last.saturating_sub(RECALL)..over).contains(at)
        });
        if unwell || self.profile.kind.is_realtime() {
            return over;
        }
        let Profile { recognizer, relay, kind, .. } = self.profile;
        let words = match kind {
            Kind::Text => relay.silence + relay.delay * 4,
            _ => recognizer.silence + recognizer.delay * 4,
        };
        let limits = Limits::of(self.account, self.profile);
        over.min(limits.latest(last, limits.decision(text) + words))
    }

    /// When a reply that is owed must be heard. A caller who goes on makes it wait, but a noise not
    /// for longer than the agent believes in it; and so does what the agent has to say on its own
    /// account.
    fn until(&self, since: Duration, turn: Option<TurnId>) -> Duration {
        let within = self.settings.owed_within;
        let limits = Limits::of(self.account, self.profile);
        let mut until = since + within;
        loop {
            let before = until;
            for Span { from, to } in &self.account.caller {
                if *from <= until && *to > since {
                    let has_words = self.account.said_at.iter().any(|at| from <= at && at <= to);
                    // Where words come behind the voice, a noise may be the next turn.
                    let begun = if limits.tells_early() { *from } else { since.max(*from) };
                    let end = if has_words {
                        self.believed(*to).map_or(*to, |believed| believed.max(*to))
                    } else {
                        (*to).min(begun + limits.belief())
                    };
                    until = until.max(end + within);
                }
            }
            for Speech { from, to, is_own, .. } in self.speeches() {
                if turn.is_some() && is_own && from <= until && to > since {
                    until = until.max(to + within);
                }
            }
            if until == before {
                return until;
            }
        }
    }

    /// Until when a voice that sounds at this moment is believed though its words are lost, where
    /// the far end tells when a voice begins, or that it has stopped for one, and never when it ends.
    /// Nothing tells the agent then that it is over but the watchdog, which counts from what was told
    /// (T7, T14, I24): an answer that came sooner would be spoken into what most callers still say.
    /// That holds of a turn that came to nothing, and of no other: whatever is understood of a turn
    /// tells more.
    fn believed(&self, at: Duration) -> Option<Duration> {
        let Profile { kind, relay, carrier, .. } = self.profile;
        if *kind != Kind::Text {
            return None;
        }
        let events = || self.account.events.iter();
        let belief = Limits::of(self.account, self.profile).belief();
        if relay.starts {
            let known = at + relay.notices + carrier.inbound;
            let (begun, turn) = events().rev().find_map(|(begun, event)| match event {
                Event::UserStarted { turn, .. } if *begun <= known => Some((*begun, *turn)),
                _ => None,
            })?;
            let mut later = events().filter(|(later, _)| at <= *later);
            let is_nothing = later.any(|(_, event)| *event == Event::TurnDropped { turn });
            return is_nothing.then(|| begun + belief);
        }
        let known = at + relay.tells_after + carrier.inbound;
        let stopped = events().rev().find_map(|(stopped, event)| match event {
            Event::Interrupted { reason: InterruptionReason::BargeIn, .. } if *stopped <= known => {
                Some(*stopped)
            }
            _ => None,
        });
        let stopped = stopped.filter(|_| relay.decides)?;
        let meanwhile = stopped..stopped + belief;
        let is_something = |(at, event): &(Duration, Event)| {
            let words = matches!(event, Event::UserPartial { .. } | Event::UserTurn { .. });
            words && meanwhile.contains(at)
        };
        (!events().any(is_something)).then_some(meanwhile.end)
    }

    /// Whether something of the answer was heard in time, or something that is said in its place.
    fn is_told(&self, owed: &Owed) -> bool {
        let is_heard = |from: Duration| {
            let mut sounds = self.account.agent.iter();
            sounds.any(|sound| sound.to > from && sound.from <= owed.until)
        };
        if owed.turn.is_none() {
            return is_heard(owed.since);
        }
        self.speeches().iter().any(|speech| {
            let answers = speech.is_filler || speech.turn >= owed.turn;
            answers && speech.to >= owed.since && is_heard(speech.from.max(owed.since))
        })
    }

    /// Whether nobody waits for it any more.
    fn is_over(&self, Owed { turn, since, until }: &Owed) -> bool {
        let account = self.account;
        let gone = account.hung_up.is_some_and(|hung_up| hung_up <= *until);
        let refused = account
            .notes
            .iter()
            .any(|note| Some(note.turn) == *turn && matches!(note.plan, Plan::Stay));
        let leaves = unstoppable_since(account).is_some_and(|at| at <= *until);
        let meanwhile = *since..=*until;
        // It may take longer than the agent to hear whom it speaks over.
        let gave_way = turn.is_none() && account.gave_way.iter().any(|at| meanwhile.contains(at));
        let mut events = account.events.iter().filter(|(at, _)| meanwhile.contains(at));
        gone || refused
            || leaves
            || gave_way
            || events.any(|(_, event)| match event {
                Event::UserTurn { turn: other, .. } => turn.is_some_and(|turn| turn < *other),
                // A model that takes turns gives way by itself; and where a flow has asked for a
                // number, it is waited for.
                Event::UserStarted { turn: other, .. } | Event::UserPartial { turn: other, .. } => {
                    turn.is_none_or(|turn| turn < *other && plans::expect(account))
                }
                Event::Interrupted { reason, .. } => *reason == InterruptionReason::Requested,
                Event::Failed { leg, .. } => {
                    matches!(leg, Leg::Realtime | Leg::Stt | Leg::Transport | Leg::Tts)
                }
                Event::Ended { .. } => true,
                _ => false,
            })
    }

    /// Whether something goes wrong that the answer needs. Who says something meanwhile needs
    /// nothing but a voice.
    fn is_excused(&self, Owed { since, until, .. }: &Owed) -> bool {
        let Profile { manner, kind, .. } = self.profile;
        let waits = !manner.holds_the_line || kind.is_realtime();
        if waits && self.settings.owed_always {
            return true;
        }
        let near = since.saturating_sub(AFTERMATH)..=*until;
        let is_ill = self.account.faults.iter().any(|(at, what)| {
            near.contains(at) && (what.starts_with("the voice") || waits && !is_of_hearing(what))
        });
        let mut tools = self.account.tools.iter();
        let works = tools.any(|run| run.begun <= *until && run.ended.is_none_or(|at| at >= *since));
        is_ill || waits && works
    }

    /// What the agent has said, and when.
    fn speeches(&self) -> Vec<Speech> {
        let mut speeches: Vec<Speech> = Vec::new();
        for (at, event) in &self.account.events {
            match event {
                Event::AgentStarted { generation, turn } => {
                    let is_filler = self.account.is_filler(*generation);
                    speeches.push(Speech {
                        generation: *generation,
                        turn: *turn,
                        from: *at,
                        to: Duration::MAX,
                        is_filler,
                        is_own: turn.is_none() && !is_filler,
                    });
                }
                Event::AgentStopped { generation, .. } => {
                    let mut open = speeches.iter_mut().rev();
                    if let Some(speech) = open.find(|speech| speech.generation == *generation) {
                        speech.to = speech.to.min(*at);
                    }
                }
                _ => {}
            }
        }
        let end = self.account.events.last().map_or(Duration::ZERO, |(at, _)| *at);
        speeches.iter_mut().for_each(|speech| speech.to = speech.to.min(end));
        speeches
    }
}

/// A time in which the agent spoke.
#[derive(Clone, Copy, Debug)]
struct Speech {
    generation: GenerationId,
    turn: Option<TurnId>,
    from: Duration,
    to: Duration,
    is_filler: bool,
    /// It answers nothing.
    is_own: bool,
}

/// Whether what goes wrong delays no more than what the caller says is understood.
fn is_of_hearing(what: &str) -> bool {
    what.starts_with("the recognizer")
        || what.starts_with("a final")
        || what.starts_with("a frame")
        || what == "the line holds its breath"
}

#[cfg(test)]
mod tests;
