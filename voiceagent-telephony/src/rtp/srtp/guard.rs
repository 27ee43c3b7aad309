use bytes::Bytes;

use super::{Opened, SrtpOpener, SrtpSealer, SrtpTerms};

/// Both directions of a call whose media may be protected.
///
/// What has been counted outlives the terms: with a new key packets are counted on (RFC 3711, section
/// 3.3.1), and a key that comes back after media that was plain goes on behind what it has protected.
#[derive(Debug, Default)]
pub(crate) struct SrtpGuard {
    is_on: bool,
    agreed: Option<(SrtpTerms, SrtpSealer, SrtpOpener)>,
}

impl SrtpGuard {
    /// Goes on by these terms.
    pub(crate) fn set(&mut self, terms: Option<SrtpTerms>) {
        self.is_on = terms.is_some();
        let Some(terms) = terms else { return };
        let SrtpTerms { suite, ours, theirs } = &terms;
        let (sealer, opener) = match self.agreed.take() {
            Some((before, mut sealer, mut opener)) => {
                if (before.suite, &before.ours) != (*suite, ours) {
                    sealer.change(*suite, ours);
                }
                if (before.suite, &before.theirs) != (*suite, theirs) {
                    opener.change(*suite, theirs);
                }
                (sealer, opener)
            }
            None => (SrtpSealer::new(*suite, ours), SrtpOpener::new(*suite, theirs)),
        };
        self.agreed = Some((terms, sealer, opener));
    }

    pub(crate) fn seal(&mut self, packet: Vec<u8>) -> Vec<u8> {
        match &mut self.agreed {
            Some((_, sealer, _)) if self.is_on => sealer.seal(packet),
            _ => packet,
        }
    }

    pub(crate) fn seal_report(&mut self, report: Vec<u8>) -> Vec<u8> {
        match &mut self.agreed {
            Some((_, sealer, _)) if self.is_on => sealer.seal_report(report),
            _ => report,
        }
    }

    /// A datagram as it was sent; `None` for one that does not prove itself.
    pub(crate) fn open(&self, datagram: &Bytes) -> Option<Opened> {
        let Some((_, _, opener)) = self.agreed.as_ref().filter(|_| self.is_on) else {
            return Some(Opened { datagram: datagram.clone(), place: None });
        };
        // Payload types 64 to 95 with the marker are the packets of RTCP (RFC 5761, section 4).
        if matches!(datagram.get(1), Some(192..=223)) {
            opener.open_report(datagram)
        } else {
            opener.open(datagram)
        }
    }

    /// What has been opened is taken, and not opened again.
    pub(crate) fn note(&mut self, opened: &Opened) {
        if let (Some((_, _, opener)), Some(place)) = (&mut self.agreed, opened.place) {
            opener.note(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::srtp::{SrtpKeys, SrtpSuite};

    impl SrtpGuard {
        /// Opens what is taken.
        fn take(&mut self, datagram: &Bytes) -> Option<Bytes> {
            let opened = self.open(datagram)?;
            self.note(&opened);
            Some(opened.datagram)
        }
    }

    fn packet(sequence: u8) -> Vec<u8> {
        [&[0x80, 0, 0xFF, sequence][..], &[7; 40]].concat()
    }

    #[test]
    fn keys_that_stay_go_on_and_new_ones_begin() {
        let keys = || SrtpKeys::random().unwrap();
        let (one, two) = (keys(), keys());
        let terms = |ours: &SrtpKeys, theirs: &SrtpKeys| SrtpTerms {
            suite: SrtpSuite::Sha80,
            ours: ours.clone(),
            theirs: theirs.clone(),
        };
        let (mut here, mut there) = (SrtpGuard::default(), SrtpGuard::default());
        assert_eq!(here.take(&packet(1).into()).unwrap(), packet(1), "nothing is protected yet");
        here.set(Some(terms(&one, &two)));
        there.set(Some(terms(&two, &one)));
        let first: Bytes = here.seal(packet(1)).into();
        assert_eq!(there.take(&first).unwrap(), packet(1));
        there.set(Some(terms(&keys(), &one)));
        assert_eq!(there.take(&first), None, "it has come before, by the same keys");
        assert_eq!(here.take(&packet(9).into()), None, "plain packets are not taken any more");
        let other = keys();
        here.set(Some(terms(&other, &two)));
        let second: Bytes = here.seal(packet(2)).into();
        assert_eq!(there.take(&second), None);
        there.set(Some(terms(&two, &other)));
        assert_eq!(there.take(&second).unwrap(), packet(2));
        here.set(None);
        assert_eq!(here.seal(packet(3)), packet(3));
    }
    #[test]
    fn a_key_that_comes_back_after_plain_media_repeats_no_keystream_and_takes_nothing_twice() {
        let keys = || SrtpKeys::random().unwrap();
        let (one, two) = (keys(), keys());
        let terms = |ours: &SrtpKeys, theirs: &SrtpKeys| {
            let (ours, theirs) = (ours.clone(), theirs.clone());
            Some(SrtpTerms { suite: SrtpSuite::Sha80, ours, theirs })
        };
        let (mut here, mut there) = (SrtpGuard::default(), SrtpGuard::default());
        here.set(terms(&one, &two));
        there.set(terms(&two, &one));
        let report = vec![0x80; 28];
        let (media, first) = (here.seal(packet(1)), here.seal_report(report.clone()));
        let media: Bytes = media.into();
        assert_eq!(there.take(&media).unwrap(), packet(1));
        for side in [&mut here, &mut there] {
            side.set(None);
            assert_eq!(side.seal(packet(2)), packet(2));
        }
        here.set(terms(&one, &two));
        there.set(terms(&two, &one));
        assert_ne!(here.seal_report(report), first, "one number under one key");
        assert_eq!(there.take(&media), None, "it has come before");
    }

    /// A side whose numbers have begun anew, so that they are counted.
    fn long_call(ours: &SrtpKeys, theirs: &SrtpKeys, suite: SrtpSuite) -> (SrtpGuard, SrtpGuard) {
        let (mut here, mut there) = (SrtpGuard::default(), SrtpGuard::default());
        here.set(Some(SrtpTerms { suite, ours: ours.clone(), theirs: theirs.clone() }));
        there.set(Some(SrtpTerms { suite, ours: theirs.clone(), theirs: ours.clone() }));
        for sequence in [0xFFFE_u16, 0xFFFF, 0, 1] {
            let [high, low] = sequence.to_be_bytes();
            let packet = [&[0x80, 0, high, low][..], &[7; 40]].concat();
            let sealed = here.seal(packet.clone()).into();
            assert_eq!(there.take(&sealed).unwrap(), packet);
        }
        (here, there)
    }

    #[test]
    fn with_a_new_key_packets_and_reports_are_counted_on() {
        let keys = || SrtpKeys::random().unwrap();
        for suite in SrtpSuite::ALL {
            let (one, two, other) = (keys(), keys(), keys());
            let (mut here, mut there) = long_call(&one, &two, SrtpSuite::Sha80);
            let report = here.seal_report(vec![0x80; 28]);
            here.set(Some(SrtpTerms { suite, ours: other.clone(), theirs: two.clone() }));
            there.set(Some(SrtpTerms { suite, ours: two, theirs: other.clone() }));
            let next = [&[0x80, 0, 0, 2][..], &[7; 40]].concat();
            let sealed = here.seal(next.clone());
            let mut anew = SrtpSealer::new(suite, &other);
            assert_ne!(sealed, anew.seal(next.clone()), "the count has begun anew");
            assert_eq!(there.take(&sealed.into()).unwrap(), next);
            let number = |report: &[u8]| report[28..32].to_vec();
            let second = here.seal_report(vec![0x80; 28]);
            assert_eq!((number(&report)[3], number(&second)[3]), (1, 2));
        }
    }

    #[test]
    fn a_side_that_counts_anew_with_a_new_key_is_heard_too() {
        let keys = || SrtpKeys::random().unwrap();
        let (one, two, other) = (keys(), keys(), keys());
        let suite = SrtpSuite::Sha80;
        let (_, mut there) = long_call(&one, &two, suite);
        there.set(Some(SrtpTerms { suite, ours: two, theirs: other.clone() }));
        let mut anew = SrtpSealer::new(suite, &other);
        for sequence in [[0xFF, 0xFF], [0, 0], [0, 1]] {
            let packet = [&[0x80, 0][..], &sequence, &[7; 40]].concat();
            let sealed: Bytes = anew.seal(packet.clone()).into();
            assert_eq!(there.take(&sealed).unwrap(), packet);
            assert_eq!(there.take(&sealed), None, "it has come before");
        }
    }
}
