use super::{
    ENCRYPTED, REPORT_HEAD, REPORT_TAG,
    keys::{Session, SrtpKeys, SrtpSuite},
    number_at, payload_begin,
};

/// Protects what we send: one stream and its reports.
#[derive(Debug)]
pub(super) struct SrtpSealer {
    suite: SrtpSuite,
    media: Session,
    reports: Session,
    /// How often the numbers of packets have begun anew, and the last.
    rollover: u32,
    last: Option<u16>,
    /// The number of the next report.
    report: u32,
}

impl SrtpSealer {
    pub(super) fn new(suite: SrtpSuite, keys: &SrtpKeys) -> Self {
        let (media, reports) = (keys.media(), keys.reports());
        Self { suite, media, reports, rollover: 0, last: None, report: 0 }
    }

    /// Goes on with other keys. Packets and reports are counted on: that must not begin anew (RFC
    /// 3711, sections 3.3.1 and 3.4).
    pub(super) fn change(&mut self, suite: SrtpSuite, keys: &SrtpKeys) {
        (self.suite, self.media, self.reports) = (suite, keys.media(), keys.reports());
    }

    /// Encrypts a packet of media and proves it. Packets come in order.
    pub(super) fn seal(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let (Some(begin), Some(source)) = (payload_begin(&packet), number_at(&packet, 8)) else {
            debug_assert!(false, "only packets are sent");
            return Vec::new();
        };
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        if self.last.is_some_and(|last| sequence < last) {
            self.rollover = self.rollover.wrapping_add(1);
        }
        self.last = Some(sequence);
        let index = u64::from(self.rollover) << 16 | u64::from(sequence);
        self.media.apply(source, index, &mut packet[begin..]);
        let tag = self.media.tag(&packet, self.rollover);
        packet.extend_from_slice(&tag[..self.suite.tag()]);
        packet
    }

    /// Encrypts reports and proves them (RFC 3711, section 3.4).
    pub(super) fn seal_report(&mut self, mut report: Vec<u8>) -> Vec<u8> {
        let Some(source) = number_at(&report, 4) else {
            debug_assert!(false, "only reports are sent");
            return Vec::new();
        };
        self.report = self.report.wrapping_add(1) & !ENCRYPTED;
        self.reports.apply(source, self.report.into(), &mut report[REPORT_HEAD..]);
        let number = self.report | ENCRYPTED;
        let tag = self.reports.tag(&report, number);
        report.extend(number.to_be_bytes());
        report.extend_from_slice(&tag[..REPORT_TAG]);
        report
    }
}
