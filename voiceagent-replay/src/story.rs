//! What a journal says about the call: the caller's own doing, and when the agent was heard.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use voiceagent_core::{
    CallTime, Event, GenerationId, SessionConfig, TurnId,
    flow::{Generate, Plan},
    journal::{Recording, Step},
    session::{Command, EndReason, Input, InterruptionReason},
    stt::Transcript,
    transport::Outbound,
    turn::Expected,
};

/// All commands that tell what happened begin like this.
const EMIT: &str = r#"{"command":"emit""#;
/// And those that ask for a prediction like this.
const SCORE: &str = r#"{"command":"score_end_of_turn""#;

/// And those that hand words to the voice, or to the far end, like these.
const SYNTHESIZE: &str = r#"{"command":"synthesize""#;
const SEND_TEXT: &str = r#"{"command":"send","outbound":{"text""#;

/// No agent speaks longer than this; more is a damaged journal.
const LONGEST: Duration = Duration::from_secs(600);

/// A call, as far as turns and interruptions are concerned.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// What a session without vendors is to be told, in order.
    pub(crate) cues: Vec<(CallTime, Cue)>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) utterances: Vec<Utterance>,
    /// When the caller began to say something that was understood.
    pub(crate) speech: Vec<CallTime>,
    pub(crate) ended: Option<EndReason>,
    /// When the last input came.
    pub(crate) until: CallTime,
}

/// What happens at a moment of the call.
#[derive(Clone, Debug)]
pub(crate) enum Cue {
    /// The agent begins to sound: an index of [`Story::utterances`].
    Agent(usize),
    /// The caller, what hears the caller, or the owner of the call.
    Caller(Input),
    /// A prediction that was asked for at this moment.
    Score { asked: CallTime, score: Input },
}

/// A turn of the caller that the call decided.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) id: TurnId,
    pub(crate) decided: CallTime,
    pub(crate) last_speech: CallTime,
    pub(crate) text: String,
    pub(crate) answer: Option<Answer>,
}

/// How a turn was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The agent's first sound.
    pub(crate) heard: CallTime,
    /// When the voice's first audio was there, if the answer was begun before the turn was over.
    pub(crate) drafted: Option<CallTime>,
}

/// An attempt to speak that was heard.
#[derive(Clone, Debug)]
pub(crate) struct Utterance {
    pub(crate) generation: GenerationId,
    pub(crate) turn: Option<TurnId>,
    pub(crate) from: CallTime,
    /// How much audio there was.
    pub(crate) length: Duration,
    /// When the caller stopped it.
    pub(crate) stopped: Option<CallTime>,
    /// What it asks for, according to the flow.
    pub(crate) expects: Option<Expected>,
    /// What is said, whether it was heard or not.
    pub(crate) words: String,
}

/// What is known before the story is complete.
#[derive(Debug, Default)]
struct Reader {
    story: Story,
    drafts: BTreeSet<GenerationId>,
    ready: BTreeMap<GenerationId, CallTime>,
    audio: BTreeMap<GenerationId, usize>,
    words: BTreeMap<GenerationId, String>,
    /// What was heard of what was said under another name.
    heard: BTreeMap<GenerationId, String>,
    expected: BTreeMap<GenerationId, Expected>,
    /// Predictions that were asked for, with the length of the text.
    asked: Vec<(CallTime, TurnId, usize)>,
    /// Words of the interim that may still change.
    pending: usize,
    /// Since when the agent is silent on suspicion.
    paused: BTreeMap<GenerationId, CallTime>,
    /// For how long it was, in all.
    silent: BTreeMap<GenerationId, Duration>,
    /// Speech of which nothing has been understood yet.
    begun: Option<CallTime>,
    /// The same where words are told by their turn, as those of a speech-to-speech model are.
    voices: Vec<(TurnId, CallTime)>,
    /// The turn that the caller has begun.
    open: Option<TurnId>,
    /// The words are those of a speech-to-speech model.
    is_realtime: bool,
}

impl Story {
    pub(crate) fn of(recording: &Recording) -> Self {
        let is_realtime = recording.config().realtime.is_some();
        let mut reader = Reader { is_realtime, ..Reader::default() };
        for step in recording.steps() {
            reader.input(step, recording.config());
            for line in step.commands {
                if [EMIT, SCORE, SYNTHESIZE, SEND_TEXT].iter().any(|it| line.starts_with(it)) {
                    let command = serde_json::from_str(line).expect("it was written by the core");
                    reader.command(step.at, command);
                }
            }
            reader.story.until = step.at;
        }
        let mut story = reader.story;
        story.speech.sort_unstable();
        for utterance in &mut story.utterances {
            let bytes = reader.audio.get(&utterance.generation).copied().unwrap_or_default();
            let format = recording.config().format;
            let whole = format.map(|format| format.duration_of(format.samples(bytes)));
            utterance.length = utterance.length.max(whole.unwrap_or_default()).min(LONGEST);
            let words = reader.words.remove(&utterance.generation);
            let words = words.or_else(|| reader.heard.remove(&utterance.generation));
            utterance.words = words.unwrap_or_default();
        }
        story
    }

    /// When the agent was first heard after `at`.
    pub(crate) fn heard_after(&self, at: CallTime) -> Option<CallTime> {
        self.utterances.iter().map(|utterance| utterance.from).find(|from| *from > at)
    }
}

/// Whether it was the caller who stopped the agent, by speaking over it or by a turn of its own.
pub(crate) fn by_caller(reason: InterruptionReason) -> bool {
    matches!(reason, InterruptionReason::BargeIn | InterruptionReason::Superseded)
}

impl Reader {
    fn input(&mut self, step: Step<'_>, config: &SessionConfig) {
        match step.input {
            Input::EndOfTurnScore { turn, text_len, .. } => {
                let asked = self.asked.iter().rfind(|(_, of, len)| of == turn && len == text_len);
                if let Some((asked, ..)) = asked {
                    let cue = Cue::Score { asked: *asked, score: step.input.clone() };
                    self.story.cues.push((step.at, cue));
                }
                return;
            }
            Input::Synthesized { generation, payload } => {
                *self.audio.entry(*generation).or_default() += payload.len();
                return;
            }
            // A speech-to-speech model tells what it says.
            Input::LlmText { generation, text } if self.is_realtime => {
                self.words.entry(*generation).or_default().push_str(text);
                return;
            }
            Input::Planned { generation, plan: Some(Plan::Generate(Generate { expects, .. })) } => {
                self.expected.extend(expects.map(|what| (*generation, what)));
                return;
            }
            Input::SpeechStarted { since } => self.begun = Some((*since).min(step.at)),
            Input::SttSpeechStarted if !config.vad => self.begun = Some(step.at),
            Input::Transcript { transcript } => self.words(step.at, transcript, config.vad),
            // Of a turn that is over they decide nothing any more.
            Input::UserWords { turn, .. } if turn.is_none() || *turn == self.open => {
                if self.open.is_none() {
                    return;
                }
            }
            Input::CommitTurn
            | Input::Configure { .. }
            | Input::Dtmf { .. }
            | Input::EagerEndOfTurn
            | Input::EndOfTurn
            | Input::Expect { .. }
            | Input::SpeechStopped { .. }
            | Input::SttSpeechStarted
            | Input::TurnResumed => {}
            // Of vendors and carrier: what they would do otherwise, nobody knows.
            _ => return,
        }
        self.story.cues.push((step.at, Cue::Caller(step.input.clone())));
    }

    /// Something was understood of a turn, maybe long after it: all of its voices were speech.
    fn understood(&mut self, turn: TurnId, text: &str) {
        if !text.trim().is_empty() {
            let of = |(voice, since): &(TurnId, CallTime)| (*voice == turn).then_some(*since);
            self.story.speech.extend(self.voices.iter().filter_map(of));
            self.voices.retain(|(voice, _)| *voice != turn);
        }
    }

    /// A final that repeats its interim is no new speech, however late it comes.
    fn words(&mut self, at: CallTime, transcript: &Transcript, has_edges: bool) {
        let words = transcript.text.split_whitespace().count();
        if words > self.pending {
            let began = self.begun.take().or_else(|| (!has_edges).then_some(at));
            self.story.speech.extend(began);
        }
        self.pending = if transcript.is_final { 0 } else { words };
    }

    fn command(&mut self, at: CallTime, command: Command) {
        match command {
            Command::ScoreEndOfTurn { turn, text, .. } => self.asked.push((at, turn, text.len())),
            Command::Emit { event } => self.event(at, event),
            Command::Synthesize { generation, text }
            | Command::Send { outbound: Outbound::Text { generation, text } } => {
                self.words.entry(generation).or_default().push_str(&text);
            }
            _ => {}
        }
    }

    fn event(&mut self, at: CallTime, event: Event) {
        match event {
            Event::AgentPaused { generation } => {
                self.paused.insert(generation, at);
            }
            Event::AgentResumed { generation, after } => {
                self.paused.remove(&generation);
                *self.silent.entry(generation).or_default() += after;
            }
            Event::AgentStarted { generation, turn } => self.agent_started(at, generation, turn),
            Event::AgentStopped { generation, pii_heard, .. } => {
                self.heard.insert(generation, pii_heard.to_string());
                let silent = self.silent.get(&generation).copied().unwrap_or_default();
                if let Some(utterance) = self.utterance(generation) {
                    utterance.length = (at - utterance.from).saturating_sub(silent);
                }
            }
            Event::DraftStarted { generation, .. } => {
                self.drafts.insert(generation);
            }
            Event::Ended { reason } => {
                self.story.ended = Some(reason);
                // Nobody decided that the last turn was over: the call was.
                self.story.turns.pop_if(|turn| turn.decided == at && turn.answer.is_none());
            }
            Event::FirstAudio { generation, .. } => {
                self.ready.entry(generation).or_insert(at);
            }
            Event::Interrupted { generation, reason, .. } if by_caller(reason) => {
                // The words came later; the caller heard the end of it at the pause.
                let at = self.paused.remove(&generation).unwrap_or(at);
                if let Some(utterance) = self.utterance(generation) {
                    utterance.stopped.get_or_insert(at);
                }
            }
            Event::UserStarted { turn, since } if self.is_realtime => {
                self.open = Some(turn);
                self.voices.push((turn, since));
            }
            Event::UserPartial { turn, pii_text } | Event::UserWords { turn, pii_text }
                if self.is_realtime =>
            {
                self.understood(turn, &pii_text);
            }
            Event::Backchannel { .. } | Event::TurnDropped { .. } => self.open = None,
            Event::UserTurn { turn, pii_text, end_of_turn_delay, .. } => {
                self.open = None;
                self.story.turns.push(Turn {
                    id: turn,
                    decided: at,
                    last_speech: at.saturating_sub(end_of_turn_delay),
                    text: pii_text.to_string(),
                    answer: None,
                });
            }
            _ => {}
        }
    }

    fn agent_started(&mut self, at: CallTime, generation: GenerationId, turn: Option<TurnId>) {
        let drafted = self.drafts.contains(&generation).then(|| self.ready.get(&generation));
        let answer = Answer { heard: at, drafted: drafted.flatten().copied() };
        let answered = self.story.turns.iter_mut().rev().find(|it| turn == Some(it.id));
        if let Some(answered) = answered {
            answered.answer.get_or_insert(answer);
        }
        self.story.cues.push((at, Cue::Agent(self.story.utterances.len())));
        self.story.utterances.push(Utterance {
            generation,
            turn,
            from: at,
            length: Duration::ZERO,
            stopped: None,
            expects: self.expected.get(&generation).copied(),
            words: String::new(),
        });
    }

    fn utterance(&mut self, generation: GenerationId) -> Option<&mut Utterance> {
        self.story.utterances.iter_mut().rev().find(|it| it.generation == generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(lines: &[&str]) -> Story {
        let head = r#"{"voiceagent_journal":1,"config":{"vad":true,"format":{"encoding":"mulaw","sample_rate":8000,"channels":1}}}"#;
        let text = format!("{head}\n{}\n", lines.join("\n"));
        Story::of(&Recording::parse(&text).unwrap())
    }

    fn ms(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    #[test]
    fn what_the_flow_expects_belongs_to_the_utterance_that_asks_for_it() {
        let story = story(&[
            r#"{"at":1000,"input":{"input":"planned","generation":3,"plan":{"generate":{"instructions":"","tools":[],"expects":"phone"}}}}"#,
            r#"{"at":2000,"input":{"input":"timeout"}}"#,
            r#"{"command":{"command":"emit","event":{"event":"agent_started","generation":3,"turn":1}}}"#,
        ]);
        assert_eq!(story.utterances[0].expects, Some(Expected::Phone));
        assert!(matches!(story.cues[..], [(_, Cue::Agent(0))]), "vendors are no cue");
    }

    #[test]
    fn an_utterance_is_as_long_as_its_audio_even_if_it_was_stopped() {
        let story = story(&[
            r#"{"at":0,"input":{"input":"synthesized","generation":1,"payload":"VVVVVVVVVVVVVVVVVVVVVQ=="}}"#,
            r#"{"command":{"command":"emit","event":{"event":"agent_started","generation":1,"turn":null}}}"#,
            r#"{"at":1000,"input":{"input":"timeout"}}"#,
            r#"{"command":{"command":"emit","event":{"event":"interrupted","generation":1,"reason":"barge_in","after":{"secs":0,"nanos":0}}}}"#,
            r#"{"command":{"command":"emit","event":{"event":"agent_stopped","generation":1,"pii_heard":"","interrupted":true}}}"#,
        ]);
        let utterance = &story.utterances[0];
        assert_eq!(utterance.length, Duration::from_millis(2), "16 samples");
        assert_eq!(utterance.stopped, Some(ms(1)));
    }

    #[test]
    fn a_late_final_is_no_new_speech() {
        let story = story(&[
            r#"{"at":100000,"input":{"input":"speech_started","since":40000}}"#,
            r#"{"at":200000,"input":{"input":"transcript","transcript":{"text":"book it","is_final":false,"confidence":1.0}}}"#,
            r#"{"at":900000,"input":{"input":"speech_started","since":800000}}"#,
            r#"{"at":950000,"input":{"input":"transcript","transcript":{"text":"Book it.","is_final":true,"confidence":1.0}}}"#,
        ]);
        assert_eq!(story.speech, [ms(40)], "of the second nothing was understood");
    }
}
