//! The calls of the carrier's account, for whoever watches over them.

use jiff::Timestamp;
use voiceagent_core::{CallId, Error, Result, transport::Direction};
use voiceagent_telephony::control::LiveCall;

use crate::{config::Config, server, table};

/// What is done with the calls that go on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallsRequest {
    /// One of them ends.
    HangUp(CallId),
    /// They are shown.
    Show,
    /// One of them is handed on.
    Transfer {
        /// Which one.
        call: CallId,
        /// The name of a department that the configuration has a number for.
        department: String,
    },
}

/// Does it, and says in lines for a terminal what came of it.
///
/// # Errors
///
/// `Config` when the carrier's account is not configured, `Rejected` for a department that is not,
/// and whatever the carrier says.
pub async fn handle(config: &Config, request: CallsRequest) -> Result<String> {
    let control = server::account(config)?.control;
    let control = control.ok_or_else(|| {
        Error::config("field `twilio.account_sid` is missing; expected the account of the calls")
    })?;
    match request {
        CallsRequest::HangUp(call) => {
            control.hang_up(&call).await?;
            Ok(format!("{call} has ended.\n"))
        }
        CallsRequest::Transfer { call, department } => {
            control.transfer(&call, &department).await?;
            Ok(format!("{call} was handed to {department}.\n"))
        }
        CallsRequest::Show => {
            let calls = control.live().await?;
            if calls.is_empty() {
                return Ok("No calls.\n".to_owned());
            }
            let mut rows = vec![["CALL", "SIDE", "NUMBER", "SINCE", "STATUS"].map(str::to_owned)];
            rows.extend(calls.iter().map(row));
            Ok(table::write(&rows))
        }
    }
}

fn row(call: &LiveCall) -> [String; 5] {
    let unknown = || "-".to_owned();
    let side = match call.direction {
        Some(Direction::Inbound) => "inbound",
        Some(Direction::Outbound) => "outbound",
        None => "-",
    };
    let since = call.since.and_then(|at| Timestamp::try_from(at).ok());
    [
        call.id.to_string(),
        side.to_owned(),
        call.number.clone().unwrap_or_else(unknown),
        since.map_or_else(unknown, |at| format!("{at:.0}")),
        format!("{:?}", call.status),
    ]
}

#[cfg(test)]
mod tests {
    use voiceagent_core::ErrorKind;
    use voiceagent_testkit::{phone::Carrier, vendor::CarrierApi};

    use super::*;

    fn config(api: &CarrierApi) -> Config {
        let (account, secret, url) = (CarrierApi::ACCOUNT, CarrierApi::SECRET, api.url());
        let text = format!(
            "[twilio]\naccount_sid = \"{account}\"\nauth_token = \"{secret}\"\napi_url = \"{url}\"\n\
             [dealership.departments]\nservice = \"(630) 555-0100\"\n"
        );
        Config::parse(&text, &|_| None).unwrap()
    }

    #[tokio::test]
    async fn live_calls_are_shown_and_can_be_handed_on_and_ended() {
        let api = CarrierApi::start(Carrier::Twilio).await;
        let config = config(&api);
        assert_eq!(handle(&config, CallsRequest::Show).await.unwrap(), "No calls.\n");
        api.add_call("CA7");
        assert_eq!(
            handle(&config, CallsRequest::Show).await.unwrap(),
            "CALL  SIDE     NUMBER        SINCE                 STATUS\n\
             CA7   inbound  **********23  2020-01-01T12:00:00Z  InProgress\n"
        );
        let to = |department: &str| CallsRequest::Transfer {
            call: CallId::new("CA7"),
            department: department.to_owned(),
        };
        handle(&config, to("service")).await.unwrap();
        let twiml = api.requests().pop().unwrap().field("Twiml").unwrap().to_owned();
        assert!(twiml.contains("+16305550100"), "{twiml}");
        let refused = handle(&config, to("+19005550123")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        handle(&config, CallsRequest::HangUp(CallId::new("CA7"))).await.unwrap();
        assert_eq!(api.status("CA7").as_deref(), Some("completed"));
        assert_eq!(handle(&config, CallsRequest::Show).await.unwrap(), "No calls.\n");
    }

    #[tokio::test]
    async fn without_an_account_it_is_said_what_is_missing() {
        let config = Config::parse("[twilio]\nauth_token = \"t\"\n", &|_| None).unwrap();
        let error = handle(&config, CallsRequest::Show).await.unwrap_err();
        assert!(error.message().contains("twilio.account_sid"), "{error}");
    }
}
