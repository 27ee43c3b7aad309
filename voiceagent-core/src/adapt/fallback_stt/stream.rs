use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};

use super::{
    Opened, SttFailover, open,
    outage::Outage,
    overlap::Overlap,
    requests::Requests,
    service::Service,
    stage::{Stage, Step, or_never},
    tape::Tape,
};
use crate::{
    Error, ErrorKind, LinkPeer, Result,
    adapt::{
        chain::{Chain, now},
        failover::Losses,
    },
    audio::AudioFrame,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions, Transcript},
};

/// One that was there for so long has worked, though nobody may have spoken.
const SOUND: Duration = Duration::from_secs(5);
/// A pause in which a final covers everything that was said before it.
const BREAK: Duration = Duration::from_millis(200);
/// The longest that a final may be behind its audio, as of whole utterances over HTTP. One that comes
/// behind a word that was begun since may be about what was said before that.
const LAG: Duration = Duration::from_secs(2);
/// Silence that is kept: no word begins before it.
const PRE_ROLL: Duration = Duration::from_secs(1);
/// After so much silence nothing more comes of what was loud before.
const SETTLED: Duration = Duration::from_secs(5);

type Peer = LinkPeer<SttInput, SttEvent>;

/// One stream of recognition, over as many recognizers as it takes.
///
/// All audio goes over the tape: what a recognizer has been sent is a place on it, and one that is
/// opened begins where the last sure final ended.
pub(super) struct Stream {
    chain: Arc<Chain<dyn SpeechToText>>,
    settings: SttFailover,
    options: SttOptions,
    claims: SttCapabilities,
    tape: Tape,
    stage: Stage,
    /// Everything before is covered by finals.
    sure: u64,
    overlap: Overlap,
    requests: Requests,
    /// Words were told that are not final.
    pending: bool,
    /// The text that no final covers, if it was not taken back.
    interim: Option<Transcript>,
    speech_told: bool,
    eager_told: bool,
    /// Who is still to be tried in this round.
    round: VecDeque<usize>,
    outage: Outage,
    /// Who has been silent about the audio since the last event, in this order.
    silent: Vec<usize>,
    losses: Losses,
    overruns: u64,
}

impl Stream {
    pub(super) fn new(
        chain: Arc<Chain<dyn SpeechToText>>,
        settings: SttFailover,
        options: SttOptions,
        claims: SttCapabilities,
        opened: Opened,
        losses: Losses,
    ) -> Result<Self> {
        let theirs = chain.provider(opened.index).capabilities();
        let service = Service::new(opened, &theirs, options.format, settings, 0)?;
        Ok(Self {
            tape: Tape::new(options.format, settings.tape),
            outage: Outage::new(chain.providers().count()),
            chain,
            settings,
            options,
            claims,
            stage: Stage::Serving(Box::new(service)),
            sure: 0,
            overlap: Overlap::default(),
            requests: Requests::default(),
            pending: false,
            interim: None,
            speech_told: false,
            eager_told: false,
            round: VecDeque::new(),
            silent: Vec::new(),
            losses,
            overruns: 0,
        })
    }

    /// Runs until the owner of the link has gone, or no recognizer is left.
    pub(super) async fn run(mut self, mut peer: Peer) -> Result<()> {
        let end = self.serve(&mut peer).await;
        if end.is_err() && !self.options.replays {
            self.settle(&peer).await?;
        }
        end
    }

    /// Nobody hears the audio again: makes a final of what was understood so far.
    async fn settle(&mut self, peer: &Peer) -> Result<()> {
        let Some(mut last) = self.interim.take() else { return Ok(()) };
        last.is_final = true;
        peer.send(SttEvent::Transcript(last)).await
    }

    async fn serve(&mut self, peer: &mut Peer) -> Result<()> {
        self.tell_failover(peer).await?;
        loop {
            let (wake, room) = self.prepare();
            let step = tokio::select! {
                biased;
                input = peer.recv() => Step::Input(input),
                step = self.stage.next() => step,
                () = room => Step::Look,
                () = wake => Step::Look,
            };
            match step {
                Step::Input(None) => return Ok(()),
                Step::Input(Some(SttInput::Audio(frame))) => self.on_audio(frame),
                Step::Input(Some(SttInput::Finalize)) => self.requests.ask(self.tape.end()),
                Step::Opened(index, Ok(opened)) => {
                    self.on_opened(index, opened)?;
                    self.tell_failover(peer).await?;
                }
                Step::Opened(index, Err(error)) => self.on_refused(index, error)?,
                Step::Heard(Some(Ok(event))) => self.on_event(event, peer).await?,
                Step::Heard(Some(Err(fault))) => self.note_fault(fault),
                Step::Heard(None) => self.on_lost(peer).await?,
                Step::Look => self.look(peer).await?,
            }
        }
    }

    /// Hands over what can be, and says when to look again and what to wait for.
    fn prepare(&mut self) -> (impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>) {
        let asks_again_at = self.asks_again_at();
        let (mut wake, mut room) = (None, None);
        match &mut self.stage {
            Stage::Opening { .. } => {}
            Stage::Resting { until } => wake = Some(*until),
            Stage::Serving(service) => {
                service.feed(&self.tape, &mut self.requests);
                let at = [service.watch.deadline(), service.wake_at(&self.tape), asks_again_at];
                wake = at.into_iter().flatten().min();
                room = service.room(&self.tape);
            }
        }
        (or_never(wake.map(sleep_until)), or_never(room))
    }

    fn on_audio(&mut self, frame: AudioFrame) {
        if frame.payload.is_empty() {
            return;
        }
        let (loud, overrun) = self.tape.push(frame);
        if overrun {
            self.overruns += 1;
            if self.overruns.is_power_of_two() {
                tracing::warn!(frames = self.overruns, "the tape of a recognizer is full");
            }
        }
        if let Stage::Serving(service) = &mut self.stage {
            service.watch.on_loud(now(), loud);
            service.is_live |= !loud.is_zero();
        }
        self.trim();
    }

    /// Forgets silence, and what was loud long ago and came to nothing.
    fn trim(&mut self) {
        if matches!(self.stage, Stage::Serving(_))
            && let Some(place) = self.requests.expire(now())
        {
            self.cover(place);
        }
        let format = self.options.format;
        let loud_until = self.tape.loud_until().unwrap_or(self.sure).max(self.sure);
        let quiet = format.duration_of(self.tape.end() - loud_until);
        if quiet < SETTLED || self.pending || !self.requests.is_empty() || !self.silent.is_empty() {
            return;
        }
        let stalls = |service: &Service| service.watch.deadline().is_some();
        if let Stage::Serving(service) = &self.stage
            && !stalls(service)
        {
            self.cover(self.tape.end() - format.samples_in(PRE_ROLL));
        }
    }

    fn on_opened(&mut self, index: usize, opened: Opened) -> Result<()> {
        let theirs = self.chain.provider(index).capabilities();
        let (format, settings) = (self.options.format, self.settings);
        let mut service = Service::new(opened, &theirs, format, settings, self.sure)?;
        service.resumes_speech = self.speech_told;
        service.watch.on_loud(now(), self.tape.loud_from(self.sure));
        self.overlap.rewind();
        self.requests.restart();
        self.stage = Stage::Serving(Box::new(service));
        Ok(())
    }

    /// Tells who serves now, if it is another one.
    async fn tell_failover(&mut self, peer: &Peer) -> Result<()> {
        let Stage::Serving(service) = &self.stage else { return Ok(()) };
        let name = |index| self.chain.provider(index).name();
        match self.losses.end(service.index, name) {
            Some(failover) => peer.send(SttEvent::FailedOver(failover)).await,
            None => Ok(()),
        }
    }

    fn on_refused(&mut self, index: usize, error: Error) -> Result<()> {
        tracing::warn!(%error, "a recognizer cannot be opened; the next one is tried");
        self.losses.note(index, &error);
        self.chain.failed(index, &error);
        self.outage.note(now(), index, &error);
        self.open_next(error)
    }

    /// Tries the next recognizer of this round, or rests before another round. The error is the one
    /// to end with if all is in vain.
    fn open_next(&mut self, error: Error) -> Result<()> {
        if let Some(index) = self.round.pop_front() {
            let (chain, options) = (self.chain.clone(), self.options.clone());
            let limit = self.settings.opening;
            let opening = async move { open(&chain, index, &options, limit).await };
            self.stage = Stage::Opening { index, opening: opening.boxed() };
            return Ok(());
        }
        let Some(until) = self.outage.next_round(now()) else { return Err(error) };
        self.stage = Stage::Resting { until };
        Ok(())
    }

    fn begin_round(&mut self) {
        let now = now();
        let order = self.chain.order().into_iter();
        self.round = order.filter(|index| self.outage.may_try(now, *index)).collect();
    }

    fn note_fault(&mut self, fault: Error) {
        if let Stage::Serving(service) = &mut self.stage {
            tracing::debug!(%fault, "a recognizer reports a fault");
            service.fault = Some(fault);
        }
    }

    async fn on_lost(&mut self, peer: &Peer) -> Result<()> {
        let Stage::Serving(service) = &mut self.stage else { return Ok(()) };
        let name = self.chain.provider(service.index).name().to_owned();
        let ended = || Error::new(ErrorKind::Disconnected, "read", "it ended").with_provider(name);
        let error = service.fault.take().unwrap_or_else(ended);
        tracing::warn!(%error, "a recognizer is lost; the next one is tried");
        self.losses.note(service.index, &error);
        self.chain.failed(service.index, &error);
        let (index, has_worked) =
            (service.index, service.works || service.opened.elapsed() >= SOUND);
        if has_worked {
            self.outage.end();
        }
        self.outage.note(now(), index, &error);
        if self.outage.begins() {
            self.begin_round();
        }
        self.take_back(peer).await?;
        self.open_next(error)
    }

    async fn look(&mut self, peer: &Peer) -> Result<()> {
        let overdue = |at: Option<Instant>| at.is_some_and(|at| at <= now());
        match &self.stage {
            Stage::Resting { until } if *until <= now() => {
                self.begin_round();
                let error = Error::new(ErrorKind::Disconnected, "open", "there is no recognizer");
                self.open_next(error)
            }
            Stage::Serving(service) if overdue(service.watch.deadline()) => {
                self.on_stall(peer).await
            }
            Stage::Serving(_) if overdue(self.asks_again_at()) => {
                self.requests.ask_again(now());
                Ok(())
            }
            Stage::Opening { .. } | Stage::Resting { .. } | Stage::Serving(_) => Ok(()),
        }
    }

    /// The next recognizer hears what this one is silent about. Who was right is not known before
    /// somebody speaks; what all are silent about was a noise.
    async fn on_stall(&mut self, peer: &Peer) -> Result<()> {
        let Stage::Serving(service) = &mut self.stage else { return Ok(()) };
        let index = service.index;
        self.silent.retain(|other| *other != index);
        self.silent.push(index);
        let mut round = self.chain.order();
        round.retain(|index| !self.silent.contains(index));
        if round.is_empty() {
            service.watch.forgive();
            self.silent.clear();
            self.requests.clear();
            return Ok(());
        }
        let error = stalled(self.chain.provider(index).name());
        tracing::warn!(%error, "a recognizer has stalled; the next one is tried");
        self.losses.note(index, &error);
        self.round = round.into();
        self.take_back(peer).await?;
        self.open_next(error)
    }

    /// Takes back what only the recognizer that is lost could confirm.
    async fn take_back(&mut self, peer: &Peer) -> Result<()> {
        if std::mem::take(&mut self.eager_told) {
            peer.send(SttEvent::TurnResumed).await?;
        }
        Ok(())
    }

    async fn on_event(&mut self, event: SttEvent, peer: &Peer) -> Result<()> {
        if let SttEvent::FailedOver(_) = event {
            // It is a chain itself, and this says nothing about the user.
            return peer.send(event).await;
        }
        let is_final = matches!(&event, SttEvent::Transcript(it) if it.is_final)
            || event == SttEvent::EndOfTurn;
        let Stage::Serving(service) = &mut self.stage else { return Ok(()) };
        service.fault = None;
        if !std::mem::replace(&mut service.works, true) {
            self.chain.succeeded(service.index, service.opened);
            self.outage.end();
        }
        if matches!(event, SttEvent::SpeechStarted | SttEvent::TurnResumed) {
            service.watch.on_notice();
        } else {
            service.watch.on_event(is_final);
            for index in self.silent.drain(..).filter(|index| *index != service.index) {
                self.chain.failed(index, &stalled(self.chain.provider(index).name()));
            }
        }
        match event {
            SttEvent::Transcript(transcript) => self.on_transcript(transcript, peer).await,
            SttEvent::SpeechStarted => {
                let was_told = std::mem::take(&mut service.resumes_speech);
                self.speech_told = true;
                tell(self.claims.speech_started && !was_told, event, peer).await
            }
            SttEvent::EndOfTurn => {
                (self.pending, self.speech_told, self.eager_told) = (false, false, false);
                self.interim = None;
                tell(self.claims.end_of_turn, event, peer).await
            }
            SttEvent::EagerEndOfTurn => {
                self.eager_told = self.claims.eager_end_of_turn;
                tell(self.claims.eager_end_of_turn, event, peer).await
            }
            SttEvent::TurnResumed => {
                let was_told = std::mem::take(&mut self.eager_told);
                tell(was_told, event, peer).await
            }
            SttEvent::FailedOver(_) => Ok(()),
        }
    }

    async fn on_transcript(&mut self, transcript: Transcript, peer: &Peer) -> Result<()> {
        let Stage::Serving(service) = &self.stage else { return Ok(()) };
        let told_something = !transcript.text.is_empty();
        let transcript = service.in_stream(transcript);
        let last_word = transcript.words.last().map(|word| word.end);
        let mut transcript = self.overlap.strip(transcript);
        let mut is_ours = false;
        if transcript.is_final {
            is_ours = self.on_final(&transcript.text, last_word) && !told_something;
            (self.pending, self.speech_told) = (false, false);
        } else {
            self.pending |= told_something;
        }
        if !self.claims.word_timings {
            transcript.words.clear();
        }
        let is_interim = !transcript.is_final && !transcript.text.is_empty();
        self.interim = is_interim.then(|| transcript.clone());
        let is_news = !told_something || !transcript.text.is_empty();
        let is_wanted = transcript.is_final && !is_ours || (self.claims.interim && is_news);
        tell(is_wanted, SttEvent::Transcript(transcript), peer).await
    }

    /// Finds out what a final covers. `last_word` is where its last word ends. Returns whether it is
    /// an answer that nobody but the chain has asked for.
    fn on_final(&mut self, text: &str, last_word: Option<Duration>) -> bool {
        let Stage::Serving(service) = &self.stage else { return false };
        let answer = self.requests.answer(&self.tape);
        let is_ours = answer.is_some_and(|answer| answer.is_ours);
        let asked_at = answer.map(|answer| answer.place);
        let format = self.options.format;
        if last_word.is_none()
            && let Some(answer) = answer.filter(|it| !it.is_sure && self.may_be_late_for(it.place))
        {
            self.doubt(answer.place, text);
            return false;
        }
        let last_loud = self.tape.loud_until();
        let loud_until = last_loud.unwrap_or(0);
        let pause = self.tape.end().saturating_sub(loud_until);
        let begun = self.tape.begins_anew(self.sure, BREAK);
        let is_late = begun.is_some_and(|at| format.duration_of(self.tape.end() - at) < LAG);
        let in_pause = service.is_live
            && service.has_all_of(&self.tape)
            && format.duration_of(pause) >= BREAK
            && !is_late;
        let covered = match last_word {
            Some(end) => Some(format.samples_in(end)),
            None if asked_at.is_some() => asked_at,
            None if text.is_empty() => return is_ours,
            None => in_pause.then_some(loud_until),
        };
        match covered {
            Some(position) => self.cover(position),
            None => {
                let until = last_loud.unwrap_or(self.tape.end());
                self.overlap.on_final(text, format.duration_of(until));
            }
        }
        is_ours
    }

    /// When a recognizer of which it is in doubt whether it has said all is asked again, unless
    /// somebody speaks: that would cut them short, and it has to say something about that anyway.
    fn asks_again_at(&self) -> Option<Instant> {
        let Stage::Serving(service) = &self.stage else { return None };
        let (place, since) = self.requests.in_doubt()?;
        let is_silent = self.tape.loud_from(place).is_zero();
        (service.answers_always && is_silent).then(|| since + service.finalize)
    }

    /// A final that may have been late settles nothing of what was said last. Who has said all
    /// answers the next request all the same, with nothing.
    fn doubt(&mut self, place: u64, text: &str) {
        self.requests.doubt(place, now());
        self.overlap.on_final(text, self.options.format.duration_of(place));
        if let Stage::Serving(service) = &mut self.stage
            && service.answers_always
        {
            let begun = self.tape.begins_anew(self.sure, BREAK).unwrap_or(self.sure);
            service.watch.on_doubt(self.tape.loud_from(begun));
        }
    }

    /// Whether a final that comes now may be about less than what was said before `place`, because
    /// some of that is newer than a final may be late.
    fn may_be_late_for(&self, place: u64) -> bool {
        let Stage::Serving(service) = &self.stage else { return false };
        let lag = self.options.format.samples_in(LAG.max(service.finalize));
        self.tape.is_parted(self.sure..place, BREAK, self.tape.end().saturating_sub(lag))
    }

    /// Everything before `position` is covered.
    fn cover(&mut self, position: u64) {
        self.sure = self.sure.max(position.min(self.tape.end()));
        self.tape.forget_before(self.sure);
        self.overlap.settle(self.options.format.duration_of(self.sure));
    }
}

async fn tell(is_wanted: bool, event: SttEvent, peer: &Peer) -> Result<()> {
    if is_wanted { peer.send(event).await } else { Ok(()) }
}

fn stalled(provider: &str) -> Error {
    Error::new(ErrorKind::Stalled, "read", "it says nothing about speech")
        .with_provider(provider.to_owned())
}
