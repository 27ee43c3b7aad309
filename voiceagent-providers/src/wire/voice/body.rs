use bytes::{Bytes, BytesMut};
use voiceagent_core::{Error, ErrorKind, Result, audio::AudioFormat};

/// A WAV file's samples begin well before this.
const LONGEST_HEAD: usize = 4_096;

/// Finds the samples in a response. Some servers send a WAV file although they were asked for PCM.
/// Pure: no socket.
#[derive(Debug)]
pub(crate) struct Body {
    format: AudioFormat,
    /// What came before the samples; `None` once they have begun.
    head: Option<BytesMut>,
}

impl Body {
    /// A response that should be samples of this format.
    pub(crate) fn new(format: AudioFormat) -> Self {
        Self { format, head: Some(BytesMut::new()) }
    }

    /// The samples in the next piece.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a WAV file of another format.
    pub(crate) fn take(&mut self, piece: Bytes) -> Result<Bytes> {
        let Some(head) = &mut self.head else { return Ok(piece) };
        head.extend_from_slice(&piece);
        let begin = if head.starts_with(&b"RIFF"[..head.len().min(4)]) {
            let Some(begin) = samples(head, self.format)? else { return Ok(Bytes::new()) };
            begin
        } else {
            0
        };
        Ok(self.begin(begin))
    }

    /// What is left when the response ends before it was clear what it is.
    pub(crate) fn finish(&mut self) -> Bytes {
        let is_short = self.head.as_ref().is_some_and(|head| head.len() < 4);
        if is_short { self.begin(0) } else { Bytes::new() }
    }

    fn begin(&mut self, at: usize) -> Bytes {
        let mut head = self.head.take().unwrap_or_default();
        head.split_off(at).freeze()
    }
}

/// Where the samples of a WAV file begin (RIFF, "WAVE Form"); `None` when that has not come yet.
fn samples(file: &[u8], format: AudioFormat) -> Result<Option<usize>> {
    let unfit = |what: &'static str| Err(Error::new(ErrorKind::Unsupported, "read", what));
    let mut at = 12;
    while let Some(chunk) = file.get(at..at + 8) {
        let length = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match &chunk[..4] {
            b"data" => return Ok(Some(at + 8)),
            b"fmt " => match file.get(at + 8..at + 24) {
                None => return Ok(None),
                Some(fmt) if !is_of(fmt, format) => {
                    return unfit("the server sends a WAV file of another format than 24 kHz PCM");
                }
                Some(_) => {}
            },
            _ => {}
        }
        // Chunks begin at even places.
        at = at.saturating_add(8).saturating_add(length).saturating_add(length % 2);
        if at > LONGEST_HEAD {
            return unfit("the server sends a file that is no sound");
        }
    }
    Ok(None)
}

fn is_of(fmt: &[u8], format: AudioFormat) -> bool {
    const PCM: u16 = 1;
    let word = |at: usize| u16::from_le_bytes([fmt[at], fmt[at + 1]]);
    let rate = u32::from_le_bytes([fmt[4], fmt[5], fmt[6], fmt[7]]);
    word(0) == PCM
        && word(2) == u16::from(format.channels)
        && rate == format.sample_rate
        && word(14) == 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, samples: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\xFF\xFF\xFF\xFFWAVELIST\x03\x00\x00\x00abc\0fmt \x10\0\0\0".to_vec();
        file.extend([1, 0, 1, 0]);
        file.extend(rate.to_le_bytes());
        file.extend((rate * 2).to_le_bytes());
        file.extend([2, 0, 16, 0]);
        file.extend(b"data\xFF\xFF\xFF\xFF");
        file.extend(samples);
        file
    }

    fn read(file: &[u8], cut: usize) -> Result<Vec<u8>> {
        let mut body = Body::new(AudioFormat::PCM_24K);
        let mut out = Vec::new();
        for piece in file.chunks(cut) {
            out.extend(body.take(Bytes::copy_from_slice(piece))?);
        }
        out.extend(body.finish());
        Ok(out)
    }

    #[test]
    fn samples_are_the_same_with_and_without_a_head_however_they_are_cut() {
        for cut in [1, 3, 7, 4_096] {
            assert_eq!(read(b"RIsamples", cut).unwrap(), b"RIsamples");
            assert_eq!(read(b"RI", cut).unwrap(), b"RI");
            assert_eq!(read(&wav(24_000, b"samples"), cut).unwrap(), b"samples");
            assert_eq!(read(b"", cut).unwrap(), b"");
        }
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        for file in [wav(16_000, b"samples"), b"RIFF\0\0\0\0WAVEjunk\0\0\x01\0".to_vec()] {
            assert_eq!(read(&file, 9).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn a_head_that_is_cut_off_is_no_sound() {
        assert!(read(&wav(24_000, b"")[..30], 7).unwrap().is_empty());
    }
}
