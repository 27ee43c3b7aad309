//! SignalWire's markup language ("SWML methods", and the JSON schema that is published with it).

use serde_json::{Map, Value, json};
use voiceagent_core::{
    Result,
    audio::{AudioFormat, Encoding},
};

use super::{
    Conference, Dial, Play, Record, RejectReason, Say, Stream, Verb, dial::Callee, whole_seconds,
    wordless,
};

/// Writes the section `main`. The call is answered first, unless it is refused, handed on, or is
/// to ring until somebody else answers.
pub(super) fn write(verbs: &[Verb]) -> Result<String> {
    let mut main = Vec::new();
    match verbs.first() {
        None => main.push(json!({ "hangup": {} })),
        Some(Verb::Hangup | Verb::Redirect(_) | Verb::Reject(_)) => {}
        Some(Verb::Dial(dial)) if dial.answer_on_bridge => {}
        Some(_) => main.push(json!({ "answer": {} })),
    }
    for verb in verbs {
        push(verb, &mut main)?;
    }
    if !main.iter().all(is_plain) {
        return Err(wordless("SWML would run what stands in ${…} or %{…} as a program"));
    }
    Ok(json!({ "version": "1.0.0", "sections": { "main": main } }).to_string())
}

/// What begins an expression, in any text of a document ("SWML expressions").
const EXPRESSIONS: [&str; 2] = ["${", "%{"];

/// Whether nothing in it is an expression: a name or a text from outside would be run with what the
/// account may do.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| EXPRESSIONS.iter().all(|e| !name.contains(e)) && is_plain(value)),
        Value::String(text) => EXPRESSIONS.iter().all(|expression| !text.contains(expression)),
        Value::Bool(_) | Value::Null | Value::Number(_) => true,
    }
}

fn push(verb: &Verb, main: &mut Vec<Value>) -> Result<()> {
    let mut action = None;
    let written = match verb {
        Verb::Conference(conference) => join(conference),
        Verb::Connect(stream) => {
            action = stream.action.as_ref();
            connect(stream)?
        }
        Verb::Dial(dial) => {
            action = dial.action.as_ref();
            let call = call(dial)?;
            main.extend(recording(dial)?);
            call
        }
        Verb::Hangup => json!({ "hangup": {} }),
        // Milliseconds.
        Verb::Pause(length) => {
            let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            json!({ "sleep": { "duration": length } })
        }
        Verb::Play(play) => self::play(play)?,
        Verb::Record(record) => {
            action = record.action.as_ref();
            self::record(record)
        }
        Verb::Redirect(url) => transfer(url),
        Verb::Reject(RejectReason::Busy) => json!({ "hangup": { "reason": "busy" } }),
        Verb::Reject(RejectReason::Rejected) => json!({ "hangup": { "reason": "decline" } }),
        Verb::Say(say) => self::say(say),
        Verb::StartStream(stream) => listen(stream)?,
        Verb::StopStream(name) => json!({ "stop_stream": { "control_id": name } }),
        Verb::ConversationRelay(_) | Verb::Gather(_) => {
            return Err(wordless("SWML has no word for this that means the same"));
        }
    };
    main.push(written);
    // In place of what stands behind it.
    main.extend(action.map(|url| transfer(url)));
    Ok(())
}

/// Goes on with the document at this address.
fn transfer(url: &str) -> Value {
    json!({ "transfer": { "dest": url } })
}

fn say(say: &Say) -> Value {
    // A line is all that it takes, and brackets are not heard.
    let text = say.text.replace(['\r', '\n'], " ").replace("${", "$ ").replace("%{", "% ");
    let mut play = json!({ "url": format!("say:{text}") });
    if let Some(voice) = &say.voice {
        play["say_voice"] = voice.as_str().into();
    }
    if let Some(language) = &say.language {
        play["say_language"] = language.as_str().into();
    }
    json!({ "play": play })
}

fn play(play: &Play) -> Result<Value> {
    let times = match play.times {
        None => 1,
        Some(times @ 1..=100) => times as usize,
        Some(_) => return Err(wordless("SWML plays something once, or up to 100 times")),
    };
    Ok(match &play.keys {
        Some(keys) => json!({ "send_digits": { "digits": keys.repeat(times) } }),
        None if times == 1 => json!({ "play": { "url": play.url } }),
        None => json!({ "play": { "urls": vec![play.url.as_str(); times] } }),
    })
}

fn join(conference: &Conference) -> Value {
    let mut join = json!({
        "name": conference.room,
        "beep": "false",
        "start_on_enter": !conference.waits,
        "end_on_exit": conference.ends,
    });
    if let Some(url) = &conference.music {
        join["wait_url"] = url.as_str().into();
    }
    json!({ "join_conference": join })
}

/// A stream both ways.
fn connect(stream: &Stream) -> Result<Value> {
    if stream.status_callback.is_some() {
        return Err(wordless("SWML tells nobody how a two-way stream fares"));
    }
    let mut connect = json!({ "to": format!("stream:{}", stream.url), "realtime": true });
    if let Some(name) = &stream.name {
        connect["name"] = name.as_str().into();
    }
    describe(stream, &mut connect);
    Ok(json!({ "connect": connect }))
}

/// A stream that only listens.
fn listen(stream: &Stream) -> Result<Value> {
    if stream.action.is_some() {
        return Err(wordless("a stream that only listens has no instructions for its end"));
    }
    let mut listen = json!({ "url": stream.url, "track": "inbound_track" });
    if let Some(name) = &stream.name {
        listen["name"] = name.as_str().into();
        listen["control_id"] = name.as_str().into();
    }
    if let Some(url) = &stream.status_callback {
        listen["status_url"] = url.as_str().into();
    }
    describe(stream, &mut listen);
    Ok(json!({ "stream": listen }))
}

/// The format and the parameters of a stream.
fn describe(stream: &Stream, into: &mut Value) {
    let a_law = stream.format.is_some_and(|format| format.encoding == Encoding::Alaw);
    let codec = if a_law { Some("PCMA".to_owned()) } else { stream.signalwire_codec() };
    if let Some(codec) = codec.filter(|_| stream.format != Some(AudioFormat::MULAW_8K)) {
        into["codec"] = codec.into();
    }
    if !stream.parameters.is_empty() {
        let pairs = stream.parameters.iter();
        let parameters: Map<_, _> =
            pairs.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        into["custom_parameters"] = parameters.into();
    }
}

fn call(dial: &Dial) -> Result<Value> {
    let mut devices = Vec::new();
    for callee in &dial.callees {
        devices.push(match callee {
            Callee::Number { number, keys: None } => json!({ "to": number.as_str() }),
            Callee::Sip(uri) => json!({ "to": uri }),
            Callee::Number { keys: Some(_), .. } => {
                return Err(wordless("SWML presses no keys when somebody answers"));
            }
        });
    }
    let mut connect = match devices.as_slice() {
        [one] => one.clone(),
        _ => json!({ "parallel": devices }),
    };
    if let Some(caller) = &dial.caller {
        connect["from"] = caller.as_str().into();
    }
    if let Some(timeout) = dial.timeout {
        connect["timeout"] = whole_seconds(timeout).into();
    }
    if let Some(longest) = dial.longest {
        connect["max_duration"] = whole_seconds(longest).into();
    }
    if dial.answer_on_bridge {
        connect["answer_on_bridge"] = true.into();
    }
    Ok(json!({ "connect": connect }))
}

/// What records a call that is dialled. It goes on beside what stands behind it.
fn recording(dial: &Dial) -> Result<Option<Value>> {
    let Some(record) = dial.record else { return Ok(None) };
    if !record.has_ringing() {
        return Err(wordless("SWML records a call from the first ring, not from the answer"));
    }
    let recording = json!({ "direction": "both", "stereo": record.is_dual() });
    Ok(Some(json!({ "record_call": recording })))
}

fn record(record: &Record) -> Value {
    let (silence, longest) = record.limits();
    let mut fields = json!({
        "beep": !record.silent,
        "direction": "speak",
        "end_silence_timeout": silence,
        "initial_timeout": silence,
        "max_length": longest,
        "terminators": "1234567890*#",
    });
    if let Some(url) = &record.status_callback {
        fields["status_url"] = url.as_str().into();
    }
    json!({ "record": fields })
}
