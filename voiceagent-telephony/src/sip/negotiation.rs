use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use voiceagent_core::Result;

use super::{
    SipSrtp,
    sdp::{Beside, Crypto, Description, Direction, Media, Ours},
};
use crate::rtp::{OtherCodecs, PayloadTypes, RtpCodec, SrtpKeys, SrtpSuite, SrtpTerms};

mod whole;

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
    /// Whether the other side says that it sends nothing for now.
    pub(super) is_silent: bool,
    /// How both sides protect what they send, if they do.
    pub(super) srtp: Option<SrtpTerms>,
    /// How long our packets are.
    pub(super) packet: Duration,
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
            .field("is_silent", &self.is_silent)
            .field("srtp", &self.srtp)
            .field("packet", &self.packet)
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
    /// The number of what we say in this call (RFC 8866, section 5.2).
    origin: u32,
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
    pub(super) fn new(codecs: Vec<RtpCodec>, srtp: SipSrtp, at: SocketAddr) -> Self {
        // It only has to be another one in each call, and some read no more than 31 bits of it.
        let origin = (RandomState::new().hash_one(at) >> 33) as u32;
        Self { codecs, srtp, at, codec: None, key: None, origin, version: 1, last: None }
    }

    /// Answers an offer; `None` when there is nothing in it that we can do.
    pub(super) fn answer(&mut self, offer: &str) -> Option<Terms> {
        let offer = Description::parse(offer)?;
        let (index, media) = self.choose(&offer)?;
        let crypto = match media.profile() {
            Some(profile) if profile.is_protected => Some(media.crypto.first()?),
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
        let mut words = ours.write(&beside, self.at, (self.origin, self.version));
        if self.last.as_ref().is_some_and(|last| last.words != words) {
            self.version += 1;
            words = ours.write(&beside, self.at, (self.origin, self.version));
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
            has_feedback: false,
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
        let is_such = |media: &&Media| media.profile() == Some(offered.profile());
        let media = Some(media).filter(is_such).filter(|media| self.can_take(media))?;
        let srtp = match &offered.crypto {
            None => None,
            Some(ours) => {
                let is_taken =
                    |theirs: &&Crypto| (theirs.tag, theirs.suite) == (ours.tag, ours.suite);
                let theirs = media.crypto.iter().find(is_taken)?.keys.clone();
                Some(SrtpTerms { suite: ours.suite, ours: ours.keys.clone(), theirs })
            }
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
        let is_silent = !ours.direction.reversed().sends();
        let (wanted, most) = media.packet;
        let (packet, answer) = (audio.1.packet(wanted, most), words.clone());
        Some(Terms { types, said, reports, is_held, is_silent, srtp, packet, answer })
    }

    fn own_crypto(&self) -> Option<Crypto> {
        let (suite, keys) = self.key.clone()?;
        Some(Crypto { tag: TAG, suite, keys })
    }

    /// The medium that we take, with its place: one that is protected before one that is plain.
    fn choose<'a>(&self, offer: &'a Description) -> Option<(usize, &'a Media)> {
        let profiles = [Some(true), (self.srtp != SipSrtp::Required).then_some(false)];
        profiles.into_iter().flatten().find_map(|is_protected| {
            offer.media.iter().enumerate().find(|(_, media)| {
                let profile = media.profile();
                let is_such = profile.is_some_and(|profile| profile.is_protected == is_protected);
                let can_be_done = !is_protected || !media.crypto.is_empty();
                let is_audio = media.kind == "audio" && media.port != 0;
                is_audio && is_such && can_be_done && self.can_take(media)
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
        has_feedback: media.profile().is_some_and(|profile| profile.has_feedback),
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

/// Whether packets can be sent there, to one host.
fn is_reachable(address: IpAddr) -> bool {
    !address.is_unspecified() && !is_of_many(address)
}

/// Whether an address is that of many hosts: none of them is the other side alone.
fn is_of_many(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests;
