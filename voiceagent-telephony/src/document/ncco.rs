//! Vonage's call control objects ("NCCO reference").

use serde_json::{Map, Value, json};
use voiceagent_core::{Result, audio::AudioFormat};

use super::{
    Conference, Dial, Gather, Record, Say, Stream, Verb, dial::Callee, whole_seconds, wordless,
};
use crate::phone_number::bare;

/// How long Vonage records at most, in seconds. A recording without a limit ends at once.
const LONGEST: u64 = 7_200;

/// Writes actions up to the first that ends the call: Vonage hangs up behind the last one.
pub(super) fn write(verbs: &[Verb]) -> Result<String> {
    let ends = |verb: &&Verb| matches!(verb, Verb::Hangup);
    let mut actions = Vec::new();
    for verb in verbs.iter().take_while(|verb| !ends(verb)) {
        push(verb, &mut actions)?;
    }
    Ok(Value::from(actions).to_string())
}

fn push(verb: &Verb, actions: &mut Vec<Value>) -> Result<()> {
    let written = match verb {
        Verb::Conference(conference) => join(conference),
        Verb::Connect(stream) => connect(stream)?,
        Verb::Dial(dial) => {
            let call = call(dial)?;
            actions.extend(recording(dial)?);
            call
        }
        Verb::Gather(gather) => {
            for prompt in &gather.prompts {
                push(prompt, actions)?;
                // So that who knows what to press need not hear it out.
                if let Some(prompt) = actions.last_mut() {
                    prompt["bargeIn"] = true.into();
                }
            }
            input(gather)?
        }
        Verb::Pause(length) => {
            let text = format!("<speak><break time=\"{}ms\"/></speak>", length.as_millis());
            json!({ "action": "talk", "text": text })
        }
        Verb::Play(play) if play.keys.is_none() => {
            let times = play.times.unwrap_or(1);
            json!({ "action": "stream", "streamUrl": [play.url], "loop": times })
        }
        Verb::Record(record) => self::record(record)?,
        Verb::Say(say) => talk(say)?,
        Verb::ConversationRelay(_)
        | Verb::Hangup
        | Verb::Play(_)
        | Verb::Redirect(_)
        | Verb::Reject(_)
        | Verb::StartStream(_)
        | Verb::StopStream(_) => return Err(wordless("NCCO has no word for this")),
    };
    actions.push(written);
    Ok(())
}

fn talk(say: &Say) -> Result<Value> {
    let mut talk = json!({ "action": "talk", "text": say.text });
    if let Some(language) = &say.language {
        talk["language"] = language.as_str().into();
    }
    if let Some(voice) = &say.voice {
        let Ok(style) = voice.parse::<u32>() else {
            return Err(wordless("NCCO has no names for voices: they are numbers of a language"));
        };
        talk["style"] = style.into();
    }
    Ok(talk)
}

/// Collects what the caller presses or says.
fn input(gather: &Gather) -> Result<Value> {
    let submits = match gather.finish.as_deref() {
        None | Some("#") => true,
        Some("") => false,
        Some(_) => return Err(wordless("NCCO's input ends with no other key than #")),
    };
    if gather.digits.is_some_and(|digits| digits > 20) {
        return Err(wordless("NCCO's input takes at most 20 keys"));
    }
    let mut dtmf = json!({ "submitOnHash": submits });
    if let Some(digits) = gather.digits {
        dtmf["maxDigits"] = digits.into();
    }
    let timeout = gather.timeout.map(whole_seconds);
    if timeout.is_some_and(|timeout| timeout > 10) {
        return Err(wordless("NCCO's input waits for at most 10 s"));
    }
    if let Some(timeout) = timeout {
        dtmf["timeOut"] = timeout.into();
    }
    let mut input = json!({ "action": "input", "type": ["dtmf"], "dtmf": dtmf });
    if gather.speech {
        let mut speech = Map::new();
        if let Some(language) = &gather.language {
            speech.insert("language".to_owned(), language.as_str().into());
        }
        if let Some(hints) = &gather.hints {
            let hints: Vec<_> = hints.split(',').map(str::trim).collect();
            speech.insert("context".to_owned(), hints.into());
        }
        if let Some(timeout) = timeout {
            speech.insert("startTimeout".to_owned(), timeout.max(1).into());
        }
        input["type"] = json!(["dtmf", "speech"]);
        input["speech"] = speech.into();
    }
    if let Some(action) = &gather.action {
        input["eventUrl"] = json!([action]);
        input["eventMethod"] = "POST".into();
    }
    Ok(input)
}

fn record(record: &Record) -> Result<Value> {
    if record.action.is_some() {
        return Err(wordless("NCCO asks for no instructions after a recording"));
    }
    let (silence, longest) = record.limits();
    if !(3..=10).contains(&silence) || !(3..=LONGEST).contains(&longest) {
        return Err(wordless("NCCO's record ends after 3 to 10 s of silence, and 3 to 7200 s"));
    }
    let mut action = json!({
        "action": "record",
        "beepStart": !record.silent,
        "endOnKey": "#",
        "endOnSilence": silence,
        "timeOut": longest,
    });
    if let Some(url) = &record.status_callback {
        action["eventUrl"] = json!([url]);
    }
    Ok(action)
}

/// What records a call that is dialled. It goes on beside what stands behind it.
fn recording(dial: &Dial) -> Result<Option<Value>> {
    let Some(record) = dial.record else { return Ok(None) };
    if !record.has_ringing() {
        return Err(wordless("NCCO records a call from the first ring, not from the answer"));
    }
    let mut action = json!({ "action": "record", "timeOut": LONGEST });
    if record.is_dual() {
        action["split"] = "conversation".into();
        action["channels"] = 2.into();
    }
    Ok(Some(action))
}

fn join(conference: &Conference) -> Value {
    let mut join = json!({
        "action": "conversation",
        "name": conference.room,
        "startOnEnter": !conference.waits,
        "endOnExit": conference.ends,
    });
    if let Some(url) = &conference.music {
        join["musicOnHoldUrl"] = json!([url]);
    }
    join
}

fn connect(stream: &Stream) -> Result<Value> {
    if stream.name.is_some() || stream.action.is_some() {
        return Err(wordless("NCCO has neither a name for a stream nor an address for its end"));
    }
    let rate = stream.format.unwrap_or(AudioFormat::PCM_16K).sample_rate;
    let headers: Map<_, _> = stream
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let mut connect = json!({
        "action": "connect",
        "endpoint": [{
            "type": "websocket",
            "uri": stream.url,
            "content-type": format!("audio/l16;rate={rate}"),
            "headers": headers,
        }],
    });
    if let Some(url) = &stream.status_callback {
        connect["eventUrl"] = json!([url]);
    }
    Ok(connect)
}

/// Vonage connects one callee at a time.
fn call(dial: &Dial) -> Result<Value> {
    if dial.action.is_some() || dial.answer_on_bridge {
        let what = "NCCO's connect neither asks for instructions afterwards nor lets it ring";
        return Err(wordless(what));
    }
    let endpoint = match dial.callees.as_slice() {
        [Callee::Number { number, keys: None }] => {
            json!({ "type": "phone", "number": bare(number.as_str()) })
        }
        [Callee::Number { number, keys: Some(keys) }] => json!({
            "type": "phone",
            "number": bare(number.as_str()),
            // Its half second.
            "dtmfAnswer": keys.replace('w', "p"),
        }),
        [Callee::Sip(uri)] => json!({ "type": "sip", "uri": uri }),
        _ => return Err(wordless("NCCO connects one callee at a time")),
    };
    let mut connect = json!({ "action": "connect", "endpoint": [endpoint] });
    if let Some(caller) = &dial.caller {
        connect["from"] = bare(caller.as_str()).into();
    }
    if let Some(timeout) = dial.timeout {
        connect["timeout"] = whole_seconds(timeout).into();
    }
    if let Some(longest) = dial.longest {
        connect["limit"] = whole_seconds(longest).into();
    }
    Ok(connect)
}
