use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, StatusCode, redirect::Policy};
use serde::Deserialize;
use voiceagent_core::{Error, ErrorKind, Result, Secret};
use voiceagent_telephony::signature::TwilioSignature;

use super::{
    Finding, State, finding, ok,
    running::{Running, sheet},
};
use crate::{
    config::{Config, TwilioConfig},
    server::{ALIASES, STATUS, VOICE},
};

/// For each answer.
const DEADLINE: Duration = Duration::from_secs(5);
const API_URL: &str = "https://api.twilio.com";
/// A report that says nothing new of a call that nobody knows.
const REPORT: [(&str, &str); 2] = [("CallSid", "CAdoctor"), ("CallStatus", "queued")];

/// Looks from outside at a program that runs: asks its webhook as the carrier does, and the carrier
/// where it sends calls; whether it is ready, does its jobs, and answers its operator; and whether the
/// sheet with leads can be read. Of a signature that does not hold it says whether the token, the address or a
/// proxy is to blame. Nothing is changed.
pub async fn examine_remote(config: &Config, now: Timestamp) -> Vec<Finding> {
    let twilio = config.twilio.as_ref().filter(|twilio| !twilio.auth_token.is_empty());
    let url = config.server.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let (Some(twilio), Some(url)) = (twilio, url) else {
        let next = "Set `server.public_url` and TWILIO_AUTH_TOKEN.";
        return vec![finding("webhook", State::Missing, "it cannot be asked", next)];
    };
    // Whoever installed a provider before has the same one; a second installation changes nothing.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(DEADLINE).redirect(Policy::none()).build();
    let Ok(client) = client else {
        return vec![finding("webhook", State::Wrong, "no client can be made", "")];
    };
    let key = config.operator.key.as_ref();
    let mut findings = Running { client: &client, url, key }.examine(now).await;
    findings.push(webhook(&client, url, &twilio.auth_token).await);
    if !twilio.account_sid.is_empty() {
        findings.push(numbers(&client, url, twilio).await);
    }
    findings.push(sheet(config).await);
    findings
}

/// What the program under the public address says to a report that is signed for it.
async fn webhook(client: &Client, url: &str, token: &Secret) -> Finding {
    const WHAT: &str = "webhook";
    let place = format!("{url}{STATUS}");
    let wrong = |seen: &str, next: &str| finding(WHAT, State::Wrong, seen, next);
    let status = match report(client, &place, &place, token).await {
        Ok(status) => status,
        Err(error) => {
            let seen = format!("{url}: {}", error.message());
            return wrong(
                &seen,
                "The address: start the program, and the tunnel or proxy that leads to it.",
            );
        }
    };
    if status.is_success() {
        return ok(WHAT, &format!("{url} takes what the carrier signs"));
    }
    if status.is_redirection() {
        let next = "The proxy: the carrier signs one address, and a redirect leads to another; set \
                    `server.public_url` to where it leads.";
        return wrong(&format!("{url} redirects"), next);
    }
    if status != StatusCode::FORBIDDEN {
        let seen = format!("{url} answers {}", status.as_u16());
        let next = "The proxy: it has to pass `/twilio/` to the program, path and body unchanged.";
        return wrong(&seen, next);
    }
    for other in others(url) {
        let signed = format!("{other}{STATUS}");
        if report(client, &place, &signed, token).await.is_ok_and(|status| status.is_success()) {
            let next = format!(
                "The address: the program that runs there has `server.public_url = \"{other}\"`; \
                 start it with the one that the carrier asks."
            );
            return wrong(&format!("{url} takes itself for {other}"), &next);
        }
    }
    wrong(
        &format!("{url} refuses what this token signs"),
        "The token: the program that runs there has another TWILIO_AUTH_TOKEN, or an address \
         altogether different; its log says for which address it checked.",
    )
}

/// Sends a report to `place` that is signed for `signed`.
async fn report(client: &Client, place: &str, signed: &str, token: &Secret) -> Result<StatusCode> {
    let signature = TwilioSignature::sign(token, signed, &REPORT);
    let request = client.post(place).header("X-Twilio-Signature", signature).form(&REPORT);
    request.send().await.map(|answer| answer.status()).map_err(|cause| {
        let why = if cause.is_timeout() { "it does not answer" } else { "it cannot be reached" };
        Error::new(ErrorKind::Disconnected, "ask the webhook", why).with_source(cause)
    })
}

/// Under which other addresses a program may know itself: behind a proxy that speaks TLS for it, and
/// with the port written or not.
fn others(url: &str) -> Vec<String> {
    let Some((scheme, host)) = url.split_once("://") else { return Vec::new() };
    let other = if scheme == "https" { "http" } else { "https" };
    let port = if scheme == "https" { ":443" } else { ":80" };
    let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let mut others = vec![format!("{other}://{host}"), format!("{scheme}://{host}{port}")];
    for scheme in [scheme, other] {
        others.push(format!("{scheme}://{bare}"));
    }
    others.retain(|other| other != url);
    others
}

/// The numbers of an account, with where their calls are sent
/// (<https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>).
#[derive(Deserialize)]
struct Numbers {
    incoming_phone_numbers: Vec<Number>,
}

#[derive(Deserialize)]
struct Number {
    #[serde(default)]
    voice_url: String,
    #[serde(default)]
    status_callback: String,
}

/// Where the carrier sends the calls of the account's numbers.
async fn numbers(client: &Client, url: &str, twilio: &TwilioConfig) -> Finding {
    const WHAT: &str = "numbers";
    let wrong = |seen: &str, next: &str| finding(WHAT, State::Wrong, seen, next);
    let account = &twilio.account_sid;
    let base = twilio.api_url.as_deref().unwrap_or(API_URL).trim_end_matches('/');
    let list = format!("{base}/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json");
    let request = client.get(list).basic_auth(account, Some(twilio.auth_token.expose()));
    let Ok(answer) = request.send().await else {
        return wrong("the carrier cannot be reached", "Look at the network.");
    };
    match answer.status() {
        StatusCode::UNAUTHORIZED => {
            let next = "The token: copy the account's auth token into TWILIO_AUTH_TOKEN again.";
            return wrong("the carrier does not know this account and token", next);
        }
        status if !status.is_success() => {
            return wrong(&format!("the carrier answers {}", status.as_u16()), "");
        }
        _ => {}
    }
    let Ok(Numbers { incoming_phone_numbers: numbers }) = answer.json().await else {
        return wrong("the carrier's answer is not understood", "");
    };
    let (voice, status) = (format!("{url}{VOICE}"), format!("{url}{STATUS}"));
    let leads_here = |number: &&Number| {
        let path = number.voice_url.strip_prefix(url);
        path.is_some_and(|path| path == VOICE || ALIASES.contains(&path))
    };
    let ours = numbers.iter().filter(leads_here).count();
    if ours == 0 {
        let next = format!("The address: set the webhook of a number to {voice}, HTTP POST.");
        let seen = format!("none of {} sends its calls to {voice}", numbers.len());
        return wrong(&seen, &next);
    }
    let told = |number: &&Number| leads_here(number) && number.status_callback == status;
    if numbers.iter().filter(told).count() < ours {
        let next = format!("Set `Call status changes` of the number to {status}, HTTP POST.");
        return finding(WHAT, State::Warning, "a number does not report how calls end", &next);
    }
    ok(WHAT, &format!("{ours} of {} send their calls here", numbers.len()))
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::HeaderMap,
        response::Redirect,
        routing::{get, post},
    };
    use serde_json::{Value, json};
    use tokio::net::TcpListener;
    use voiceagent_telephony::front_door::FrontDoor;

    use super::*;

    const TOKEN: &str = "the right token";

    async fn serve(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    /// The front door as the program runs it, which takes itself for `url`.
    fn door(token: &str, url: &str) -> Router {
        let door = FrontDoor::twilio().auth_token(Secret::new(token)).public_url(url);
        door.on_call(|_| async {}).build().unwrap()
    }

    /// The program behind an address that is not known before it listens.
    async fn running(token: &str, takes_itself_for: impl Fn(&str) -> String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = door(token, &takes_itself_for(&url));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    async fn findings(url: &str, more: &str) -> Vec<Finding> {
        let text =
            format!("[server]\npublic_url = \"{url}\"\n[twilio]\nauth_token = \"{TOKEN}\"\n{more}");
        examine_remote(&Config::parse(&text, &|_| None).unwrap(), Timestamp::UNIX_EPOCH).await
    }

    async fn told(url: &str) -> Finding {
        of("webhook", findings(url, "").await)
    }

    fn of(what: &str, findings: Vec<Finding>) -> Finding {
        findings.into_iter().find(|finding| finding.what == what).unwrap()
    }

    #[tokio::test]
    async fn of_a_signature_that_does_not_hold_it_is_said_what_is_to_blame() {
        let right = told(&running(TOKEN, str::to_owned).await).await;
        assert_eq!(right.state, State::Ok, "{right:?}");

        let token = told(&running("another token", str::to_owned).await).await;
        assert!(token.next.starts_with("The token:"), "{token:?}");

        let https = |url: &str| url.replace("http://", "https://");
        let address = told(&running(TOKEN, https).await).await;
        assert!(address.next.starts_with("The address:"), "{address:?}");
        assert!(address.seen.contains("takes itself for https://127.0.0.1:"), "{address:?}");

        let elsewhere = Router::new().route("/", get(|| async { "a page of the proxy" }));
        let proxy = told(&serve(elsewhere).await).await;
        assert!(proxy.next.starts_with("The proxy: it has to pass"), "{proxy:?}");
        let redirects = post(|| async { Redirect::permanent("https://www.example.com/") });
        let redirects = Router::new().route(STATUS, redirects);
        let redirect = told(&serve(redirects).await).await;
        assert!(redirect.next.starts_with("The proxy: the carrier signs"), "{redirect:?}");

        let nobody = told("http://127.0.0.1:9").await;
        assert!(nobody.next.starts_with("The address: start the program"), "{nobody:?}");
        for finding in [token, address, proxy, redirect, nobody] {
            assert_eq!(finding.state, State::Wrong);
            assert!(!format!("{finding:?}").contains(TOKEN));
        }
    }

    #[tokio::test]
    async fn where_the_carrier_sends_calls_is_compared_with_where_they_are_answered() {
        let url = running(TOKEN, str::to_owned).await;
        let number = |voice: &str, status: &str| json!({ "voice_url": format!("{url}{voice}"), "status_callback": format!("{url}{status}") });
        let cases: [(Value, State, &str); 4] = [
            (number(VOICE, STATUS), State::Ok, "1 of 1"),
            (number(ALIASES[0], STATUS), State::Ok, "1 of 1"),
            (number(VOICE, "/other"), State::Warning, "does not report"),
            (number("/voice", STATUS), State::Wrong, "none of 1"),
        ];
        for (number, state, seen) in cases {
            let list = json!({ "incoming_phone_numbers": [number] });
            let api = Router::new().route(
                "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json",
                get(|headers: HeaderMap| async move {
                    let is_known = headers.contains_key("authorization");
                    if is_known { Ok(Json(list)) } else { Err(StatusCode::UNAUTHORIZED) }
                }),
            );
            let account = format!("account_sid = \"AC1\"\napi_url = \"{}\"\n", serve(api).await);
            let told = of("numbers", findings(&url, &account).await);
            assert!(told.state == state && told.seen.contains(seen), "{told:?}");
        }
        let refuses = Router::new().fallback(|| async { StatusCode::UNAUTHORIZED });
        let account = format!("account_sid = \"AC1\"\napi_url = \"{}\"\n", serve(refuses).await);
        let told = of("numbers", findings(&url, &account).await);
        assert!(told.next.starts_with("The token:"), "{told:?}");
    }
}
