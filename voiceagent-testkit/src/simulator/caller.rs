use std::{collections::VecDeque, time::Duration};

use super::{
    script::{Act, Sound},
    sound::{FRAME_MS, Loudness},
};

const FRAME: Duration = Duration::from_millis(FRAME_MS);

/// A person on the phone, who acts as the script says and as the agent lets them.
#[derive(Debug)]
pub(super) struct Caller {
    script: VecDeque<Act>,
    /// How long the act that waits has waited.
    waited: Duration,
    /// How long the agent has been audible, or silent, without a break.
    agent: Agent,
    muted: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Agent {
    NotHeard,
    Speaking(Duration),
    Quiet(Duration),
}

/// What a caller does in 20 ms.
#[derive(Debug)]
pub(super) enum Doing {
    /// Makes a sound, or none.
    Sound(Sound),
    /// Sends no audio.
    Nothing,
    Press(char),
    HangUp,
}

impl Caller {
    pub(super) fn new(script: VecDeque<Act>) -> Self {
        let agent = Agent::NotHeard;
        Self { script, waited: Duration::ZERO, agent, muted: Duration::ZERO }
    }

    /// The next 20 ms.
    pub(super) fn act(&mut self, agent_audible: bool) -> Doing {
        self.agent = match (self.agent, agent_audible) {
            (Agent::Speaking(since), true) => Agent::Speaking(since + FRAME),
            (_, true) => Agent::Speaking(FRAME),
            (Agent::NotHeard, false) => Agent::NotHeard,
            (Agent::Quiet(since), false) => Agent::Quiet(since + FRAME),
            (Agent::Speaking(_), false) => Agent::Quiet(FRAME),
        };
        if !self.muted.is_zero() {
            self.muted = self.muted.saturating_sub(FRAME);
            return Doing::Nothing;
        }
        loop {
            let Some(act) = self.script.front_mut() else { return Doing::HangUp };
            let (is_over, patience) = match act {
                Act::Listen { quiet, patience } => {
                    (matches!(self.agent, Agent::Quiet(since) if since >= *quiet), *patience)
                }
                Act::CutIn { after, patience } => {
                    (matches!(self.agent, Agent::Speaking(since) if since >= *after), *patience)
                }
                Act::Sound(sounds) => match sounds.pop_front() {
                    Some(sound) => return Doing::Sound(sound),
                    None => (true, Duration::ZERO),
                },
                Act::Mute(length) => {
                    self.muted = *length;
                    self.next();
                    return Doing::Nothing;
                }
                Act::Press(digit) => {
                    let digit = *digit;
                    self.next();
                    return Doing::Press(digit);
                }
                Act::HangUp => return Doing::HangUp,
            };
            if is_over || self.waited >= patience {
                self.next();
                continue;
            }
            self.waited += FRAME;
            return Doing::Sound(Sound { loudness: Loudness::Silent, word: None });
        }
    }

    fn next(&mut self) {
        self.script.pop_front();
        self.waited = Duration::ZERO;
        // What was said before does not count as an answer to what was just said.
        self.agent = Agent::NotHeard;
    }
}
