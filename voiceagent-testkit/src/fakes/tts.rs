use std::{collections::VecDeque, fmt, time::Duration};

use async_trait::async_trait;
use voiceagent_core::{
    ErrorKind, Link, LinkPeer, Result,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{
    Recording,
    faults::{Faults, fault, lost, refused},
    speaker::{Pace, Speaker},
};

/// More texts and pieces of audio than any one answer has; a reader may be late by one answer.
const LINK: usize = 256;

/// A synthesizer whose audio spells its text (see [`tone::spell`](crate::tone::spell)).
///
/// The length of the audio is proportional to the text, so every position in it is known. It comes
/// in pieces, faster than real time.
pub struct FakeTts {
    capabilities: TtsCapabilities,
    pace: Pace,
    faults: Faults<TtsFault>,
    opened: Recording<TtsOptions>,
    inputs: Recording<TtsInput>,
}

/// What goes wrong with one opened voice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TtsFault {
    /// The voice cannot be opened.
    Refuse(ErrorKind),
    /// The voice ends with [`ErrorKind::Disconnected`] after this much audio.
    Drop(Duration),
    /// The voice ends after this much audio, and does not say why.
    End(Duration),
    /// The voice reports this fault once, after this much audio, forgets what it still had to say
    /// and goes on with what comes next.
    Report(Duration, ErrorKind),
    /// The voice says nothing more after this much audio, and goes on reading.
    Mute(Duration),
    /// Nothing.
    None,
}

impl FakeTts {
    /// A voice that takes 60 ms to say a character, begins after 80 ms, sends pieces of 120 ms ten
    /// times faster than they sound, in mu-law, A-law or 16-bit PCM, and obeys
    /// [`TtsInput::Cancel`].
    #[must_use]
    pub fn new() -> Self {
        let mut capabilities = TtsCapabilities::new(vec![
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
            AudioFormat::PCM_8K,
            AudioFormat::PCM_16K,
            AudioFormat::PCM_24K,
        ]);
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        Self {
            capabilities,
            pace: Pace::default(),
            faults: Faults::default(),
            opened: Recording::default(),
            inputs: Recording::default(),
        }
    }

    /// Says which formats it speaks.
    #[must_use]
    pub fn with_formats(mut self, formats: impl Into<Vec<AudioFormat>>) -> Self {
        self.capabilities.formats = formats.into();
        self
    }

    /// Says how long a character sounds.
    #[must_use]
    pub const fn with_per_char(mut self, duration: Duration) -> Self {
        self.pace.per_char = duration;
        self
    }

    /// Says how long after a generation's first text its first audio comes.
    #[must_use]
    pub const fn with_first_audio(mut self, delay: Duration) -> Self {
        self.pace.first_audio = delay;
        self
    }

    /// Says how long the pieces sound, and how many times faster than that they come.
    #[must_use]
    pub const fn with_pieces(mut self, piece: Duration, speed: u32) -> Self {
        self.pace.piece = piece;
        self.pace.speed = speed;
        self
    }

    /// Sends the times of the words ahead of their audio.
    #[must_use]
    pub const fn with_word_timings(mut self) -> Self {
        self.capabilities.word_timings = true;
        self
    }

    /// Sends [`TtsEvent::Spoken`] after the audio of each text.
    #[must_use]
    pub const fn with_segments(mut self) -> Self {
        self.capabilities.segments = true;
        self
    }

    /// Goes on speaking after [`TtsInput::Cancel`], as vendors without cancellation do.
    #[must_use]
    pub const fn without_cancel(mut self) -> Self {
        self.capabilities.cancel = false;
        self
    }

    /// Says what goes wrong with the first voice that is opened, the second, and so on; those
    /// after the last are sound.
    #[must_use]
    pub fn with_faults(self, faults: impl Into<VecDeque<TtsFault>>) -> Self {
        self.faults.set(faults.into());
        self
    }

    /// Each opened voice.
    #[must_use]
    pub fn opened(&self) -> Recording<TtsOptions> {
        self.opened.clone()
    }

    /// What all voices were given.
    #[must_use]
    pub fn inputs(&self) -> Recording<TtsInput> {
        self.inputs.clone()
    }
}

impl Default for FakeTts {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl TextToSpeech for FakeTts {
    fn name(&self) -> &str {
        "fake"
    }

    fn capabilities(&self) -> TtsCapabilities {
        self.capabilities.clone()
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        self.opened.add(options.clone());
        if !self.capabilities.formats.contains(&options.format) {
            return Err(fault(ErrorKind::Unsupported, "open", "the format is not spoken"));
        }
        let fault_now = self.faults.next();
        if let Some(TtsFault::Refuse(kind)) = fault_now {
            return Err(refused(kind));
        }
        let voice = Voice {
            speaker: Speaker::new(options.format, self.pace),
            capabilities: self.capabilities.clone(),
            fault: fault_now.unwrap_or(TtsFault::None),
            inputs: self.inputs.clone(),
            format: options.format,
            said: Duration::ZERO,
        };
        Ok(Link::spawn(LINK, |peer| voice.run(peer)))
    }
}

impl fmt::Debug for FakeTts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTts").field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// An opened voice.
struct Voice {
    speaker: Speaker<TtsEvent>,
    capabilities: TtsCapabilities,
    fault: TtsFault,
    inputs: Recording<TtsInput>,
    format: AudioFormat,
    said: Duration,
}

impl Voice {
    async fn run(mut self, mut peer: LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.inputs.add(input.clone());
                    self.take(input);
                }
                (_, event) = self.speaker.due() => {
                    if matches!(self.fault, TtsFault::End(after) if self.said >= after) {
                        return Ok(());
                    }
                    self.say(event, &peer).await?;
                }
            }
        }
    }

    fn take(&mut self, input: TtsInput) {
        match input {
            TtsInput::Text { generation, text } => {
                let words = self.speaker.words(generation, &text);
                if self.capabilities.word_timings && !words.is_empty() {
                    self.speaker.first(generation, TtsEvent::Words { generation, words });
                }
                let audio = |payload| TtsEvent::Audio { generation, payload };
                self.speaker.speak(generation, &text, audio);
                if self.capabilities.segments {
                    self.speaker.then(generation, TtsEvent::Spoken { generation, texts: 1 });
                }
            }
            TtsInput::Finish { generation } => {
                self.speaker.then(generation, TtsEvent::Finished { generation });
            }
            TtsInput::Cancel { generation } if self.capabilities.cancel => {
                self.speaker.cancel(generation);
            }
            TtsInput::Cancel { .. } | _ => {}
        }
    }

    async fn say(&mut self, event: TtsEvent, peer: &LinkPeer<TtsInput, TtsEvent>) -> Result<()> {
        match self.fault {
            TtsFault::Drop(after) if self.said >= after => {
                return Err(lost());
            }
            TtsFault::Mute(after) if self.said >= after => return Ok(()),
            TtsFault::Report(after, kind) if self.said >= after => {
                self.fault = TtsFault::None;
                self.speaker.forget();
                return peer.report(fault(kind, "speak", "failed as the test asked")).await;
            }
            TtsFault::Drop(_)
            | TtsFault::End(_)
            | TtsFault::Mute(_)
            | TtsFault::None
            | TtsFault::Refuse(_)
            | TtsFault::Report(..) => {}
        }
        if let TtsEvent::Audio { payload, .. } = &event {
            self.said += self.format.duration_of(self.format.samples(payload.len()));
        }
        peer.send(event).await
    }
}

#[cfg(test)]
mod tests;
