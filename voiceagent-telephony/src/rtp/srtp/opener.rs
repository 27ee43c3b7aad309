use super::{
    ENCRYPTED, Opened, Place, REPORT_HEAD, REPORT_TAG,
    keys::{Session, SrtpKeys, SrtpSuite},
    number_at, payload_begin,
    window::Window,
};

/// Sources whose packets are known at a time. A source changes when a call is moved elsewhere; only
/// those who have the key can begin one.
const SOURCES: usize = 4;

/// Opens what the other side has protected: its streams and their reports.
#[derive(Debug)]
pub(super) struct SrtpOpener {
    suite: SrtpSuite,
    media: Session,
    reports: Session,
    /// What has come of each source, the latest first.
    heard: Vec<(u32, Window)>,
    reported: Vec<(u32, Window)>,
    /// The newest of each source by the keys of before.
    before: Vec<(u32, u64)>,
}

impl SrtpOpener {
    pub(super) fn new(suite: SrtpSuite, keys: &SrtpKeys) -> Self {
        let (media, reports) = (keys.media(), keys.reports());
        Self { suite, media, reports, heard: Vec::new(), reported: Vec::new(), before: Vec::new() }
    }

    /// Goes on with other keys. Sources count on from where they were.
    pub(super) fn change(&mut self, suite: SrtpSuite, keys: &SrtpKeys) {
        let heard =
            self.heard.drain(..).filter_map(|(source, heard)| Some((source, heard.newest()?)));
        let mut before: Vec<_> = heard.collect();
        before.append(&mut self.before);
        before.truncate(SOURCES);
        *self = Self { before, ..Self::new(suite, keys) };
    }

    /// A packet of media as it was before it was protected; `None` for what nobody with the key has
    /// sent, or has come before.
    pub(super) fn open(&self, datagram: &[u8]) -> Option<Opened> {
        let (packet, tag) = split_end(datagram, self.suite.tag())?;
        let begin = payload_begin(packet)?;
        let source = number_at(packet, 8)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let window = window_of(&self.heard, source);
        let is_genuine = |index: &u64| {
            let rollover = u32::try_from(index >> 16);
            window.admits(*index)
                && rollover.is_ok_and(|rollover| self.media.is_proven(packet, rollover, tag))
        };
        let index = self.indexes(source, window.newest(), sequence).find(is_genuine)?;
        let mut packet = packet.to_vec();
        self.media.apply(source, index, &mut packet[begin..]);
        let place = Place { is_report: false, source, index };
        Some(Opened { datagram: packet.into(), place: Some(place) })
    }

    /// What has been opened has come.
    pub(super) fn note(&mut self, Place { is_report, source, index }: Place) {
        let known = if is_report { &mut self.reported } else { &mut self.heard };
        let mut window = window_of(known, source);
        window.note(index);
        keep(known, source, window);
    }

    /// What a number may stand for. With a new key a source counts on (RFC 3711, section 3.3.1), but
    /// some begin anew. Who begins near the last number may have come to the first again before we
    /// hear it.
    fn indexes(
        &self,
        source: u32,
        newest: Option<u64>,
        sequence: u16,
    ) -> impl Iterator<Item = u64> + use<> {
        let before = self.before.iter().find(|(other, _)| *other == source);
        let known = newest.or(before.map(|(_, newest)| *newest));
        let counted = known.map(|newest| index_of(newest, sequence));
        let first = u64::from(sequence);
        let anew = newest.is_none().then_some([first, 1 << 16 | first]).into_iter().flatten();
        counted.into_iter().chain(anew.filter(move |anew| Some(*anew) != counted))
    }

    /// Reports as they were before they were protected.
    pub(super) fn open_report(&self, datagram: &[u8]) -> Option<Opened> {
        let (rest, tag) = split_end(datagram, REPORT_TAG)?;
        let (report, _) = split_end(rest, 4)?;
        let number = number_at(rest, report.len())?;
        let source = number_at(report, 4)?;
        let index = u64::from(number & !ENCRYPTED);
        let window = window_of(&self.reported, source);
        if !window.admits(index) || !self.reports.is_proven(report, number, tag) {
            return None;
        }
        let mut report = report.to_vec();
        if number & ENCRYPTED != 0 {
            self.reports.apply(source, index, &mut report[REPORT_HEAD..]);
        }
        let place = Place { is_report: true, source, index };
        Some(Opened { datagram: report.into(), place: Some(place) })
    }
}

/// The last bytes apart from those before.
fn split_end(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(length)?)
}

fn window_of(known: &[(u32, Window)], source: u32) -> Window {
    let found = known.iter().find(|(other, _)| *other == source);
    found.map_or_else(Window::default, |(_, window)| window.clone())
}

fn keep(known: &mut Vec<(u32, Window)>, source: u32, window: Window) {
    match known.iter_mut().find(|(other, _)| *other == source) {
        Some(entry) => entry.1 = window,
        None => {
            known.truncate(SOURCES - 1);
            known.insert(0, (source, window));
        }
    }
}

/// The index that a number most likely stands for: the one that is closest to the newest (RFC
/// 3711, appendix A).
fn index_of(newest: u64, sequence: u16) -> u64 {
    let step = sequence.wrapping_sub(newest as u16) as i16;
    let index = newest.checked_add_signed(step.into());
    index.unwrap_or_else(|| newest & !0xFFFF | u64::from(sequence))
}
