//! The codec alone: a carrier's message to a frame, and a frame to the carrier's message.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;
use voiceagent_core::{
    MarkId,
    audio::{AudioFrame, MediaTime},
    transport::{Inbound, Outbound},
};
use voiceagent_telephony::media_stream::{Carrier, MediaCodec};
use voiceagent_testkit::phone;

use super::{Count, now, rig, way::Way};

const WARM_UP: u32 = 1_000;

/// The most frames of a count. As many messages are made for a smaller one.
pub(super) const FRAMES: u32 = 10_000;

pub(super) fn reading(carrier: Carrier, frames: u32) -> Count {
    let far = far_end(carrier);
    let frame = rig::silence(far.format());
    let messages = phone::frame_messages(far, "MZ1", &frame, (WARM_UP + FRAMES) as usize);
    let mut codec = MediaCodec::with_format(carrier, "MZ1", far.format());
    let mut samples = 0;
    let mut read = |messages: &[Message]| {
        for message in messages {
            let inbound = match message {
                Message::Text(text) => codec.read(text),
                Message::Binary(audio) => codec.read_binary(audio),
                _ => None,
            };
            if let Some(Inbound::Audio(frame)) = inbound {
                samples += frame.samples();
            }
        }
    };
    let (warm_up, counted) = messages.split_at(WARM_UP as usize);
    read(warm_up);
    let before = now();
    read(&counted[..frames as usize]);
    let after = now();
    let count = Count::between(Way::Read(carrier), frames, before, after);
    let wanted = far.format().samples(frame.len()) * u64::from(WARM_UP + frames);
    assert_eq!(samples, wanted, "all frames of {carrier} were read");
    count
}

pub(super) fn writing(carrier: Carrier, frames: u32) -> Count {
    let format = far_end(carrier).format();
    let mut codec = MediaCodec::with_format(carrier, "MZ1", format);
    let audio = Bytes::from(rig::silence(format));
    let samples = format.samples(audio.len());
    let mut bytes = 0;
    let mut write = |frames: std::ops::Range<u32>| {
        for number in frames.map(u64::from) {
            let frame = AudioFrame::new(format, MediaTime(number * samples), audio.clone());
            bytes += codec.write(&Outbound::Audio(frame)).map_or(0, |it| it.into_data().len());
            if number % 5 == 0 {
                let mark = Outbound::Mark(MarkId::new(number));
                bytes += codec.write(&mark).map_or(0, |it| it.into_data().len());
            }
        }
    };
    write(0..WARM_UP);
    let before = now();
    write(WARM_UP..WARM_UP + frames);
    let after = now();
    let count = Count::between(Way::Write(carrier), frames, before, after);
    assert!(bytes >= audio.len() * frames as usize, "all frames of {carrier} were written");
    count
}

/// The same carrier at the other end.
fn far_end(carrier: Carrier) -> phone::Carrier {
    match carrier {
        Carrier::Exotel => phone::Carrier::Exotel,
        Carrier::Jambonz => phone::Carrier::Jambonz,
        Carrier::Plivo => phone::Carrier::Plivo,
        Carrier::SignalWire => phone::Carrier::SignalWire,
        Carrier::Telnyx => phone::Carrier::Telnyx,
        Carrier::Vonage => phone::Carrier::Vonage,
        _ => phone::Carrier::Twilio,
    }
}
