//! The messages of media streams, as any carrier writes them.
//!
//! Fields borrow from the message, since 50 of them arrive each second for each call. Identifiers
//! are read under each carrier's name for them, each name a field of its own: a message that has
//! two of them is no error. A field of a kind that it should not be is as good as absent, and no
//! reason to lose the message. Unknown fields are ignored.

mod number;
mod parameters;
mod text;

use serde::Deserialize;

pub(super) use self::{
    number::Number,
    parameters::Parameters,
    text::{Loose, Text},
};

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(rename = "streamSid", borrow, default)]
    pub(super) stream_sid: Loose<'a>,
    /// Exotel's spelling.
    #[serde(rename = "stream_sid", borrow, default)]
    pub(super) snake_stream_sid: Loose<'a>,
    /// Plivo's spelling.
    #[serde(rename = "streamId", borrow, default)]
    pub(super) stream_id: Loose<'a>,
    /// Telnyx's spelling.
    #[serde(rename = "stream_id", borrow, default)]
    pub(super) snake_stream_id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) media: Option<Media<'a>>,
    #[serde(borrow, default)]
    pub(super) start: Option<Start<'a>>,
    #[serde(borrow, default)]
    pub(super) mark: Option<Mark<'a>>,
    /// The name of a mark, where it is not inside one.
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) dtmf: Option<Dtmf<'a>>,
    /// A key, where it is not inside `dtmf`.
    #[serde(borrow, default)]
    pub(super) digit: Loose<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Media<'a> {
    #[serde(borrow, default)]
    pub(super) track: Loose<'a>,
    #[serde(default)]
    pub(super) chunk: Option<Number>,
    #[serde(default)]
    pub(super) timestamp: Option<Number>,
    #[serde(borrow)]
    pub(super) payload: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Start<'a> {
    #[serde(rename = "callSid", borrow, default)]
    pub(super) call_sid: Loose<'a>,
    #[serde(rename = "call_sid", borrow, default)]
    pub(super) snake_call_sid: Loose<'a>,
    /// Telnyx's name for a call.
    #[serde(borrow, default)]
    pub(super) call_control_id: Loose<'a>,
    /// Plivo's name for a call.
    #[serde(rename = "callId", borrow, default)]
    pub(super) call_id: Loose<'a>,
    #[serde(rename = "accountSid", borrow, default)]
    pub(super) account_sid: Loose<'a>,
    #[serde(rename = "account_sid", borrow, default)]
    pub(super) snake_account_sid: Loose<'a>,
    /// Plivo's spelling.
    #[serde(rename = "accountId", borrow, default)]
    pub(super) account_id: Loose<'a>,
    #[serde(rename = "streamSid", borrow, default)]
    pub(super) stream_sid: Loose<'a>,
    #[serde(rename = "stream_sid", borrow, default)]
    pub(super) snake_stream_sid: Loose<'a>,
    #[serde(rename = "streamId", borrow, default)]
    pub(super) stream_id: Loose<'a>,
    #[serde(rename = "stream_id", borrow, default)]
    pub(super) snake_stream_id: Loose<'a>,
    #[serde(rename = "mediaFormat", borrow, default)]
    pub(super) format: Option<Format<'a>>,
    #[serde(rename = "media_format", borrow, default)]
    pub(super) snake_format: Option<Format<'a>>,
    #[serde(rename = "customParameters", default)]
    pub(super) parameters: Parameters,
    #[serde(rename = "custom_parameters", default)]
    pub(super) snake_parameters: Parameters,
}

#[derive(Debug, Deserialize)]
pub(super) struct Format<'a> {
    #[serde(borrow, default)]
    pub(super) encoding: Loose<'a>,
    #[serde(rename = "sampleRate", default)]
    pub(super) sample_rate: Option<Number>,
    #[serde(rename = "sample_rate", default)]
    pub(super) snake_sample_rate: Option<Number>,
    #[serde(default)]
    pub(super) channels: Option<Number>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Mark<'a> {
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
}

/// A key, in an object or, with jambonz, bare.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Dtmf<'a> {
    Inside {
        #[serde(borrow, default)]
        digit: Loose<'a>,
    },
    Bare(#[serde(borrow)] Loose<'a>),
}

/// How jambonz greets: without the name of an event, and with what the `listen` verb adds beside
/// what is known about the call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listen<'a> {
    #[serde(borrow)]
    pub(super) call_sid: Text<'a>,
    #[serde(borrow, default)]
    pub(super) account_sid: Loose<'a>,
    pub(super) sample_rate: Number,
    #[serde(borrow, default)]
    pub(super) mix_type: Loose<'a>,
    #[serde(flatten)]
    pub(super) others: Parameters,
}

/// What Plivo adds to a start.
///
/// A message of its own, since Plivo repeats it in each piece of audio, where nobody reads it.
#[derive(Debug, Deserialize)]
pub(super) struct ExtraHeaders {
    #[serde(default)]
    pub(super) extra_headers: Parameters,
}

/// How Vonage greets: the headers of the NCCO stand beside the format, or in an object.
#[derive(Debug, Deserialize)]
pub(super) struct Connected<'a> {
    #[serde(rename = "content-type", borrow)]
    pub(super) content_type: Text<'a>,
    #[serde(default)]
    pub(super) headers: Parameters,
    #[serde(flatten)]
    pub(super) others: Parameters,
}
