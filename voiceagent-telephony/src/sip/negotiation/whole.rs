//! What we take at all, whatever has been agreed on.

use super::{DYNAMIC, Direction, KEYS, Media, NOISE, Negotiation, Ours, Said, is_of_many};

impl Negotiation {
    /// Offers all that we take anew, both ways, where the other side asks what that is (RFC 3264,
    /// section 8; RFC 3261, section 14.1). Numbers keep their meaning, and our key stays.
    pub(in crate::sip) fn reoffer(&mut self) -> Option<&str> {
        let Said { ours: before, beside, .. } = self.last.clone()?;
        let is_free = |number: &u8| {
            !before.formats.iter().any(|(known, _)| known == number)
                && !before.keys.iter().any(|(known, _)| known == number)
        };
        let mut dynamic = (DYNAMIC..128).filter(is_free);
        let mut formats = Vec::with_capacity(self.codecs.len());
        for codec in &self.codecs {
            let known = before.formats.iter().find(|(_, known)| known == codec);
            let known = known.map(|(number, _)| *number).or_else(|| codec.static_payload_type());
            formats.push((known.or_else(|| dynamic.next())?, *codec));
        }
        let mut rates: Vec<_> = formats.iter().map(|(_, codec)| codec.clock_rate()).collect();
        rates.sort_unstable();
        rates.dedup();
        let is_taken = |number: &u8| {
            let mut taken = formats.iter().map(|(number, _)| *number);
            taken.any(|taken| taken == *number)
                || before.keys.iter().any(|(known, _)| known == number)
        };
        let mut numbers = (KEYS..128).filter(|number| !is_taken(number));
        let mut keys = Vec::with_capacity(rates.len());
        for rate in &rates {
            let known = before.keys.iter().find(|(_, known)| known == rate);
            keys.push((known.map(|(number, _)| *number).or_else(|| numbers.next())?, *rate));
        }
        let crypto = before.crypto.map(|before| self.own_crypto().unwrap_or(before));
        let noise = Some(NOISE).filter(|_| rates.contains(&8_000));
        let (direction, has_feedback) = (Direction::Both, before.has_feedback);
        let ours = Ours { formats, keys, noise, direction, crypto, has_feedback };
        Some(&self.say(ours, beside).words)
    }

    /// Whether we have one of its codecs, and an address of its family, which is that of one host.
    pub(super) fn can_take(&self, media: &Media) -> bool {
        let is_near = media
            .address
            .is_some_and(|address| address.is_ipv4() == self.at.is_ipv4() && !is_of_many(address));
        is_near && media.codecs().iter().any(|(_, codec)| self.codecs.contains(codec))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtpCodec, SipSrtp};
    use super::*;

    fn negotiation() -> Negotiation {
        let codecs = vec![RtpCodec::Pcma, RtpCodec::Pcmu];
        Negotiation::new(codecs, SipSrtp::Accepted, ([192, 0, 2, 1], 7_000).into())
    }

    fn offer(formats: &str, rest: &str) -> String {
        format!("v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP {formats}\r\n{rest}\r\n")
    }

    #[test]
    fn the_first_audio_that_can_be_taken_is_and_none_of_an_address_that_we_cannot_reach() {
        let mut two = offer("18", "m=audio 4002 RTP/AVP 0");
        assert_eq!(negotiation().answer(&two).unwrap().said.port(), 4_002);
        two = two.replace("IP4 192.0.2.9", "IP6 2001:db8::9");
        assert_eq!(negotiation().answer(&two), None);
        let mut ours = negotiation();
        ours.offer(false).unwrap();
        assert_eq!(ours.answered(&offer("0", "").replace("IP4 192.0.2.9", "IP6 ::1")), None);
        let silent = |line| negotiation().answer(&offer("0", line)).unwrap().is_silent;
        assert_eq!(
            ["a=recvonly", "a=sendonly", "a=inactive", ""].map(silent),
            [true, false, true, false]
        );
    }
}
