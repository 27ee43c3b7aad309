use std::{collections::VecDeque, fmt, future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use voiceagent_core::{
    ErrorKind, Link, LinkPeer, Result,
    audio::{AudioFormat, AudioFrame},
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions, Transcript},
};

use super::{
    Recording, Words,
    faults::{Faults, fault, limited, lost, refused},
    schedule::Schedule,
    words::Ear,
};

/// Two seconds of frames, as an adapter would hold while it reconnects.
const LINK: usize = 128;

/// A recognizer that understands what a [`Caller`](super::Caller) says.
///
/// It understands a word when its audio arrives, or [later](FakeStt::with_lag), and nothing that is
/// lost or silenced on its way. Interims come each 250 ms of speech, finals a delay after the speech,
/// and after [`SttInput::Finalize`].
pub struct FakeStt {
    words: Words,
    capabilities: SttCapabilities,
    pace: Pace,
    faults: Faults<SttFault>,
    opened: Recording<SttOptions>,
    inputs: Recording<SttInput>,
}

/// What goes wrong with one opened stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SttFault {
    /// The stream cannot be opened, and its vendor asks to be left alone for so long.
    Limit(Duration),
    /// The stream ends with [`ErrorKind::RateLimited`] with its first audio, and its vendor asks to
    /// be left alone for so long.
    LimitWithin(Duration),
    /// The stream cannot be opened.
    Refuse(ErrorKind),
    /// The stream ends with [`ErrorKind::Disconnected`] after this much audio. As adapters do, it
    /// makes a final of what it understood so far, unless [`SttOptions::replays`] is set.
    Drop(Duration),
    /// The stream says nothing more after this much audio, and goes on reading.
    Mute(Duration),
    /// The stream stops reading after this much audio.
    Stall(Duration),
    /// Nothing.
    None,
    /// The stream tells when speech begins, and no words, after this much audio.
    Wordless(Duration),
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    lag: Duration,
    interim: Duration,
    after_speech: Duration,
    after_finalize: Duration,
    eager: Duration,
    end_of_turn: Duration,
}

impl FakeStt {
    /// A recognizer for what is said in `words`: interims, finals 300 ms after the speech,
    /// [`SttInput::Finalize`] answered after 80 ms, mu-law or 16-bit PCM.
    #[must_use]
    pub fn new(words: Words) -> Self {
        let mut capabilities = SttCapabilities::new(vec![
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
            AudioFormat::PCM_8K,
            AudioFormat::PCM_16K,
        ]);
        capabilities.interim = true;
        capabilities.finalize = true;
        let pace = Pace {
            lag: Duration::ZERO,
            interim: Duration::from_millis(250),
            after_speech: Duration::from_millis(300),
            after_finalize: Duration::from_millis(80),
            eager: Duration::ZERO,
            end_of_turn: Duration::ZERO,
        };
        Self {
            words,
            capabilities,
            pace,
            faults: Faults::default(),
            opened: Recording::default(),
            inputs: Recording::default(),
        }
    }

    /// Says which formats it takes.
    #[must_use]
    pub fn with_formats(mut self, formats: impl Into<Vec<AudioFormat>>) -> Self {
        self.capabilities.formats = formats.into();
        self
    }

    /// Says which language it expects, unless it is told another.
    #[must_use]
    pub fn with_language(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.capabilities.language = Some(tag.into());
        self
    }

    /// Says how long after its audio anything is understood, as of vendors: 200 to 500 ms. All other
    /// delays are added to it. A request to finalize makes it catch up.
    #[must_use]
    pub const fn with_lag(mut self, lag: Duration) -> Self {
        self.pace.lag = lag;
        self
    }

    /// Says how long after the end of speech its final comes.
    #[must_use]
    pub const fn with_final_delay(mut self, delay: Duration) -> Self {
        self.pace.after_speech = delay;
        self
    }

    /// Says how long after [`SttInput::Finalize`] the final comes, which is claimed as well; `None`
    /// takes the ability away.
    #[must_use]
    pub fn with_finalize(mut self, delay: Option<Duration>) -> Self {
        (self.capabilities.finalize, self.capabilities.finalize_ms) = (false, None);
        if let Some(delay) = delay {
            self.capabilities.claim_finalize(delay);
            self.pace.after_finalize = delay;
        }
        self
    }

    /// Takes interims away.
    #[must_use]
    pub const fn without_interims(mut self) -> Self {
        self.capabilities.interim = false;
        self
    }

    /// Reports when speech starts.
    #[must_use]
    pub const fn with_speech_started(mut self) -> Self {
        self.capabilities.speech_started = true;
        self
    }

    /// Attaches the times of the words to finals.
    #[must_use]
    pub const fn with_word_timings(mut self) -> Self {
        self.capabilities.word_timings = true;
        self
    }

    /// Decides when a turn is over: this long after the speech, unless it goes on before. The
    /// final comes just before it.
    #[must_use]
    pub const fn with_end_of_turn(mut self, after: Duration) -> Self {
        self.capabilities.end_of_turn = true;
        self.pace.end_of_turn = after;
        self
    }

    /// Expects the end of a turn this long after the speech, and takes it back when the speech
    /// goes on before [`with_end_of_turn`](Self::with_end_of_turn) has decided.
    #[must_use]
    pub const fn with_eager_end_of_turn(mut self, after: Duration) -> Self {
        self.capabilities.eager_end_of_turn = true;
        self.pace.eager = after;
        self
    }

    /// Says what goes wrong with the first stream that is opened, the second, and so on; those
    /// after the last are sound.
    #[must_use]
    pub fn with_faults(self, faults: impl Into<VecDeque<SttFault>>) -> Self {
        self.faults.set(faults.into());
        self
    }

    /// Each opened stream.
    #[must_use]
    pub fn opened(&self) -> Recording<SttOptions> {
        self.opened.clone()
    }

    /// What all streams were given.
    #[must_use]
    pub fn inputs(&self) -> Recording<SttInput> {
        self.inputs.clone()
    }
}

#[async_trait]
impl SpeechToText for FakeStt {
    fn name(&self) -> &str {
        "fake"
    }

    fn capabilities(&self) -> SttCapabilities {
        self.capabilities.clone()
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        self.opened.add(options.clone());
        if !self.capabilities.formats.contains(&options.format) {
            return Err(fault(ErrorKind::Unsupported, "open", "the format is not taken"));
        }
        let fault_now = self.faults.next();
        match fault_now {
            Some(SttFault::Refuse(kind)) => return Err(refused(kind)),
            Some(SttFault::Limit(wait)) => return Err(limited(wait)),
            _ => {}
        }
        let stream = Stream {
            ear: Ear::new(self.words.clone()),
            capabilities: self.capabilities.clone(),
            pace: self.pace,
            fault: fault_now.unwrap_or(SttFault::None),
            inputs: self.inputs.clone(),
            format: options.format,
            replays: options.replays,
            got: Duration::ZERO,
            heard: Duration::ZERO,
            interim_at: Duration::ZERO,
            expected: false,
            later: Schedule::new(),
            behind: Schedule::new(),
        };
        Ok(Link::spawn(LINK, |peer| stream.run(peer)))
    }
}

impl fmt::Debug for FakeStt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeStt").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

struct Stream {
    ear: Ear,
    capabilities: SttCapabilities,
    pace: Pace,
    fault: SttFault,
    inputs: Recording<SttInput>,
    format: AudioFormat,
    replays: bool,
    /// How much audio arrived, how much of it was heard, and how much will have been at the next
    /// interim.
    got: Duration,
    heard: Duration,
    interim_at: Duration,
    /// The end of the turn was announced, and neither confirmed nor taken back.
    expected: bool,
    later: Schedule<Later>,
    /// Audio that it has not got to.
    behind: Schedule<AudioFrame>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Later {
    Eager,
    EndOfTurn,
    /// The speech has ended: a final if there are words.
    Final,
    /// Asked for: a final even if there are none.
    Finalized,
}

impl Stream {
    async fn run(mut self, mut peer: LinkPeer<SttInput, SttEvent>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                frame = self.behind.due() => self.hear(&frame, &peer).await?,
                later = self.later.due() => self.come_due(later, &peer).await?,
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.inputs.add(input.clone());
                    self.take(input, &peer).await?;
                }
            }
        }
    }

    async fn take(&mut self, input: SttInput, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        let frame = match input {
            SttInput::Audio(frame) => frame,
            SttInput::Finalize if self.capabilities.finalize => {
                for frame in self.behind.take(|_| true) {
                    self.hear(&frame, peer).await?;
                }
                self.later.after(self.pace.after_finalize, Later::Finalized);
                return Ok(());
            }
            SttInput::Adopt { replays, .. } => {
                self.replays = replays;
                return Ok(());
            }
            SttInput::Finalize | _ => return Ok(()),
        };
        if frame.format != self.format {
            return Err(fault(ErrorKind::Protocol, "read", "not the format that was asked for"));
        }
        self.got += frame.format.duration_of(frame.samples());
        match self.fault {
            SttFault::Drop(after) if self.got > after => {
                self.settle(peer).await?;
                return Err(lost());
            }
            SttFault::Stall(after) if self.got > after => return pending().await,
            SttFault::LimitWithin(wait) => return Err(limited(wait)),
            SttFault::Drop(_)
            | SttFault::Limit(_)
            | SttFault::Mute(_)
            | SttFault::None
            | SttFault::Refuse(_)
            | SttFault::Stall(_)
            | SttFault::Wordless(_) => {}
        }
        if self.pace.lag.is_zero() {
            return self.hear(&frame, peer).await;
        }
        self.behind.after(self.pace.lag, frame);
        Ok(())
    }

    /// Gets to a piece of audio.
    async fn hear(
        &mut self,
        frame: &AudioFrame,
        peer: &LinkPeer<SttInput, SttEvent>,
    ) -> Result<()> {
        self.heard += frame.format.duration_of(frame.samples());
        let noticed = self.ear.hear(frame);
        if noticed.started {
            self.speech_starts(peer).await?;
        }
        if noticed.stopped {
            self.speech_stops();
        } else if self.ear.speaking() && self.capabilities.interim && self.heard >= self.interim_at
        {
            self.interim_at = self.heard + self.pace.interim;
            let interim = self.ear.interim();
            if !interim.text.is_empty() {
                self.say(SttEvent::Transcript(interim), peer).await?;
            }
        }
        Ok(())
    }

    /// Nothing more will come of what was said so far: makes the best of it.
    async fn settle(&mut self, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        let is_owed = !self.later.take(|later| *later == Later::Finalized).is_empty();
        if self.replays || (self.ear.interim().text.is_empty() && !is_owed) {
            return Ok(());
        }
        self.come_due(Later::Finalized, peer).await?;
        if self.capabilities.end_of_turn {
            self.come_due(Later::EndOfTurn, peer).await?;
        }
        Ok(())
    }

    async fn speech_starts(&mut self, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        self.interim_at = self.heard + self.pace.interim;
        self.later.take(|later| matches!(later, Later::Eager | Later::EndOfTurn));
        if self.capabilities.end_of_turn {
            // Its finals come with the end of the turn, so they wait for it.
            self.later.take(|later| *later == Later::Final);
        }
        if std::mem::take(&mut self.expected) {
            self.say(SttEvent::TurnResumed, peer).await?;
        }
        if self.capabilities.speech_started {
            self.say(SttEvent::SpeechStarted, peer).await?;
        }
        Ok(())
    }

    fn speech_stops(&mut self) {
        if self.capabilities.end_of_turn {
            self.later.after(self.pace.end_of_turn, Later::Final);
            self.later.after(self.pace.end_of_turn, Later::EndOfTurn);
        } else {
            self.later.after(self.pace.after_speech, Later::Final);
        }
        if self.capabilities.eager_end_of_turn {
            self.later.after(self.pace.eager, Later::Eager);
        }
    }

    async fn come_due(&mut self, later: Later, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        match later {
            Later::Eager => {
                self.expected = true;
                let interim = self.ear.interim();
                self.say(SttEvent::Transcript(interim), peer).await?;
                self.say(SttEvent::EagerEndOfTurn, peer).await
            }
            Later::EndOfTurn => {
                self.expected = false;
                self.say(SttEvent::EndOfTurn, peer).await
            }
            Later::Final | Later::Finalized => {
                let words = self.ear.finalize();
                if words.text.is_empty() && later == Later::Final {
                    return Ok(());
                }
                let timings = self.capabilities.word_timings;
                let plain = || Transcript::final_(words.text.clone());
                let said = if timings { words.clone() } else { plain() };
                self.say(SttEvent::Transcript(said), peer).await
            }
        }
    }

    async fn say(&self, event: SttEvent, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        match self.fault {
            SttFault::Mute(after) if self.got > after => Ok(()),
            SttFault::Wordless(after) if self.got > after && event != SttEvent::SpeechStarted => {
                Ok(())
            }
            _ => peer.send(event).await,
        }
    }
}

#[cfg(test)]
mod tests;
