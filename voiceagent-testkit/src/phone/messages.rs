use std::{borrow::Cow, collections::BTreeMap};

use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::json;

/// A message from the server.
#[derive(Debug, Deserialize)]
pub(super) struct FromServer<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(rename = "streamSid", default, borrow)]
    pub(super) stream: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) media: Option<Media<'a>>,
    #[serde(default)]
    pub(super) mark: Option<Mark>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Media<'a> {
    #[serde(borrow)]
    pub(super) payload: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Mark {
    pub(super) name: String,
}

/// Writes the carrier's messages, and numbers them.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) call: String,
    pub(super) stream: String,
    pub(super) account: String,
    sequence: u64,
    chunk: u64,
}

impl Writer {
    pub(super) fn new(call: String, stream: String) -> Self {
        let account = "AC00000000000000000000000000000001".to_owned();
        Self { call, stream, account, sequence: 0, chunk: 0 }
    }

    fn next(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }

    pub(super) fn connected() -> String {
        json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }).to_string()
    }

    pub(super) fn start(&mut self, parameters: &BTreeMap<String, String>) -> String {
        json!({
            "event": "start",
            "sequenceNumber": self.next(),
            "start": {
                "accountSid": self.account,
                "streamSid": self.stream,
                "callSid": self.call,
                "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": parameters,
            },
            "streamSid": self.stream,
        })
        .to_string()
    }

    /// One frame. Each is 20 ms after the one before on the carrier's clock, whatever the network
    /// did to it.
    pub(super) fn media(&mut self, audio: &[u8]) -> String {
        let sequence = self.next();
        let timestamp = self.chunk * 20;
        self.chunk += 1;
        format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{}","timestamp":"{timestamp}","payload":"{}"}},"streamSid":"{}"}}"#,
            self.chunk,
            STANDARD.encode_to_string(audio),
            self.stream,
        )
    }

    pub(super) fn dtmf(&mut self, key: char) -> String {
        json!({
            "event": "dtmf",
            "streamSid": self.stream,
            "sequenceNumber": self.next(),
            "dtmf": { "track": "inbound_track", "digit": key.to_string() },
        })
        .to_string()
    }

    pub(super) fn mark(&mut self, name: &str) -> String {
        json!({
            "event": "mark",
            "sequenceNumber": self.next(),
            "streamSid": self.stream,
            "mark": { "name": name },
        })
        .to_string()
    }

    pub(super) fn stop(&mut self) -> String {
        json!({
            "event": "stop",
            "sequenceNumber": self.next(),
            "stop": { "accountSid": self.account, "callSid": self.call },
            "streamSid": self.stream,
        })
        .to_string()
    }
}
