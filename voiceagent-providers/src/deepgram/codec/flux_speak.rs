use std::time::Duration;

use bytes::Bytes;
use voiceagent_core::{ErrorKind, Result, audio::AudioFormat};

use super::{fault, kind, parse, warn};
use crate::{
    deepgram::{
        PROVIDER,
        messages::{CLOSE, FLUSH, Interrupt, Notice, PlaybackOffset, Speak, SpeechInterrupted},
    },
    wire::{
        json,
        secrets::Secrets,
        voice::context_codec::{ContextCodec, Said},
    },
};

/// Understands `/v2/speak`, where a context is one turn of the agent.
///
/// Audio carries no name: all that comes is of the turn that is open.
#[derive(Debug)]
pub(in crate::deepgram) struct FluxSpeakCodec {
    format: AudioFormat,
    /// The turn that the vendor has not completed, and whether it was told that no text follows.
    turn: Option<(u64, bool)>,
    stopping: Option<Stopping>,
    /// Audio of this connection before the turn, as far as it was heard.
    before: Duration,
    /// Bytes of the turn's audio.
    bytes: usize,
    /// The place of the last interruption; the next one must be behind it.
    interrupted_at: Duration,
}

/// How a turn is being stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stopping {
    /// It comes to its end unheard: before the first audio of a connection there is nothing that
    /// the vendor would interrupt.
    Flushed,
    Interrupted,
}

impl FluxSpeakCodec {
    pub(in crate::deepgram) const fn new(format: AudioFormat) -> Self {
        Self {
            format,
            turn: None,
            stopping: None,
            before: Duration::ZERO,
            bytes: 0,
            interrupted_at: Duration::ZERO,
        }
    }

    fn duration(&self) -> Duration {
        self.format.duration_of(self.format.samples(self.bytes))
    }

    /// Ends the turn after so much audio of the connection.
    fn end_at(&mut self, position: Duration) -> Option<u64> {
        (self.before, self.bytes, self.stopping) = (position, 0, None);
        self.turn.take().map(|(context, _)| context)
    }

    fn on_complete(&mut self) -> Said {
        if self.stopping == Some(Stopping::Interrupted) {
            // The two have crossed: what is asked for is answered, too.
            return Said::Other;
        }
        let end = self.before + self.duration();
        self.end_at(end).map_or(Said::Other, |context| Said::Done(context, Vec::new()))
    }

    fn on_interrupted(&mut self, message: &SpeechInterrupted<'_>) -> Said {
        let position = json::milliseconds(message.audio_played_ms);
        self.interrupted_at = self.interrupted_at.max(position);
        match (self.end_at(position), &message.text_spoken) {
            (Some(context), Some(text)) => Said::Heard(context, (**text).into()),
            _ => Said::Other,
        }
    }

    fn on_warning(&mut self, text: &str, secrets: &Secrets) -> Result<Said> {
        warn(text, secrets);
        if self.stopping != Some(Stopping::Interrupted) {
            return Ok(Said::Other);
        }
        let notice: Notice<'_> = parse(text)?;
        Ok(match &*notice.code {
            "NO_ACTIVE_SPEECH" => {
                let end = self.before + self.duration();
                self.end_at(end);
                Said::Other
            }
            // It was ignored, and the turn goes on where nobody wants to hear it.
            "INTERRUPT_IN_PROGRESS" | "INVALID_INTERRUPT_OFFSET" | "NO_AUDIO_GENERATED" => {
                let code = secrets.quote(&notice.code);
                let error = voiceagent_core::Error::new(ErrorKind::Disconnected, "read", code);
                Said::Failed(None, error.with_provider(PROVIDER))
            }
            _ => Said::Other,
        })
    }
}

impl ContextCodec for FluxSpeakCodec {
    const PROVIDER: &'static str = PROVIDER;
    // The vendor names no limit; a text is a sentence or two.
    const LONGEST: usize = 2_000;
    const GOODBYE: Option<&'static str> = Some(CLOSE);
    // The vendor says what makes a clause, and keeps the rest until more text comes or its end.
    const PATIENCE: Option<Duration> = Some(Duration::from_millis(500));
    const HOLDS_BACK: bool = true;

    fn connected(&mut self) {
        *self = Self::new(self.format);
    }

    fn begin(&mut self, _context: u64) -> Vec<String> {
        Vec::new()
    }

    fn say(&mut self, context: u64, text: &str) -> String {
        self.turn.get_or_insert((context, false));
        json::write(&Speak { text })
    }

    fn end(&mut self, context: u64) -> Vec<String> {
        self.turn = Some((context, true));
        vec![FLUSH.to_owned()]
    }

    fn cancel(&mut self, _context: u64, heard: Option<Duration>) -> Option<String> {
        let (_, ended) = self.turn?;
        if self.bytes == 0 && self.before.is_zero() {
            self.stopping = Some(Stopping::Flushed);
            return (!ended).then(|| FLUSH.to_owned());
        }
        self.stopping = Some(Stopping::Interrupted);
        let place = heard.map(|heard| self.before + heard.min(self.duration()));
        let place = place.map(|place| place.as_millis());
        let place = place.filter(|place| *place > self.interrupted_at.as_millis());
        let playback_offset = place.map(|value| PlaybackOffset { unit: "time_ms", value });
        Some(json::write(&Interrupt { playback_offset }))
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    fn decode_audio(&mut self, payload: Bytes) -> Said {
        let Some((context, _)) = self.turn else { return Said::Other };
        self.bytes += payload.len();
        if self.is_stopping() { Said::Other } else { Said::Audio(context, payload, Vec::new()) }
    }

    fn decode(&mut self, text: &str, secrets: &Secrets) -> Result<Said> {
        Ok(match &*kind(text)? {
            "Error" => Said::Failed(None, fault(text, secrets)),
            "SpeechInterrupted" => self.on_interrupted(&parse(text)?),
            "SpeechMetadata" => self.on_complete(),
            "Warning" => return self.on_warning(text, secrets),
            _ => Said::Other,
        })
    }
}
