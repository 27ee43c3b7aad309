use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{CompatibleApi, CompatibleRest};
use crate::{
    control::Callee,
    rest::{Answer, Ask, Body},
    verify::{CodeChannel, CodeVerdict, Verification, Verifier},
};

const SEND: &str = "send a code";
const CHECK: &str = "check a code";

impl CompatibleRest {
    /// The service of Twilio, or the profile of Telnyx, that makes codes.
    fn service(&self) -> Result<&str> {
        let service = self.verify_service.as_deref();
        service.ok_or_else(|| Error::config("verify_service: it must be set"))
    }
}

#[async_trait]
impl Verifier for CompatibleRest {
    async fn send_code(&self, to: &Callee, by: CodeChannel) -> Result<Verification> {
        let to = self.directory.addressee(to)?;
        let (to, word) = match by {
            CodeChannel::Call => (to.as_str(), "call"),
            CodeChannel::Sms => (to.as_str(), "sms"),
        };
        let (path, body) = match self.flavor.api {
            CompatibleApi::SignalWire => {
                let from = self.directory.sender()?.as_str();
                let body = Body::Json(json!({ "to": to, "from": from }));
                (format!("/api/relay/rest/mfa/{word}"), body)
            }
            CompatibleApi::Telnyx => {
                let body = json!({ "phone_number": to, "verify_profile_id": self.service()? });
                (format!("/v2/verifications/{word}"), Body::Json(body))
            }
            CompatibleApi::Twilio => {
                let fields = vec![("To", to.to_owned()), ("Channel", word.to_owned())];
                let path = format!("/v2/Services/{}/Verifications", self.service()?);
                (path, Body::Form(fields))
            }
        };
        let answer = self.verify.ask(&Ask::once(SEND, Method::POST, path).with(body)).await?;
        answer.name(&["/sid", "/id", "/data/id"]).map(Verification::new)
    }

    async fn check_code(&self, verification: &Verification, code: &Secret) -> Result<CodeVerdict> {
        let name = self.rest.segment(CHECK, verification.as_str())?;
        let code = code.expose();
        let (path, body) = match self.flavor.api {
            CompatibleApi::SignalWire => {
                (format!("/api/relay/rest/mfa/{name}/verify"), Body::Json(json!({ "token": code })))
            }
            CompatibleApi::Telnyx => {
                let path = format!("/v2/verifications/{name}/actions/verify");
                (path, Body::Json(json!({ "code": code })))
            }
            CompatibleApi::Twilio => {
                let fields = vec![("VerificationSid", name), ("Code", code.to_owned())];
                let path = format!("/v2/Services/{}/VerificationCheck", self.service()?);
                (path, Body::Form(fields))
            }
        };
        match self.verify.ask(&Ask::once(CHECK, Method::POST, path).with(body)).await {
            Ok(answer) => Ok(read(&answer)),
            // What has expired, was approved, or has no attempts left, is not found any more.
            Err(error) if error.kind() == ErrorKind::Closed => Ok(CodeVerdict::Over),
            Err(error) => Err(error),
        }
    }
}

/// Twilio tells a status, SignalWire a success, Telnyx a response code.
fn read(answer: &Answer) -> CodeVerdict {
    let success = answer.flag("/success");
    match answer.text(&["/status", "/data/response_code"]) {
        Some("approved" | "accepted") => CodeVerdict::Right,
        Some("canceled" | "deleted" | "expired" | "failed" | "max_attempts_reached") => {
            CodeVerdict::Over
        }
        None if success == Some(true) => CodeVerdict::Right,
        Some(_) | None => CodeVerdict::Wrong,
    }
}
