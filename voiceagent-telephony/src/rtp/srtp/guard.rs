use bytes::Bytes;

use super::{SrtpOpener, SrtpSealer, SrtpTerms};

/// Both directions of a call whose media may be protected.
#[derive(Debug, Default)]
pub(crate) struct SrtpGuard {
    agreed: Option<(SrtpTerms, SrtpSealer, SrtpOpener)>,
}

impl SrtpGuard {
    /// Goes on by these terms. A direction whose keys stay goes on where it was: its packets are
    /// counted on.
    pub(crate) fn set(&mut self, terms: Option<SrtpTerms>) {
        self.agreed = terms.map(|terms| {
            let SrtpTerms { suite, ours, theirs } = &terms;
            let (before, sealer, opener) = match self.agreed.take() {
                Some((before, sealer, opener)) if before.suite == *suite => {
                    (Some(before), Some(sealer), Some(opener))
                }
                _ => (None, None, None),
            };
            let stays = |keys: fn(&SrtpTerms) -> &super::SrtpKeys| {
                before.as_ref().is_some_and(|before| keys(before) == keys(&terms))
            };
            let sealer = sealer.filter(|_| stays(|terms| &terms.ours));
            let opener = opener.filter(|_| stays(|terms| &terms.theirs));
            let sealer = sealer.unwrap_or_else(|| SrtpSealer::new(*suite, ours));
            let opener = opener.unwrap_or_else(|| SrtpOpener::new(*suite, theirs));
            (terms, sealer, opener)
        });
    }

    pub(crate) fn seal(&mut self, packet: Vec<u8>) -> Vec<u8> {
        match &mut self.agreed {
            Some((_, sealer, _)) => sealer.seal(packet),
            None => packet,
        }
    }

    pub(crate) fn seal_report(&mut self, report: Vec<u8>) -> Vec<u8> {
        match &mut self.agreed {
            Some((_, sealer, _)) => sealer.seal_report(report),
            None => report,
        }
    }

    /// A datagram as it was sent; `None` for one that does not prove itself.
    pub(crate) fn open(&mut self, datagram: &Bytes) -> Option<Bytes> {
        let Some((_, _, opener)) = &mut self.agreed else { return Some(datagram.clone()) };
        // Payload types 64 to 95 with the marker are the packets of RTCP (RFC 5761, section 4).
        if matches!(datagram.get(1), Some(192..=223)) {
            opener.open_report(datagram)
        } else {
            opener.open(datagram)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::srtp::{SrtpKeys, SrtpSuite};

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
        assert_eq!(here.open(&packet(1).into()).unwrap(), packet(1), "nothing is protected yet");
        here.set(Some(terms(&one, &two)));
        there.set(Some(terms(&two, &one)));
        let first: Bytes = here.seal(packet(1)).into();
        assert_eq!(there.open(&first).unwrap(), packet(1));
        there.set(Some(terms(&keys(), &one)));
        assert_eq!(there.open(&first), None, "it has come before, by the same keys");
        assert_eq!(here.open(&packet(9).into()), None, "plain packets are not taken any more");
        let other = keys();
        here.set(Some(terms(&other, &two)));
        let second: Bytes = here.seal(packet(2)).into();
        assert_eq!(there.open(&second), None);
        there.set(Some(terms(&two, &other)));
        assert_eq!(there.open(&second).unwrap(), packet(2));
        here.set(None);
        assert_eq!(here.seal(packet(3)), packet(3));
    }
}
