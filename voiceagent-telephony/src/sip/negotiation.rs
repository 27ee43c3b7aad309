use std::net::{IpAddr, SocketAddr};

use super::sdp::{Description, Direction, Ours};
use crate::rtp::{PayloadTypes, RtpCodec};

/// What both sides have agreed on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) types: PayloadTypes,
    /// Where the other side says that it listens.
    pub(super) said: SocketAddr,
    /// Whether the other side takes nothing from us for now.
    pub(super) is_held: bool,
    pub(super) answer: String,
}

/// Answers the offers of one call.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// The codecs that we take, the best liked first.
    codecs: Vec<RtpCodec>,
    /// Where we listen.
    at: SocketAddr,
    codec: Option<RtpCodec>,
    /// Our last words and their number, which changes with them only (RFC 3264, section 8).
    version: u32,
    last: Option<String>,
}

impl Negotiation {
    pub(super) const fn new(codecs: Vec<RtpCodec>, at: SocketAddr) -> Self {
        Self { codecs, at, codec: None, version: 1, last: None }
    }

    /// Answers an offer; `None` when there is nothing in it that we can do.
    pub(super) fn answer(&mut self, offer: &str) -> Option<Terms> {
        let offer = Description::parse(offer)?;
        let (index, media) = offer.media.iter().enumerate().find(|(_, media)| {
            media.kind == "audio" && media.protocol == "RTP/AVP" && media.port != 0
        })?;
        let offered = media.codecs();
        // The codec of before, as long as it is offered: some shuffle theirs with each offer.
        let liked = self.codec.iter().chain(&self.codecs);
        let (number, codec) = liked
            .filter_map(|codec| offered.iter().find(|(_, offered)| offered == codec))
            .copied()
            .next()?;
        let address = media.address?;
        let mut theirs = media.direction;
        if address.is_unspecified() && theirs.sends() {
            // The old way to put somebody on hold (RFC 3264, section 8.4).
            theirs = Direction::SendOnly;
        }
        let ours = Ours {
            number,
            codec,
            keys: media.number_of("telephone-event", codec.clock_rate()),
            noise: Some(NOISE).filter(|noise| codec.clock_rate() == 8_000 && media.has(*noise)),
            direction: theirs.reversed(),
        };
        let mut answer = ours.answer(&offer, index, self.at, self.version);
        if self.last.as_ref().is_some_and(|last| *last != answer) {
            self.version += 1;
            answer = ours.answer(&offer, index, self.at, self.version);
        }
        self.last = Some(answer.clone());
        self.codec = Some(codec);
        let types = PayloadTypes { audio: (number, codec), keys: ours.keys, noise: ours.noise };
        let said = SocketAddr::new(address, media.port);
        Some(Terms { types, said, is_held: !ours.direction.sends(), answer })
    }

    /// Says again what was said last.
    pub(super) fn repeat(&self) -> Option<&str> {
        self.last.as_deref()
    }
}

/// The payload type of comfort noise (RFC 3389, section 6).
const NOISE: u8 = 13;

/// Whether packets can be sent there.
pub(super) const fn is_reachable(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiation() -> Negotiation {
        let codecs = vec![RtpCodec::G722, RtpCodec::Pcma, RtpCodec::Pcmu];
        Negotiation::new(codecs, ([192, 0, 2, 1], 7_000).into())
    }

    fn offer(formats: &str, rest: &str) -> String {
        format!(
            "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP {formats}\r\n\
             a=rtpmap:101 telephone-event/8000\r\n{rest}\r\n"
        )
    }

    #[test]
    fn the_codec_that_we_like_best_is_taken_and_kept_when_offers_are_shuffled() {
        let mut negotiation = negotiation();
        let first = negotiation.answer(&offer("0 8 101 13", "")).unwrap();
        assert_eq!(first.types.audio, (8, RtpCodec::Pcma));
        assert_eq!((first.types.keys, first.types.noise), (Some(101), Some(13)));
        assert_eq!(first.said, ([192, 0, 2, 9], 4_000).into());
        let again = negotiation.answer(&offer("0 8 101 13", "")).unwrap();
        assert_eq!(again.answer, first.answer, "nothing has changed");
        let shuffled = negotiation.answer(&offer("9 0 8 101", "")).unwrap();
        assert_eq!(shuffled.types.audio.1, RtpCodec::Pcma);
        assert!(shuffled.answer.contains("o=- 1 2 "), "{}", shuffled.answer);
        let other = negotiation.answer(&offer("0", "")).unwrap();
        assert_eq!(other.types.audio.1, RtpCodec::Pcmu);
    }

    #[test]
    fn both_ways_to_hold_are_understood() {
        let cases = [
            ("a=sendonly", true, "recvonly"),
            ("a=inactive", true, "inactive"),
            ("a=recvonly", false, "sendonly"),
            ("a=sendrecv", false, "sendrecv"),
            ("c=IN IP4 0.0.0.0", true, "recvonly"),
        ];
        for (line, is_held, expected) in cases {
            let terms = negotiation().answer(&offer("0 101", line)).unwrap();
            assert_eq!(terms.is_held, is_held, "{line}");
            assert!(terms.answer.ends_with(&format!("a={expected}\r\n")), "{line}");
        }
    }

    #[test]
    fn what_we_cannot_do_is_refused() {
        let mut negotiation = negotiation();
        for wrong in [
            offer("18", ""),
            offer("0", "").replace("RTP/AVP", "RTP/SAVP"),
            offer("0", "").replace("audio", "video"),
            offer("0", "").replace("192.0.2.9", "host.example"),
            offer("0", "").replace("4000", "0"),
            String::new(),
        ] {
            assert_eq!(negotiation.answer(&wrong), None, "{wrong}");
        }
        assert_eq!(negotiation.repeat(), None);
    }
}
