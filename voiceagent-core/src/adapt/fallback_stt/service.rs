use std::{future::Future, time::Duration};

use tokio::time::Instant;

use super::{Opened, SttFailover, requests::Requests, tape::Tape, watch::Watch};
use crate::{
    Error, Link, Result,
    adapt::chain::now,
    audio::{AudioFormat, AudioFrame, MediaTime, Transcoder},
    stt::{SttCapabilities, SttEvent, SttInput, Transcript},
};

/// How much later than a recognizer itself its final is given up: by then it has told what it
/// understood, or has opened another connection.
const MARGIN: Duration = Duration::from_millis(250);

/// How far a recognizer with a limited pace may be ahead of it.
const BURST: Duration = Duration::from_millis(250);

/// The recognizer that listens: reads the tape from a place on, and tells times in the whole
/// stream.
pub(super) struct Service {
    pub(super) index: usize,
    pub(super) opened: Instant,
    pub(super) watch: Watch,
    /// How long a final may take that was asked for.
    pub(super) finalize: Duration,
    /// Whether it answers each request, also where it has nothing to say. One that ends turns by
    /// itself answers within a turn.
    pub(super) answers_always: bool,
    /// What it said last that may be why it ends.
    pub(super) fault: Option<Error>,
    /// Whether it has said anything.
    pub(super) works: bool,
    /// Whether its finals are about what is said now, and not about what it hears again.
    pub(super) is_live: bool,
    /// Whether the beginning of speech that it tells next was told before.
    pub(super) resumes_speech: bool,
    link: Link<SttInput, SttEvent>,
    transcoder: Transcoder,
    from: AudioFormat,
    to: AudioFormat,
    pace_percent: Option<u32>,
    base: u64,
    sent: u64,
}

impl Service {
    /// A recognizer that hears what is on the tape from `base` on.
    pub(super) fn new(
        opened: Opened,
        claims: &SttCapabilities,
        from: AudioFormat,
        settings: SttFailover,
        base: u64,
    ) -> Result<Self> {
        let own = claims.finalize_ms.map(|ms| Duration::from_millis(ms.into()) + MARGIN);
        let finalize = own.map_or(settings.finalize, |own| own.min(settings.stall));
        let finalize = finalize.max(settings.finalize);
        Ok(Self {
            index: opened.index,
            opened: now(),
            watch: Watch::new(settings.stall, finalize, claims.interim),
            finalize,
            answers_always: claims.finalize && !claims.end_of_turn,
            fault: None,
            works: false,
            is_live: false,
            resumes_speech: false,
            link: opened.link,
            transcoder: Transcoder::new(from, opened.format)?,
            from,
            to: opened.format,
            pace_percent: claims.pace_percent,
            base,
            sent: base,
        })
    }

    /// Hands over what the tape holds and the recognizer takes, and asks for finals at their places.
    pub(super) fn feed(&mut self, tape: &Tape, requests: &mut Requests) {
        while self.link.is_writable() {
            if requests.tell(self.sent, now()) {
                self.watch.on_asked(now());
                // That a link has ended is noticed where it is read.
                let _ = self.link.try_send(SttInput::Finalize);
                continue;
            }
            if self.may_go_on_at() > now() {
                break;
            }
            let Some(frame) = tape.read(self.sent) else { break };
            self.sent = self.sent.max(tape.start()) + frame.samples();
            let audio = SttInput::Audio(self.convert(frame));
            let _ = self.link.try_send(audio);
        }
    }

    fn convert(&mut self, frame: AudioFrame) -> AudioFrame {
        let (from, to) = (u64::from(self.from.sample_rate.max(1)), u64::from(self.to.sample_rate));
        let at = MediaTime(frame.at.0 * to / from);
        AudioFrame::new(self.to, at, self.transcoder.transcode(frame.payload))
    }

    /// What it says next; `None` when it has ended.
    pub(super) async fn recv(&mut self) -> Option<Result<SttEvent>> {
        self.link.recv().await
    }

    /// Waits for room, if there is something to hand over.
    pub(super) fn room(&self, tape: &Tape) -> Option<impl Future<Output = ()> + Send + use<>> {
        let waits = self.sent < tape.end() && !self.link.is_writable() && !self.link.is_closed();
        waits.then(|| self.link.writable())
    }

    /// When more may be handed over, if there is more.
    pub(super) fn wake_at(&self, tape: &Tape) -> Option<Instant> {
        let paced = self.pace_percent.is_some() && self.link.is_writable();
        (paced && self.sent < tape.end()).then(|| self.may_go_on_at())
    }

    /// When a recognizer with a limited pace takes more than it has.
    fn may_go_on_at(&self) -> Instant {
        let Some(percent) = self.pace_percent else { return self.opened };
        let ahead = self.from.duration_of(self.sent - self.base).saturating_sub(BURST);
        self.opened + ahead * 100 / percent.max(1)
    }

    /// Whether it has been handed all of the tape.
    pub(super) fn has_all_of(&self, tape: &Tape) -> bool {
        self.sent >= tape.end()
    }

    /// A transcript with times that count from the beginning of the whole stream.
    pub(super) fn in_stream(&self, mut transcript: Transcript) -> Transcript {
        let base = self.from.duration_of(self.base);
        for word in &mut transcript.words {
            word.start += base;
            word.end += base;
        }
        transcript
    }
}
