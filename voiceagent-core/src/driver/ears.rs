use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::{
    legs::choose,
    levels::Levels,
    pre_roll::PreRoll,
    provider::{Provider, Report},
};
use crate::{
    CallTime, ErrorKind, Result,
    agent::Recipe,
    audio::{AudioFilter, AudioFormat, AudioFrame, MediaTime, Transcoder},
    echo::{EchoDetector, Heard},
    session::{Input, Leg},
    speech_detector::SpeechDetector,
    speech_gate::SpeechEdge,
    stt::{SpeechToText, SttEvent, SttInput, SttOptions},
    transport::Outbound,
};

/// What a turn detector may listen to.
const TAIL: Duration = Duration::from_secs(8);
/// Speech is over when no audio has come for so long: a muted caller's line falls silent.
const IDLE: Duration = Duration::from_secs(1);

/// What a recognizer that cannot be asked to finalize takes for the end of an utterance.
const TRAILING_SILENCE: Duration = Duration::from_secs(1);
/// One frame of a phone line.
const FRAME: Duration = Duration::from_millis(20);

/// How long nobody must have spoken before the recognizer gets its audio in bundles, unless what
/// was said is being answered by then.
const QUIET: Duration = Duration::from_secs(1);
/// Frames in a bundle: 80 ms, the length that vendors advise. Speech that begins in a bundle is
/// handed over with its first edge, well before any recognizer could make a word of it.
const BUNDLE: usize = 4;

/// Frames that wait, at most, until it is known whether they are echo.
const UNKNOWN: usize = 32;

/// How long a detector may take to notice that somebody speaks.
const ONSET: Duration = Duration::from_millis(100);

/// The way of the caller's audio: filters, detector, recognizer, tail.
pub(super) struct Ears {
    format: AudioFormat,
    filters: Vec<Box<dyn AudioFilter>>,
    detector: Option<SpeechDetector>,
    levels: Levels,
    /// `None` where it is not looked for, and on lines of coded packets.
    echo: Option<EchoDetector>,
    /// What the session has not been told: while it is not known whose voice it is, it waits.
    edges: VecDeque<Input>,
    transcoder: Transcoder,
    /// What the recognizer takes.
    heard: AudioFormat,
    /// The recognizer; `None` where a model hears by itself.
    provider: Option<Provider<SttInput, SttEvent>>,
    /// What such a model has not been handed yet.
    passed: Vec<AudioFrame>,
    /// Audio of a quiet line on its way to the recognizer, so that it is woken less often, and what
    /// may be echo.
    bundle: Vec<AudioFrame>,
    /// Whether the recognizer can wait for a bundle: it must not be the one who ends turns.
    patient: bool,
    /// From where on the line counts as quiet.
    quiet_from: MediaTime,
    /// What was said lately, while the recognizer hears silence.
    pre_roll: Option<PreRoll>,
    /// Where the speech begins that the detector hears.
    spoken_from: MediaTime,
    tail: Option<VecDeque<AudioFrame>>,
    tail_limit: u64,
    /// The end of the last frame, and when it came, while the detector hears speech.
    speaking: bool,
    last_frame: (CallTime, MediaTime),
    /// Samples that the recognizer was given.
    given: u64,
    pub(super) dropped: u64,
}

impl Ears {
    pub(super) async fn open(
        recipe: &Recipe,
        stt: Arc<dyn SpeechToText>,
        (format, outbound): (AudioFormat, AudioFormat),
    ) -> Result<Self> {
        let capabilities = stt.capabilities();
        let heard = choose(&capabilities.formats, format)?;
        let mut ears = Self::new(recipe, (format, outbound), heard)?;
        let provider = Provider::open(move || {
            let stt = stt.clone();
            async move { stt.open(SttOptions::new(heard)).await }
        });
        ears.provider = Some(provider.await?);
        ears.patient &= !capabilities.semantic_end_of_turn;
        Ok(ears)
    }

    /// Ears for a model that hears by itself, on a line with these formats in and out.
    pub(super) fn for_model(
        recipe: &Recipe,
        formats: (AudioFormat, AudioFormat),
        heard: AudioFormat,
    ) -> Result<Self> {
        let mut ears = Self::new(recipe, formats, heard)?;
        ears.patient &= !recipe.config.realtime.as_ref().is_some_and(|model| model.duplex);
        Ok(ears)
    }

    fn new(
        recipe: &Recipe,
        (format, outbound): (AudioFormat, AudioFormat),
        heard: AudioFormat,
    ) -> Result<Self> {
        let transcoder = Transcoder::new(format, heard)?;
        let detector = match &recipe.vad {
            Some(vad) => Some(SpeechDetector::new(&**vad, format, recipe.speech_gate)?),
            None => None,
        };
        Ok(Self {
            patient: detector.is_some(),
            bundle: Vec::with_capacity(UNKNOWN),
            quiet_from: MediaTime(format.samples_in(QUIET)),
            pre_roll: None,
            spoken_from: MediaTime(0),
            format,
            filters: recipe.filters.iter().map(|make| make()).collect(),
            detector,
            echo: recipe.echo.then(|| EchoDetector::new(format, outbound).ok()).flatten().map(
                |echo| echo.with_lead(recipe.config.playout.lead + recipe.config.playout.piece),
            ),
            levels: Levels::new(),
            // A level, a start, a stop and a loss.
            edges: VecDeque::with_capacity(4),
            transcoder,
            heard,
            provider: None,
            passed: Vec::new(),
            tail: recipe.turn_detector.is_some().then(VecDeque::new),
            tail_limit: format.samples_in(TAIL),
            speaking: false,
            last_frame: (CallTime::ZERO, MediaTime(0)),
            given: 0,
            dropped: 0,
        })
    }

    /// Takes one frame. Returns what the session should know.
    pub(super) fn hear(
        &mut self,
        now: CallTime,
        mut frame: AudioFrame,
    ) -> impl Iterator<Item = Input> {
        let whose = self.echo.as_mut().map_or(Heard::Caller, |echo| echo.heard(now, &frame));
        self.filter(&mut frame);
        if whose == Heard::Echo {
            self.take_back();
            silence(&mut frame);
        }
        let end = MediaTime(frame.at.0 + frame.samples());
        self.last_frame = (now, end);
        self.levels.push(&frame);
        self.detect_in(now, end, &frame);
        if let Some(tail) = &mut self.tail {
            tail.push_back(frame.clone());
            while tail.front().is_some_and(|first| first.at.0 + self.tail_limit < end.0) {
                tail.pop_front();
            }
        }
        if self.speaking {
            self.quiet_from = MediaTime(end.0 + self.format.samples_in(QUIET));
        }
        self.bundle.push(frame);
        let is_known = whose != Heard::Unknown || self.bundle.len() >= UNKNOWN;
        if is_known && (!self.patient || end < self.quiet_from || self.bundle.len() >= BUNDLE) {
            self.hand_over();
        }
        self.edges.drain(..if is_known { self.edges.len() } else { 0 })
    }

    /// Nobody waits for what the recognizer makes of the last words: they are being answered.
    pub(super) fn note_answered(&mut self) {
        self.quiet_from = self.last_frame.1;
    }

    /// Leads a frame through the filters. One that breaks down is let go.
    fn filter(&mut self, frame: &mut AudioFrame) {
        self.filters.retain_mut(|filter| {
            let before = frame.clone();
            let filtered = catch_unwind(AssertUnwindSafe(|| filter.apply(before)));
            let Ok(filtered) = filtered else {
                tracing::error!("a filter of the caller's audio broke down, and is left out");
                return false;
            };
            *frame = filtered;
            true
        });
    }

    /// Notes all edges that a frame has: a gap before it may end speech that begins anew in it.
    fn detect_in(&mut self, now: CallTime, end: MediaTime, frame: &AudioFrame) {
        let mut edge = self.detect(|detector| detector.push(frame));
        loop {
            match edge {
                Ok(None) => return,
                Ok(Some(edge)) => {
                    self.edges.extend(self.level_of(edge));
                    let input = self.input(now, end, edge);
                    self.edges.push_back(input);
                }
                Err(lost) => return self.edges.push_back(lost),
            }
            edge = self.detect(SpeechDetector::poll);
        }
    }

    /// Notes what goes out on the line.
    pub(super) fn note_sent(&mut self, now: CallTime, outbound: &Outbound) {
        let Some(echo) = &mut self.echo else { return };
        match outbound {
            Outbound::Audio(frame) => echo.played(now, frame),
            Outbound::Clear => echo.cleared(now),
            Outbound::HangUp
            | Outbound::Mark(_)
            | Outbound::Text { .. }
            | Outbound::TextEnd { .. }
            | Outbound::Transfer(_) => {}
        }
    }

    /// What may have been the caller was echo: nobody has heard it.
    fn take_back(&mut self) {
        if self.edges.iter().any(is_edge) {
            let lost = self.reset();
            self.edges.extend(lost);
        }
        self.bundle.iter_mut().for_each(silence);
    }

    /// When speech is over for want of audio; `None` while there is none.
    pub(super) fn idle_at(&self) -> Option<CallTime> {
        self.speaking.then_some(self.last_frame.0 + IDLE)
    }

    /// No audio has come for long: whoever spoke does not any more.
    pub(super) fn on_idle(&mut self) -> Option<Input> {
        if self.edges.iter().any(is_edge) {
            // The session has not been told that anybody speaks.
            return self.reset();
        }
        self.speaking = false;
        let (came, end) = self.last_frame;
        match self.detect(|detector| detector.force_stop(end)) {
            Ok(edge) => edge.map(|edge| self.input(came, end, edge)),
            Err(lost) => Some(lost),
        }
    }

    /// Lets the detector begin anew, with nobody speaking. Returns what the session should know.
    pub(super) fn reset(&mut self) -> Option<Input> {
        self.speaking = false;
        self.edges.retain(|input| !is_edge(input));
        let end = self.last_frame.1;
        // That nobody speaks is what the session has decided: it need not be told.
        self.detect(|detector| detector.force_stop(end)).err()
    }

    /// Asks the recognizer for what it understood so far.
    pub(super) fn finalize(&mut self) {
        self.hand_over();
        if let Some(provider) = &mut self.provider {
            // A recognizer that cannot take this is about to be noticed as stalled.
            let _ = provider.send(SttInput::Finalize);
        }
    }

    /// How much the recognizer was given to hear.
    pub(super) fn given(&self) -> Duration {
        self.heard.duration_of(self.given)
    }

    /// Makes a recognizer that cannot be asked to finalize tell what it understood so far.
    pub(super) fn flush(&mut self) {
        self.hand_over();
        let Some(silence) = self.format.silence() else { return };
        let samples = self.format.samples_in(FRAME);
        let payload = Bytes::from(vec![silence; self.format.bytes_in(FRAME)]);
        let frames = TRAILING_SILENCE.as_millis() / FRAME.as_millis();
        for frame in (0..).take(frames as usize) {
            let at = MediaTime(self.last_frame.1.0 + frame * samples);
            self.recognize(AudioFrame::new(self.format, at, payload.clone()), true);
        }
    }

    /// Lets the recognizer hear silence from now on, or the caller again: from where speech began
    /// that goes on, or may be beginning.
    pub(super) fn feed_silence(&mut self, on: bool) {
        self.hand_over();
        if on {
            self.pre_roll.get_or_insert_with(|| PreRoll::new(self.format));
            return;
        }
        let Some(pre_roll) = self.pre_roll.take() else { return };
        let from = match (self.detector.is_some(), self.speaking) {
            (false, _) => MediaTime(0),
            (true, true) => self.spoken_from,
            (true, false) => self.last_frame.1,
        };
        let from = MediaTime(from.0.saturating_sub(self.format.samples_in(ONSET)));
        pre_roll.release(from).for_each(|(frame, heard)| self.recognize(frame, heard));
    }

    /// The last 8 s.
    pub(super) fn tail(&self) -> Arc<[AudioFrame]> {
        self.tail.iter().flatten().cloned().collect()
    }

    /// The next thing the recognizer reports.
    pub(super) async fn next(&mut self) -> Report<SttEvent> {
        match &mut self.provider {
            Some(provider) => provider.next().await,
            None => std::future::pending().await,
        }
    }

    /// Takes what a model is to hear.
    pub(super) fn passed(&mut self) -> impl Iterator<Item = AudioFrame> {
        self.passed.drain(..)
    }

    /// Asks the detector. One that breaks down is let go, and the recognizer alone is listened to.
    fn detect(
        &mut self,
        ask: impl FnOnce(&mut SpeechDetector) -> Option<SpeechEdge>,
    ) -> Result<Option<SpeechEdge>, Input> {
        let Some(detector) = &mut self.detector else { return Ok(None) };
        catch_unwind(AssertUnwindSafe(|| ask(detector))).map_err(|_| {
            tracing::error!("the speech detector broke down");
            self.detector = None;
            self.speaking = false;
            self.patient = false;
            Input::LegLost { leg: Leg::Vad, kind: ErrorKind::Protocol }
        })
    }

    /// Hands over what waits to be bundled.
    pub(super) fn hand_over(&mut self) {
        let mut bundle = std::mem::take(&mut self.bundle);
        for frame in bundle.drain(..) {
            match &mut self.pre_roll {
                None => self.recognize(frame, true),
                Some(pre_roll) => {
                    if let Some(late) = pre_roll.push(frame) {
                        self.recognize(late, false);
                    }
                }
            }
        }
        self.bundle = bundle;
    }

    fn recognize(&mut self, frame: AudioFrame, heard: bool) {
        let mut frame = if self.transcoder.is_identity() {
            frame
        } else {
            let format = self.heard;
            let at = frame.at.0 * u64::from(format.sample_rate)
                / u64::from(self.format.sample_rate.max(1));
            AudioFrame::new(format, MediaTime(at), self.transcoder.transcode(frame.payload))
        };
        if !heard {
            // Packets have no silence of their own; the recognizer waits for the next that is heard.
            if frame.format.silence().is_none() {
                return;
            }
            silence(&mut frame);
        }
        let samples = frame.samples();
        let Some(provider) = &mut self.provider else {
            self.passed.push(frame);
            return;
        };
        if provider.send(SttInput::Audio(frame)).is_ok() {
            self.given += samples;
        } else {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::warn!(frames = self.dropped, "the recognizer does not keep up");
            }
        }
    }

    /// How loud the voice is that begins.
    fn level_of(&self, edge: SpeechEdge) -> Option<Input> {
        let SpeechEdge::Started { since } = edge else { return None };
        self.levels.loudest_since(since).map(|level| Input::SpeechLevel { level })
    }

    fn input(&mut self, now: CallTime, end: MediaTime, edge: SpeechEdge) -> Input {
        let ago =
            |at: MediaTime| now.saturating_sub(self.format.duration_of(end.0.saturating_sub(at.0)));
        match edge {
            SpeechEdge::Started { since } => {
                self.speaking = true;
                self.spoken_from = since;
                Input::SpeechStarted { since: ago(since) }
            }
            SpeechEdge::Stopped { since } => {
                self.speaking = false;
                Input::SpeechStopped { since: ago(since) }
            }
        }
    }
}

fn is_edge(input: &Input) -> bool {
    matches!(
        input,
        Input::SpeechLevel { .. } | Input::SpeechStarted { .. } | Input::SpeechStopped { .. }
    )
}

/// Takes the sound out of a frame, unless it is a packet.
fn silence(frame: &mut AudioFrame) {
    if let Some(silence) = frame.format.silence() {
        frame.payload = vec![silence; frame.payload.len()].into();
    }
}
