use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::{
    tool::{FunctionTool, ToolContext},
    turn::Expected,
};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// What the digits are.
    purpose: Purpose,
    /// How many digits at most.
    #[schemars(range(min = 1, max = 15))]
    max_digits: u8,
    /// The key that ends them. Null for none.
    terminator: Option<Terminator>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Dob,
    Menu,
    MfaCode,
    Phone,
    PostalCode,
    #[serde(rename = "vin_last4")]
    VinLast4,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum Terminator {
    #[serde(rename = "#")]
    Hash,
    #[serde(rename = "*")]
    Star,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Asks for digits on the keypad; the caller's next turn has them.";
    at_desk::writes(desk, ("request_keypad_input", ABOUT), Duration::from_millis(200), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    if !desk.keypad {
        return Err(Envelope::refused(Code::DtmfUnsupported));
    }
    let expected = match arguments.purpose {
        Purpose::Phone => Some(Expected::Phone),
        Purpose::Dob => Some(Expected::Date),
        Purpose::MfaCode | Purpose::PostalCode | Purpose::VinLast4 => Some(Expected::Code),
        Purpose::Menu => None,
    };
    if let Err(error) = context.line.expect(expected) {
        tracing::debug!(%error, "the line is not told what to expect");
    }
    let end = match arguments.terminator {
        Some(Terminator::Hash) => " and end with the pound key",
        Some(Terminator::Star) => " and end with the star key",
        None => "",
    };
    let data = json!({ "collecting": true, "max_digits": arguments.max_digits });
    Ok(Envelope::done(data).say(format!("Please enter it on your keypad{end}.")))
}
