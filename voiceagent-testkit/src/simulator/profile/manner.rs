use std::time::Duration;

use voiceagent_core::{
    SessionConfig,
    session::{IdlePrompt, OwedReplyConfig, Uninterruptible},
};

use crate::simulator::{Settings, dice::Dice};

/// What every filler begins with, so that it is known where it is heard.
pub(in crate::simulator) const FILLER: &str = "filler";

/// How the agent is told to behave, where that is not as it comes.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Manner {
    /// Something is said instead of a reply that takes long.
    pub(in crate::simulator) holds_the_line: bool,
    /// So long, if not as long as it comes.
    patience: Option<Duration>,
    fillers: bool,
    /// The answer goes on without what a tool returns.
    pub(in crate::simulator) detached: bool,
    /// Tools have something said.
    pub(in crate::simulator) says: bool,
    idle: bool,
    pub(in crate::simulator) firm_greeting: bool,
    pub(in crate::simulator) discards: bool,
    pub(in crate::simulator) max_turn: Option<Duration>,
    reopens: bool,
    /// Whether words tell how long is waited. They are no English here, so that it is mostly off, and
    /// turns are over when silence tells so, to the millisecond.
    pub(in crate::simulator) by_words: bool,
    pub(in crate::simulator) learns: bool,
    pub(in crate::simulator) pauses: bool,
}

impl Manner {
    pub(super) fn draw(dice: &mut Dice, settings: &Settings) -> Self {
        let always = settings.owed_always;
        Self {
            holds_the_line: dice.percent(85) || always,
            // The slowest voice and the farthest far end take a little more than a second.
            patience: always.then_some(settings.owed_within * 5 / 8),
            fillers: dice.percent(40),
            detached: dice.percent(20),
            says: dice.percent(15),
            idle: dice.percent(30),
            firm_greeting: dice.percent(40),
            discards: dice.percent(30),
            max_turn: dice.percent(15).then(|| dice.millis(6_000, 12_000)),
            reopens: dice.percent(30),
            by_words: dice.percent(20),
            learns: dice.percent(15),
            pauses: dice.percent(88),
        }
    }

    pub(in crate::simulator) fn apply(&self, config: &mut SessionConfig) {
        if !self.holds_the_line {
            config.owed_reply = None;
        } else if let Some(after) = self.patience {
            config.owed_reply = Some(OwedReplyConfig::new(after, "One moment."));
        }
        if self.fillers {
            config.tool_use.fillers =
                [1, 2].map(|nth| format!("{FILLER}{nth} takes time.").into()).into();
        }
        if self.idle {
            config.idle.prompts = [1, 2]
                .map(|nth| IdlePrompt::new(Duration::from_secs(4), format!("idle{nth} is asked.")))
                .into();
            config.idle.hang_up_after = Some(Duration::from_secs(5));
            config.idle.farewell = Some("Nobody is there, goodbye.".into());
        }
        config.greeting_interruptible = !self.firm_greeting;
        if self.discards {
            config.barge_in.uninterruptible = Uninterruptible::Discard;
        }
        config.endpointing.max_turn = self.max_turn;
        config.farewell.reopen = self.reopens;
        config.endpointing.by_words = self.by_words;
        config.endpointing.learn = self.learns;
        if !self.pauses {
            config.barge_in.pause = None;
        }
    }
}
