use std::{borrow::Cow, collections::VecDeque, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    Result,
    stt::{SttEvent, Transcript},
};

use super::{codec::SttCodec, settled::Settled};
use crate::wire::{secrets::Secrets, ws::Frame};

/// Words come no later than this after they were spoken.
const SLOWEST_WORDS: Duration = Duration::from_secs(5);

/// What differs between vendors that tell one utterance after the other, and say a final when they
/// are asked for it. Pure: no clock, no socket.
pub(crate) trait UtteranceCodec: Send + 'static {
    /// As in [`SttCodec`].
    const PROVIDER: &'static str;
    /// As in [`SttCodec`].
    const KEEP_ALIVE: Option<&'static str> = None;

    /// As in [`SttCodec`].
    fn goodbye(&self) -> Option<Frame> {
        None
    }

    /// As in [`SttCodec`].
    fn pack(&mut self, audio: Bytes) -> Frame {
        Frame::Binary(audio)
    }

    /// A new connection begins.
    fn connected(&mut self) {}

    /// Takes a message of the vendor, and notes in `heard` what it says of the utterance; whether
    /// it shows that recognition works.
    ///
    /// # Errors
    ///
    /// As [`SttCodec::decode`].
    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        heard: &mut Utterances,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool>;

    /// As in [`SttCodec`].
    fn is_receipt(&self, text: &str) -> bool {
        let _ = text;
        false
    }

    /// Takes a message before the vendor's hello; whether it is that. Vendors that say none are
    /// not waited for.
    ///
    /// # Errors
    ///
    /// When the vendor said that it takes no audio.
    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool>;

    /// Whether the vendor must say hello before it takes audio.
    const SAYS_HELLO: bool;

    /// The message that asks for a final now, if the vendor has one.
    fn commit(&self) -> Option<Cow<'static, str>> {
        None
    }
}

/// What was heard of the utterance that is spoken, and which audio will not be needed again.
#[derive(Debug, Default)]
pub(crate) struct Utterances {
    /// Where the connection's clock begins.
    zero: Duration,
    /// Up to where audio was sent on this connection.
    sent: Duration,
    covered: Duration,
    /// The text that no final covers.
    interim: String,
    /// Where that began at the latest.
    start: Duration,
    /// Where finals were asked for that have not come.
    asked: VecDeque<Duration>,
    /// One that was asked for on the connection before has not come.
    owed: bool,
    /// A final has come since one was asked for.
    told: bool,
    /// What was told without waiting any longer for its final.
    settled: Settled,
    /// How many finals are still to come that nobody waits for.
    late: usize,
}

impl Utterances {
    /// A place on the connection's clock, in the whole stream.
    pub(crate) fn at(&self, since: Duration) -> Duration {
        self.zero + since
    }

    /// Up to where audio was sent.
    pub(crate) const fn sent(&self) -> Duration {
        self.sent
    }

    /// Nothing before this place will be needed again.
    pub(crate) fn cover(&mut self, place: Duration) {
        self.covered = self.covered.max(place);
    }

    /// All that was understood since the last final.
    pub(crate) fn on_interim(&mut self, text: &str, events: &mut Vec<SttEvent>) {
        let new = if self.late > 0 { self.settled.rest(text) } else { text.trim().to_owned() };
        if self.interim == new {
            return;
        }
        if self.interim.is_empty() {
            self.start = self.covered.max(self.sent.saturating_sub(SLOWEST_WORDS));
        }
        self.interim.clone_from(&new);
        events.push(SttEvent::Transcript(Transcript::interim(new)));
    }

    /// A final that covers the audio before `end`, or where that is not known, up to where it was
    /// asked for. Whether any of it is new.
    pub(crate) fn on_final(
        &mut self,
        transcript: Transcript,
        end: Option<Duration>,
        events: &mut Vec<SttEvent>,
    ) -> bool {
        let asked = self.asked.front().copied();
        self.cover(end.or(asked).unwrap_or(self.sent));
        self.interim.clear();
        let new = if self.late > 0 { self.settled.rest_of(transcript) } else { Some(transcript) };
        let Some(new) = new else { return false };
        self.told = true;
        events.push(SttEvent::Transcript(new));
        true
    }

    /// Whether a final that was asked for has not come: the next one tells nothing of the user.
    pub(crate) fn is_asked(&self) -> bool {
        !self.asked.is_empty() || self.late > 0
    }

    /// All that was asked for has been told; if that is nothing, an empty final tells it.
    pub(crate) fn on_answered(&mut self, events: &mut Vec<SttEvent>) {
        if self.late > 0 {
            self.late -= 1;
            if self.late == 0 {
                self.settled.clear();
            }
            return;
        }
        let Some(asked) = self.asked.pop_front() else { return };
        self.cover(asked);
        if !std::mem::take(&mut self.told) {
            self.interim.clear();
            events.push(SttEvent::Transcript(Transcript::final_("")));
        }
    }
}

/// The [`SttCodec`] of such a vendor.
#[derive(Debug)]
pub(crate) struct InOrder<C> {
    codec: C,
    heard: Utterances,
}

impl<C> InOrder<C> {
    pub(crate) fn new(codec: C) -> Self {
        Self { codec, heard: Utterances::default() }
    }
}

impl<C: UtteranceCodec> SttCodec for InOrder<C> {
    const PROVIDER: &'static str = C::PROVIDER;
    const KEEP_ALIVE: Option<&'static str> = C::KEEP_ALIVE;

    fn goodbye(&self) -> Option<Frame> {
        self.codec.goodbye()
    }

    fn pack(&mut self, audio: Bytes) -> Frame {
        self.codec.pack(audio)
    }

    fn on_sent(&mut self, position: Duration) {
        self.heard.sent = position;
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        self.codec.decode(text, secrets, &mut self.heard, events)
    }

    fn is_receipt(&self, text: &str) -> bool {
        self.codec.is_receipt(text)
    }

    fn covered(&self) -> Duration {
        let Utterances { covered, start, interim, .. } = &self.heard;
        if interim.is_empty() { *covered } else { *start.max(covered) }
    }

    fn awaits_hello(&self) -> bool {
        C::SAYS_HELLO
    }

    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        C::is_hello(text, secrets)
    }

    /// The next connection hears the utterance anew if its audio is at hand; else it ends here with
    /// what was understood.
    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        if kept <= self.covered() {
            return;
        }
        if self.heard.interim.is_empty() {
            self.heard.covered = kept;
        } else {
            self.settle(events);
        }
    }

    fn connected(&mut self, zero: Duration) {
        self.codec.connected();
        let heard = &mut self.heard;
        (heard.zero, heard.sent) = (zero, zero);
        heard.owed = heard.owed || !heard.asked.is_empty();
        heard.asked.clear();
        heard.late = 0;
        heard.settled.clear();
    }

    fn finalize(&mut self) -> Option<Cow<'static, str>> {
        let message = self.codec.commit()?;
        let heard = &mut self.heard;
        heard.owed = false;
        heard.told &= !heard.asked.is_empty();
        heard.asked.push_back(heard.sent);
        Some(message)
    }

    fn owes_final(&self) -> bool {
        self.heard.owed || !self.heard.asked.is_empty()
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        let owed = self.owes_final();
        let heard = &mut self.heard;
        heard.owed = false;
        // A vendor that told one since has left out the mark, which will not come.
        heard.late = if heard.told { 0 } else { heard.late + heard.asked.len() };
        let end = heard.asked.drain(..).next_back().unwrap_or(heard.sent);
        let text = std::mem::take(&mut heard.interim);
        heard.settled.note(&text, end);
        if owed || !text.is_empty() {
            heard.cover(end);
            events.push(SttEvent::Transcript(Transcript::final_(text)));
        }
    }
}
