mod crypto;
mod ours;
mod profile;

use std::net::IpAddr;

pub(super) use self::{
    crypto::Crypto,
    ours::{Beside, Ours},
    profile::Profile,
};
use crate::rtp::RtpCodec;

/// What is read of a description. A sane one has some twenty lines and two media.
const MOST_LINES: usize = 500;
const MOST_MEDIA: usize = 16;
const MOST_KEYS: usize = 16;

/// What one side says of the media of a call (RFC 8866), as far as a call needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Description {
    pub(super) media: Vec<Media>,
}

/// One `m=` line and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Media {
    pub(super) kind: String,
    /// 0 where the medium is refused, or the port cannot be read.
    pub(super) port: u16,
    pub(super) protocol: String,
    /// As they are written: an answer repeats them.
    pub(super) formats: Vec<String>,
    pub(super) address: Option<IpAddr>,
    /// Where reports go, if not to the next port (RFC 3605), perhaps on another host.
    pub(super) reports: Option<(Option<IpAddr>, u16)>,
    /// Payload types: number, name, clock rate, channels.
    maps: Vec<(u8, String, u32, u8)>,
    pub(super) direction: Direction,
    /// The protections that are offered and that we can do, the best liked first.
    pub(super) crypto: Vec<Crypto>,
    /// How long a packet should be, and may be at most, in whole milliseconds (`ptime`, `maxptime`).
    pub(super) packet: (Option<u16>, Option<u16>),
}

/// Which side sends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Direction {
    Inactive,
    ReceiveOnly,
    SendOnly,
    #[default]
    Both,
}

impl Direction {
    fn parse(attribute: &str) -> Option<Self> {
        match attribute {
            "inactive" => Some(Self::Inactive),
            "recvonly" => Some(Self::ReceiveOnly),
            "sendonly" => Some(Self::SendOnly),
            "sendrecv" => Some(Self::Both),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::ReceiveOnly => "recvonly",
            Self::SendOnly => "sendonly",
            Self::Both => "sendrecv",
        }
    }

    /// What the other side of it does.
    pub(super) const fn reversed(self) -> Self {
        match self {
            Self::ReceiveOnly => Self::SendOnly,
            Self::SendOnly => Self::ReceiveOnly,
            Self::Both | Self::Inactive => self,
        }
    }

    /// Whether a side with it sends.
    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::SendOnly | Self::Both)
    }
}

impl Description {
    /// Reads a description; `None` for what is none. What it does not know it skips.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mut address, mut direction) = (None, Direction::Both);
        let mut media: Vec<Media> = Vec::new();
        let mut lines = text.lines().map(str::trim_end).take(MOST_LINES);
        if lines.next()? != "v=0" {
            return None;
        }
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else { continue };
            if kind == "m" {
                if media.len() == MOST_MEDIA {
                    return None;
                }
                media.push(Media::parse(value, address, direction));
                continue;
            }
            match (kind, media.last_mut()) {
                ("c", Some(media)) => media.address = parse_connection(value),
                ("c", None) => address = parse_connection(value),
                ("a", Some(media)) => media.read_attribute(value),
                ("a", None) => direction = Direction::parse(value).unwrap_or(direction),
                _ => {}
            }
        }
        (!media.is_empty()).then_some(Self { media })
    }
}

/// `IN IP4 192.0.2.1`, perhaps with the lifetime of a group behind it. Names are not looked up.
fn parse_connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_whitespace();
    let (Some("IN"), Some("IP4" | "IP6"), Some(address)) =
        (words.next(), words.next(), words.next())
    else {
        return None;
    };
    address.split('/').next()?.parse().ok()
}

/// `53020`, perhaps with ` IN IP4 192.0.2.1` behind it. Port 0 is none.
fn parse_reports(value: &str) -> Option<(Option<IpAddr>, u16)> {
    let (port, rest) = value.split_once(' ').unwrap_or((value, ""));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = parse_connection(rest);
    // A host that we cannot read is not the one of the media.
    (rest.trim().is_empty() || host.is_some()).then_some((host, port))
}

/// `20`, or `2.5`, of which the whole part counts. 0 says nothing.
fn parse_millis(value: &str) -> Option<u16> {
    value.trim().split('.').next()?.parse().ok().filter(|millis| *millis != 0)
}

impl Media {
    /// What cannot be read of one medium is no fault of the others: it is one without a port, which
    /// is refused, with words that can stand in an answer.
    fn parse(value: &str, address: Option<IpAddr>, direction: Direction) -> Self {
        let mut words = value.split_whitespace();
        let kind = words.next().unwrap_or("-").to_owned();
        let port = words.next().and_then(|port| port.split('/').next()?.parse().ok());
        let protocol = words.next().unwrap_or("-").to_owned();
        Self {
            kind,
            port: port.unwrap_or(0),
            protocol,
            formats: words.map(str::to_owned).collect(),
            address,
            reports: None,
            maps: Vec::new(),
            direction,
            crypto: Vec::new(),
            packet: (None, None),
        }
    }

    /// What its packets go by, if we can do that.
    pub(super) fn profile(&self) -> Option<Profile> {
        Profile::parse(&self.protocol)
    }

    fn read_attribute(&mut self, value: &str) {
        if let Some(direction) = Direction::parse(value) {
            self.direction = direction;
        } else if let Some(map) = value.strip_prefix("rtpmap:")
            && let Some(map) = parse_map(map)
        {
            self.maps.push(map);
        } else if let Some(reports) = value.strip_prefix("rtcp:") {
            self.reports = parse_reports(reports);
        } else if let Some(length) = value.strip_prefix("ptime:") {
            self.packet.0 = parse_millis(length);
        } else if let Some(length) = value.strip_prefix("maxptime:") {
            self.packet.1 = parse_millis(length);
        } else if let Some(crypto) = value.strip_prefix("crypto:").and_then(Crypto::parse)
            && self.crypto.len() < MOST_KEYS
        {
            self.crypto.push(crypto);
        }
    }

    /// The codecs that are offered and that we know, with their numbers, the best liked first.
    pub(super) fn codecs(&self) -> Vec<(u8, RtpCodec)> {
        self.numbers().filter_map(|number| Some((number, self.codec(number)?))).collect()
    }

    /// The number of the payload type with this name and clock rate.
    pub(super) fn number_of(&self, name: &str, rate: u32) -> Option<u8> {
        self.numbers().find(|number| {
            self.maps.iter().any(|(mapped, its_name, its_rate, _)| {
                mapped == number && its_name.eq_ignore_ascii_case(name) && *its_rate == rate
            })
        })
    }

    /// Whether the payload type with this number is offered.
    pub(super) fn has(&self, number: u8) -> bool {
        self.numbers().any(|offered| offered == number)
    }

    fn numbers(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|number| *number < 128)
    }

    fn codec(&self, number: u8) -> Option<RtpCodec> {
        let map = self.maps.iter().find(|(mapped, ..)| *mapped == number);
        RtpCodec::ALL.iter().copied().find(|codec| match map {
            Some((_, name, rate, channels)) => {
                name.eq_ignore_ascii_case(codec.name())
                    && *rate == codec.clock_rate()
                    && *channels == codec.channels()
            }
            None => codec.static_payload_type() == Some(number),
        })
    }
}

/// `101 telephone-event/8000`, perhaps with the channels behind it.
fn parse_map(text: &str) -> Option<(u8, String, u32, u8)> {
    let (number, encoding) = text.split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let name = parts.next()?.to_owned();
    let rate = parts.next()?.parse().ok()?;
    let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok())?;
    Some((number.parse().ok()?, name, rate, channels))
}

#[cfg(test)]
mod tests;
