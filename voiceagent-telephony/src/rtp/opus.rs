use bytes::Bytes;
use voiceagent_core::{
    Result,
    audio::{
        AudioFormat, Encoding, Transcoder,
        opus::{Decoder, Encoder},
    },
};

/// What our packets aim at, in bits a second: speech at 16 kHz, and the copies.
const BITRATE: u32 = 32_000;

/// For how many lost packets in a hundred ours carry copies of the ones before (RFC 7587, section
/// 3.3): as many as a line may lose on which people still talk.
const LOSS: u8 = 10;

/// Turns Opus packets (RFC 7587) into what a leg carries.
#[derive(Debug)]
pub(super) struct OpusInward {
    decoder: Decoder,
    leg: AudioFormat,
    samples: Vec<i16>,
    transcoder: Transcoder,
}

impl OpusInward {
    pub(super) fn new(leg: AudioFormat) -> Result<Self> {
        let decoder = Decoder::new(leg.sample_rate)?;
        let transcoder = Transcoder::new(plain(leg), leg)?;
        Ok(Self { decoder, leg, samples: Vec::new(), transcoder })
    }

    /// Nothing for what is no packet.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Bytes {
        self.samples.clear();
        // What cannot be read is as good as lost.
        let _ = self.decoder.decode(packet, &mut self.samples);
        self.take()
    }

    /// At most so many samples in place of what was lost before this packet, by the copy in it as far
    /// as it reaches. The packet is decoded next.
    pub(super) fn recover(&mut self, lost: u64, next: &[u8]) -> Bytes {
        // libopus makes up multiples of 2.5 ms.
        let step = u64::from(self.leg.sample_rate) / 400;
        let lost = usize::try_from(lost / step * step).unwrap_or(0);
        self.samples.clear();
        if self.decoder.recover(Some(next), lost, &mut self.samples).is_err() {
            // No packet: the sound goes on and fades.
            let _ = self.decoder.recover(None, lost, &mut self.samples);
        }
        self.take()
    }

    pub(super) fn reset(&mut self) {
        // It was made once for the same rate. Where there is no memory for another, the sound of
        // before rings on for a moment.
        if let Ok(decoder) = Decoder::new(self.leg.sample_rate) {
            self.decoder = decoder;
        }
        self.transcoder.reset();
    }

    fn take(&mut self) -> Bytes {
        let bytes: Vec<u8> = self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.transcoder.transcode(bytes.into())
    }
}

/// Turns what a leg is to play into Opus packets, one for each 20 ms.
#[derive(Debug)]
pub(super) struct OpusOutward {
    encoder: Encoder,
    transcoder: Transcoder,
}

impl OpusOutward {
    pub(super) fn new(leg: AudioFormat) -> Result<Self> {
        let encoder =
            Encoder::new(leg.sample_rate)?.with_bitrate(BITRATE)?.with_redundancy(LOSS)?;
        Ok(Self { encoder, transcoder: Transcoder::new(leg, plain(leg))? })
    }

    pub(super) fn encode(&mut self, audio: Bytes) -> Bytes {
        let plain = self.transcoder.transcode(audio);
        let samples: Vec<i16> =
            plain.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
        let mut packet = Vec::new();
        // 20 ms are one packet; one that cannot be made is one that is lost.
        let _ = self.encoder.encode(&samples, |whole| {
            packet.extend_from_slice(whole);
            Ok(())
        });
        packet.into()
    }
}

/// The samples of a leg, uncompressed: libopus knows the rates of all legs.
const fn plain(leg: AudioFormat) -> AudioFormat {
    AudioFormat::mono(Encoding::PcmS16Le, leg.sample_rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech at this rate.
    fn voice(rate: u32, seconds: u64) -> Vec<i16> {
        let said = voiceagent_testkit::clips::speech(std::time::Duration::from_secs(seconds));
        let plain = AudioFormat::mono(Encoding::PcmS16Le, rate);
        let mut transcoder = Transcoder::new(AudioFormat::MULAW_8K, plain).unwrap();
        samples(&[transcoder.transcode(said), transcoder.finish()].concat())
    }

    fn bytes(samples: &[i16]) -> Bytes {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn samples(bytes: &[u8]) -> Vec<i16> {
        bytes.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
    }

    /// The best correlation of what was heard with what was said, and how late it is.
    fn correlation(said: &[i16], heard: &[i16]) -> (f64, usize) {
        let product = |a: &[i16], b: &[i16]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        const LATEST: usize = 320;
        let length = said.len() - LATEST;
        let said = &said[..length];
        let at = |lag: usize| {
            let heard = &heard[lag..lag + length];
            product(said, heard) / (product(said, said) * product(heard, heard)).sqrt()
        };
        let best = (0..LATEST).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(0);
        (at(best), best)
    }

    #[test]
    fn a_voice_comes_back_through_opus_at_the_rate_of_every_leg() {
        for leg in [AudioFormat::PCM_16K, AudioFormat::PCM_8K] {
            let mut said = voice(leg.sample_rate, 3);
            let mut outward = OpusOutward::new(leg).unwrap();
            let mut inward = OpusInward::new(leg).unwrap();
            let frame = leg.sample_rate as usize / 50;
            said.truncate(said.len() / frame * frame);
            let mut heard = Vec::new();
            for piece in said.chunks(frame) {
                let packet = outward.encode(bytes(piece));
                assert!(!packet.is_empty(), "each 20 ms are a packet");
                let decoded = samples(&inward.decode(&packet));
                assert_eq!(decoded.len(), frame);
                heard.extend(decoded);
            }
            let (likeness, late) = correlation(&said, &heard);
            println!("{leg:?}: correlation {likeness:.3} at {late} samples");
            assert!(likeness > 0.9, "{leg:?}: {likeness} at {late}");
            assert!(late < leg.sample_rate as usize / 100, "{leg:?}: {late}");
        }
    }

    #[test]
    fn a_lost_packet_is_heard_from_the_copy_in_the_next() {
        let leg = AudioFormat::PCM_16K;
        // Loud and silent in turns of 100 ms, so that nothing but the copy tells what was lost.
        let said: Vec<i16> = voice(16_000, 4)
            .into_iter()
            .enumerate()
            .map(|(at, sample)| if at / 1_600 % 2 == 0 { sample } else { sample / 40 })
            .collect();
        let mut outward = OpusOutward::new(leg).unwrap();
        let packets: Vec<_> = said.chunks(320).map(|piece| outward.encode(bytes(piece))).collect();
        let play = |loses: bool| {
            let mut inward = OpusInward::new(leg).unwrap();
            let mut heard = Vec::new();
            let mut is_lost = false;
            for (number, packet) in packets.iter().enumerate() {
                if loses && number % 5 == 1 {
                    is_lost = true;
                    continue;
                }
                if std::mem::take(&mut is_lost) {
                    heard.extend(samples(&inward.recover(320, packet)));
                }
                heard.extend(samples(&inward.decode(packet)));
            }
            heard
        };
        let (whole, recovered) = (play(false), play(true));
        assert_eq!(whole.len(), recovered.len());
        let (likeness, _) = correlation(&whole, &recovered);
        assert!(likeness > 0.9, "{likeness}");
    }

    #[test]
    fn what_is_no_packet_is_silence_and_not_the_end() {
        let mut inward = OpusInward::new(AudioFormat::MULAW_8K).unwrap();
        assert!(inward.decode(&[]).is_empty());
        assert!(inward.decode(&[0xFF]).is_empty());
        assert_eq!(inward.recover(170, &[]).len(), 160, "whole steps of 2.5 ms");
        inward.reset();
        let mut outward = OpusOutward::new(AudioFormat::MULAW_8K).unwrap();
        let packet = outward.encode(vec![0xFF; 160].into());
        assert_eq!(inward.decode(&packet).len(), 160);
    }
}
