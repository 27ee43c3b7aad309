use std::{net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer};
use voiceagent_core::{Error, Result};

/// A host, or a network: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether the host is in it.
    #[must_use]
    pub fn contains(self, host: IpAddr) -> bool {
        match (self.address, host.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(host)) => {
                let bits = 32 - u32::from(self.bits);
                (u64::from(own.to_bits()) >> bits) == (u64::from(host.to_bits()) >> bits)
            }
            (IpAddr::V6(own), IpAddr::V6(host)) => {
                let bits = 128 - u32::from(self.bits);
                let prefix = |address: u128| address.checked_shr(bits).unwrap_or(0);
                prefix(own.to_bits()) == prefix(host.to_bits())
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::config("a network is an address, or one with `/` and its bits");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let whole = Self::from(address.parse::<IpAddr>().map_err(|_| wrong())?);
        let Some(bits) = bits else { return Ok(whole) };
        let bits = bits.parse().ok().filter(|bits| *bits <= whole.bits).ok_or_else(wrong)?;
        Ok(Self { bits, ..whole })
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_hosts_that_share_its_bits() {
        let cases = [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
        ];
        for (network, inside, outside) in cases {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
        }
        for wrong in ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/x", "host.example", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
