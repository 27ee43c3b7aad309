use std::time::Duration;

use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{Carrier, start::ToldFormat};

/// What differs between the media streams of carriers. All of it is data: one reader and one
/// writer serve them all.
///
/// In the messages, `{stream}` stands for the name of the stream as a JSON string, `{audio}` for
/// base64, `{mark}` for the name of a mark, `{key}` for a key, `{type}` and `{rate}` for the audio format.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) carrier: Carrier,
    /// What this build can carry of what the carrier sends. The first is what it sends when it
    /// does not say.
    pub(super) formats: &'static [AudioFormat],
    /// Whether the carrier has 16-bit PCM only, whatever it calls it.
    pub(super) is_always_pcm: bool,
    /// What the carrier wants to be sent, where that is not what it sends.
    pub(super) plays: Option<AudioFormat>,
    /// Plays audio; `None` where audio travels in binary messages, in both directions.
    pub(super) media: Option<&'static str>,
    /// Asks to be told when everything before it was played; `None` where it cannot be asked.
    pub(super) mark: Option<&'static str>,
    /// Presses a key; `None` where keys do not go over the stream.
    pub(super) key: Option<&'static str>,
    /// Drops what was not played.
    pub(super) clear: &'static str,
    /// What becomes of marks when audio is dropped.
    pub(super) cleared: Cleared,
    pub(super) pieces: Pieces,
    /// Whether audio arrives in the order in which it was spoken.
    pub(super) in_order: bool,
}

/// What becomes of the marks behind audio that is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cleared {
    /// They return with the others.
    ReturnsMarks,
    /// They are lost, or may be: whoever waits for them is answered by us when the carrier says
    /// that it has dropped the audio.
    IsTold,
    /// As [`IsTold`](Self::IsTold), but the carrier says nothing.
    IsNotTold,
}

/// What lengths of audio a carrier takes in one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pieces {
    Any,
    /// Of just this length.
    Exactly(Duration),
    /// A multiple of this length.
    Whole(Duration),
}

/// 20 ms, as everywhere in telephony.
const FRAME: Duration = Duration::from_millis(20);

impl Dialect {
    pub(super) const fn of(carrier: Carrier) -> &'static Self {
        match carrier {
            Carrier::Exotel => &EXOTEL,
            Carrier::Jambonz => &JAMBONZ,
            Carrier::Plivo => &PLIVO,
            Carrier::SignalWire => &SIGNALWIRE,
            Carrier::Telnyx => &TELNYX,
            Carrier::Twilio => &TWILIO,
            Carrier::Vonage => &VONAGE,
        }
    }

    /// The format of what will come in; `None` when this build cannot carry it.
    pub(super) fn inbound(&self, told: ToldFormat) -> Option<AudioFormat> {
        match told {
            ToldFormat::Nothing => self.formats.first().copied(),
            ToldFormat::Format(format) => self.formats.contains(&format).then_some(format),
            ToldFormat::Rate(rate) if self.is_always_pcm => {
                let format = AudioFormat::mono(Encoding::PcmS16Le, rate);
                self.formats.contains(&format).then_some(format)
            }
            ToldFormat::Rate(_) | ToldFormat::Unknown => None,
        }
    }
}

/// "Media Streams: WebSocket messages".
const TWILIO: Dialect = Dialect {
    carrier: Carrier::Twilio,
    formats: &[AudioFormat::MULAW_8K],
    is_always_pcm: false,
    plays: None,
    media: Some(r#"{"event":"media","streamSid":{stream},"media":{"payload":"{audio}"}}"#),
    mark: Some(r#"{"event":"mark","streamSid":{stream},"mark":{"name":"{mark}"}}"#),
    key: None,
    clear: r#"{"event":"clear","streamSid":{stream}}"#,
    cleared: Cleared::ReturnsMarks,
    pieces: Pieces::Any,
    in_order: true,
};

/// "cXML: Stream". That L16 is little-endian follows from its examples, which hand it on untouched
/// to an API that takes it so.
const SIGNALWIRE: Dialect = Dialect {
    carrier: Carrier::SignalWire,
    formats: &[AudioFormat::MULAW_8K, AudioFormat::PCM_16K, AudioFormat::PCM_24K],
    key: Some(r#"{"event":"dtmf","streamSid":{stream},"dtmf":{"digit":"{key}"}}"#),
    ..TWILIO
};

/// "Stream call media over WebSocket". L16, G.722, Opus and AMR-WB are not carried: of L16, the
/// byte order is not documented. What becomes of marks that are cleared is not documented either.
const TELNYX: Dialect = Dialect {
    carrier: Carrier::Telnyx,
    formats: &[AudioFormat::MULAW_8K, AudioFormat::ALAW_8K],
    // The default of `stream_bidirectional_codec`, whatever codec the caller has.
    is_always_pcm: false,
    plays: Some(AudioFormat::MULAW_8K),
    media: Some(r#"{"event":"media","media":{"payload":"{audio}"}}"#),
    mark: Some(r#"{"event":"mark","mark":{"name":"{mark}"}}"#),
    key: None,
    clear: r#"{"event":"clear"}"#,
    cleared: Cleared::IsNotTold,
    pieces: Pieces::Whole(FRAME),
    in_order: false,
};

/// "Audio Streaming Protocol Reference". A checkpoint is answered only if what is before it was
/// played.
const PLIVO: Dialect = Dialect {
    carrier: Carrier::Plivo,
    formats: &[AudioFormat::PCM_8K, AudioFormat::PCM_16K, AudioFormat::MULAW_8K],
    is_always_pcm: false,
    plays: None,
    media: Some(
        r#"{"event":"playAudio","media":{"contentType":"{type}","sampleRate":{rate},"payload":"{audio}"}}"#,
    ),
    mark: Some(r#"{"event":"checkpoint","streamId":{stream},"name":"{mark}"}"#),
    key: None,
    clear: r#"{"event":"clearAudio","streamId":{stream}}"#,
    cleared: Cleared::IsTold,
    pieces: Pieces::Any,
    in_order: true,
};

/// "WebSockets in the Vonage Voice API". Its `notify` is no mark: what becomes of it when audio is
/// cleared is not documented.
const VONAGE: Dialect = Dialect {
    carrier: Carrier::Vonage,
    formats: &[AudioFormat::PCM_16K, AudioFormat::PCM_8K, AudioFormat::PCM_24K],
    is_always_pcm: false,
    plays: None,
    media: None,
    mark: None,
    key: None,
    clear: r#"{"action":"clear"}"#,
    cleared: Cleared::IsTold,
    pieces: Pieces::Exactly(FRAME),
    in_order: true,
};

/// "The listen verb", with `bidirectionalAudio.streaming`. Marks exist in later versions, with
/// words that are not documented.
const JAMBONZ: Dialect = Dialect {
    carrier: Carrier::Jambonz,
    formats: &[AudioFormat::PCM_8K, AudioFormat::PCM_16K, AudioFormat::PCM_24K],
    clear: r#"{"type":"killAudio"}"#,
    cleared: Cleared::IsNotTold,
    pieces: Pieces::Any,
    ..VONAGE
};

/// "AgentStream: WebSocket protocol", which has 16-bit PCM only and calls it `audio/x-raw`; streams
/// in the field say `base64` too. What becomes of marks that are cleared is not documented.
const EXOTEL: Dialect = Dialect {
    carrier: Carrier::Exotel,
    formats: &[AudioFormat::PCM_8K, AudioFormat::PCM_16K, AudioFormat::PCM_24K],
    is_always_pcm: true,
    plays: None,
    media: Some(r#"{"event":"media","stream_sid":{stream},"media":{"payload":"{audio}"}}"#),
    mark: Some(r#"{"event":"mark","stream_sid":{stream},"mark":{"name":"{mark}"}}"#),
    key: None,
    clear: r#"{"event":"clear","stream_sid":{stream}}"#,
    cleared: Cleared::IsNotTold,
    // 320 bytes at 8 kHz, of which each message must be a multiple.
    pieces: Pieces::Whole(FRAME),
    in_order: true,
};
