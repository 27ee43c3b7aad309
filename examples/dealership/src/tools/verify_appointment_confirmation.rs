use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::{FunctionTool, ToolContext};

use crate::{
    spoken,
    store::{CodeId, CodeVerdict, Fault, Refusal},
};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The id that send_appointment_confirmation returned.
    mfa_session_id: String,
    /// The six digits that the caller read out.
    code: String,
}

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Checks the code that was texted. Only a result with ok=true means that the \
                         appointment is confirmed.";
    at_desk::writes(desk, ("verify_appointment_confirmation", ABOUT), Duration::from_secs(1), run)
}

async fn run(
    desk: Arc<Desk>,
    arguments: Arguments,
    _context: ToolContext,
) -> Result<Envelope, Envelope> {
    let unknown = || Envelope::refused(Code::UnknownSession);
    let id = CodeId::parse(&arguments.mfa_session_id).ok_or_else(unknown)?;
    let digits: String = arguments.code.chars().filter(char::is_ascii_digit).collect();
    match desk.store.try_code(id, &desk.code_hash(id, &digits), desk.now()).await {
        Ok(CodeVerdict::Verified(confirmed)) => {
            let say = format!("Thank you, {} is confirmed.", spoken::moment(&confirmed.start));
            let data = json!({ "verified": true, "appointment_status": confirmed.status });
            Ok(Envelope::done(data).say(say))
        }
        Ok(CodeVerdict::Mismatch { left }) => {
            let data = json!({ "verified": false, "attempts_left": left });
            Err(Envelope::refused(Code::CodeMismatch)
                .with_data(data)
                .say("That is not the code that I sent. Could you read it to me once more?"))
        }
        Ok(CodeVerdict::Expired) => Err(Envelope::refused(Code::CodeExpired)
            .say("That code is too old. Shall I send you a new one?")),
        Ok(CodeVerdict::Locked) => Err(Envelope::refused(Code::MfaLocked)
            .say("Your time is still reserved. A person will follow up with you.")),
        Err(Fault::Refused(Refusal::NotFound)) => Err(unknown()),
        Err(fault) => Err(fault.into()),
    }
}
