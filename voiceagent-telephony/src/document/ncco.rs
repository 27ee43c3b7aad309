//! Vonage's call control objects ("NCCO reference").

use serde_json::{Map, Value, json};
use voiceagent_core::{Error, ErrorKind, Result, audio::AudioFormat};

use super::{Conference, Dial, Stream, Verb, dial::Callee};
use crate::phone_number::bare;

/// Writes actions up to the first that ends the call: Vonage hangs up behind the last one.
pub(super) fn write(verbs: &[Verb]) -> Result<String> {
    let ends = |verb: &&Verb| matches!(verb, Verb::Hangup | Verb::Reject(_));
    let actions: Vec<_> =
        verbs.iter().take_while(|verb| !ends(verb)).map(action).collect::<Result<_>>()?;
    Ok(Value::from(actions).to_string())
}

fn action(verb: &Verb) -> Result<Value> {
    let unsupported = || {
        let message = "NCCO has no word for this";
        Err(Error::new(ErrorKind::Unsupported, "write a document", message))
    };
    Ok(match verb {
        Verb::Conference(conference) => join(conference),
        Verb::Connect(stream) => connect(stream),
        Verb::Dial(dial) => return call(dial).map_or_else(unsupported, Ok),
        Verb::Pause(length) => {
            let text = format!("<speak><break time=\"{}ms\"/></speak>", length.as_millis());
            json!({ "action": "talk", "text": text })
        }
        Verb::Play(play) if play.keys.is_none() => {
            let times = play.times.unwrap_or(1);
            json!({ "action": "stream", "streamUrl": [play.url], "loop": times })
        }
        Verb::Say(say) => {
            let mut talk = Map::new();
            talk.insert("action".to_owned(), "talk".into());
            talk.insert("text".to_owned(), say.text.as_str().into());
            if let Some(language) = &say.language {
                talk.insert("language".to_owned(), language.as_str().into());
            }
            talk.into()
        }
        Verb::ConversationRelay(_)
        | Verb::Gather(_)
        | Verb::Hangup
        | Verb::Play(_)
        | Verb::Record(_)
        | Verb::Redirect(_)
        | Verb::Reject(_)
        | Verb::StartStream(_)
        | Verb::StopStream(_) => return unsupported(),
    })
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

fn connect(stream: &Stream) -> Value {
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
    connect
}

/// Vonage connects one callee at a time; `None` for several.
fn call(dial: &Dial) -> Option<Value> {
    let endpoint = match dial.callees.as_slice() {
        [Callee::Number { number, keys: None }] => {
            json!({ "type": "phone", "number": bare(number.as_str()) })
        }
        [Callee::Number { number, keys: Some(keys) }] => {
            json!({ "type": "phone", "number": bare(number.as_str()), "dtmfAnswer": keys })
        }
        [Callee::Sip(uri)] => json!({ "type": "sip", "uri": uri }),
        _ => return None,
    };
    let mut connect = json!({ "action": "connect", "endpoint": [endpoint] });
    if let Some(caller) = &dial.caller {
        connect["from"] = bare(caller.as_str()).into();
    }
    if let Some(timeout) = dial.timeout {
        connect["timeout"] = timeout.as_secs().into();
    }
    if let Some(longest) = dial.longest {
        connect["limit"] = longest.as_secs().into();
    }
    Some(connect)
}
