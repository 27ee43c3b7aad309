use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use voiceagent_core::Result;

use super::{
    SipSrtp,
    sdp::{Beside, Crypto, Description, Direction, Media, Ours, PLAIN, PROTECTED},
};
use crate::rtp::{OtherCodecs, PayloadTypes, RtpCodec, SrtpKeys, SrtpSuite, SrtpTerms};

/// What both sides have agreed on.
#[derive(Clone, PartialEq)]
pub(super) struct Terms {
    pub(super) types: PayloadTypes,
    /// Where the other side says that it listens.
    pub(super) said: SocketAddr,
    /// Where it says that it wants reports, if that is not the next port.
    pub(super) reports: Option<SocketAddr>,
    /// Whether the other side takes nothing from us for now.
    pub(super) is_held: bool,
    /// How both sides protect what they send, if they do.
    pub(super) srtp: Option<SrtpTerms>,
    /// It has our key in it where there is one.
    pub(super) answer: String,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("types", &self.types)
            .field("said", &self.said)
            .field("reports", &self.reports)
            .field("is_held", &self.is_held)
            .field("srtp", &self.srtp)
            .finish_non_exhaustive()
    }
}

/// Answers the offers of one call, and reads the answers to ours.
#[derive(Clone)]
pub(super) struct Negotiation {
    /// The codecs that we take, the best liked first.
    codecs: Vec<RtpCodec>,
    srtp: SipSrtp,
    /// Where we listen.
    at: SocketAddr,
    codec: Option<RtpCodec>,
    /// Our key, which stays as long as the suite does and media is protected.
    key: Option<(SrtpSuite, SrtpKeys)>,
    /// Our last words and their number, which changes with them only (RFC 3264, section 8).
    version: u32,
    last: Option<Said>,
}

/// What we have said of our side.
#[derive(Clone)]
struct Said {
    ours: Ours,
    beside: Beside,
    words: String,
}

impl fmt::Debug for Negotiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiation").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Negotiation {
    pub(super) const fn new(codecs: Vec<RtpCodec>, srtp: SipSrtp, at: SocketAddr) -> Self {
        Self { codecs, srtp, at, codec: None, key: None, version: 1, last: None }
    }

    /// Answers an offer; `None` when there is nothing in it that we can do.
    pub(super) fn answer(&mut self, offer: &str) -> Option<Terms> {
        let offer = Description::parse(offer)?;
        let (index, media) = self.choose(&offer)?;
        let crypto = match media.protocol.as_str() {
            PROTECTED => Some(media.crypto.first()?),
            _ => None,
        };
        let offered = media.codecs();
        // The codec of before, as long as it is offered: some shuffle theirs with each offer.
        let liked = self.codec.iter().chain(&self.codecs);
        let (number, codec) = liked
            .filter_map(|codec| offered.iter().find(|(_, offered)| offered == codec))
            .copied()
            .next()?;
        let srtp = match crypto {
            Some(theirs) => Some(self.protect(theirs)?),
            None => {
                self.key = None;
                None
            }
        };
        let crypto = crypto
            .zip(srtp.as_ref())
            .map(|(theirs, srtp)| Crypto { keys: srtp.ours.clone(), ..theirs.clone() });
        let ours = taken(media, (number, codec), crypto)?;
        self.say(ours, Beside::of(&offer, index));
        self.agree(media, ((number, codec), OtherCodecs::default()), srtp)
    }

    /// Whether there is something in an offer that we can do.
    pub(super) fn takes(&self, offer: &str) -> bool {
        self.clone().answer(offer).is_some()
    }

    /// Listens at this port, of which nobody has been told yet.
    pub(super) const fn listen_at(&mut self, port: u16) {
        self.at.set_port(port);
    }

    /// Says this from now on.
    fn say(&mut self, ours: Ours, beside: Beside) -> &Said {
        let mut words = ours.write(&beside, self.at, self.version);
        if self.last.as_ref().is_some_and(|last| last.words != words) {
            self.version += 1;
            words = ours.write(&beside, self.at, self.version);
        }
        self.last.insert(Said { ours, beside, words })
    }

    /// Offers all that we take.
    ///
    /// # Errors
    ///
    /// When the system has no randomness for a key.
    pub(super) fn offer(&mut self, is_protected: bool) -> Result<String> {
        self.key =
            is_protected.then(|| SrtpKeys::random().map(|keys| (OFFERED, keys))).transpose()?;
        let numbers = self.codecs.iter().zip(DYNAMIC..);
        let formats: Vec<_> = numbers
            .map(|(codec, number)| (codec.static_payload_type().unwrap_or(number), *codec))
            .collect();
        let mut rates: Vec<_> = formats.iter().map(|(_, codec)| codec.clock_rate()).collect();
        rates.sort_unstable();
        rates.dedup();
        let ours = Ours {
            keys: (KEYS..).zip(rates.iter().copied()).collect(),
            noise: Some(NOISE).filter(|_| rates.contains(&8_000)),
            formats,
            direction: Direction::Both,
            crypto: self.own_crypto(),
        };
        Ok(self.say(ours, Beside::default()).words.clone())
    }

    /// Takes the answer to our offer, the first or a repeated one; `None` when it is none, or there
    /// is nothing in it that we can do.
    pub(super) fn answered(&mut self, answer: &str) -> Option<Terms> {
        let answer = Description::parse(answer)?;
        let Said { ours: offered, beside, .. } = self.last.as_ref()?;
        let media = answer.media.get(beside.place());
        let media = media.filter(|media| media.kind == "audio" && media.port != 0)?;
        let srtp = match &offered.crypto {
            None if media.protocol == PLAIN => None,
            Some(ours) if media.protocol == PROTECTED => {
                let is_taken =
                    |theirs: &&Crypto| (theirs.tag, theirs.suite) == (ours.tag, ours.suite);
                let theirs = media.crypto.iter().find(is_taken)?.keys.clone();
                Some(SrtpTerms { suite: ours.suite, ours: ours.keys.clone(), theirs })
            }
            _ => return None,
        };
        let answered = media.codecs();
        let known = |(_, codec): &&(u8, RtpCodec)| self.codecs.contains(codec);
        let before = answered.iter().find(|(_, codec)| self.codec == Some(*codec));
        let (number, codec) = before.or_else(|| answered.iter().find(known)).copied()?;
        let ours = taken(media, (number, codec), offered.crypto.clone())?;
        // All that the answer has of our offer may come, by the numbers of the offer (RFC 3264,
        // section 7).
        let is_answered =
            |(_, codec): &&(u8, RtpCodec)| answered.iter().any(|(_, other)| other == codec);
        let mut rest = offered.formats.iter().filter(is_answered).copied();
        let mut others = std::iter::from_fn(|| rest.find(|other| *other != (number, codec)));
        let others = std::array::from_fn(|_| others.next());
        // What is repeated from now on offers only what has been agreed on.
        let beside = beside.clone();
        self.say(ours, beside);
        self.agree(media, ((number, codec), others), srtp)
    }

    /// Goes by what has just been said of a medium.
    fn agree(
        &mut self,
        media: &Media,
        (audio, others): ((u8, RtpCodec), OtherCodecs),
        srtp: Option<SrtpTerms>,
    ) -> Option<Terms> {
        self.codec = Some(audio.1);
        let Said { ours, words, .. } = self.last.as_ref()?;
        let keys = ours.keys.first().map(|(number, _)| *number);
        let types = PayloadTypes { audio, others, keys, noise: ours.noise };
        let said = SocketAddr::new(media.address?, media.port);
        let reports = media.reports.map(|(host, port)| (host.unwrap_or(said.ip()), port).into());
        let reports = reports.filter(|reports: &SocketAddr| is_reachable(reports.ip()));
        let is_held = !ours.direction.sends();
        Some(Terms { types, said, reports, is_held, srtp, answer: words.clone() })
    }

    fn own_crypto(&self) -> Option<Crypto> {
        let (suite, keys) = self.key.clone()?;
        Some(Crypto { tag: TAG, suite, keys })
    }

    /// The medium that we take, with its place: one that is protected before one that is plain.
    fn choose<'a>(&self, offer: &'a Description) -> Option<(usize, &'a Media)> {
        let profiles = [Some(PROTECTED), (self.srtp != SipSrtp::Required).then_some(PLAIN)];
        profiles.into_iter().flatten().find_map(|profile| {
            offer.media.iter().enumerate().find(|(_, media)| {
                let can_be_done = profile == PLAIN || !media.crypto.is_empty();
                media.kind == "audio" && media.protocol == profile && media.port != 0 && can_be_done
            })
        })
    }

    /// Our key beside that of the other side.
    fn protect(&mut self, theirs: &Crypto) -> Option<SrtpTerms> {
        let suite = theirs.suite;
        let ours = match self.key.take().filter(|(before, _)| *before == suite) {
            Some((_, keys)) => keys,
            None => SrtpKeys::random().ok()?,
        };
        self.key = Some((suite, ours.clone()));
        Some(SrtpTerms { suite, ours, theirs: theirs.keys.clone() })
    }

    /// Says again what was said last.
    pub(super) fn repeat(&self) -> Option<&str> {
        self.last.as_ref().map(|last| last.words.as_str())
    }
}

/// What we say of a medium of the other side, of which we take this format; `None` when it listens
/// nowhere.
fn taken(media: &Media, (number, codec): (u8, RtpCodec), crypto: Option<Crypto>) -> Option<Ours> {
    let direction = direction_of(media)?.reversed();
    if direction.sends() && !is_reachable(media.address?) {
        return None;
    }
    let rate = codec.clock_rate();
    let keys = media.number_of("telephone-event", rate).map(|keys| (keys, rate));
    Some(Ours {
        formats: vec![(number, codec)],
        keys: keys.into_iter().collect(),
        noise: Some(NOISE).filter(|noise| rate == 8_000 && media.has(*noise)),
        direction,
        crypto,
    })
}

/// Which side of a medium the other side says that it sends.
fn direction_of(media: &Media) -> Option<Direction> {
    let is_old_hold = media.address?.is_unspecified() && media.direction.sends();
    // The old way to put somebody on hold (RFC 3264, section 8.4).
    Some(if is_old_hold { Direction::SendOnly } else { media.direction })
}

/// The suite and the number of the one key that we offer.
const OFFERED: SrtpSuite = SrtpSuite::Sha80;
const TAG: u32 = 1;

/// The first payload types of codecs without a number of their own, and of keys (RFC 3551, section
/// 6): far enough apart for all codecs.
const DYNAMIC: u8 = 110;
const KEYS: u8 = 101;

/// The payload type of comfort noise (RFC 3389, section 6).
const NOISE: u8 = 13;

/// Whether packets can be sent there.
const fn is_reachable(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiation() -> Negotiation {
        let codecs = vec![RtpCodec::G722, RtpCodec::Pcma, RtpCodec::Pcmu];
        Negotiation::new(codecs, SipSrtp::Accepted, ([192, 0, 2, 1], 7_000).into())
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

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn protected(suite: &str, key: &str) -> String {
        let crypto = format!("a=crypto:4 {suite} inline:{key}");
        offer("0 8 101", &crypto).replace("RTP/AVP", "RTP/SAVP")
    }

    #[test]
    fn media_that_is_offered_protected_is_taken_with_a_key_of_ours_that_stays() {
        let mut negotiation = negotiation();
        let first = negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).unwrap();
        let srtp = first.srtp.clone().unwrap();
        assert_eq!(srtp.theirs.to_base64(), KEY);
        let ours = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{}", srtp.ours.to_base64());
        assert!(first.answer.contains(&ours) && first.answer.contains("m=audio 7000 RTP/SAVP 8 "));
        assert_ne!(srtp.ours, srtp.theirs);
        assert!(!format!("{first:?}").contains(&srtp.ours.to_base64()));
        let again = negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).unwrap();
        assert_eq!(again, first);
        let short = negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_32", KEY)).unwrap();
        assert_ne!(short.srtp.unwrap().ours, srtp.ours, "a key has one use");
        assert_eq!(negotiation.answer(&protected("F8_128_HMAC_SHA1_80", KEY)), None);
        let both = protected("AES_CM_128_HMAC_SHA1_80", KEY);
        let both = format!("{}m=audio 4002 RTP/AVP 0\r\n", both);
        assert_eq!(negotiation.answer(&both).unwrap().said.port(), 4_000);
    }

    #[test]
    fn what_is_answered_to_our_offer_is_gone_by_and_offered_from_then_on() {
        let mut ours = negotiation();
        let offered = ours.offer(true).unwrap();
        assert!(offered.contains("m=audio 7000 RTP/SAVP 9 8 0 101 13\r\n"), "{offered}");
        let mut theirs = Negotiation::new(
            vec![RtpCodec::Pcmu],
            SipSrtp::Required,
            ([192, 0, 2, 7], 9_000).into(),
        );
        let answer = theirs.answer(&offered).unwrap();
        let terms = ours.answered(&answer.answer).unwrap();
        assert_eq!(terms.types, answer.types);
        assert_eq!((terms.said, terms.is_held), (([192, 0, 2, 7], 9_000).into(), false));
        let (one, other) = (terms.srtp.unwrap(), answer.srtp.unwrap());
        assert_eq!((&one.ours, &one.theirs), (&other.theirs, &other.ours));
        let again = ours.repeat().unwrap();
        assert!(again.contains("o=- 1 2 ") && again.contains("RTP/SAVP 0 101 13"), "{again}");
        assert_eq!(theirs.answer(again).unwrap().srtp, Some(other), "the keys stay");
        for wrong in [
            answer.answer.replace("RTP/SAVP", "RTP/AVP"),
            answer.answer.replace("a=crypto:1", "a=crypto:2"),
            answer.answer.replace("audio 9000", "audio 0"),
            answer.answer.replace("PCMU/8000", "GSM/8000"),
        ] {
            assert_eq!(ours.answered(&wrong), None, "{wrong}");
        }
        let mut plain = negotiation();
        let offered = plain.offer(false).unwrap();
        assert!(!offered.contains("crypto"));
        assert_eq!(plain.answered(&answer.answer), None, "nobody asked for keys");
    }

    #[test]
    fn reports_go_where_a_description_wants_them() {
        for (line, expected) in [
            ("", None),
            ("a=rtcp:4700", Some("192.0.2.9:4700")),
            ("a=rtcp:4700 IN IP4 192.0.2.77", Some("192.0.2.77:4700")),
            ("a=rtcp:0", None),
            ("a=rtcp:4700 IN IP4 224.0.0.1", None),
            ("a=rtcp:4700 IN IP4 host.example", None),
            ("a=rtcp:many", None),
        ] {
            let terms = negotiation().answer(&offer("0", line)).unwrap();
            assert_eq!(terms.reports, expected.map(|at| at.parse().unwrap()), "{line}");
        }
    }

    #[test]
    fn all_codecs_of_an_answer_may_come_until_a_new_description_has_one() {
        let mut ours = negotiation();
        ours.offer(false).unwrap();
        let terms = ours.answered(&offer("8 0 101", "")).unwrap();
        assert_eq!(terms.types.audio, (8, RtpCodec::Pcma));
        let others: Vec<_> = terms.types.others.into_iter().flatten().collect();
        assert_eq!(others, [(0, RtpCodec::Pcmu)]);
        assert!(ours.repeat().unwrap().contains("RTP/AVP 8 101\r\n"));
        let terms = ours.answered(&offer("8 101", "")).unwrap();
        assert_eq!(terms.types.others, OtherCodecs::default());
    }

    #[test]
    fn the_answer_to_what_is_said_again_moves_holds_and_changes_the_media() {
        let mut ours = negotiation();
        ours.offer(false).unwrap();
        ours.answered(&offer("8 101", "")).unwrap();
        let moved = offer("0 8 101", "").replace("4000", "4100").replace("192.0.2.9", "192.0.2.8");
        let terms = ours.answered(&moved).unwrap();
        assert_eq!(terms.said, ([192, 0, 2, 8], 4_100).into());
        assert_eq!(terms.types.audio.1, RtpCodec::Pcma, "the codec of before is still there");
        assert!(ours.repeat().unwrap().contains("o=- 1 2 "), "nothing of ours has changed");
        for (line, is_held) in [("a=inactive", true), ("a=sendonly", true), ("a=sendrecv", false)] {
            assert_eq!(ours.answered(&offer("8", line)).unwrap().is_held, is_held, "{line}");
        }
        let other = ours.answered(&offer("0 101", "")).unwrap();
        assert_eq!((other.types.audio, other.types.keys), ((0, RtpCodec::Pcmu), Some(101)));
        assert_eq!(ours.answered(&offer("0 101", "").replace("192.0.2.9", "224.0.0.1")), None);
    }

    #[test]
    fn what_is_said_again_keeps_the_media_that_were_refused_and_its_answer_is_read_by_its_place() {
        let video = "m=video 5000 RTP/AVP 99\r\n";
        let key = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
        let audio = |port| format!("m=audio {port} RTP/SAVP 0\r\n{key}");
        let head = "v=0\r\nc=IN IP4 192.0.2.9\r\n";
        let mut ours = negotiation();
        let first = ours.answer(&format!("{head}{video}{}", audio(4_000))).unwrap();
        let again = ours.repeat().unwrap().to_owned();
        assert_eq!(again, first.answer);
        assert!(again.contains("m=video 0 RTP/AVP 99\r\nm=audio 7000 RTP/SAVP 0\r\n"), "{again}");
        let refused = video.replace("5000", "0");
        let terms = ours.answered(&format!("{head}{refused}{}", audio(4_100))).unwrap();
        assert_eq!((terms.said.port(), terms.srtp), (4_100, first.srtp));
        assert_eq!(ours.repeat(), Some(again.as_str()));
        assert_eq!(ours.answered(&format!("{head}{}", audio(4_100))), None, "a medium is missing");
    }

    #[test]
    fn a_call_that_is_not_protected_any_more_is_said_again_without_a_key() {
        let mut ours = negotiation();
        ours.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).unwrap();
        ours.answer(&offer("0 101", "")).unwrap();
        assert!(!ours.repeat().unwrap().contains("crypto"));
        assert_eq!(ours.answered(&offer("0 101", "")).unwrap().srtp, None);
    }

    #[test]
    fn media_that_is_protected_again_after_it_was_plain_has_a_new_key() {
        let mut negotiation = negotiation();
        let mut secure =
            |offer: &str| negotiation.answer(offer).unwrap().srtp.map(|srtp| srtp.ours);
        let offered = protected("AES_CM_128_HMAC_SHA1_80", KEY);
        let first = secure(&offered).unwrap();
        assert_eq!(secure(&offer("0 101", "")), None);
        assert_ne!(secure(&offered).unwrap(), first);
    }

    #[test]
    fn plain_media_is_refused_where_it_must_be_protected() {
        let mut negotiation = negotiation();
        negotiation.srtp = SipSrtp::Required;
        assert_eq!(negotiation.answer(&offer("0 101", "")), None);
        assert!(negotiation.answer(&protected("AES_CM_128_HMAC_SHA1_80", KEY)).is_some());
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
