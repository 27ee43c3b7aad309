use std::{collections::BTreeMap, fmt, time::Duration};

use voiceagent_core::{Event, session::InterruptionReason};

use super::world::Aftermath;

/// What there was in one call, or in many.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Calls.
    pub calls: u64,
    /// Turns of callers that were decided.
    pub turns: u64,
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
    pub(super) fn of(aftermath: &Aftermath, violations: usize) -> Self {
        let events = || aftermath.account.events.iter().map(|(_, event)| event);
        let turns = events().filter(|event| matches!(event, Event::UserTurn { .. }));
        let barge_ins = events().filter(|event| {
            matches!(event, Event::Interrupted { reason: InterruptionReason::BargeIn, .. })
        });
        let injected = &aftermath.account.injected;
        Self {
            calls: 1,
            turns: turns.count() as u64,
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
        self.turns += other.turns;
        self.barge_ins += other.barge_ins;
        self.tools += other.tools;
        self.violations += other.violations;
        self.length += other.length;
        for (what, count) in &other.injected {
            *self.injected.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, turns, barge_ins, tools, violations, .. } = self;
        let hours = self.length.as_secs_f64() / 3_600.0;
        for (what, count) in [
            ("calls", *calls),
            ("turns", *turns),
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
