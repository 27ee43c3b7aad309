use std::{collections::BTreeMap, fmt, time::Duration};

use voiceagent_core::{Event, session::InterruptionReason};

use super::{legs::Kind, profile::Profile, world::Aftermath};

/// What there was in one call, or in many.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Calls.
    pub calls: u64,
    /// Calls by their legs.
    pub legs: BTreeMap<&'static str, u64>,
    /// Calls in which a flow decided.
    pub flows: u64,
    /// Answers that flows planned.
    pub plans: u64,
    /// Turns of callers that were decided.
    pub turns: u64,
    /// Replies that were owed to callers.
    pub owed: u64,
    /// Those of them that were held to their time: nothing excuses them.
    pub judged: u64,
    /// Answers that callers stopped.
    pub barge_ins: u64,
    /// Tools that ran.
    pub tools: u64,
    /// Things that went wrong on purpose, by name.
    pub injected: BTreeMap<&'static str, u64>,
    /// What must not happen, and did.
    pub violations: u64,
    /// How long the calls took, in their own time.
    pub length: Duration,
}

impl Tally {
    pub(super) fn of(aftermath: &Aftermath, profile: &Profile, violations: usize) -> Self {
        let events = || aftermath.account.events.iter().map(|(_, event)| event);
        let turns = events().filter(|event| matches!(event, Event::UserTurn { .. }));
        let barge_ins = events().filter(|event| match event {
            // With a model that speaks when it is told to nobody waits for words: the turn stops it.
            Event::Interrupted { reason: InterruptionReason::Superseded, .. } => {
                profile.kind == Kind::Realtime
            }
            Event::Interrupted { reason, .. } => *reason == InterruptionReason::BargeIn,
            _ => false,
        });
        let injected = &aftermath.account.injected;
        Self {
            calls: 1,
            legs: BTreeMap::from([(profile.kind.name(), 1)]),
            flows: u64::from(profile.flow.is_some()),
            plans: aftermath.account.plans.len() as u64,
            turns: turns.count() as u64,
            owed: 0,
            judged: 0,
            barge_ins: barge_ins.count() as u64,
            tools: aftermath.account.tools.len() as u64,
            injected: injected.iter().map(|(what, count)| (*what, u64::from(*count))).collect(),
            violations: violations as u64,
            length: aftermath.length,
        }
    }

    /// Adds the tally of another call.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.flows += other.flows;
        self.plans += other.plans;
        self.turns += other.turns;
        self.owed += other.owed;
        self.judged += other.judged;
        self.barge_ins += other.barge_ins;
        self.tools += other.tools;
        self.violations += other.violations;
        self.length += other.length;
        for (leg, count) in &other.legs {
            *self.legs.entry(leg).or_default() += count;
        }
        for (what, count) in &other.injected {
            *self.injected.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, flows, plans, turns, owed, judged, barge_ins, tools, violations, .. } =
            self;
        let hours = self.length.as_secs_f64() / 3_600.0;
        writeln!(f, "{:<34} {calls:>10}", "calls")?;
        for (leg, count) in &self.legs {
            writeln!(f, "  {leg:<32} {count:>10}")?;
        }
        for (what, count) in [
            ("with a flow", *flows),
            ("plans", *plans),
            ("turns", *turns),
            ("replies owed", *owed),
            ("  held to their time", *judged),
            ("barge-ins", *barge_ins),
            ("tools", *tools),
            ("failures injected", self.injected.values().sum()),
            ("violations", *violations),
        ] {
            writeln!(f, "{what:<34} {count:>10}")?;
        }
        writeln!(f, "{:<34} {hours:>10.1}", "hours on the phone")?;
        self.injected.iter().try_for_each(|(what, count)| writeln!(f, "  {what:<32} {count:>10}"))
    }
}
