//! Random changes of messages, descriptions and packets, at which nothing may break.
//!
//! Some thousand changes with the other tests; `.ci/fuzz-sip` makes them for ten minutes.

use std::{env, fs, path::PathBuf, time::Instant};

use bytes::Bytes;
use rsipstack::sip::SipMessage;
use voiceagent_core::{CallTime, audio::AudioFormat};

use super::{
    SipSrtp,
    framing::Framing,
    negotiation::Negotiation,
    screening::{Screened, screen},
    sdp::Description,
};
use crate::rtp::{
    Begin, MediaPeer, PayloadTypes, RtpCodec, RtpSession, SrtpKeys, SrtpSuite, SrtpTerms,
};

/// Changes for each target when no time is set.
const ROUNDS: u64 = 4_000;

/// What chance does, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    /// A few changes, each at one place.
    fn change(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        const WORDS: [&[u8]; 15] = [
            b"\r\n",
            b"\r\n\r\n",
            b";",
            b",",
            b"\"",
            b"<",
            b"99999999999",
            b"-1",
            b"\0",
            b"%00",
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",
            b"m=audio 1 RTP/SAVP 0\r\n",
            b"m=audio 1 RTP/AVPF 0\r\n",
            b"a=ptime:10\r\n",
            b"c=IN IP4 255.255.255.255\r\n",
        ];
        for _ in 0..=self.roll(4) {
            let at = self.roll(bytes.len() + 1);
            let end = (at + self.roll(24)).min(bytes.len());
            match self.roll(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.roll(8),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, piece));
                }
                3 => drop(bytes.splice(at..at, WORDS[self.roll(WORDS.len())].iter().copied())),
                4 => {
                    let other = &others[self.roll(others.len())];
                    let from = self.roll(other.len() + 1);
                    let to = (from + self.roll(64)).min(other.len());
                    drop(bytes.splice(at..end, other[from..to].iter().copied()));
                }
                _ => bytes.truncate(at),
            }
        }
    }
}

/// Does this with changed seeds, until the rounds or the seconds of `FUZZ_SECONDS` are over.
fn fuzz(seeds: &[Vec<u8>], mut target: impl FnMut(Vec<u8>)) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, first) = (number("FUZZ_SECONDS"), number("FUZZ_SEED").unwrap_or(1));
    let begin = Instant::now();
    for round in 0.. {
        let is_over = match seconds {
            Some(seconds) => begin.elapsed().as_secs() >= seconds,
            None => round >= ROUNDS,
        };
        if is_over {
            return;
        }
        let mut dice = Dice(first.wrapping_add(round).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut bytes = seeds[dice.roll(seeds.len())].clone();
        dice.change(&mut bytes, seeds);
        target(bytes);
    }
}

fn messages() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/rfc4475");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn changed_messages_break_nothing() {
    fuzz(&messages(), |bytes| {
        for is_stream in [false, true] {
            if let Screened::Pass(message) = screen(&bytes, is_stream) {
                let _ = SipMessage::try_from(&message[..]);
            }
        }
        let mut framing = Framing::default();
        for piece in bytes.chunks(97) {
            framing.buffer().extend_from_slice(piece);
            while let Ok(Some(_)) = framing.next() {}
        }
    });
}

#[test]
fn changed_descriptions_break_nothing() {
    let codecs = vec![RtpCodec::G722, RtpCodec::L16At16k, RtpCodec::Pcma, RtpCodec::Pcmu];
    let at = ([192, 0, 2, 1], 7_000).into();
    let negotiation = || Negotiation::new(codecs.clone(), SipSrtp::Accepted, at);
    let offers = [false, true].map(|srtp| negotiation().offer(srtp).unwrap().into_bytes());
    let theirs = |is_protected| {
        let mut call = negotiation();
        call.answer(str::from_utf8(&offers[usize::from(is_protected)]).unwrap()).unwrap();
        call
    };
    fuzz(&offers, |bytes| {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(terms) = negotiation().answer(&text) {
            let count =
                |text: &str| Description::parse(text).map(|described| described.media.len());
            assert_eq!(count(&terms.answer), count(&text), "{}", terms.answer);
        }
        let mut ours = negotiation();
        ours.offer(bytes.len() % 2 == 0).unwrap();
        let _ = ours.answered(&text);
        // And to what we say again, in a call of either side.
        for mut call in [ours, theirs(bytes.len() % 2 == 0)] {
            if call.answered(&text).is_some() {
                assert!(Description::parse(call.repeat().unwrap()).is_some());
            }
        }
    });
}

#[test]
fn changed_packets_break_nothing() {
    let from = ([127, 0, 0, 1], 4_000).into();
    let keys = SrtpKeys::random().unwrap();
    let session = |is_protected: bool| {
        let begin = Begin { ssrc: 1, sequence: 2, timestamp: 3 };
        let types = PayloadTypes {
            audio: (0, RtpCodec::Pcmu),
            others: [None; 5],
            keys: Some(101),
            noise: Some(13),
        };
        let peer = MediaPeer::new(from, from.ip());
        let format = AudioFormat::MULAW_8K;
        let name = "fuzz".to_owned();
        let mut session =
            RtpSession::new(CallTime::ZERO, begin, name, peer, format, types).unwrap();
        let (suite, ours, theirs) = (SrtpSuite::Sha80, keys.clone(), keys.clone());
        session.protect(is_protected.then_some(SrtpTerms { suite, ours, theirs }));
        session
    };
    let media =
        [&[0x90, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, 0xBE, 0xDE, 0, 1, 1, 1, 1, 1], &[7; 160][..]];
    let key = [0x80, 0xE5, 0, 8, 0, 0, 0, 9, 0, 0, 0, 5, 1, 0x8A, 3, 0x20];
    let noise = [0x80, 13, 0, 9, 0, 0, 0, 9, 0, 0, 0, 5, 60, 1, 2, 3];
    let report = [
        &[0x81, 200, 0, 12, 0, 0, 0, 5][..],
        &[1; 20],
        &[0, 0, 0, 1],
        &[2; 20],
        &[0x81, 202, 0, 3, 0, 0, 0, 5, 1, 2, b'a', b'b', 0, 0, 0, 0],
        &[0x81, 203, 0, 1, 0, 0, 0, 5],
    ];
    let seeds = [media.concat(), key.to_vec(), noise.to_vec(), report.concat()];
    let (mut plain, mut protected) = (session(false), session(true));
    let mut millis = 0;
    fuzz(&seeds, |bytes| {
        millis += 7;
        let now = CallTime::from_millis(millis);
        for session in [&mut plain, &mut protected] {
            session.receive(now, from, &Bytes::from(bytes.clone()));
            while session.poll(now).is_some() {}
        }
    });
}
