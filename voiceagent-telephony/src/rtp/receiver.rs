use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use voiceagent_core::{
    CallTime, Result,
    audio::{AudioFormat, AudioFrame, ComfortNoise, Concealer, Encoder, MediaTime, NoiseGenerator},
    transport::Inbound,
};

use super::{
    codec::{Inward, RtpCodec},
    jitter_buffer::{Counters, Fit, JitterBuffer, Ordered},
    key_reader::KeyReader,
    packet::RtpPacket,
    reception::Reception,
    unwrap::Unwrapped,
};
use crate::DtmfKey;

/// What is made up of lost audio at most. The sound of what is made up ends there.
const CONCEALED: Duration = Duration::from_millis(60);

/// Shorter steps of the other side's clock are its rounding, and no pause.
const PAUSE: Duration = Duration::from_millis(10);

/// How far the other side's clock may go ahead of the time that goes by, and back, before it is
/// another clock. A line that stood still brings at once what it has not lost.
const LONGEST_STEP: Duration = Duration::from_secs(1);
const LONGEST_STEP_BACK: Duration = Duration::from_millis(100);

/// How far behind what has been heard audio may come. More is never made up for.
const LONGEST_OVERLAP: Duration = Duration::from_secs(2);

/// How long a packet waits for one that it overtook: so many times the jitter, within these limits.
const PATIENCE: u32 = 3;
const LEAST_PATIENCE: Duration = Duration::from_millis(40);
const MOST_PATIENCE: Duration = Duration::from_millis(120);

/// A line that brings nothing for this long is silent, and its silence is filled by the clock:
/// who listens for the end of a turn hears time go by. Shorter is a line that is slow.
const SLOW: Duration = Duration::from_millis(200);

/// What the silence is cut into.
const FRAME: Duration = Duration::from_millis(20);

/// What the numbers of payload types stand for in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PayloadTypes {
    /// What we send, and are sent first of all.
    pub(crate) audio: (u8, RtpCodec),
    /// What the other side may send instead, at any time (RFC 3264, section 7).
    pub(crate) others: OtherCodecs,
    pub(crate) keys: Option<u8>,
    pub(crate) noise: Option<u8>,
}

/// Codecs beside the one of a call: as many as there are.
pub(crate) type OtherCodecs = [Option<(u8, RtpCodec)>; 5];

impl PayloadTypes {
    fn audible(&self) -> impl Iterator<Item = (u8, RtpCodec)> {
        std::iter::once(self.audio).chain(self.others.into_iter().flatten())
    }
}

/// Turns packets into what a call hears.
#[derive(Debug)]
pub(super) struct Receiver {
    format: AudioFormat,
    types: PayloadTypes,
    ears: Vec<Ear>,
    /// Of the codec that comes now.
    ear: usize,
    buffer: JitterBuffer,
    pub(super) reception: Reception,
    keys: KeyReader,
    clock: Option<Clock>,
    /// When the last audio came out, and where it ended by the other side's clock. Silence is filled
    /// from there, whatever clock comes next.
    last: Option<(CallTime, u64)>,
    position: u64,
    /// Whether the numbers have told that the audio before the next is lost.
    is_lost: bool,
    concealer: Concealer,
    pause: Pause,
    heard: VecDeque<Inbound>,
}

/// What hears one payload type.
#[derive(Debug)]
struct Ear {
    number: u8,
    clock_rate: u32,
    inward: Inward,
}

/// Ties the other side's clock to our samples.
#[derive(Debug)]
struct Clock {
    timestamps: Unwrapped<32>,
    epoch: i64,
    origin: u64,
}

/// What a silence sounds like.
#[derive(Debug)]
struct Pause {
    generator: NoiseGenerator,
    encoder: Encoder,
    samples: Vec<f32>,
    block: BytesMut,
    /// Whether the other side has said that it pauses.
    is_announced: bool,
}

impl Receiver {
    pub(super) fn new(format: AudioFormat, types: PayloadTypes) -> Result<Self> {
        Ok(Self {
            format,
            types,
            ears: ears(format, types)?,
            ear: 0,
            buffer: JitterBuffer::new(LEAST_PATIENCE),
            reception: Reception::new(types.audio.1.clock_rate()),
            keys: KeyReader::default(),
            clock: None,
            last: None,
            position: 0,
            is_lost: false,
            concealer: Concealer::new(format)?,
            pause: Pause {
                generator: NoiseGenerator::new(format),
                encoder: Encoder::new(format)?,
                samples: Vec::new(),
                block: BytesMut::new(),
                is_announced: false,
            },
            heard: VecDeque::new(),
        })
    }

    /// What the numbers stand for from now on. The leg's format stays.
    pub(super) fn set_types(&mut self, types: PayloadTypes) -> Result<()> {
        let before = self.clock_rate();
        if (types.audio, types.others) != (self.types.audio, self.types.others) {
            self.ears = ears(self.format, types)?;
            self.ear = 0;
        }
        if types.audio != self.types.audio || self.clock_rate() != before {
            self.reception.restart(types.audio.1.clock_rate());
            self.clock = None;
        }
        self.types = types;
        Ok(())
    }

    /// The key that was pressed last, and when a packet last said that it is held.
    pub(super) const fn held_key(&self) -> Option<(DtmfKey, CallTime)> {
        self.keys.held()
    }

    pub(super) const fn counters(&self) -> Counters {
        self.buffer.counters
    }

    pub(super) fn receive(&mut self, now: CallTime, packet: RtpPacket) {
        let number = Some(packet.payload_type);
        let ear = self.ears.iter().find(|ear| Some(ear.number) == number);
        let is_audio = ear.is_some() || number == self.types.noise;
        if number == self.types.keys
            && let Some(key) = self.keys.read(now, &packet)
        {
            self.heard.push_back(Inbound::Dtmf(key.as_char()));
        }
        // Keys, and what nobody has asked for, have numbers among those of the audio, or a source
        // of their own, which is nobody's voice.
        if !is_audio && !self.buffer.is_of(packet.ssrc) {
            return;
        }
        let clock_rate = ear.map(|ear| ear.clock_rate);
        let counted = packet.clone();
        match self.buffer.insert(now, packet) {
            Fit::Strange => return,
            Fit::Restarts => self.reception.restart(self.clock_rate()),
            Fit::Follows => {}
        }
        if let Some(clock_rate) = clock_rate {
            self.reception.count_in(clock_rate);
        }
        self.reception.note(now, &counted, is_audio);
        let patience = self.reception.jitter() * PATIENCE;
        self.buffer.set_patience(patience.clamp(LEAST_PATIENCE, MOST_PATIENCE));
    }

    /// The next thing that is heard by now.
    pub(super) fn poll(&mut self, now: CallTime) -> Option<Inbound> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Some(heard);
            }
            match self.buffer.poll(now) {
                Some(Ordered::Lost(_)) => self.is_lost = true,
                Some(Ordered::Packet(packet)) => self.take(now, &packet),
                Some(Ordered::Restarted) => {
                    self.clock = None;
                    self.is_lost = false;
                    self.ears[self.ear].inward.reset();
                }
                None => return self.fill(now),
            }
        }
    }

    /// When there may be something to hear without a packet.
    pub(super) fn poll_timeout(&self) -> Option<CallTime> {
        self.buffer.poll_timeout().into_iter().chain(self.next_fill()).min()
    }

    fn take(&mut self, now: CallTime, packet: &RtpPacket) {
        if let Some(ear) = self.ears.iter().position(|ear| ear.number == packet.payload_type) {
            self.listen_by(ear);
            #[cfg(feature = "opus")]
            self.recover(now, packet);
            let payload = self.ears[ear].inward.decode(packet.payload.clone());
            let sample = self.format.sample_bytes().unwrap_or(1);
            if !payload.is_empty() && payload.len().is_multiple_of(sample) {
                self.pause.is_announced = false;
                self.hear(now, packet.timestamp, payload);
            }
        } else if Some(packet.payload_type) == self.types.noise
            && let Some(noise) = ComfortNoise::parse(&packet.payload)
        {
            self.last = Some((now, self.told(now, packet.timestamp)));
            self.pause.generator.describe(noise);
            self.pause.is_announced = true;
        }
    }

    /// Goes on with this codec. Another clock says nothing about the times of before.
    fn listen_by(&mut self, ear: usize) {
        if ear == self.ear {
            return;
        }
        let before = self.clock_rate();
        self.ear = ear;
        self.ears[ear].inward.reset();
        if self.clock_rate() != before {
            self.clock = None;
            self.is_lost = false;
        }
    }

    /// Of the codec that comes now.
    fn clock_rate(&self) -> u32 {
        self.ears[self.ear].clock_rate
    }

    /// Makes up what was lost before a packet, where its codec knows better than we do.
    #[cfg(feature = "opus")]
    fn recover(&mut self, now: CallTime, packet: &RtpPacket) {
        if !self.is_lost {
            return;
        }
        let told = self.told(now, packet.timestamp);
        let missing = told.saturating_sub(self.position);
        let limit = self.format.samples_in(CONCEALED);
        if missing >= self.format.samples_in(PAUSE)
            && let Some(made_up) =
                self.ears[self.ear].inward.recover(missing.min(limit), &packet.payload)
        {
            self.push(made_up);
            self.position = told;
            self.is_lost = false;
        }
    }

    fn hear(&mut self, now: CallTime, timestamp: u32, payload: Bytes) {
        let told = self.told(now, timestamp);
        let missing = told.saturating_sub(self.position);
        if missing >= self.format.samples_in(PAUSE) {
            if std::mem::take(&mut self.is_lost) {
                let limit = self.format.samples_in(CONCEALED);
                let made_up = self.concealer.conceal(missing.min(limit));
                self.push(made_up);
            }
            self.position = told;
        }
        self.is_lost = false;
        let payload = self.concealer.receive(payload);
        let samples = self.format.samples(payload.len());
        self.push(payload);
        self.last = Some((now, told + samples));
    }

    fn push(&mut self, payload: Bytes) {
        let frame = AudioFrame::new(self.format, MediaTime(self.position), payload);
        self.position += frame.samples();
        self.heard.push_back(Inbound::Audio(frame));
    }

    /// Where a timestamp is among our samples. One that nobody can believe begins a new clock.
    fn told(&mut self, now: CallTime, timestamp: u32) -> u64 {
        let (rate, ticks) = (self.format.sample_rate, self.clock_rate());
        if let (Some(clock), Some((last, end))) = (&mut self.clock, self.last) {
            let place = clock.timestamps.place(timestamp);
            let since = (place - clock.epoch) * i64::from(rate) / i64::from(ticks);
            let told = clock.origin.checked_add_signed(since);
            let samples = |duration| self.format.samples_in(duration);
            let earliest = self.position.saturating_sub(samples(LONGEST_OVERLAP));
            let earliest = earliest.max(end.saturating_sub(samples(LONGEST_STEP_BACK)));
            let latest = end + samples(now - last + LONGEST_STEP);
            if let Some(told) = told.filter(|told| (earliest..=latest).contains(told)) {
                clock.timestamps.move_to(place);
                return told;
            }
        }
        let timestamps = Unwrapped::new(timestamp);
        let epoch = timestamps.latest();
        self.clock = Some(Clock { timestamps, epoch, origin: self.position });
        self.last = Some((now, self.position));
        self.position
    }

    /// When the next piece of silence is due.
    fn next_fill(&self) -> Option<CallTime> {
        let (since, told) = self.last?;
        let slow = if self.pause.is_announced { Duration::ZERO } else { SLOW };
        let end = self.position + self.format.samples_in(FRAME);
        Some(since + slow + self.format.duration_of(end.saturating_sub(told)))
    }

    fn fill(&mut self, now: CallTime) -> Option<Inbound> {
        if self.next_fill()? > now {
            return None;
        }
        let pause = &mut self.pause;
        pause.samples.clear();
        pause.samples.resize(usize::try_from(self.format.samples_in(FRAME)).unwrap_or(0), 0.0);
        pause.generator.fill(&mut pause.samples);
        pause.encoder.encode(&pause.samples, &mut pause.block);
        let silence = pause.block.split().freeze();
        self.push(silence);
        self.heard.pop_front()
    }
}

/// The first is that of the codec which a call has chosen.
fn ears(format: AudioFormat, types: PayloadTypes) -> Result<Vec<Ear>> {
    let ear = |(number, codec): (u8, RtpCodec)| {
        let inward = Inward::new(codec, format)?;
        Ok(Ear { number, clock_rate: codec.clock_rate(), inward })
    };
    types.audible().map(ear).collect()
}

#[cfg(test)]
mod tests;
