//! The record of a call while it goes on: who said what, what was heard of it, and how long each part
//! of an answer took. It is written to the store turn by turn, so that whoever watches sees it, and a
//! call that breaks off is on record up to its last turn.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};
use tracing::warn;
use voiceagent_core::{
    CallId, CallTime, Error, Event,
    observer::{
        Latencies, LatencyObserver, LatencyReport, Observer, Speaker, TranscriptEntry,
        TranscriptObserver, TranscriptReport, TurnLatency,
    },
    session::EndReason,
};

use crate::{
    metrics::Metrics,
    store::{CallTurn, Stages, Store},
};

/// What is on record of one call.
///
/// The task of the call tells it what happens, for which it takes the lock for a moment; another task
/// writes it down.
#[derive(Debug)]
pub(crate) struct Record {
    call: CallId,
    store: Store,
    metrics: Arc<Metrics>,
    /// Whoever watches calls.
    watchers: watch::Sender<()>,
    ears: Mutex<Ears>,
    words: TranscriptReport,
    times: LatencyReport,
    /// Something happened that is to be written.
    news: Notify,
    is_over: AtomicBool,
    /// What the store holds. One writer at a time, so that an older state does not follow a newer.
    written: tokio::sync::Mutex<Written>,
}

#[derive(Debug)]
struct Ears {
    words: TranscriptObserver,
    times: LatencyObserver,
    ending: Ending,
}

#[derive(Debug, Default)]
struct Written {
    turns: Vec<CallTurn>,
    ending: Ending,
}

/// What is on record of the call as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Ending {
    first_response: Option<Duration>,
    reason: Option<EndReason>,
}

impl Record {
    pub(crate) fn new(
        call: CallId,
        store: Store,
        metrics: Arc<Metrics>,
        watchers: watch::Sender<()>,
    ) -> Arc<Self> {
        let (heard, words) = TranscriptObserver::new();
        let (timed, times) = LatencyObserver::new();
        let ears = Ears { words: heard, times: timed, ending: Ending::default() };
        Arc::new(Self {
            call,
            store,
            metrics,
            watchers,
            ears: Mutex::new(ears),
            words,
            times,
            news: Notify::new(),
            is_over: AtomicBool::new(false),
            written: tokio::sync::Mutex::default(),
        })
    }

    /// What tells it of the call.
    pub(crate) fn scribe(self: &Arc<Self>) -> Scribe {
        Scribe(Arc::clone(self))
    }

    /// Writes what happens until the call is over.
    pub(crate) async fn write_along(self: Arc<Self>) {
        loop {
            self.news.notified().await;
            let is_over = self.is_over.load(Ordering::Acquire);
            self.write().await;
            if is_over {
                return;
            }
        }
    }

    /// Writes what is not written yet.
    pub(crate) async fn write(&self) {
        let mut written = self.written.lock().await;
        let times = self.times.snapshot();
        let turns: Vec<CallTurn> =
            self.words.snapshot().iter().map(|entry| turn(entry, &times)).collect();
        let ending = self.ears().ending;
        let is_new = |(place, turn): &(usize, &CallTurn)| written.turns.get(*place) != Some(*turn);
        let changed: Vec<(usize, CallTurn)> = turns
            .iter()
            .enumerate()
            .filter(is_new)
            .map(|(place, turn)| (place, turn.clone()))
            .collect();
        if changed.is_empty() && ending == written.ending {
            return;
        }
        let call = self.call.as_str();
        let noted = async {
            if !changed.is_empty() {
                self.store.note_turns(call, &changed).await?;
            }
            if ending != written.ending {
                let first = ending.first_response.map(millis);
                self.store.note_ending(call, (first, ending.reason.map(reason))).await?;
            }
            Ok::<(), crate::store::Fault>(())
        };
        match noted.await {
            Ok(()) => *written = Written { turns, ending },
            // What is missing is written with what comes next.
            Err(fault) => warn!(error = %Error::from(fault), "the record of a call has a gap"),
        }
        self.watchers.send_replace(());
    }

    fn ears(&self) -> MutexGuard<'_, Ears> {
        // Nothing is half-done in a panic that the next event would not put right.
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, at: CallTime, event: &Event) {
        let mut ears = self.ears();
        ears.words.on_event(at, event);
        ears.times.on_event(at, event);
        let is_news = match event {
            Event::AgentStarted { turn, .. } => {
                if ears.ending.first_response.is_none() {
                    ears.ending.first_response = Some(at - CallTime::ZERO);
                    self.metrics.first_response(at - CallTime::ZERO);
                }
                let answered = turn.and_then(|turn| self.answer_to(turn));
                if let Some(response) = answered.and_then(|answer| answer.response) {
                    self.metrics.response(response);
                }
                true
            }
            Event::ToolFinished { name, after, .. } => {
                self.metrics.tool(name, *after);
                false
            }
            Event::Ended { reason } => {
                ears.ending.reason = Some(*reason);
                true
            }
            Event::AgentStopped { .. } | Event::UserTurn { .. } | Event::UserWords { .. } => true,
            // Words that grow are written when they are all there.
            _ => false,
        };
        drop(ears);
        if is_news {
            self.news.notify_one();
        }
    }

    fn answer_to(&self, turn: voiceagent_core::TurnId) -> Option<TurnLatency> {
        self.times.snapshot().turns().iter().rev().find(|one| one.turn == turn).cloned()
    }
}

/// Tells a record what happens in its call.
#[derive(Debug)]
pub(crate) struct Scribe(Arc<Record>);

impl Observer for Scribe {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        self.0.hear(at, event);
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
        self.0.news.notify_one();
    }
}

fn turn(entry: &TranscriptEntry, times: &Latencies) -> CallTurn {
    let by_agent = entry.speaker == Speaker::Agent;
    let answer = times.turns().iter().rev().find(|turn| turn.at == entry.to && !by_agent);
    CallTurn {
        by_agent,
        from_ms: millis(entry.from - CallTime::ZERO),
        to_ms: millis(entry.to - CallTime::ZERO),
        words: entry.pii_text.expose().to_owned(),
        interrupted: entry.interrupted,
        stages: answer.map(stages).unwrap_or_default(),
    }
}

fn stages(turn: &TurnLatency) -> Stages {
    Stages {
        end_of_turn: Some(millis(turn.end_of_turn_delay)),
        transcription: turn.transcription_delay.map(millis),
        first_token: turn.ttft.map(millis),
        first_sentence: turn.first_sentence.map(millis),
        first_audio: turn.ttfb.map(millis),
        response: turn.response.map(millis),
        playout: turn.playout.map(millis),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

const fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::AgentHungUp => "agent_hung_up",
        EndReason::Failed => "failed",
        EndReason::Idle => "idle",
        EndReason::Limit => "limit",
        EndReason::Transferred => "transferred",
        EndReason::UserHungUp => "caller_hung_up",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use voiceagent_core::{GenerationId, TurnId, transport::Direction};

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A call in which the caller speaks over the greeting.
    fn events() -> Vec<(u64, Event)> {
        let (greeting, answer, turn) = (GenerationId::new(1), GenerationId::new(2), TurnId::new(1));
        vec![
            (300, Event::AgentStarted { generation: greeting, turn: None }),
            (1_500, Event::UserStarted { turn, since: CallTime::from_millis(1_400) }),
            (
                1_700,
                Event::AgentStopped {
                    generation: greeting,
                    pii_heard: "Thank you for calling".into(),
                    interrupted: true,
                },
            ),
            (
                3_000,
                Event::UserTurn {
                    turn,
                    pii_text: "I need an oil change".into(),
                    end_of_turn_delay: ms(400),
                    transcription_delay: Some(ms(150)),
                },
            ),
            (3_500, Event::FirstToken { generation: answer, after: ms(480), reasoned: None }),
            (3_600, Event::FirstSentence { generation: answer, after: ms(590) }),
            (3_700, Event::FirstAudio { generation: answer, after: ms(100) }),
            (3_720, Event::AgentStarted { generation: answer, turn: Some(turn) }),
            (
                5_000,
                Event::AgentStopped {
                    generation: answer,
                    pii_heard: "Which day?".into(),
                    interrupted: false,
                },
            ),
            (9_000, Event::Ended { reason: EndReason::UserHungUp }),
        ]
    }

    #[tokio::test]
    async fn a_call_is_on_record_turn_by_turn_with_what_was_heard() {
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::fresh().await;
        store.begin_call("CA1", None, Direction::Inbound, now).await.unwrap();
        let (metrics, watchers): (Arc<Metrics>, _) = (Arc::default(), watch::Sender::new(()));
        let mut watching = watchers.subscribe();
        let call = CallId::new("CA1");
        let record = Record::new(call, store.clone(), Arc::clone(&metrics), watchers);
        let writing = tokio::spawn(Arc::clone(&record).write_along());
        let mut scribe = record.scribe();
        for (at, event) in events() {
            scribe.on_event(CallTime::from_millis(at), &event);
            if at == 1_700 {
                // Whoever watches sees a turn before the next one begins.
                watching.changed().await.unwrap();
            }
        }
        drop(scribe);
        writing.await.unwrap();
        let turns = store.turns("CA1").await.unwrap();
        let said: Vec<_> = turns.iter().map(|one| (one.by_agent, one.words.as_str())).collect();
        assert_eq!(
            said,
            [
                (true, "Thank you for calling"),
                (false, "I need an oil change"),
                (true, "Which day?")
            ]
        );
        assert!(turns[0].interrupted && !turns[2].interrupted);
        assert_eq!((turns[1].from_ms, turns[1].to_ms), (1_400, 3_000));
        let expected = Stages {
            end_of_turn: Some(400),
            transcription: Some(150),
            first_token: Some(480),
            first_sentence: Some(590),
            first_audio: Some(100),
            response: Some(1_120),
            playout: None,
        };
        assert_eq!(turns[1].stages, expected);
        assert_eq!(turns[0].stages, Stages::default());
        let noted = store.call("CA1").await.unwrap().unwrap();
        assert_eq!(noted.first_response_ms, Some(300));
        assert_eq!(noted.end_reason.as_deref(), Some("caller_hung_up"));
        let text = metrics.text(1, &crate::metrics::Stored::default());
        for line in ["va_first_response_seconds_sum 0.3", "va_response_seconds_sum 1.12"] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
    }
}
