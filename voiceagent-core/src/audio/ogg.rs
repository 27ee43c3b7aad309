//! The pages of an Ogg file (RFC 3533) that holds Opus (RFC 7845): both sides of a call as two
//! streams of mono, so that neither leaks into the other.

/// The lengths of a page's packets are told by up to so many bytes, each of up to 255.
const SEGMENTS: usize = 255;
/// Bytes of a page before those.
const HEAD: usize = 27;
/// Opus counts time with 48 kHz, whatever was encoded (RFC 7845, section 4).
pub(crate) const CLOCK: u32 = 48_000;
/// Which of its streams this one is. A recording has no other.
const SERIAL: u32 = 1;

/// Collects packets to pages.
#[derive(Debug)]
pub(crate) struct Pages {
    number: u32,
    lengths: Vec<u8>,
    packets: Vec<u8>,
    page: Vec<u8>,
}

/// What a page is beside others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    First = 2,
    Usual = 0,
    Last = 4,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self {
            number: 0,
            lengths: Vec::with_capacity(SEGMENTS),
            packets: Vec::with_capacity(16 * 1024),
            page: Vec::with_capacity(HEAD + SEGMENTS + 16 * 1024),
        }
    }

    /// Whether a packet of that length finds room on the page.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.lengths.len() + length / 255 < SEGMENTS
    }

    /// Adds a packet to the page, which has room for it.
    pub(crate) fn add<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) {
        let begin = self.packets.len();
        parts.into_iter().for_each(|part| self.packets.extend_from_slice(part));
        let length = self.packets.len() - begin;
        self.lengths.extend(std::iter::repeat_n(255, length / 255));
        self.lengths.push((length % 255) as u8);
    }

    /// The page with the packets that were added, at whose end it is so late.
    pub(crate) fn finish(&mut self, kind: Kind, time: u64) -> &[u8] {
        self.page.clear();
        self.page.extend_from_slice(b"OggS\0");
        self.page.push(kind as u8);
        self.page.extend_from_slice(&time.to_le_bytes());
        self.page.extend_from_slice(&SERIAL.to_le_bytes());
        self.page.extend_from_slice(&self.number.to_le_bytes());
        self.page.extend_from_slice(&[0; 4]);
        // No more than a byte can tell are ever added.
        self.page.push(self.lengths.len() as u8);
        self.page.append(&mut self.lengths);
        self.page.append(&mut self.packets);
        let sum = checksum(&self.page);
        self.page[22..26].copy_from_slice(&sum.to_le_bytes());
        self.number += 1;
        &self.page
    }
}

/// The packet that begins an Opus file of two streams of mono, which are left and right (RFC 7845,
/// section 5.1). So many samples of 48 kHz at its beginning are not to be played.
pub(crate) fn head(skipped: u16, sample_rate: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x02".to_vec();
    head.extend(skipped.to_le_bytes());
    head.extend(sample_rate.to_le_bytes());
    // No gain; family 1 with two streams, none of which is stereo; each is one channel.
    head.extend([0, 0, 1, 2, 0, 0, 1]);
    head
}

/// The packet after it (RFC 7845, section 5.2), without any remarks.
pub(crate) fn tags() -> Vec<u8> {
    let vendor = concat!("voiceagent ", env!("CARGO_PKG_VERSION"));
    let mut tags = b"OpusTags".to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend(vendor.as_bytes());
    tags.extend([0; 4]);
    tags
}

/// The length that stands behind the first byte of a packet that others follow in the same one (RFC
/// 6716, appendix B and section 3.2.1). The packet holds one frame.
pub(crate) fn delimiter(packet: &[u8]) -> ([u8; 2], usize) {
    let length = packet.len().saturating_sub(1);
    if length < 252 {
        return ([length as u8, 0], 1);
    }
    // A frame has at most 1,275 bytes, and so the second one fits.
    let low = 252 + (length & 3);
    ([low as u8, ((length - low) / 4) as u8], 2)
}

/// The cyclic redundancy check of RFC 3533, section 6: polynomial 04c11db7, nothing reflected.
pub(crate) fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| (sum << 8) ^ CHECKS[((sum >> 24) ^ u32::from(*byte)) as usize])
}

static CHECKS: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = (sum << 1) ^ (0x04C1_1DB7 * (sum >> 31));
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};
