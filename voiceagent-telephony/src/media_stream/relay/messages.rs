use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Deserializer};
use serde_json::json;
use voiceagent_core::{
    stt::Transcript,
    transport::{Inbound, Outbound},
};

use crate::{
    DtmfKey,
    media_stream::messages::{Loose, Parameters},
};

/// What Twilio says ("ConversationRelay: WebSocket messages").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub(super) enum Said {
    Setup(Box<Setup>),
    #[serde(rename_all = "camelCase")]
    Prompt {
        voice_prompt: String,
        last: Option<bool>,
    },
    Dtmf {
        digit: String,
    },
    #[serde(rename_all = "camelCase")]
    Interrupt {
        utterance_until_interrupt: Option<String>,
    },
    /// One of our messages was refused.
    Error,
    /// What `events` in the document asked for: with `agentSpeaking`, whether it speaks.
    Info {
        name: String,
        value: Option<String>,
    },
    #[serde(other)]
    Other,
}

/// How a conversation begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setup {
    #[serde(default, deserialize_with = "loose")]
    pub(super) account_sid: Option<String>,
    pub(super) call_sid: String,
    #[serde(default, deserialize_with = "loose")]
    pub(super) session_id: Option<String>,
    #[serde(default)]
    pub(super) custom_parameters: Parameters,
}

/// A text that may be missing, or anything else: one odd field loses no call.
fn loose<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Loose::deserialize(deserializer).map(|Loose(text)| text.map(Cow::into_owned))
}

impl Said {
    /// Reads a message; later inventions and nonsense are passed over.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Other)
    }

    /// Whether the far end has begun to speak, or has finished, if it says so.
    pub(super) fn speaks(&self) -> Option<bool> {
        match self {
            Self::Info { name, value: Some(value) } if name == "agentSpeaking" => {
                Some(value == "on")
            }
            _ => None,
        }
    }

    /// What it means for the session.
    pub(super) fn inbound(self) -> Option<Inbound> {
        match self {
            Self::Prompt { voice_prompt, last } => {
                let is_final = last.unwrap_or(true);
                let say = if is_final { Transcript::final_ } else { Transcript::interim };
                Some(Inbound::Transcript(say(voice_prompt)))
            }
            Self::Dtmf { digit } => DtmfKey::parse(&digit).map(|key| Inbound::Dtmf(key.as_char())),
            Self::Interrupt { utterance_until_interrupt } => {
                let heard = utterance_until_interrupt.map(Arc::from);
                Some(Inbound::Interrupted { heard })
            }
            Self::Setup(_) | Self::Error | Self::Info { .. } | Self::Other => None,
        }
    }
}

/// What Twilio is told; `None` for what it has no word for.
pub(super) fn write(outbound: &Outbound) -> Option<String> {
    let message = match outbound {
        Outbound::Text { text, .. } => json!({ "type": "text", "token": text, "last": false }),
        // Without it, what came before may never be said.
        Outbound::TextEnd { .. } => json!({ "type": "text", "token": "", "last": true }),
        _ => return None,
    };
    Some(message.to_string())
}

/// Ends the conversation; what stands behind it in the document follows.
pub(super) fn end() -> String {
    json!({ "type": "end" }).to_string()
}
