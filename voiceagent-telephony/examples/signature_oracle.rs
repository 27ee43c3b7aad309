//! Says of each request on standard input, a JSON object in a line, whether its signature holds:
//! `1` or `0`. With the argument `twiml`, prints a document.
//!
//! `.ci/oracles` compares both with what the carriers' own libraries say.

use std::io::{self, BufRead, Write};

use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};
use voiceagent_telephony::{
    document::{Dial, Response, Say, Stream, Verb},
    signature::{
        PlivoSignature, SignalWireSignature, TelnyxSignature, TwilioSignature, VonageSignature,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    carrier: String,
    key: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    fields: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// Plivo's nonce, or Telnyx's timestamp.
    #[serde(default)]
    stamp: String,
    signature: String,
    #[serde(default)]
    now: u64,
}

impl Request {
    fn holds(&self) -> Result<bool> {
        let key = [Secret::new(self.key.as_str())];
        let (url, fields, body) = (&*self.url, &*self.fields, self.body.as_bytes());
        Ok(match &*self.carrier {
            "plivo" => {
                PlivoSignature::new(key)?.form(url, fields, &self.stamp, &self.signature).is_ok()
            }
            "signalwire" => {
                SignalWireSignature::new(key)?.form(url, fields, &self.signature).is_ok()
            }
            "signalwire json" => {
                SignalWireSignature::new(key)?.body(url, body, &self.signature).is_ok()
            }
            "telnyx" => {
                let check = TelnyxSignature::new(key)?;
                check.body(&self.stamp, body, &self.signature, self.now).is_ok()
            }
            "twilio" => TwilioSignature::new(key)?.form(url, fields, &self.signature).is_ok(),
            "twilio json" => TwilioSignature::new(key)?.body(url, body, &self.signature).is_ok(),
            "vonage" => VonageSignature::new(key)?.body(body, &self.signature, self.now).is_ok(),
            _ => return Err(Error::config("carrier: one that the oracle knows")),
        })
    }
}

fn twiml() -> Result<Response> {
    Ok(Response::new()
        .with(Say::new("Hi & <welcome> \"Zoë\"").with_voice("Polly.Joanna-Neural"))
        .with(Dial::number("+14155550100".parse()?).with_action("https://x.example/?a=1&b=2"))
        .with(Stream::new("wss://x.example/s").with_parameter("lead_id", "42 & \"q\" é"))
        .with(Verb::Redirect("https://x.example/next".to_owned()))
        .with(Verb::Hangup))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    if std::env::args().nth(1).as_deref() == Some("twiml") {
        writeln!(out, "{}", twiml()?)?;
        return Ok(());
    }
    for line in io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        writeln!(out, "{}", u8::from(request.holds()?))?;
    }
    Ok(())
}
