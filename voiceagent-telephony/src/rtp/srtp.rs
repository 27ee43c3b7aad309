//! Packets that nobody between can read or change: the Secure Real-time Transport Protocol (RFC
//! 3711), with AES in counter mode and HMAC-SHA1, and without a clock or a socket.

mod guard;
mod keys;
mod opened;
mod opener;
mod sealer;
mod terms;
mod window;

pub(crate) use self::{
    guard::SrtpGuard,
    keys::{SrtpKeys, SrtpSuite},
    terms::SrtpTerms,
};
use self::{
    opened::{Opened, Place},
    opener::SrtpOpener,
    sealer::SrtpSealer,
};

/// How long the proof behind a report is, with every suite (RFC 4568, section 6.2.2).
const REPORT_TAG: usize = 10;

/// What a report's number is followed by says that the report is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// The fixed part of a report that stays readable (RFC 3711, section 3.4).
const REPORT_HEAD: usize = 8;

/// Where the payload of a packet begins; `None` for what is no packet.
fn payload_begin(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut begin = 12 + 4 * usize::from(first & 0x0F);
    if first & 0x10 != 0 {
        let [_, _, high, low] = *packet.get(begin..)?.first_chunk()?;
        begin += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    (first >> 6 == 2 && begin <= packet.len()).then_some(begin)
}

/// Four bytes of a packet as a number.
fn number_at(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
