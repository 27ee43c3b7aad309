use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use voiceagent_core::{
    CallTime, MarkId, Result,
    audio::{AudioFormat, AudioFrame},
    transport::Inbound,
};

use super::{
    latch::MediaPeer,
    packet::RtpPacket,
    quality::{RtpQuality, mos},
    receiver::{PayloadTypes, Receiver},
    rtcp::{self, Report},
    sender::{Begin, Outgoing, Sender},
    srtp::{SrtpGuard, SrtpTerms},
};
use crate::DtmfKey;

/// Between our reports (RFC 3550, section 6.2). The first comes after half of it.
const REPORTS: Duration = Duration::from_secs(5);

/// What is believed of the other side's jitter, and of a way there and back.
const MOST_JITTER: Duration = Duration::from_millis(300);
const LONGEST_TRIP: Duration = Duration::from_secs(10);

/// One call's media: a stream in each direction, and the reports about them.
#[derive(Debug)]
pub(crate) struct RtpSession {
    peer: MediaPeer,
    receiver: Receiver,
    sender: Sender,
    guard: SrtpGuard,
    ssrc: u32,
    name: String,
    next_report: CallTime,
    /// When media or a report of the other side came last.
    last_sign: CallTime,
    /// Whether nothing is to be expected from it.
    may_be_silent: bool,
    /// The other side's last report, by its own clock, and when it came.
    last_report: Option<(u32, CallTime)>,
    received: u64,
    foreign: u64,
    unproven: u64,
    peer_loss: Option<f32>,
    peer_jitter: Option<Duration>,
    round_trip: Option<Duration>,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum RtpAction {
    /// Tell the call.
    Tell(Inbound),
    /// Send this from the media's socket.
    Send(SocketAddr, Vec<u8>),
    /// Send this from the socket of the reports.
    Report(SocketAddr, Vec<u8>),
}

impl RtpSession {
    /// Begins now. `name` is what reports call us.
    pub(crate) fn new(
        now: CallTime,
        begin: Begin,
        name: String,
        peer: MediaPeer,
        format: AudioFormat,
        types: PayloadTypes,
    ) -> Result<Self> {
        Ok(Self {
            peer,
            receiver: Receiver::new(format, types)?,
            sender: Sender::new(now, begin, format, types)?,
            guard: SrtpGuard::default(),
            ssrc: begin.ssrc,
            name,
            next_report: now + REPORTS / 2,
            last_sign: now,
            may_be_silent: false,
            last_report: None,
            received: 0,
            foreign: 0,
            unproven: 0,
            peer_loss: None,
            peer_jitter: None,
            round_trip: None,
        })
    }

    /// Goes on as a new description says: whether nothing is to be sent, and nothing to be expected.
    pub(crate) fn renegotiate(
        &mut self,
        now: CallTime,
        types: PayloadTypes,
        said: SocketAddr,
        is_held: bool,
        may_be_silent: bool,
    ) -> Result<()> {
        self.receiver.set_types(types)?;
        self.sender.set_types(types)?;
        self.sender.hold(is_held);
        if std::mem::replace(&mut self.may_be_silent, may_be_silent) && !may_be_silent {
            // It may have been silent for all that time.
            self.last_sign = now;
        }
        self.peer.move_to(said);
        Ok(())
    }

    /// Reports are wanted there, or at the port next to that of the media.
    pub(crate) const fn report_to(&mut self, reports: Option<SocketAddr>) {
        self.peer.report_to(reports);
    }

    /// The other side is somebody else from now on, at this address and this host of signalling.
    pub(crate) fn meet(&mut self, said: SocketAddr, signalling: IpAddr) {
        self.peer = MediaPeer::new(said, signalling);
        // Nobody has told it how much has been counted.
        self.guard = SrtpGuard::default();
    }

    /// Counts protected packets on from where other media of this call have come to, which were heard
    /// before.
    pub(crate) fn count_on(&mut self, before: Self) {
        self.guard = before.guard;
    }

    /// Protects what is sent from now on, and takes what is protected only; or neither.
    pub(crate) fn protect(&mut self, terms: Option<SrtpTerms>) {
        self.guard.set(terms);
    }

    /// Has each packet of ours be so long from now on.
    pub(crate) const fn pace(&mut self, packet: Duration) {
        self.sender.set_packet(packet);
    }

    /// Takes a datagram of either socket.
    pub(crate) fn receive(&mut self, now: CallTime, from: SocketAddr, datagram: &Bytes) {
        let Some(opened) = self.guard.open(datagram) else {
            self.unproven += 1;
            return;
        };
        if let Some(packet) = RtpPacket::parse(&opened.datagram) {
            if self.peer.accepts(from, &packet) {
                self.guard.note(&opened);
                self.last_sign = now;
                self.received += 1;
                self.receiver.receive(now, packet);
            } else {
                self.foreign += 1;
            }
        } else if let Some(reports) = Report::parse_all(&opened.datagram)
            && self.peer.accepts_report(from)
        {
            self.guard.note(&opened);
            self.last_sign = now;
            reports.iter().for_each(|report| self.read(now, report));
        }
    }

    pub(crate) fn play(&mut self, frame: AudioFrame) {
        self.sender.play(frame);
    }

    pub(crate) fn mark(&mut self, mark: MarkId) {
        self.sender.mark(mark);
    }

    pub(crate) fn clear(&mut self) {
        self.sender.clear();
    }

    pub(crate) fn press(&mut self, key: DtmfKey) -> bool {
        self.sender.press(key)
    }

    /// Whether no key waits behind the one that is pressed.
    pub(crate) fn takes_key(&self) -> bool {
        self.sender.takes_key()
    }

    /// The key that the other side pressed last, and when a packet last said that it is held.
    pub(crate) const fn held_key(&self) -> Option<(DtmfKey, CallTime)> {
        self.receiver.held_key()
    }

    pub(crate) fn queued(&self) -> usize {
        self.sender.queued()
    }

    pub(crate) fn is_idle(&self, now: CallTime) -> bool {
        self.sender.is_idle(now)
    }

    /// How long nothing has come from the other side.
    pub(crate) fn silent_for(&self, now: CallTime) -> Duration {
        now - self.last_sign
    }

    pub(crate) fn poll(&mut self, now: CallTime) -> Option<RtpAction> {
        if let Some(heard) = self.receiver.poll(now) {
            return Some(RtpAction::Tell(heard));
        }
        match self.sender.poll(now) {
            Some(Outgoing::Packet(packet)) => {
                let datagram = self.guard.seal(packet.write());
                return Some(RtpAction::Send(self.peer.address(), datagram));
            }
            Some(Outgoing::Played(mark)) => {
                return Some(RtpAction::Tell(Inbound::MarkPlayed(mark)));
            }
            None => {}
        }
        if now < self.next_report {
            return None;
        }
        self.next_report = now + REPORTS;
        let to = self.peer.report_address()?;
        let report = self.report(now);
        Some(RtpAction::Report(to, self.guard.seal_report(report)))
    }

    pub(crate) fn poll_timeout(&self) -> CallTime {
        let sender = self.sender.poll_timeout().min(self.next_report);
        self.receiver.poll_timeout().map_or(sender, |receiver| receiver.min(sender))
    }

    /// The last report: the stream is over.
    pub(crate) fn goodbye(&mut self) -> Option<RtpAction> {
        let to = self.peer.report_address()?;
        let report = self.guard.seal_report(rtcp::goodbye(self.ssrc, &self.name));
        Some(RtpAction::Report(to, report))
    }

    pub(crate) fn quality(&self) -> RtpQuality {
        // Of what was heard. Reports count what has arrived, however late and often (RFC 3550,
        // appendix A.3).
        let counters = self.receiver.counters();
        let loss = counters.lost as f64 / (counters.lost + counters.played).max(1) as f64;
        let jitter = self.receiver.reception.jitter();
        let delay = self.round_trip.unwrap_or_default() / 2 + jitter * 2;
        RtpQuality {
            received: self.received,
            played: counters.played,
            lost: counters.lost,
            late: counters.late,
            repeated: counters.repeated,
            foreign: self.foreign,
            unproven: self.unproven,
            overdue: self.sender.overdue(),
            jitter,
            peer_loss: self.peer_loss,
            peer_jitter: self.peer_jitter,
            round_trip: self.round_trip,
            estimated_mos: mos(loss, delay),
        }
    }

    fn report(&mut self, now: CallTime) -> Vec<u8> {
        let mut block = self.receiver.reception.report();
        if let (Some(block), Some((time, came))) = (&mut block, self.last_report) {
            block.last_report = time;
            block.since_report = rtcp::middle(rtcp::ntp(CallTime::ZERO + (now - came)));
        }
        let sent = self.sender.report(rtcp::ntp(now));
        let blocks = block.into_iter().collect();
        Report { ssrc: self.ssrc, sent, blocks }.write(&self.name)
    }

    fn read(&mut self, now: CallTime, report: &Report) {
        if let Some(sent) = report.sent {
            self.last_report = Some((rtcp::middle(sent.time), now));
        }
        let Some(block) = report.blocks.iter().find(|block| block.ssrc == self.ssrc) else {
            return;
        };
        self.peer_loss = Some(f32::from(block.fraction_lost) / 256.0);
        let jitter = Duration::from_secs(block.jitter.into()) / self.sender.clock_rate();
        // A side that counts in other units than it should would hold up marks for long.
        if jitter < MOST_JITTER {
            self.peer_jitter = Some(jitter);
            self.sender.set_peer_jitter(jitter);
        }
        if block.last_report != 0 {
            let here = rtcp::middle(rtcp::ntp(now));
            let trip = here.wrapping_sub(block.last_report).wrapping_sub(block.since_report);
            let trip = Duration::from_secs(trip.into()) / 65_536;
            self.round_trip = Some(trip).filter(|trip| *trip < LONGEST_TRIP).or(self.round_trip);
        }
    }
}

#[cfg(test)]
pub(crate) mod intelligibility;
#[cfg(test)]
mod tests;
