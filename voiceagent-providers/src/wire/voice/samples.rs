use bytes::{Bytes, BytesMut};
use voiceagent_core::audio::AudioFormat;

/// Cuts audio at the ends of samples, wherever a vendor cuts it.
#[derive(Debug)]
pub(crate) struct Samples {
    /// The length of one, in bytes.
    one: usize,
    /// The beginning of a sample whose rest comes with the next message.
    carry: BytesMut,
}

impl Samples {
    /// Of audio in this format.
    pub(crate) fn new(format: AudioFormat) -> Self {
        Self { one: format.sample_bytes().unwrap_or(1), carry: BytesMut::new() }
    }

    /// The whole samples up to the end of a message. The rest is kept for the next one.
    pub(crate) fn whole(&mut self, payload: Bytes) -> Bytes {
        if self.carry.is_empty() && payload.len().is_multiple_of(self.one) {
            return payload;
        }
        self.carry.extend_from_slice(&payload);
        let whole = self.carry.len() - self.carry.len() % self.one;
        self.carry.split_to(whole).freeze()
    }

    /// What follows is other audio.
    pub(crate) fn restart(&mut self) {
        self.carry.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_split_between_messages_are_put_together() {
        let mut samples = Samples::new(AudioFormat::PCM_8K);
        let mut out = Vec::new();
        for part in [&[1_u8][..], &[2, 3], &[4, 5, 6], &[7]] {
            let whole = samples.whole(Bytes::from(part));
            assert_eq!(whole.len() % 2, 0);
            out.extend_from_slice(&whole);
        }
        assert_eq!(out, [1, 2, 3, 4, 5, 6]);
        samples.restart();
        assert_eq!(&samples.whole(Bytes::from_static(&[8, 9]))[..], [8, 9]);
    }

    #[test]
    fn bytes_are_passed_on_without_a_copy() {
        let payload = Bytes::from_static(&[1, 2, 3]);
        let whole = Samples::new(AudioFormat::MULAW_8K).whole(payload.clone());
        assert_eq!(whole.as_ptr(), payload.as_ptr());
    }
}
