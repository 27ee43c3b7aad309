use std::{fmt::Write as _, net::SocketAddr};

use super::{Crypto, Description, Direction, Media, Profile};
use crate::rtp::RtpCodec;

/// What we say of our side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::sip) struct Ours {
    /// What we offer, the best liked first, or the one that we have taken.
    pub(in crate::sip) formats: Vec<(u8, RtpCodec)>,
    /// The payload types of keys, with their clock rates.
    pub(in crate::sip) keys: Vec<(u8, u32)>,
    pub(in crate::sip) noise: Option<u8>,
    pub(in crate::sip) direction: Direction,
    pub(in crate::sip) crypto: Option<Crypto>,
    /// Whether the profile is one [with feedback](Profile).
    pub(in crate::sip) has_feedback: bool,
}

/// The media beside the one that we take. They are refused, and stand at their places in each
/// description of a call (RFC 3264, sections 6 and 8).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::sip) struct Beside {
    before: Vec<String>,
    behind: Vec<String>,
}

impl Beside {
    /// What is refused of an offer, of which the medium with this index is taken.
    pub(in crate::sip) fn of(offer: &Description, taken: usize) -> Self {
        let refused = |media: &Media| {
            let formats = match media.formats.as_slice() {
                // There must be one, and nobody looks at it.
                [] => "0".to_owned(),
                formats => formats.join(" "),
            };
            format!("m={} 0 {} {formats}", media.kind, media.protocol)
        };
        let (before, behind) = offer.media.split_at(taken.min(offer.media.len()));
        Self {
            before: before.iter().map(refused).collect(),
            behind: behind.iter().skip(1).map(refused).collect(),
        }
    }

    /// Where ours stands among them.
    pub(in crate::sip) const fn place(&self) -> usize {
        self.before.len()
    }
}

impl Ours {
    /// What our packets go by.
    pub(in crate::sip) const fn profile(&self) -> Profile {
        Profile { is_protected: self.crypto.is_some(), has_feedback: self.has_feedback }
    }

    /// Writes it, beside what else was offered, under the number of a call and that of these words
    /// in it.
    pub(in crate::sip) fn write(
        &self,
        beside: &Beside,
        at: SocketAddr,
        numbers: (u32, u32),
    ) -> String {
        let mut text = begin(at, numbers);
        for line in &beside.before {
            append(&mut text, format_args!("{line}"));
        }
        self.write_audio(&mut text, at.port());
        for line in &beside.behind {
            append(&mut text, format_args!("{line}"));
        }
        text
    }

    fn write_audio(&self, text: &mut String, port: u16) {
        let protocol = self.profile().name();
        let formats = self.formats.iter().map(|(number, _)| *number);
        let numbers = formats.chain(self.keys.iter().map(|(number, _)| *number)).chain(self.noise);
        let numbers: String = numbers.map(|number| format!(" {number}")).collect();
        append(text, format_args!("m=audio {port} {protocol}{numbers}"));
        for (number, codec) in &self.formats {
            let (name, rate) = (codec.name(), codec.clock_rate());
            match codec.channels() {
                1 => append(text, format_args!("a=rtpmap:{number} {name}/{rate}")),
                channels => {
                    append(text, format_args!("a=rtpmap:{number} {name}/{rate}/{channels}"))
                }
            }
            if let Some(parameters) = codec.parameters() {
                append(text, format_args!("a=fmtp:{number} {parameters}"));
            }
        }
        for (number, rate) in &self.keys {
            append(text, format_args!("a=rtpmap:{number} telephone-event/{rate}"));
            append(text, format_args!("a=fmtp:{number} 0-15"));
        }
        if let Some(noise) = self.noise {
            append(text, format_args!("a=rtpmap:{noise} CN/8000"));
        }
        if let Some(crypto) = &self.crypto {
            append(text, format_args!("a=crypto:{crypto}"));
        }
        append(text, format_args!("a=ptime:20"));
        append(text, format_args!("a={}", self.direction.name()));
    }
}

fn begin(at: SocketAddr, (origin, version): (u32, u32)) -> String {
    let family = if at.is_ipv4() { "IP4" } else { "IP6" };
    let ip = at.ip();
    format!(
        "v=0\r\no=- {origin} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n"
    )
}

fn append(text: &mut String, line: std::fmt::Arguments<'_>) {
    write!(text, "{line}\r\n").expect("a String takes any text");
}
