use std::ops::Range;

use super::{AudioFormat, Encoding};
use crate::{Error, Result};

/// Bytes before the samples of what [`header`] begins.
pub(crate) const HEADER: usize = 80;
/// Beyond this the sizes of a WAV file do not fit into its 32 bits.
const LARGEST: u64 = u32::MAX as u64 - HEADER as u64;

/// The head of a WAV file with so many bytes of 16-bit PCM.
///
/// Room for larger sizes lies behind the name, so that a file that outgrows 4 GiB becomes one of
/// RF64 where it stands (EBU Tech 3306).
pub(crate) fn header(format: AudioFormat, bytes: u64) -> [u8; HEADER] {
    let large = bytes > LARGEST;
    let fits = |bytes: u64| if large { u32::MAX } else { bytes as u32 };
    let riff = bytes + HEADER as u64 - 8;
    let (channels, rate) = (u16::from(format.channels), format.sample_rate);
    let moment = channels * 2;
    let mut head = [0; HEADER];
    let mut rest = &mut head[..];
    let mut put = |bytes: &[u8]| {
        let (here, behind) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        rest = behind;
    };
    put(if large { b"RF64" } else { b"RIFF" });
    put(&fits(riff).to_le_bytes());
    put(b"WAVE");
    put(if large { b"ds64" } else { b"JUNK" });
    put(&28_u32.to_le_bytes());
    for size in [riff, bytes, bytes / u64::from(moment.max(1))] {
        put(&if large { size } else { 0 }.to_le_bytes());
    }
    put(&[0; 4]);
    put(b"fmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&rate.to_le_bytes());
    put(&(rate * u32::from(moment)).to_le_bytes());
    put(&moment.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&fits(bytes).to_le_bytes());
    head
}

/// Finds the samples of a WAV file: 16-bit PCM or G.711, of any number of channels.
///
/// The samples of a file that was cut off, or whose sizes were never written, reach to its end. Sizes
/// were not written where there are none, or all bits of them are set, or where the file goes on
/// behind samples that are said to be none and to be its end.
///
/// # Errors
///
/// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything else.
pub(crate) fn samples(file: &[u8]) -> Result<(AudioFormat, Range<usize>)> {
    let refuse = |why: &str| Error::config(format!("no WAV file that can be read: {why}"));
    let is_wave =
        file.get(8..12) == Some(b"WAVE") && matches!(file.get(..4), Some(b"RIFF" | b"RF64"));
    if !is_wave {
        return Err(refuse("it does not begin as one"));
    }
    let told = number(&file[4..]).unwrap_or(0);
    let mut format = None;
    // How many bytes of samples a file of RF64 has.
    let mut large = None;
    let mut at = 12;
    while let Some((name, size)) = chunk(file, at) {
        let begin = at + 8;
        let end = begin.saturating_add(size).min(file.len());
        match name {
            b"fmt " => {
                format = Some(
                    format_of(&file[begin..end])
                        .ok_or_else(|| refuse("it holds neither 16-bit PCM nor G.711"))?,
                )
            }
            b"ds64" => large = long(&file[begin..end], 8),
            b"data" => {
                let format = format.ok_or_else(|| refuse("its format is missing"))?;
                let was_left_open = told == u32::MAX || told as usize + 8 <= begin;
                let size = match size as u32 {
                    0 if was_left_open => file.len(),
                    u32::MAX => large.map_or(size, |large| usize::try_from(large).unwrap_or(size)),
                    _ => size,
                };
                return Ok((format, begin..begin.saturating_add(size).min(file.len())));
            }
            _ => {}
        }
        at = begin.saturating_add(size).saturating_add(size & 1);
    }
    Err(refuse("it has no samples"))
}

fn chunk(file: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let head = file.get(at..at.checked_add(8)?)?;
    Some((&head[..4], number(&head[4..])? as usize))
}

fn format_of(chunk: &[u8]) -> Option<AudioFormat> {
    let short = |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
    let tag = match short(0)? {
        // An extensible format says what it is further on.
        0xFFFE => short(24)?,
        tag => tag,
    };
    let encoding = match (tag, short(14)?) {
        (1, 16) => Encoding::PcmS16Le,
        (6, 8) => Encoding::Alaw,
        (7, 8) => Encoding::Mulaw,
        _ => return None,
    };
    let channels = u8::try_from(short(2)?).ok().filter(|channels| *channels > 0)?;
    Some(AudioFormat { encoding, sample_rate: number(chunk.get(4..8)?)?, channels })
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

fn long(chunk: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(chunk.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEREO: AudioFormat = AudioFormat { channels: 2, ..AudioFormat::PCM_8K };

    #[test]
    fn a_file_is_read_as_it_was_begun() {
        let mut file = header(STEREO, 8).to_vec();
        file.extend([7; 8]);
        assert_eq!(samples(&file).unwrap(), (STEREO, HEADER..HEADER + 8));
    }

    #[test]
    fn a_file_that_was_cut_off_reaches_to_its_end() {
        let mut file = header(STEREO, 1_000).to_vec();
        file.extend([7; 8]);
        assert_eq!(samples(&file).unwrap().1, HEADER..HEADER + 8);
    }

    #[test]
    fn beyond_4_gib_a_file_becomes_one_of_rf64_where_it_stands() {
        let large = header(STEREO, 6 << 30);
        assert_eq!((&large[..4], &large[12..16]), (&b"RF64"[..], &b"ds64"[..]));
        assert_eq!(large[28..36], (6_u64 << 30).to_le_bytes());
        assert_eq!(large[36..44], (6_u64 << 28).to_le_bytes());
        assert_eq!(large[76..], [0xFF; 4]);
        assert_eq!(samples(&large).unwrap(), (STEREO, HEADER..HEADER));
    }

    #[test]
    fn a_file_whose_sizes_were_never_written_reaches_to_its_end() {
        // As a recorder begins one, as encoders write into a pipe, and with no size at all.
        for (riff, data) in [(HEADER as u32 - 8, 0), (u32::MAX, u32::MAX), (u32::MAX, 0), (0, 0)] {
            let mut file = header(STEREO, 0).to_vec();
            file[4..8].copy_from_slice(&riff.to_le_bytes());
            file[HEADER - 4..].copy_from_slice(&data.to_le_bytes());
            file.extend([7; 8]);
            assert_eq!(samples(&file).unwrap().1, HEADER..HEADER + 8, "{riff}, {data}");
        }
    }

    #[test]
    fn a_file_with_no_samples_before_its_other_chunks_has_none() {
        let mut file = header(STEREO, 0).to_vec();
        file.extend(b"LIST\x04\0\0\0abcd");
        let riff = file.len() as u32 - 8;
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        assert_eq!(samples(&file).unwrap().1, HEADER..HEADER);
    }

    #[test]
    fn what_follows_the_samples_of_rf64_is_no_sound() {
        let mut file = header(STEREO, 6 << 30).to_vec();
        file[28..36].copy_from_slice(&8_u64.to_le_bytes());
        file.extend([7; 8]);
        file.extend(b"LIST\x04\0\0\0abcd");
        assert_eq!(samples(&file).unwrap().1, HEADER..HEADER + 8);
    }

    #[test]
    fn g711_and_chunks_in_between_are_understood() {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x12\0\0\0".to_vec();
        file.extend([7, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0, 0, 0]);
        file.extend(b"data\x02\0\0\0\x80\x81rest");
        let (format, range) = samples(&file).unwrap();
        assert_eq!((format, &file[range]), (AudioFormat::MULAW_8K, &[0x80, 0x81][..]));
    }

    proptest! {
        #[test]
        fn no_file_breaks_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = samples(&bytes);
            bytes.splice(..0, *b"RIFF\0\0\0\0WAVE");
            let _ = samples(&bytes);
        }
    }
}
