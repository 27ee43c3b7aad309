use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use voiceagent_core::{
    CallTime, MarkId, Result,
    audio::{AudioFormat, AudioFrame},
};

use super::{
    codec::Outward, key_sender::KeySender, packet::RtpPacket, receiver::PayloadTypes, rtcp::Sent,
};
use crate::{DtmfKey, random::random_number};

/// What a packet carries unless the other side wants another length.
const PACKET: Duration = Duration::from_millis(20);

/// How far we may be behind the clock and still catch up is less than this: one stutter of a busy
/// machine. After more the packets that were not sent are a pause, and not a burst.
const PAUSE: Duration = Duration::from_millis(80);

/// From when a packet counts as one that left late.
const OVERDUE: Duration = Duration::from_millis(20);

/// How long a key is held, and what is between two.
const KEY: Duration = Duration::from_millis(160);
const BETWEEN_KEYS: Duration = Duration::from_millis(60);

/// Sends packets of one length by one clock, of what is to be played or of silence.
#[derive(Debug)]
pub(super) struct Sender {
    format: AudioFormat,
    types: PayloadTypes,
    outward: Outward,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// What a packet carries.
    packet: Duration,
    /// When the next packet is due.
    due: CallTime,
    is_marked: bool,
    is_held: bool,
    queue: VecDeque<Queued>,
    /// When what has been sent of the audio has been played.
    audible_until: CallTime,
    /// Marks whose audio is on its way, and when it has been played.
    played: VecDeque<(CallTime, MarkId)>,
    keys: VecDeque<DtmfKey>,
    key: Option<KeySender>,
    /// How long the next key has to wait for the one before.
    rest: Duration,
    ready: VecDeque<RtpPacket>,
    sent: (u32, u32),
    /// Packets that left a packet's time or more after theirs, or not at all.
    overdue: u64,
    /// How unevenly the other side hears us, which is about what it buffers.
    peer_jitter: Duration,
}

#[derive(Debug)]
enum Queued {
    Audio(Bytes),
    Mark(MarkId),
}

/// The next thing to do, or to tell.
#[derive(Debug, PartialEq)]
pub(super) enum Outgoing {
    Packet(RtpPacket),
    Played(MarkId),
}

/// Where a stream begins. All three are random in a call (RFC 3550, section 5.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

impl Begin {
    /// A beginning that nobody guesses. Numbers begin below the middle, so that both sides count from
    /// the same where the first protected packets are lost (RFC 3711, section 3.3.1).
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub(crate) fn random() -> Result<Self> {
        let random = || random_number("begin a stream");
        Ok(Self { ssrc: random()?, sequence: random()? as u16 >> 1, timestamp: random()? })
    }
}

impl Sender {
    pub(super) fn new(
        now: CallTime,
        begin: Begin,
        format: AudioFormat,
        types: PayloadTypes,
    ) -> Result<Self> {
        Ok(Self {
            format,
            types,
            outward: Outward::new(types.audio.1, format)?,
            ssrc: begin.ssrc,
            sequence: begin.sequence,
            timestamp: begin.timestamp,
            packet: PACKET,
            due: now,
            is_marked: true,
            is_held: false,
            queue: VecDeque::new(),
            audible_until: now,
            played: VecDeque::new(),
            keys: VecDeque::new(),
            key: None,
            rest: Duration::ZERO,
            ready: VecDeque::new(),
            sent: (0, 0),
            overdue: 0,
            peer_jitter: Duration::ZERO,
        })
    }

    pub(super) fn set_types(&mut self, types: PayloadTypes) -> Result<()> {
        if types.audio != self.types.audio {
            self.outward = Outward::new(types.audio.1, self.format)?;
        }
        self.types = types;
        if types.keys.is_none() {
            // None of them can be pressed any more, and nothing waits for them.
            self.keys.clear();
            self.key = None;
            self.rest = Duration::ZERO;
        }
        Ok(())
    }

    /// Says whether nothing is to be sent: the other side has put us on hold. What is queued waits.
    pub(super) const fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Says how long packets are from now on.
    pub(super) const fn set_packet(&mut self, packet: Duration) {
        self.packet = packet;
    }

    pub(super) const fn set_peer_jitter(&mut self, jitter: Duration) {
        self.peer_jitter = jitter;
    }

    pub(super) fn play(&mut self, frame: AudioFrame) {
        self.queue.push_back(Queued::Audio(frame.payload));
    }

    pub(super) fn mark(&mut self, mark: MarkId) {
        self.queue.push_back(Queued::Mark(mark));
    }

    /// Drops what is to be played and has not been sent.
    pub(super) fn clear(&mut self) {
        self.queue.retain(|next| matches!(next, Queued::Mark(_)));
    }

    /// Presses a key after those before; whether the other side takes keys.
    pub(super) fn press(&mut self, key: DtmfKey) -> bool {
        if self.types.keys.is_some() {
            self.keys.push_back(key);
        }
        self.types.keys.is_some()
    }

    /// Whether no key waits behind the one that is pressed.
    pub(super) fn takes_key(&self) -> bool {
        self.keys.is_empty()
    }

    /// What is queued, in pieces and marks.
    pub(super) fn queued(&self) -> usize {
        self.queue.len() + self.keys.len()
    }

    /// Whether all that was asked for has been played.
    pub(super) fn is_idle(&self, now: CallTime) -> bool {
        self.queued() == 0 && self.key.is_none() && self.audible_until <= now
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Outgoing> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                self.sent.0 = self.sent.0.wrapping_add(1);
                self.sent.1 = self.sent.1.wrapping_add(packet.payload.len() as u32);
                return Some(Outgoing::Packet(packet));
            }
            if let Some((_, mark)) = self.played.pop_front_if(|(at, _)| *at <= now) {
                return Some(Outgoing::Played(mark));
            }
            if now < self.due {
                return None;
            }
            self.tick(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> CallTime {
        self.played.front().map_or(self.due, |(at, _)| self.due.min(*at))
    }

    /// What reports tell of this stream.
    pub(super) fn report(&self, time: u64) -> Option<Sent> {
        let (packets, octets) = self.sent;
        (packets > 0).then_some(Sent { time, timestamp: self.timestamp, packets, octets })
    }

    pub(super) const fn overdue(&self) -> u64 {
        self.overdue
    }

    pub(super) const fn clock_rate(&self) -> u32 {
        self.types.audio.1.clock_rate()
    }

    /// So much time in units of the timestamp.
    fn units(&self, time: Duration) -> u32 {
        self.clock_rate() / 1_000 * time.as_millis() as u32
    }

    fn tick(&mut self, now: CallTime) {
        let (late, step) = (now - self.due, self.units(self.packet));
        let missed = u32::try_from(late.as_micros() / self.packet.as_micros()).unwrap_or(u32::MAX);
        let is_pause = late >= PAUSE;
        self.overdue += u64::from(if is_pause { missed } else { u32::from(late >= OVERDUE) });
        if is_pause {
            self.due += self.packet * missed;
            self.timestamp = self.timestamp.wrapping_add(step.wrapping_mul(missed));
            self.is_marked = true;
        }
        self.due += self.packet;
        if self.is_held {
            self.is_marked = true;
            self.pass_marks();
        } else if self.say_key() && !self.has_audio() {
            self.pass_marks();
        } else {
            let payload = self.next_frame();
            let payload = self.outward.encode(payload);
            let is_marked = std::mem::take(&mut self.is_marked);
            self.push(self.types.audio.0, is_marked, self.timestamp, payload);
        }
        self.timestamp = self.timestamp.wrapping_add(step);
    }

    fn has_audio(&self) -> bool {
        self.queue.iter().any(|next| matches!(next, Queued::Audio(_)))
    }

    /// Returns the marks behind which nothing waits: what they stand behind has been played, or was
    /// dropped.
    fn pass_marks(&mut self) {
        while let Some(Queued::Mark(mark)) =
            self.queue.pop_front_if(|next| matches!(next, Queued::Mark(_)))
        {
            self.played.push_back((self.audible_until, mark));
        }
    }

    /// Sends a packet of a key; whether there was one. It takes the place of silence, and what is
    /// said at the same time is sent beside it, which RFC 4733 allows: a list of keys takes seconds.
    fn say_key(&mut self) -> bool {
        let Some(number) = self.types.keys else { return false };
        if self.key.is_none() {
            if !self.rest.is_zero() {
                self.rest = self.rest.saturating_sub(self.packet);
                return false;
            }
            let Some(key) = self.keys.pop_front() else { return false };
            self.key = Some(KeySender::new(key, self.timestamp, self.units(KEY)));
        }
        let step = self.units(self.packet);
        let Some(key) = &mut self.key else { return false };
        let (packet, is_last) = key.next(step);
        if is_last {
            self.key = None;
            self.rest = BETWEEN_KEYS;
        }
        let payload = Bytes::copy_from_slice(&packet.payload);
        for _ in 0..packet.times {
            self.push(number, packet.is_marked, packet.timestamp, payload.clone());
        }
        true
    }

    fn push(&mut self, payload_type: u8, is_marked: bool, timestamp: u32, payload: Bytes) {
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        self.sequence = sequence.wrapping_add(1);
        self.ready.push_back(RtpPacket {
            payload_type,
            is_marked,
            sequence,
            timestamp,
            ssrc,
            payload,
        });
    }

    /// A packet of what is queued, with silence where there is less.
    fn next_frame(&mut self) -> Bytes {
        let length = self.format.bytes_in(self.packet);
        let mut frame = BytesMut::new();
        while let Some(next) = self.queue.front_mut() {
            match next {
                Queued::Mark(mark) => self.played.push_back((self.audible_until, *mark)),
                Queued::Audio(piece) => {
                    if frame.len() == length {
                        break;
                    }
                    let part = piece.split_to(piece.len().min(length - frame.len()));
                    frame.extend_from_slice(&part);
                    self.audible_until = self.due + self.peer_jitter;
                    if !piece.is_empty() {
                        break;
                    }
                }
            }
            self.queue.pop_front();
        }
        frame.resize(length, self.format.silence().unwrap_or(0));
        frame.freeze()
    }
}

#[cfg(test)]
mod tests;
