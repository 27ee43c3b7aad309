use bytes::Bytes;
use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, Transcript},
};

use crate::{
    azure::{
        PROVIDER,
        frames::{self, Frames, ticks},
        messages::{SpeechHypothesis, SpeechPhrase},
    },
    wire::{
        json,
        secrets::Secrets,
        stt::{UtteranceCodec, Utterances, words::timings},
        ws::Frame,
    },
};

/// Understands `/speech/recognition/conversation`. A connection serves one request.
#[derive(Debug)]
pub(in crate::azure) struct PhraseCodec {
    frames: Frames,
    request: u128,
    /// What tells the format of the audio.
    head: [u8; 44],
    /// Some of this connection's audio was packed.
    began: bool,
}

impl PhraseCodec {
    pub(in crate::azure) const fn new(frames: Frames, request: u128, head: [u8; 44]) -> Self {
        Self { frames, request, head, began: false }
    }
}

impl UtteranceCodec for PhraseCodec {
    const PROVIDER: &'static str = PROVIDER;
    const SAYS_HELLO: bool = false;

    fn pack(&mut self, audio: Bytes) -> Frame {
        if std::mem::replace(&mut self.began, true) {
            return Frame::Binary(self.frames.audio(self.request, false, &audio));
        }
        let first = [&self.head[..], &audio].concat();
        Frame::Binary(self.frames.audio(self.request, true, &first))
    }

    fn connected(&mut self) {
        self.began = false;
    }

    fn decode(
        &mut self,
        text: &str,
        _secrets: &Secrets,
        heard: &mut Utterances,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        let message = frames::read(text)?;
        match message.path {
            "speech.hypothesis" => {
                let so_far: SpeechHypothesis<'_> = json::read(message.body, PROVIDER)?;
                heard.on_interim(&so_far.text, events);
            }
            "speech.phrase" => on_phrase(&json::read(message.body, PROVIDER)?, heard, events)?,
            // The vendor ends a request after some minutes. The next connection goes on where
            // its phrases end.
            "turn.end" => return Err(fault(ErrorKind::Disconnected, "the request is over")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_hello(_text: &str, _secrets: &Secrets) -> Result<bool> {
        Ok(true)
    }
}

fn on_phrase(
    phrase: &SpeechPhrase<'_>,
    heard: &mut Utterances,
    events: &mut Vec<SttEvent>,
) -> Result<()> {
    let end = heard.at(ticks(phrase.offset + phrase.duration));
    let best = phrase.n_best.first().filter(|best| !best.display.trim().is_empty());
    match (&*phrase.recognition_status, best) {
        ("Success", Some(best)) => {
            let words = best.words.iter().map(|word| {
                let (start, end) = (ticks(word.offset), ticks(word.offset + word.duration));
                (&*word.word, heard.at(start), heard.at(end))
            });
            let text = best.display.trim();
            let words = timings(text, words);
            let told = Transcript::final_(text).with_confidence(best.confidence).with_words(words);
            heard.on_final(told, Some(end), events);
            Ok(())
        }
        ("BadRequest", _) => Err(fault(ErrorKind::Rejected, "a bad request")),
        ("Forbidden", _) => Err(fault(ErrorKind::Unauthorized, "forbidden")),
        ("TooManyRequests", _) => Err(fault(ErrorKind::RateLimited, "too many requests")),
        ("Error", _) => Err(fault(ErrorKind::Disconnected, "recognition failed")),
        _ => {
            // What was loud was no speech after all.
            heard.on_interim("", events);
            heard.cover(end);
            Ok(())
        }
    }
}

fn fault(kind: ErrorKind, why: &'static str) -> Error {
    Error::new(kind, "read", why).with_provider(PROVIDER)
}
