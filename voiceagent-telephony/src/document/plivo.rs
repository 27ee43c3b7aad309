//! Plivo's XML ("Plivo XML: elements").

use voiceagent_core::{Result, audio::Encoding};

use super::{
    Dial, Gather, Record, RejectReason, Stream, Verb, dial::Callee, element::Element,
    whole_seconds, wordless,
};
use crate::PhoneNumber;

/// What the extra headers of a stream may have together, in bytes.
const HEADERS: usize = 512;

/// How long Plivo lets a call last that is dialled, if nothing else is said, in seconds.
const LONGEST_CALL: u64 = 14_400;

/// Writes a verb into a document.
pub(super) fn write(verb: &Verb, response: &mut Element) -> Result<()> {
    if let Verb::Dial(dial) = verb
        && let Some(recording) = recording(dial)
    {
        response.push(recording);
    }
    response.push(element(verb)?);
    Ok(())
}

fn element(verb: &Verb) -> Result<Element> {
    Ok(match verb {
        Verb::Conference(conference) => Element::new("Conference")
            .text(&conference.room)
            .optional("endConferenceOnExit", conference.ends.then_some("true"))
            .optional("startConferenceOnEnter", conference.waits.then_some("false"))
            .optional("waitSound", conference.music.as_ref()),
        Verb::Connect(stream) => connect(stream)?,
        Verb::Dial(dial) => call(dial)?,
        Verb::Gather(gather) => input(gather)?,
        Verb::Hangup => Element::new("Hangup"),
        Verb::Pause(length) => Element::new("Wait").seconds("length", Some(*length)),
        Verb::Play(play) => match &play.keys {
            Some(keys) => Element::new("DTMF").text(keys),
            None => Element::new("Play").text(&play.url).optional("loop", play.times),
        },
        Verb::Record(record) => self::record(record),
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
        Verb::ConversationRelay(_) | Verb::StartStream(_) | Verb::StopStream(_) => {
            return Err(wordless("Plivo XML has no word for this that means the same"));
        }
    })
}

/// Collects what the caller presses or says.
fn input(gather: &Gather) -> Result<Element> {
    let timeout = gather.timeout.map(whole_seconds);
    if timeout.is_some_and(|timeout| !(5..=60).contains(&timeout)) {
        return Err(wordless("Plivo's GetInput waits for 5 to 60 s"));
    }
    let mut input = Element::new("GetInput")
        .optional("action", gather.action.as_ref())
        .optional("executionTimeout", timeout)
        .optional("finishOnKey", gather.finish.as_ref())
        .optional("hints", gather.hints.as_ref())
        .attribute("inputType", if gather.speech { "dtmf speech" } else { "dtmf" })
        .optional("language", gather.language.as_ref())
        .attribute("method", "POST")
        .optional("numDigits", gather.digits);
    for prompt in &gather.prompts {
        if matches!(prompt, Verb::Play(play) if play.keys.is_some()) {
            return Err(wordless("Plivo's GetInput plays no keys"));
        }
        input.push(element(prompt)?);
    }
    Ok(input)
}

fn record(record: &Record) -> Element {
    let (silence, longest) = record.limits();
    Element::new("Record")
        .optional("action", record.action.as_ref())
        .optional("callbackUrl", record.status_callback.as_ref())
        .attribute("maxLength", longest)
        .attribute("method", "POST")
        .optional("playBeep", record.silent.then_some("false"))
        // Else Plivo takes what the address answers for instructions, also where there is none.
        .attribute("redirect", record.action.is_some())
        .attribute("timeout", silence)
}

/// What records a call that is dialled: a recording of the whole session, or one that begins when
/// somebody answers. It goes on beside what stands behind it.
fn recording(dial: &Dial) -> Option<Element> {
    let record = dial.record?;
    let begins = if record.has_ringing() { "recordSession" } else { "startOnDialAnswer" };
    let longest = dial.longest.map_or(LONGEST_CALL, whole_seconds);
    let recording = Element::new("Record")
        .attribute(begins, "true")
        // Its default is a minute.
        .attribute("maxLength", longest)
        .attribute("redirect", "false");
    Some(recording.optional("recordChannelType", record.is_dual().then_some("stereo")))
}

fn connect(stream: &Stream) -> Result<Element> {
    if stream.name.is_some() || stream.action.is_some() {
        return Err(wordless("Plivo has neither a name for a stream nor an address for its end"));
    }
    let content_type = stream.format.map_or_else(
        || "audio/x-mulaw;rate=8000".to_owned(),
        |format| {
            let encoding = if format.encoding == Encoding::PcmS16Le { "l16" } else { "mulaw" };
            format!("audio/x-{encoding};rate={}", format.sample_rate)
        },
    );
    let headers = headers(&stream.parameters);
    let element = Element::new("Stream")
        .attribute("audioTrack", "inbound")
        .attribute("bidirectional", "true")
        .attribute("contentType", content_type)
        .optional("extraHeaders", Some(headers).filter(|headers| !headers.is_empty()))
        // Without it, the call goes on below the stream, and may end.
        .attribute("keepCallAlive", "true")
        .optional("statusCallbackUrl", stream.status_callback.as_ref())
        .text(&stream.url);
    Ok(element)
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

fn call(dial: &Dial) -> Result<Element> {
    if dial.answer_on_bridge {
        return Err(wordless("Plivo answers a call before it dials another"));
    }
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
    Ok(element)
}
