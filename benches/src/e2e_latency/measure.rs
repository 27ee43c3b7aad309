//! From what phone and vendors noted to figures.

use std::time::{Duration, Instant};

use voiceagent_core::{SessionConfig, audio::AudioFormat};
use voiceagent_testkit::{
    phone::{Recording, Wire},
    tone,
};

use super::{
    call::CallRecord,
    log::{Note, What},
    script::{ENDPOINTING, PER_CHARACTER, Utterance},
};

/// The figures of one call, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) setup: Option<f64>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) barge_ins: Vec<BargeIn>,
    pub(crate) length: Duration,
    /// How far each piece of an answer came from its time: that of the piece before, and as much
    /// later as that piece lasts.
    pub(crate) unevenness: Vec<f64>,
    /// How often an answer fell silent and went on.
    pub(crate) gaps: usize,
}

/// Sound after a longer pause is another answer.
const ANOTHER: Duration = Duration::from_millis(600);

/// One answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) tool: bool,
    /// The caller's last audible frame left → the answer's first frame arrived.
    pub(crate) response: f64,
    /// What the agent itself added; `None` where drafts make the parts overlap.
    pub(crate) overhead: Option<Overhead>,
}

/// The three places in which an answer waits for the agent, and for nobody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overhead {
    /// The turn can be over → the model is asked.
    pub(crate) decide: f64,
    /// The first speakable text is complete at the model → it is flushed at the synthesizer.
    pub(crate) speak: f64,
    /// The first audio leaves the synthesizer → it arrives at the phone.
    pub(crate) play: f64,
    /// A tool call leaves the model → the model is asked again.
    pub(crate) tool: Option<f64>,
}

impl Overhead {
    pub(crate) fn total(&self) -> f64 {
        self.decide + self.speak + self.play + self.tool.unwrap_or(0.0)
    }
}

/// One answer that the caller stopped.
#[derive(Clone, Debug)]
pub(crate) struct BargeIn {
    /// The caller's first audible frame left → `clear` arrived.
    pub(crate) to_clear: f64,
    /// The caller's first audible frame left → the last agent sample had been played.
    pub(crate) to_silence: f64,
    /// The caller has spoken for long enough → `clear` arrived, by the recognizer's clock.
    pub(crate) decided_to_clear: Option<f64>,
    /// The same by the agent's own journal, an upper bound.
    pub(crate) journal_to_clear: Option<f64>,
    pub(crate) history: Option<History>,
}

/// What the history says that the caller heard, against what the phone played.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) recalled: String,
    pub(crate) played: String,
}

impl History {
    /// Whether nothing is recalled that was not played.
    pub(crate) fn is_true(&self) -> bool {
        self.played.starts_with(self.recalled.trim_end())
    }

    /// How much was played that is not recalled, in milliseconds of speech.
    pub(crate) fn forgotten(&self) -> f64 {
        let characters = |text: &str| text.chars().count() as f64;
        let missing = characters(self.played.trim_end()) - characters(self.recalled.trim_end());
        missing * PER_CHARACTER.as_secs_f64() * 1_000.0
    }
}

/// Reads the figures out of a call. `drafts` says that answers may begin before the turn is over.
pub(crate) fn figures(
    said: &[Utterance],
    (record, notes): (&CallRecord, &[Note]),
    drafts: bool,
) -> Figures {
    let heard = notes.iter().find(|note| matches!(note.what, What::CallHeard));
    let mut figures = Figures {
        setup: heard.map(|note| millis(record.dialled, note.at)),
        length: record.ended - record.began,
        unevenness: unevenness(&record.recording),
        gaps: gaps(&record.recording),
        ..Figures::default()
    };
    let mut last_answer = record.began;
    for (utterance, spoken) in said.iter().zip(&record.spoken) {
        let Some(answer) = first_audio(record, spoken.ended) else { break };
        let turn: Vec<_> =
            notes.iter().filter(|note| note.at > spoken.began && note.at < answer).collect();
        figures.turns.push(Turn {
            tool: utterance.tool,
            response: millis(spoken.ended, answer),
            overhead: if drafts { None } else { overhead(&turn, spoken.ended, answer) },
        });
        if utterance.into_answer.is_some()
            && let Some(barge_in) = barge_in(record, (last_answer, spoken.began, answer), &turn)
        {
            figures.barge_ins.push(barge_in);
        }
        last_answer = answer;
    }
    figures
}

fn overhead(turn: &[&Note], spoken: Instant, answer: Instant) -> Option<Overhead> {
    let after = |at: Instant| turn.iter().filter(move |note| note.at >= at);
    let (edge, stopped) = after(spoken).find_map(|note| match note.what {
        What::SpeechStopped { since } => Some((note.at, since)),
        _ => None,
    })?;
    let transcribed = after(spoken).find(|note| matches!(note.what, What::FinalSent))?.at;
    let endpoint = after(spoken).find(|note| matches!(note.what, What::EndpointSent));
    // The agent may decide when its own delay has passed and the words are there, or when the
    // recognizer says so, whichever comes first; and never while its detector hears speech.
    let own = (stopped + ENDPOINTING).max(transcribed).max(edge);
    let decidable = endpoint.map_or(own, |note| own.min(note.at.max(edge)));
    let asked = after(spoken).find(|note| matches!(note.what, What::ModelAsked { .. }))?.at;
    let again = after(asked)
        .find(|note| matches!(note.what, What::ModelAsked { after_tool: true, .. }))
        .map(|note| note.at);
    let (flushed, first) = after(again.unwrap_or(asked)).find_map(|note| match &note.what {
        What::FlushReceived { first } => Some((note.at, first)),
        _ => None,
    })?;
    let complete = after(again.unwrap_or(asked)).find_map(|note| match &note.what {
        What::TokenSent { text: sent } if sent.len() >= first.len() => Some(note.at),
        _ => None,
    })?;
    let called = again.and_then(|_| {
        after(asked).find(|note| matches!(note.what, What::TokenSent { .. })).map(|note| note.at)
    });
    let audio = after(flushed).find(|note| matches!(note.what, What::AudioSent))?.at;
    Some(Overhead {
        decide: millis(decidable, asked),
        speak: millis(complete, flushed),
        play: millis(audio, answer),
        tool: called.zip(again).map(|(called, again)| millis(called, again)),
    })
}

fn barge_in(
    record: &CallRecord,
    (last_answer, spoken, answer): (Instant, Instant, Instant),
    turn: &[&Note],
) -> Option<BargeIn> {
    let at = |offset: Duration| record.began + offset;
    let clear = record.recording.clears.iter().map(|clear| at(clear.at)).find(|at| *at > spoken)?;
    let min_duration = SessionConfig::default().barge_in.min_duration;
    let decidable = turn.iter().find_map(|note| match note.what {
        What::SpeechStarted { since } => Some((since + min_duration).max(note.at)),
        _ => None,
    });
    let (played, silent) =
        played(&record.recording, last_answer - record.began, clear - record.began);
    let recalled = turn.iter().rev().find_map(|note| match &note.what {
        What::ModelAsked { recalled, .. } if note.at < answer => Some(recalled.clone()),
        _ => None,
    });
    Some(BargeIn {
        to_clear: millis(spoken, clear),
        to_silence: millis(spoken, at(silent)),
        decided_to_clear: decidable.map(|decidable| millis(decidable, clear)),
        journal_to_clear: None,
        history: recalled
            .map(|recalled| History { recalled: recalled.unwrap_or_default(), played }),
    })
}

/// What the phone played from one moment to another, and when the last of it ended.
fn played(recording: &Recording, from: Duration, to: Duration) -> (String, Duration) {
    let stretches = recording.heard.iter().filter(|it| it.began >= from && it.began <= to);
    let mut audio = Vec::new();
    let mut end = from;
    for stretch in stretches {
        audio.extend_from_slice(&stretch.audio);
        let format = AudioFormat::MULAW_8K;
        end = stretch.began + format.duration_of(format.samples(stretch.audio.len()));
    }
    (tone::read(AudioFormat::MULAW_8K, &audio), end)
}

/// The first pieces of an answer come at once, to fill the lead: they have no time.
fn unevenness(recording: &Recording) -> Vec<f64> {
    let format = AudioFormat::MULAW_8K;
    let pieces: Vec<(Duration, Duration)> = recording
        .wire
        .iter()
        .filter_map(|(at, wire)| match wire {
            Wire::Audio(bytes) => Some((*at, format.duration_of(format.samples(*bytes)))),
            _ => None,
        })
        .collect();
    let pairs = pieces.windows(2).filter_map(|pair| {
        let ((before, lasts), (at, _)) = (pair[0], pair[1]);
        let after = at.saturating_sub(before);
        (after >= lasts / 2 && after < ANOTHER).then(|| after.abs_diff(lasts).as_secs_f64() * 1e3)
    });
    pairs.collect()
}

fn gaps(recording: &Recording) -> usize {
    let format = AudioFormat::MULAW_8K;
    let pairs = recording.heard.windows(2).filter(|pair| {
        let end = pair[0].began + format.duration_of(format.samples(pair[0].audio.len()));
        let is_cut =
            recording.clears.iter().any(|clear| clear.at >= pair[0].began && clear.at <= end);
        !is_cut && pair[1].began.saturating_sub(end) < ANOTHER
    });
    pairs.count()
}

/// When the first audio arrived behind a moment.
pub(crate) fn first_audio(record: &CallRecord, after: Instant) -> Option<Instant> {
    record.recording.wire.iter().find_map(|(at, wire)| {
        let at = record.began + *at;
        (at > after && matches!(wire, Wire::Audio(_))).then_some(at)
    })
}

/// From one moment to another, in milliseconds; negative when it is the other way round.
pub(crate) fn millis(from: Instant, to: Instant) -> f64 {
    let forward = to.saturating_duration_since(from).as_secs_f64();
    (forward - from.saturating_duration_since(to).as_secs_f64()) * 1_000.0
}
