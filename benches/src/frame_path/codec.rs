//! The codec alone: a carrier's text to a frame, and a frame to the carrier's text.

use bytes::Bytes;
use voiceagent_core::{
    MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::Outbound,
};
use voiceagent_telephony::media_stream::MediaCodec;

use super::{Count, now, rig::messages};

const WARM_UP: usize = 1_000;
const FRAMES: usize = 10_000;

pub(super) fn count() -> Vec<Count> {
    vec![reading(), writing()]
}

fn reading() -> Count {
    let texts = messages(WARM_UP + FRAMES);
    let mut codec = MediaCodec::twilio("MZ1");
    let mut samples = 0;
    let mut read = |texts: &[String]| {
        for text in texts {
            if let Some(voiceagent_core::transport::Inbound::Audio(frame)) = codec.read(text) {
                samples += frame.samples();
            }
        }
    };
    read(&texts[..WARM_UP]);
    let before = now();
    read(&texts[WARM_UP..]);
    let count = Count::between("JSON text -> AudioFrame", FRAMES as u64, before, now());
    assert_eq!(samples, 160 * (WARM_UP + FRAMES) as u64, "all frames were read");
    count
}

fn writing() -> Count {
    let mut codec = MediaCodec::twilio("MZ1");
    let audio = Bytes::from_static(&[0xD5; 160]);
    let mut bytes = 0;
    let mut write = |frames: std::ops::Range<usize>| {
        for number in frames.start as u64..frames.end as u64 {
            let at = MediaTime(number * 160);
            let frame = AudioFrame::new(AudioFormat::MULAW_8K, at, audio.clone());
            bytes += codec.write(&Outbound::Audio(frame)).map_or(0, |text| text.len());
            if number % 5 == 0 {
                let mark = Outbound::Mark(MarkId::new(number));
                bytes += codec.write(&mark).map_or(0, |text| text.len());
            }
        }
    };
    write(0..WARM_UP);
    let before = now();
    write(WARM_UP..WARM_UP + FRAMES);
    let count = Count::between("AudioFrame -> JSON text", FRAMES as u64, before, now());
    assert!(bytes > 214 * FRAMES, "all frames were written");
    count
}
