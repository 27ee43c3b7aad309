use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The language to go on in.
    locale: Locale,
}

#[derive(Clone, Copy, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
enum Locale {
    #[serde(rename = "en-US")]
    English,
    #[serde(rename = "es-US")]
    Spanish,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Goes on in another language.";
    at_desk::writes(desk, ("set_language", ABOUT), Duration::from_millis(300), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    context: ToolContext,
) -> Result<Envelope, Envelope> {
    // Recognizer and voice are set up for English.
    if arguments.locale == Locale::Spanish {
        return Err(Envelope::refused(Code::UnsupportedLanguage)
            .say("I'm sorry, I speak only English. Lo siento, solo hablo inglés."));
    }
    desk.store.note_locale(context.call.as_str(), "en-US", desk.now()).await?;
    desk.remember(&context, &json!({ "preferences": { "language": "en-US" } })).await;
    Ok(Envelope::done(json!({ "locale": arguments.locale })))
}
