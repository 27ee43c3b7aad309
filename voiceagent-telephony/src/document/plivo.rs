//! Plivo's XML ("Plivo XML: elements").

use voiceagent_core::{Error, ErrorKind, Result, audio::Encoding};

use super::{Dial, RejectReason, Stream, Verb, dial::Callee, element::Element};
use crate::PhoneNumber;

/// What the extra headers of a stream may have together, in bytes.
const HEADERS: usize = 512;

pub(super) fn element(verb: &Verb) -> Result<Element> {
    Ok(match verb {
        Verb::Conference(conference) => Element::new("Conference")
            .text(&conference.room)
            .optional("endConferenceOnExit", conference.ends.then_some("true"))
            .optional("startConferenceOnEnter", conference.waits.then_some("false"))
            .optional("waitSound", conference.music.as_ref()),
        Verb::Connect(stream) => connect(stream),
        Verb::Dial(dial) => call(dial),
        Verb::Hangup => Element::new("Hangup"),
        Verb::Pause(length) => Element::new("Wait").seconds("length", Some(*length)),
        Verb::Play(play) => match &play.keys {
            Some(keys) => Element::new("DTMF").text(keys),
            None => Element::new("Play").text(&play.url).optional("loop", play.times),
        },
        Verb::Redirect(url) => Element::new("Redirect").attribute("method", "POST").text(url),
        Verb::Reject(reason) => Element::new("Hangup").attribute(
            "reason",
            match reason {
                RejectReason::Busy => "busy",
                RejectReason::Rejected => "rejected",
            },
        ),
        Verb::Say(say) => Element::new("Speak")
            .text(&say.text)
            .optional("language", say.language.as_ref())
            .optional("voice", say.voice.as_ref()),
        Verb::ConversationRelay(_)
        | Verb::Gather(_)
        | Verb::Record(_)
        | Verb::StartStream(_)
        | Verb::StopStream(_) => {
            let message = "Plivo XML has another word for this; write it yourself";
            return Err(Error::new(ErrorKind::Unsupported, "write a document", message));
        }
    })
}

fn connect(stream: &Stream) -> Element {
    let content_type = stream.format.map_or_else(
        || "audio/x-mulaw;rate=8000".to_owned(),
        |format| {
            let encoding = if format.encoding == Encoding::PcmS16Le { "l16" } else { "mulaw" };
            format!("audio/x-{encoding};rate={}", format.sample_rate)
        },
    );
    let headers = headers(&stream.parameters);
    Element::new("Stream")
        .attribute("audioTrack", "inbound")
        .attribute("bidirectional", "true")
        .attribute("contentType", content_type)
        .optional("extraHeaders", Some(headers).filter(|headers| !headers.is_empty()))
        // Without it, the call goes on below the stream, and may end.
        .attribute("keepCallAlive", "true")
        .optional("statusCallbackUrl", stream.status_callback.as_ref())
        .text(&stream.url)
}

/// The parameters that may travel: letters and digits, and not too many of them. The token of a
/// stream is among the first.
fn headers(parameters: &[(String, String)]) -> String {
    let mut headers = String::new();
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    for (name, value) in parameters.iter().filter(|(name, value)| plain(name) && plain(value)) {
        if headers.len() + name.len() + value.len() + 2 <= HEADERS {
            let comma = if headers.is_empty() { "" } else { "," };
            headers.extend([comma, name, "=", value]);
        }
    }
    headers
}

fn call(dial: &Dial) -> Element {
    let mut element = Element::new("Dial")
        .optional("action", dial.action.as_ref())
        .optional("callerId", dial.caller.as_ref().map(PhoneNumber::as_str))
        .seconds("timeLimit", dial.longest)
        .seconds("timeout", dial.timeout);
    for callee in &dial.callees {
        element.push(match callee {
            Callee::Number { number, keys } => {
                Element::new("Number").text(number.as_str()).optional("sendDigits", keys.as_ref())
            }
            Callee::Sip(uri) => Element::new("User").text(uri),
        });
    }
    element
}
