//! The messages between the page and the leg, as JSON text.

use serde::{Deserialize, Serialize};
use voiceagent_core::{
    CallTime, Event, GenerationId, MarkId,
    stt::Transcript,
    transport::{Inbound, Outbound},
};

/// To the page.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
enum ToPage<'a> {
    Clear,
    Event { at_ms: u64, event: &'a Event },
    HangUp,
    Mark { mark: MarkId },
    Text { generation: GenerationId, text: &'a str },
    TextEnd { generation: GenerationId },
    Transfer { to: &'a str },
}

/// From the page.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
enum FromPage {
    Final { text: String },
    HangUp,
    Interim { text: String },
    Mark { mark: MarkId },
    SpeechStarted,
}

/// What the page is told; `None` for what a text leg has no use for.
pub(super) fn outbound(outbound: &Outbound) -> Option<String> {
    let message = match outbound {
        Outbound::Clear => ToPage::Clear,
        Outbound::HangUp => ToPage::HangUp,
        Outbound::Mark(mark) => ToPage::Mark { mark: *mark },
        Outbound::Text { generation, text } => ToPage::Text { generation: *generation, text },
        Outbound::TextEnd { generation } => ToPage::TextEnd { generation: *generation },
        Outbound::Transfer(to) => ToPage::Transfer { to },
        Outbound::Audio(_) | _ => return None,
    };
    serde_json::to_string(&message).ok()
}

/// A note about the call.
pub(super) fn event(at: CallTime, event: &Event) -> serde_json::Result<String> {
    serde_json::to_string(&ToPage::Event { at_ms: at.as_millis(), event })
}

/// What the page says; `None` for what cannot be read.
pub(super) fn inbound(text: &str) -> Option<Inbound> {
    Some(match serde_json::from_str(text).ok()? {
        FromPage::Final { text } => Inbound::Transcript(Transcript::final_(text.trim())),
        FromPage::HangUp => Inbound::HungUp,
        FromPage::Interim { text } => Inbound::Transcript(Transcript::interim(text.trim())),
        FromPage::Mark { mark } => Inbound::MarkPlayed(mark),
        FromPage::SpeechStarted => Inbound::SpeechStarted,
    })
}
