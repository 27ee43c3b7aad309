use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::tool::FunctionTool;

use crate::vin::{DecodeFault, Vin, VinFault};

use super::{Code, Desk, Envelope, at_desk};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The vehicle identification number as heard: 17 letters and digits.
    vin: String,
}

/// The service has 3 s of its own; the rest is for the memory before and after it.
const TIMEOUT: Duration = Duration::from_millis(3_500);

pub(super) fn tool(desk: &Arc<Desk>) -> FunctionTool<Arguments> {
    const ABOUT: &str = "Checks a vehicle identification number and tells year, make and \
                         model.";
    let run = |desk: Arc<Desk>, arguments: Arguments, _context| async move {
        Ok(run(&desk, &arguments.vin).await)
    };
    at_desk::reads(desk, ("decode_vin", ABOUT), TIMEOUT, run)
}

async fn run(desk: &Desk, heard: &str) -> Envelope {
    let vin = match Vin::parse(heard) {
        Ok(vin) => vin,
        Err(fault) => return misheard(fault),
    };
    match desk.decoder.decode(&vin, desk.now()).await {
        Ok((decoded, source)) => Envelope::done(json!({
            "valid": true,
            "vin": vin.as_str(),
            "year": decoded.year,
            "make": decoded.make,
            "model": decoded.model,
            "trim": decoded.trim,
            "body_class": decoded.body_class,
            "engine": decoded.engine,
            "fuel_type": decoded.fuel_type,
            "source": source,
        })),
        Err(DecodeFault::NotFound) => Envelope::refused(Code::VinNotFound)
            .say("I can't find that number. What are the year, make and model?"),
        Err(DecodeFault::Unavailable) => Envelope::refused(Code::UpstreamUnavailable)
            .say("I can't look that number up right now. What are the year, make and model?"),
    }
}

pub(super) fn misheard(fault: VinFault) -> Envelope {
    match fault {
        VinFault::Length(heard) => Envelope::refused(Code::VinLength)
            .say(format!("The number has 17 characters, and I have {heard}.")),
        VinFault::IllegalChar(illegal) => Envelope::refused(Code::VinIllegalChar).say(format!(
            "I have {illegal} in it, but the letters I, O and Q do not occur in these numbers."
        )),
        VinFault::CheckDigit => {
            Envelope::refused(Code::VinCheckDigit).say("I must have one character wrong.")
        }
    }
}
