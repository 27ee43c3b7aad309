//! Names written into silence.
//!
//! The two lowest samples of mu-law, 0xFF and 0xFE, are 0 and 8 of 32 768: neither can be heard. A
//! frame of them carries 160 bits past everything that treats audio as audio, be it decoded on the
//! way or not, so that a vendor knows whose line it hears, and what comes next on it.

/// Bytes of a 20 ms frame.
pub(crate) const FRAME: usize = 160;

/// Stands at the beginning of every tag.
const MAGIC: u64 = 0xA55A_C33C;

/// What a frame of silence says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tag {
    pub(crate) call: u32,
    /// The utterance that begins with the next frame.
    pub(crate) utterance: usize,
}

impl Tag {
    pub(crate) fn write(self) -> [u8; FRAME] {
        let utterance = u64::try_from(self.utterance).expect("a script is short");
        let words = [MAGIC, u64::from(self.call), utterance];
        let mut frame = [0xFF; FRAME];
        for (bit, byte) in frame.iter_mut().take(32 * words.len()).enumerate() {
            if words[bit / 32] >> (bit % 32) & 1 == 1 {
                *byte = 0xFE;
            }
        }
        frame
    }

    /// `None` for audio without a tag.
    pub(crate) fn read(frame: &[u8]) -> Option<Self> {
        if frame.len() != FRAME || frame.iter().any(|byte| byte & 0xFE != 0xFE) {
            return None;
        }
        let word = |number: usize| {
            let bits = frame[32 * number..32 * (number + 1)].iter().rev();
            bits.fold(0_u64, |word, byte| word << 1 | u64::from(*byte == 0xFE))
        };
        let call = u32::try_from(word(1)).ok()?;
        let utterance = usize::try_from(word(2)).ok()?;
        (word(0) == MAGIC).then_some(Self { call, utterance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_can_be_read_and_not_be_heard() {
        let tag = Tag { call: 4_000_000_001, utterance: 7 };
        assert_eq!(Tag::read(&tag.write()), Some(tag));
        assert!(!voiceagent_testkit::phone::is_audible(&tag.write()));
    }

    #[test]
    fn silence_and_speech_are_no_tags() {
        assert_eq!(Tag::read(&[0xFF; FRAME]), None);
        assert_eq!(Tag::read(&[0x12; FRAME]), None);
        assert_eq!(Tag::read(&[]), None);
    }
}
