use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::legs::{Report, choose, reopen};
use crate::{
    CallTime, Link, Result,
    agent::Recipe,
    audio::{AudioFilter, AudioFormat, AudioFrame, MediaTime, Transcoder},
    session::Input,
    speech_detector::SpeechDetector,
    speech_gate::SpeechEdge,
    stt::{SpeechToText, SttEvent, SttInput, SttOptions},
};

/// What a turn detector may listen to.
const TAIL: Duration = Duration::from_secs(8);
/// Speech is over when no audio has come for so long: a muted caller's line falls silent.
const IDLE: Duration = Duration::from_secs(1);
/// Audio that waits for a recognizer that is being reopened, in frames of 20 ms: 5 s.
const BACKLOG: usize = 250;

/// The way of the caller's audio: filters, detector, recognizer, tail.
pub(super) struct Ears {
    format: AudioFormat,
    filters: Vec<Box<dyn AudioFilter>>,
    detector: Option<SpeechDetector>,
    transcoder: Transcoder,
    options: SttOptions,
    link: Option<Link<SttInput, SttEvent>>,
    reopening: Option<BoxFuture<'static, Result<Link<SttInput, SttEvent>>>>,
    backlog: VecDeque<AudioFrame>,
    tail: Option<VecDeque<AudioFrame>>,
    tail_limit: u64,
    /// The end of the last frame, and when it came, while the detector hears speech.
    speaking: bool,
    last_frame: (CallTime, MediaTime),
    dropped: u64,
}

impl Ears {
    pub(super) async fn open(
        recipe: &Recipe,
        stt: &dyn SpeechToText,
        format: AudioFormat,
    ) -> Result<Self> {
        let heard = choose(&stt.capabilities().formats, format)?;
        let transcoder = Transcoder::new(format, heard)?;
        let detector = match &recipe.vad {
            Some(vad) => Some(SpeechDetector::new(&**vad, format, recipe.speech_gate)?),
            None => None,
        };
        let options = SttOptions::new(heard);
        let link = Some(stt.open(options.clone()).await?);
        Ok(Self {
            format,
            filters: recipe.filters.iter().map(|make| make()).collect(),
            detector,
            transcoder,
            options,
            link,
            reopening: None,
            backlog: VecDeque::new(),
            tail: recipe.turn_detector.is_some().then(VecDeque::new),
            tail_limit: format.samples_in(TAIL),
            speaking: false,
            last_frame: (CallTime::ZERO, MediaTime(0)),
            dropped: 0,
        })
    }

    /// Takes one frame. Returns what the session should know, if anything.
    pub(super) fn hear(&mut self, now: CallTime, mut frame: AudioFrame) -> Option<Input> {
        for filter in &mut self.filters {
            frame = filter.apply(frame);
        }
        let end = MediaTime(frame.at.0 + frame.samples());
        self.last_frame = (now, end);
        let edge = self.detector.as_mut().and_then(|detector| detector.push(&frame));
        if let Some(tail) = &mut self.tail {
            tail.push_back(frame.clone());
            while tail.front().is_some_and(|first| first.at.0 + self.tail_limit < end.0) {
                tail.pop_front();
            }
        }
        self.recognize(frame);
        edge.map(|edge| self.input(now, end, edge))
    }

    /// When speech is over for want of audio; `None` while there is none.
    pub(super) fn idle_at(&self) -> Option<CallTime> {
        self.speaking.then_some(self.last_frame.0 + IDLE)
    }

    /// No audio has come for long: whoever spoke does not any more.
    pub(super) fn on_idle(&mut self) -> Option<Input> {
        self.speaking = false;
        let (came, end) = self.last_frame;
        let edge = self.detector.as_mut()?.force_stop(end)?;
        Some(self.input(came, end, edge))
    }

    /// Asks the recognizer for what it understood so far.
    pub(super) fn finalize(&self) {
        if let Some(link) = &self.link {
            // A recognizer that cannot take this is about to be noticed as stalled.
            let _ = link.try_send(SttInput::Finalize);
        }
    }

    /// The last 8 s.
    pub(super) fn tail(&self) -> Arc<[AudioFrame]> {
        self.tail.iter().flatten().cloned().collect()
    }

    /// The next thing the recognizer reports.
    pub(super) async fn next(&mut self, stt: &Arc<dyn SpeechToText>) -> Report<SttEvent> {
        if let Some(link) = &mut self.link {
            match link.recv().await {
                Some(Ok(event)) => return Report::Event(event),
                Some(Err(fault)) => return Report::Fault(fault),
                None => self.link = None,
            }
        }
        let reopening = self.reopening.get_or_insert_with(|| {
            let (stt, options) = (stt.clone(), self.options.clone());
            Box::pin(reopen(move || {
                let (stt, options) = (stt.clone(), options.clone());
                async move { stt.open(options).await }
            }))
        });
        let opened = reopening.await;
        self.reopening = None;
        match opened {
            Ok(link) => {
                for frame in self.backlog.drain(..) {
                    let _ = link.try_send(SttInput::Audio(frame));
                }
                self.link = Some(link);
                Report::Reopened
            }
            Err(error) => Report::Lost(error),
        }
    }

    fn recognize(&mut self, frame: AudioFrame) {
        let frame = if self.transcoder.is_identity() {
            frame
        } else {
            let format = self.options.format;
            let at = frame.at.0 * u64::from(format.sample_rate)
                / u64::from(self.format.sample_rate.max(1));
            AudioFrame::new(format, MediaTime(at), self.transcoder.transcode(frame.payload))
        };
        let refused = match &self.link {
            Some(link) if !link.is_closed() => link.try_send(SttInput::Audio(frame)).is_err(),
            _ => {
                self.backlog.push_back(frame);
                self.backlog.len() > BACKLOG && self.backlog.pop_front().is_some()
            }
        };
        if refused {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::warn!(frames = self.dropped, "the recognizer does not keep up");
            }
        }
    }

    fn input(&mut self, now: CallTime, end: MediaTime, edge: SpeechEdge) -> Input {
        let ago =
            |at: MediaTime| now.saturating_sub(self.format.duration_of(end.0.saturating_sub(at.0)));
        match edge {
            SpeechEdge::Started { since } => {
                self.speaking = true;
                Input::SpeechStarted { since: ago(since) }
            }
            SpeechEdge::Stopped { since } => {
                self.speaking = false;
                Input::SpeechStopped { since: ago(since) }
            }
        }
    }
}
