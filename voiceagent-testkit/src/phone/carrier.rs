use std::time::Duration;

use voiceagent_core::audio::AudioFormat;

/// Whose words a phone's carrier speaks.
///
/// Written from the carriers' documentation, apart from what it is used to test. Where that is
/// silent about a clear, marks are lost: an application must get along with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Carrier {
    /// Exotel's AgentStream, in 16-bit PCM at 8 kHz.
    Exotel,
    /// The `listen` verb of jambonz, in 16-bit PCM at 16 kHz as binary messages; it has no marks.
    Jambonz,
    /// Plivo, in mu-law; its clock shows the time of day, and a clear loses its checkpoints.
    Plivo,
    /// SignalWire's cXML streams, in 16-bit PCM at 24 kHz; names are UUIDs.
    SignalWire,
    /// Telnyx in RTP mode, in mu-law; audio comes out of order, and a clear loses its marks.
    Telnyx,
    /// Twilio's Media Streams, in mu-law.
    Twilio,
    /// Vonage, in 16-bit PCM at 16 kHz as binary messages; it has no marks, and takes frames of
    /// 20 ms only.
    Vonage,
}

impl Carrier {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Exotel,
        Self::Jambonz,
        Self::Plivo,
        Self::SignalWire,
        Self::Telnyx,
        Self::Twilio,
        Self::Vonage,
    ];

    /// What its phones send and play.
    #[must_use]
    pub const fn format(self) -> AudioFormat {
        match self {
            Self::Exotel => AudioFormat::PCM_8K,
            Self::Plivo | Self::Telnyx | Self::Twilio => AudioFormat::MULAW_8K,
            Self::SignalWire => AudioFormat::PCM_24K,
            Self::Jambonz | Self::Vonage => AudioFormat::PCM_16K,
        }
    }

    /// The least audio that it plays, of which each message is a multiple.
    pub(super) fn least(self) -> usize {
        match self {
            Self::Exotel | Self::Telnyx => self.format().bytes_in(Duration::from_millis(20)),
            Self::Jambonz | Self::Plivo | Self::SignalWire | Self::Twilio | Self::Vonage => 1,
        }
    }

    /// The name of a call, or of a stream, from a number that no other has.
    pub(super) fn name(self, twilio: &str, number: u64) -> String {
        match self {
            Self::Exotel | Self::Twilio => format!("{twilio}{number:032x}"),
            Self::Telnyx if twilio == "CA" => format!("v3:{number:x}-{twilio}"),
            Self::Jambonz | Self::Plivo | Self::SignalWire | Self::Telnyx | Self::Vonage => {
                let kind = if twilio == "CA" { 0xCA } else { 0x32 };
                format!("{kind:08x}-0000-4000-8000-{:012x}", number & 0xFFFF_FFFF_FFFF)
            }
        }
    }

    /// Whether marks come back when the audio before them is dropped.
    pub(super) const fn returns_cleared_marks(self) -> bool {
        matches!(self, Self::SignalWire | Self::Twilio)
    }

    /// Whether audio arrives in the order in which it was said.
    pub(super) const fn keeps_order(self) -> bool {
        !matches!(self, Self::Telnyx)
    }
}
