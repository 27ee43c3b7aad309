//! Who has the floor, and for how long: a noise does not silence the agent for good, no turn stays
//! open for ever, and nobody is answered who has asked for something else since.

use std::{collections::BTreeMap, time::Duration};

use voiceagent_core::{
    Event, GenerationId, TurnId,
    session::{BargeInConfig, EndReason, EndpointingConfig, ModelConfig},
};

use super::{
    Violation,
    legs::Kind,
    log::{Account, Span},
    profile::Profile,
};

const PAUSES: &str = "a pause in vain ends";
const TURNS: &str = "an open turn ends";
const NEWEST: &str = "the newest turn is answered";

/// From a sound to what the agent knows of it: a frame, the end of speech, and some rounding.
const NOTICED: Duration = Duration::from_millis(350);
/// A line that holds its breath does so for no longer.
const BREATH: Duration = Duration::from_millis(700);
/// A detector that was reset is not believed for longer when it hears the same again.
const DISAGREEMENT: Duration = Duration::from_millis(900);
/// What is announced has begun by then, or is not heard.
const ANNOUNCED: Duration = Duration::from_secs(10);
/// Where words come only behind the voice, it is believed for longer.
const WORDLESS: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);

/// What does not hold.
pub(super) fn check(account: &Account, profile: &Profile) -> Vec<Violation> {
    let limits = Limits::of(account, profile);
    let mut found = newest_answers(account, profile);
    if profile.kind != Kind::Duplex {
        found.extend(limits.pauses());
        found.extend(limits.turns());
    }
    found
}

/// How long something may last in a call.
pub(super) struct Limits<'a> {
    account: &'a Account,
    profile: &'a Profile,
}

impl<'a> Limits<'a> {
    pub(super) fn of(account: &'a Account, profile: &'a Profile) -> Self {
        Self { account, profile }
    }

    /// How long after the caller's last sound a turn is over in which this was understood.
    pub(super) fn decision(&self, text: &str) -> Duration {
        let EndpointingConfig {
            min_delay, max_delay, entity_max_delay, transcript_timeout, ..
        } = EndpointingConfig::default();
        let Profile { flow, turn_detector, manner, recognizer, .. } = self.profile;
        let vendor_decides = recognizer.end_of_turn && recognizer.semantic;
        let is_predicted = *turn_detector || manner.by_words;
        let delay = if flow.is_some() || is_predicted && self.is_dictated(text) {
            entity_max_delay
        } else if is_predicted || vendor_decides || manner.learns {
            max_delay
        } else {
            min_delay
        };
        delay.max(transcript_timeout)
    }

    /// Whether a caller who says this may be reading something out: nobody has asked for it, and
    /// the last word looks like a part of a code, as "u10" does and "u9" does not. What is typed is
    /// complete when it is sent.
    fn is_dictated(&self, text: &str) -> bool {
        let last = text.split_whitespace().next_back().unwrap_or_default();
        let is_code = last.len() > 2 && last.ends_with(|c: char| c.is_ascii_digit());
        is_code && self.profile.kind != Kind::Text
    }

    /// How long after a sound the agent knows of it, or of its end.
    fn noticed(&self, from: Duration, to: Duration) -> Duration {
        let Profile { kind, carrier, speaker, .. } = self.profile;
        let own = if kind.is_realtime() { speaker.notices + speaker.silence } else { NOTICED };
        let held =
            self.account.faults.iter().filter(|(at, what)| {
                *what == "the line holds its breath" && (from..to).contains(at)
            });
        let held = u32::try_from(held.count()).unwrap_or(u32::MAX);
        own.max(NOTICED) + carrier.inbound + BREATH * held
    }

    /// For how long a sound of which nothing is understood is taken for a voice.
    pub(super) fn belief(&self) -> Duration {
        let EndpointingConfig { watchdog, .. } = EndpointingConfig::default();
        if self.tells_early() { watchdog } else { watchdog.max(WORDLESS) }
    }

    /// Whether words are told while they are spoken.
    pub(super) fn tells_early(&self) -> bool {
        match self.profile.kind {
            Kind::Cascade => self.profile.recognizer.interims,
            Kind::Duplex | Kind::Realtime => false,
            Kind::Text => true,
        }
    }

    /// When something is over at the latest that has last changed at `last`: it may last so long in
    /// silence and, whatever the caller's side sounds like, not much longer than a watchdog waits.
    pub(super) fn latest(&self, last: Duration, quiet: Duration) -> Duration {
        let silent = self.until(last, quiet);
        let noise = last + self.belief() + DISAGREEMENT + quiet;
        let noise = noise + self.noticed(last, noise);
        if self.profile.kind.is_realtime() { silent } else { silent.min(noise) }
    }

    /// When something must be over that may last so long after `from`, and after each sound that
    /// the caller has made by then.
    fn until(&self, from: Duration, quiet: Duration) -> Duration {
        let mut until = from + quiet;
        let Account { caller, blurred, faults, .. } = self.account;
        // Who is lost, and heard by nobody else, hears nothing until it is back.
        let deaf = faults.iter().filter(|(_, what)| {
            self.profile.kind == Kind::Realtime && what.starts_with("the model")
        });
        let deaf = deaf.map(|(at, _)| Span { from: *at, to: *at + NOTICED });
        let mut sounds: Vec<Span> = caller.iter().chain(blurred).copied().chain(deaf).collect();
        sounds.sort_by_key(|sound| sound.from);
        for sound in sounds.into_iter().filter(|sound| sound.to > from) {
            // What was heard a moment too late for this is heard all the same.
            if sound.from <= until + NOTICED {
                until = until.max(sound.to + quiet);
            }
        }
        until + self.noticed(from, until)
    }

    /// An agent who fell silent on suspicion goes on, or was interrupted.
    fn pauses(&self) -> Vec<Violation> {
        let BargeInConfig { resume_after, .. } = BargeInConfig::default();
        let events = &self.account.events;
        let mut found = Vec::new();
        for (index, (at, event)) in events.iter().enumerate() {
            let Event::AgentPaused { generation } = event else { continue };
            let end = events[index..].iter().find(|(_, event)| match event {
                Event::AgentResumed { generation: of, .. }
                | Event::AgentStopped { generation: of, .. } => of == generation,
                Event::Interrupted { .. } | Event::Ended { .. } => true,
                _ => false,
            });
            let end = end.map_or(Duration::MAX, |(end, _)| *end);
            let turns = open_turns(self.account);
            let turns = turns.values().filter(|turn| turn.from <= end && *at <= turn.to);
            let last = turns.clone().map(|turn| turn.last.min(end)).max().unwrap_or(*at);
            let decided = turns.filter_map(|turn| Some(self.decision(turn.text?)));
            let quiet = resume_after.max(decided.max().unwrap_or_default());
            self.expect(PAUSES, (*at, last.max(*at), end), quiet, &mut found);
        }
        found
    }

    /// Each turn that begins is decided, or comes to nothing.
    fn turns(&self) -> Vec<Violation> {
        let Profile { kind, recognizer, .. } = self.profile;
        let EndpointingConfig { transcript_timeout, .. } = EndpointingConfig::default();
        let has_edges = *kind == Kind::Cascade && recognizer.detects || kind.is_realtime();
        let mut found = Vec::new();
        // Who takes their leave decides nothing any more.
        let leaves = unstoppable_since(self.account).unwrap_or(Duration::MAX);
        for (turn, Open { from, last, to, text }) in open_turns(self.account) {
            let to = to.min(leaves);
            let quiet = match (text, has_edges) {
                (Some(text), _) => self.decision(text),
                (None, _) if kind.is_realtime() => self.decision(""),
                (None, true) => transcript_timeout,
                (None, false) => self.belief(),
            };
            let mut late = Vec::new();
            self.expect(TURNS, (from, last, to), quiet, &mut late);
            for violation in &mut late {
                violation.seen = format!("{turn}: {}", violation.seen);
            }
            found.extend(late);
        }
        found
    }

    /// Something has begun, has last changed and has ended at these moments, and may last so long in
    /// silence.
    fn expect(
        &self,
        law: &'static str,
        (from, last, end): (Duration, Duration, Duration),
        quiet: Duration,
        found: &mut Vec<Violation>,
    ) {
        let until = self.latest(last, quiet);
        if end > until {
            let seen =
                format!("from {from:?}, with words at {last:?}, to {end:?} and not {until:?}");
            found.push(Violation { law, seen });
        }
    }
}

/// A turn of the user, from its first sign to what became of it.
struct Open<'a> {
    from: Duration,
    /// When its words last changed, or the caller was heard anew.
    last: Duration,
    to: Duration,
    /// What was understood of it last.
    text: Option<&'a str>,
}

fn open_turns(account: &Account) -> BTreeMap<TurnId, Open<'_>> {
    let mut turns: BTreeMap<TurnId, Open<'_>> = BTreeMap::new();
    let mut over = None;
    let mut end = Duration::MAX;
    // A detector that was reset, and hears the same again.
    let mut doubted = None;
    for (at, event) in &account.events {
        let (turn, text) = match event {
            Event::UserStopped { since, .. } => {
                doubted = (since.elapsed() + MOMENT >= *at).then_some(*at);
                continue;
            }
            Event::UserStarted { turn, .. } => (*turn, None),
            Event::UserPartial { turn, pii_text } => (*turn, Some(&**pii_text)),
            Event::UserTurn { turn, .. }
            | Event::TurnDropped { turn }
            | Event::Backchannel { turn, .. } => {
                over = over.max(Some(*turn));
                turns.entry(*turn).and_modify(|open| open.to = open.to.min(*at));
                continue;
            }
            Event::Ended { .. } => {
                end = end.min(*at);
                continue;
            }
            _ => continue,
        };
        if over < Some(turn) {
            let new = Open { from: *at, last: *at, to: Duration::MAX, text };
            let open = turns.entry(turn).or_insert(new);
            if text.is_some() || doubted.take().is_none_or(|doubted| doubted + NOTICED < *at) {
                open.last = *at;
            }
            open.text = text.or(open.text);
        }
    }
    turns.values_mut().for_each(|open| open.to = open.to.min(end));
    turns
}

/// When an answer that can be stopped is not given any more: as soon as a newer turn is over.
fn newest_answers(account: &Account, profile: &Profile) -> Vec<Violation> {
    let mut found = Vec::new();
    if profile.kind == Kind::Duplex {
        return found;
    }
    let mut speaking: BTreeMap<GenerationId, TurnId> = BTreeMap::new();
    let mut turns: BTreeMap<TurnId, Duration> = BTreeMap::new();
    let stays = unstoppable_since(account);
    for (at, event) in &account.events {
        if stays.is_some_and(|since| since <= *at) {
            break;
        }
        let newer = |turn: TurnId| {
            let (newer, since) = turns.range(turn.next()..).next()?;
            let since = free_from(account, *since);
            (since <= *at).then_some((*newer, since))
        };
        match event {
            Event::UserTurn { turn, .. } => {
                turns.insert(*turn, *at);
            }
            Event::AgentStarted { generation, turn: Some(turn) } => {
                if let Some(newer) = newer(*turn) {
                    let seen = format!("{turn} at {at:?}, after {newer:?}");
                    found.push(Violation { law: NEWEST, seen });
                } else {
                    speaking.insert(*generation, *turn);
                }
            }
            Event::AgentStopped { generation, .. } => {
                let turn = speaking.remove(generation);
                let late = turn.and_then(newer).filter(|(_, since)| *since + MOMENT < *at);
                if let Some(newer) = late {
                    let seen = format!("{turn:?} goes on to {at:?}, after {newer:?}");
                    found.push(Violation { law: NEWEST, seen });
                }
            }
            _ => {}
        }
    }
    found
}

/// From when on a turn that is over now need not wait: what is announced is heard to its end.
fn free_from(account: &Account, since: Duration) -> Duration {
    let Account { announced, events, .. } = account;
    let near = since.saturating_sub(ANNOUNCED)..=since;
    let ends = announced.iter().filter(|(at, _)| near.contains(at)).map(|(at, first)| {
        let over = events.iter().find_map(|(over, event)| match event {
            Event::AgentStopped { pii_heard, .. } if over >= at => {
                (pii_heard.split_whitespace().next() == Some(first)).then_some(*over)
            }
            _ => None,
        });
        over.unwrap_or(*at + ANNOUNCED)
    });
    ends.chain([since]).max().unwrap_or(since)
}

/// Since when what the agent says may be a farewell, which nobody can stop.
pub(super) fn unstoppable_since(account: &Account) -> Option<Duration> {
    let gives_up = account.events.iter().any(|(_, event)| {
        matches!(event, Event::Ended { reason: EndReason::Failed | EndReason::Limit })
    });
    let failed = account.events.iter().filter(|(_, event)| matches!(event, Event::Failed { .. }));
    let few = if gives_up { 1 } else { ModelConfig::default().max_failures as usize };
    let failed = failed.map(|(at, _)| *at).nth(few - 1);
    account.leaving.into_iter().chain(failed).min()
}

#[cfg(test)]
pub(super) mod tests;
