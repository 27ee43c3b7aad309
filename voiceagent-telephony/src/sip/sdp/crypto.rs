use std::fmt;

use crate::rtp::{SrtpKeys, SrtpSuite};

/// How one side protects what it sends: an `a=crypto` line (RFC 4568).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::sip) struct Crypto {
    /// By which an answer says what it takes.
    pub(in crate::sip) tag: u32,
    pub(in crate::sip) suite: SrtpSuite,
    pub(in crate::sip) keys: SrtpKeys,
}

impl Crypto {
    /// Reads what stands behind `a=crypto:`; `None` for what we cannot do.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let name = words.next()?;
        let suite = SrtpSuite::ALL.into_iter().find(|suite| suite.name() == name)?;
        let mut key = words.next()?.strip_prefix("inline:")?.split('|');
        let keys = SrtpKeys::parse(key.next()?)?;
        // A lifetime needs nothing of us. A number of the key would stand in each packet.
        if key.any(|part| part.contains(':')) {
            return None;
        }
        // Of the parameters only a hint about the window can be left out (section 6.3).
        words.all(|word| word.starts_with("WSH=")).then_some(Self { tag, suite, keys })
    }
}

impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} inline:{}", self.tag, self.suite.name(), self.keys.to_base64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn lines_are_read_as_they_are_written_and_those_with_what_we_cannot_do_are_not() {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        let read = Crypto::parse(&line).unwrap();
        assert_eq!((read.tag, read.suite), (1, SrtpSuite::Sha80));
        assert_eq!(read.to_string(), line);
        assert!(!format!("{read:?}").contains(KEY));
        for (rest, is_read) in [
            ("|2^20", true),
            (" WSH=64", true),
            ("|2^20|1:4", false),
            ("|1:4", false),
            (" UNENCRYPTED_SRTP", false),
            (" KDR=1", false),
            ("AAAA", false),
        ] {
            assert_eq!(Crypto::parse(&format!("{line}{rest}")).is_some(), is_read, "{rest}");
        }
        for wrong in ["", "1", "1 AES_CM_128_HMAC_SHA1_80", "x AES_CM_128_HMAC_SHA1_80 inline:"] {
            assert_eq!(Crypto::parse(wrong), None);
        }
        assert_eq!(Crypto::parse(&format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}")), None);
    }
}
