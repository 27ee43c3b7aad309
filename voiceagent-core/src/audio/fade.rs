use bytes::Bytes;

use super::{
    AudioFormat,
    decoder::{Kind, pcm},
};

/// The end of encoded audio, falling silent evenly. Packets stay as they are, and so does G.722,
/// which nobody can read from the middle.
pub(crate) fn fade_out(format: AudioFormat, audio: &[u8]) -> Bytes {
    let count = format.samples(audio.len()).max(1);
    // What is left of a sample is never more than the sample.
    let fade = |(at, sample): (u64, i16)| {
        (i64::from(sample) * (count - 1 - at).cast_signed() / count.cast_signed()) as i16
    };
    match Kind::of(format) {
        Ok(Kind::G711(law)) => {
            let samples = (0..).zip(audio.iter().map(|&code| law.decode(code)));
            samples.map(|sample| law.encode(fade(sample))).collect()
        }
        Ok(Kind::Pcm) => (0..).zip(pcm(audio)).flat_map(|it| fade(it).to_le_bytes()).collect(),
        Ok(Kind::G722) | Err(_) => Bytes::copy_from_slice(audio),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_falls_silent_without_a_step() {
        let faded = fade_out(AudioFormat::PCM_8K, &1_000_i16.to_le_bytes().repeat(40));
        let samples: Vec<i16> = pcm(&faded).collect();
        assert_eq!((samples.len(), samples[0], samples[39]), (40, 975, 0));
        assert!(samples.windows(2).all(|pair| pair[0] - pair[1] <= 26));
        let faded = fade_out(AudioFormat::MULAW_8K, &[0x80; 40]);
        assert_eq!((faded.len(), faded[39]), (40, 0xFF));
    }
}
