use std::{net::SocketAddr, time::Duration};

use rsipstack::{
    dialog::{
        authenticate::Credential,
        registration::{Registration, backoff_interval, refresh_interval},
    },
    sip::{
        Auth, HostWithPort, Response, Scheme, StatusCode, StatusCodeKind, Uri,
        prelude::HeadersExt as _, typed::Contact,
    },
    transaction::endpoint::EndpointInnerRef,
};
use tokio::time::sleep;
use tracing::{info, warn};
use voiceagent_core::{Error, Result};

use super::{SipAccount, quiet::quiet};

/// Lets the registrar know where we are, until the future is dropped.
///
/// What was granted is renewed after three quarters of its time. After a failure it is tried again
/// after a second, twice that, and so on up to a minute, or when the registrar says.
pub(super) async fn keep(account: SipAccount, contact: SocketAddr, endpoint: EndpointInnerRef) {
    let Ok(domain) = domain(&account) else { return };
    let mut registration = begin(&account, contact, endpoint);
    let mut asked = account.expires.as_secs() as u32;
    let mut failures = 0;
    let mut was_known = false;
    loop {
        let outcome = quiet(registration.register(domain.clone(), Some(asked))).await;
        let wait = match outcome {
            Ok(answer) if answer.status_code.kind() == StatusCodeKind::Successful => {
                if !std::mem::replace(&mut was_known, true) {
                    info!(registrar = %account.registrar, "registered");
                }
                failures = 0;
                refresh_interval(registration.expires().max(1))
            }
            Ok(answer) if longer(&answer).is_some_and(|least| least > asked) => {
                asked = longer(&answer).unwrap_or(asked);
                Duration::ZERO
            }
            refused => {
                was_known = false;
                failures += 1;
                let wait = refused.as_ref().ok().and_then(retry_after).unwrap_or_default();
                let status = refused.ok().map(|answer| answer.status_code.to_string());
                let status = status.as_deref().unwrap_or("no answer");
                warn!(registrar = %account.registrar, status, failures, "not registered");
                backoff_interval(failures - 1).max(wait)
            }
        };
        sleep(wait).await;
    }
}

/// The address of the registrar's domain.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when the domain is none.
pub(super) fn domain(account: &SipAccount) -> Result<Uri> {
    let address = format!("sip:{}", account.host());
    address.as_str().try_into().map_err(|_| Error::config("accounts.domain: the name of a host"))
}

fn begin(account: &SipAccount, contact: SocketAddr, endpoint: EndpointInnerRef) -> Registration {
    let credential = Credential {
        username: account.user.clone(),
        password: account.password.expose().to_owned(),
        realm: None,
        auth_username: account.login.clone(),
    };
    let mut registration = Registration::new(endpoint, Some(credential));
    registration.outbound_proxy = Some(account.registrar);
    registration.contact = Some(Contact {
        display_name: None,
        uri: Uri {
            scheme: Some(Scheme::Sip),
            auth: Some(Auth { user: account.user.clone(), password: None }),
            host_with_port: HostWithPort::from(contact),
            ..Uri::default()
        },
        params: vec![],
    });
    registration
}

/// The shortest time that a registrar takes, where what we asked for is shorter.
fn longer(answer: &Response) -> Option<u32> {
    (answer.status_code == StatusCode::IntervalTooBrief)
        .then(|| answer.header_value("min-expires")?.trim().parse().ok())
        .flatten()
}

/// When a registrar wants to be asked again; not more than a quarter of an hour is waited.
fn retry_after(answer: &Response) -> Option<Duration> {
    let value = answer.header_value("retry-after")?;
    let digits: String = value.trim().chars().take_while(char::is_ascii_digit).collect();
    Some(Duration::from_secs(digits.parse::<u64>().ok()?.min(900)))
}
