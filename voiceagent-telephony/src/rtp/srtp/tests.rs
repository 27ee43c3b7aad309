use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::hex::{from_hex, hex};

impl SrtpOpener {
    /// Opens a packet that is taken.
    fn take(&mut self, datagram: &[u8]) -> Option<Bytes> {
        self.open(datagram).map(|opened| self.taken(opened))
    }

    fn take_report(&mut self, datagram: &[u8]) -> Option<Bytes> {
        self.open_report(datagram).map(|opened| self.taken(opened))
    }

    fn taken(&mut self, opened: Opened) -> Bytes {
        self.note(opened.place.unwrap());
        opened.datagram
    }
}

fn keys() -> SrtpKeys {
    let bytes = from_hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6").unwrap();
    SrtpKeys::parse(&base64_simd::STANDARD.encode_to_string(bytes)).unwrap()
}

fn both(suite: SrtpSuite) -> (SrtpSealer, SrtpOpener) {
    (SrtpSealer::new(suite, &keys()), SrtpOpener::new(suite, &keys()))
}

fn packet(sequence: u16) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    [&[0x80, 0, high, low, 0, 0, 0, 9, 0, 0, 0, 5], &[sequence as u8; 160][..]].concat()
}

#[test]
fn packets_and_reports_are_those_of_other_implementations() {
    // The packets with which libsrtp checks itself (`srtp_validate` in its `test/srtp_driver.c`).
    let (mut sealer, mut opener) = both(SrtpSuite::Sha80);
    let plain = from_hex(&format!("800f1234decafbadcafebabe{}", "ab".repeat(16))).unwrap();
    let sealed = sealer.seal(plain.clone());
    assert_eq!(
        hex(&sealed),
        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
    );
    assert_eq!(opener.take(&sealed).unwrap(), plain);
    let plain = from_hex(&format!("81c8000bcafebabe{}", "ab".repeat(16))).unwrap();
    let sealed = sealer.seal_report(plain.clone());
    assert_eq!(
        hex(&sealed),
        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"
    );
    assert_eq!(opener.take_report(&sealed).unwrap(), plain);
}

#[test]
fn numbers_that_begin_anew_and_packets_out_of_order_are_opened() {
    for suite in SrtpSuite::ALL {
        let (mut sealer, mut opener) = both(suite);
        let numbers: Vec<u16> = (65_500..=65_535).chain(0..40).collect();
        let mut sealed: Vec<_> =
            numbers.iter().map(|number| (*number, sealer.seal(packet(*number)))).collect();
        for pair in sealed.as_chunks_mut::<2>().0 {
            pair.reverse();
        }
        for (number, sealed) in sealed {
            assert_eq!(sealed.len(), 172 + suite.tag());
            assert_eq!(opener.take(&sealed), Some(Bytes::from(packet(number))), "{number}");
        }
    }
}

#[test]
fn what_comes_twice_or_is_changed_is_not_opened() {
    let (mut sealer, mut opener) = both(SrtpSuite::Sha80);
    let (one, report) = (sealer.seal(packet(7)), sealer.seal_report(vec![0x80; 28]));
    assert!(opener.take(&one).is_some() && opener.take_report(&report).is_some());
    assert_eq!((opener.take(&one), opener.take_report(&report)), (None, None));
    let (two, report) = (sealer.seal(packet(8)), sealer.seal_report(vec![0x80; 28]));
    for at in 0..two.len() {
        let mut changed = two.clone();
        changed[at] ^= 1;
        assert_eq!(opener.take(&changed), None, "{at}");
    }
    for at in 0..report.len() {
        let mut changed = report.clone();
        changed[at] ^= 1;
        assert_eq!(opener.take_report(&changed), None, "{at}");
    }
    assert!(opener.take(&two).is_some() && opener.take_report(&report).is_some());
    let other = SrtpKeys::random().unwrap();
    assert_eq!(SrtpOpener::new(SrtpSuite::Sha80, &other).take(&two), None);
}

#[test]
fn a_new_source_counts_from_its_own_beginning() {
    let (mut sealer, mut opener) = both(SrtpSuite::Sha80);
    for number in 65_530..=65_535 {
        assert!(opener.take(&sealer.seal(packet(number))).is_some());
    }
    assert!(opener.take(&sealer.seal(packet(0))).is_some());
    for source in 10..30_u8 {
        let mut moved = packet(3);
        moved[11] = source;
        let sealed = SrtpSealer::new(SrtpSuite::Sha80, &keys()).seal(moved.clone());
        assert_eq!(opener.take(&sealed), Some(Bytes::from(moved)));
    }
}

#[test]
fn a_source_whose_numbers_began_anew_before_it_was_heard_is_heard() {
    for suite in SrtpSuite::ALL {
        let (mut sealer, mut opener) = both(suite);
        sealer.seal(packet(65_535));
        for number in 0..3 {
            let sealed = sealer.seal(packet(number));
            assert_eq!(opener.take(&sealed), Some(Bytes::from(packet(number))), "{number}");
            assert_eq!(opener.take(&sealed), None, "it has come before");
        }
        // Whoever has been heard is counted from there, and from nowhere else.
        let mut other = SrtpSealer::new(suite, &keys());
        assert_eq!(opener.take(&other.seal(packet(7))), None);
    }
}

proptest! {
    #[test]
    fn no_datagram_breaks_it(datagram: Vec<u8>, is_like_a_packet: bool) {
        let mut datagram = datagram;
        if is_like_a_packet && let Some(first) = datagram.first_mut() {
            *first = *first & 0x3F | 0x80;
        }
        let (_, mut opener) = both(SrtpSuite::Sha80);
        prop_assert_eq!(opener.take(&datagram), None);
        prop_assert_eq!(opener.take_report(&datagram), None);
    }
}
