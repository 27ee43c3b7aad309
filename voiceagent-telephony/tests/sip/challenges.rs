use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use voiceagent_core::{Secret, transport::Outbound};
use voiceagent_telephony::sip::SipTrunk;

use crate::{
    dial::{caller, dial, open},
    phone::{Phone, Request},
    server::SOON,
};

/// What a trunk that knows every proof by its nonce says.
fn challenge(nonce: &str) -> String {
    format!("Digest realm=\"t\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"")
}

/// Whether a request is proven under this header, with this nonce.
fn is_proven(request: &Request, header: &str, nonce: &str) -> bool {
    let parts = request.header(header).trim_start_matches("Digest ").split(", ");
    let parts: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
    let part =
        |name: &str| parts.iter().find(|(known, _)| *known == name).unwrap().1.trim_matches('"');
    let hash = |text: String| -> String {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut line = request.text.split(' ');
    let (method, uri) = (line.next().unwrap(), line.next().unwrap());
    let (secret, what) = (hash("agent:t:secret".to_owned()), hash(format!("{method}:{uri}")));
    let cnonce = part("cnonce");
    part("response") == hash(format!("{secret}:{nonce}:00000001:{cnonce}:auth:{what}"))
}

/// Challenges the next request of this method; the one that is proven.
async fn proven(phone: &mut Phone, method: &str, nonce: &str) -> Request {
    let first = phone.request(method).await;
    let header = format!("Proxy-Authenticate: {}\r\n", challenge(nonce));
    phone.answer(&first, "407 Proxy Authentication Required", &header, "").await;
    let second = phone.request(method).await;
    assert!(is_proven(&second, "Proxy-Authorization", nonce), "{}", second.text);
    assert!(second.number() > first.number() && !second.text.contains("secret"));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    second
}

#[tokio::test]
async fn requests_within_a_call_are_proven_where_the_trunk_wants_that_and_the_call_goes_on() {
    let mut phone = Phone::start().await;
    let login = |trunk: SipTrunk| trunk.with_login("agent", Secret::new("secret"));
    let (caller, _server) = caller(&phone, login).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    let timer = "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n";
    phone.answer(&invite, "200 OK", timer, &phone.description()).await;
    phone.request("ACK").await;
    let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    link.try_send(Outbound::Transfer("ann".into())).unwrap();
    let refer = proven(&mut phone, "REFER", "n1").await;
    assert!(refer.header("Refer-To").contains("+14155550100"), "{}", refer.text);
    phone.answer(&refer, "603 Decline", "", "").await;
    // Half of the time after which the call must have been confirmed.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(46)).await;
    tokio::time::resume();
    let confirmation = proven(&mut phone, "INVITE", "n2").await;
    phone.answer(&confirmation, "200 OK", timer, &phone.description()).await;
    phone.request("ACK").await;
    drop(link);
    let bye = phone.request("BYE").await;
    let header = format!("WWW-Authenticate: {}\r\n", challenge("n3"));
    phone.answer(&bye, "401 Unauthorized", &header, "").await;
    let bye = phone.request("BYE").await;
    assert!(is_proven(&bye, "Authorization", "n3"), "{}", bye.text);
    phone.answer(&bye, "200 OK", "", "").await;
}

#[tokio::test]
async fn a_proof_that_is_refused_is_not_given_again() {
    let mut phone = Phone::start().await;
    let login = |trunk: SipTrunk| trunk.with_login("agent", Secret::new("secret"));
    let (caller, _server) = caller(&phone, login).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    link.try_send(Outbound::Transfer("ann".into())).unwrap();
    let refer = proven(&mut phone, "REFER", "n1").await;
    let header = format!("Proxy-Authenticate: {}\r\n", challenge("n2"));
    phone.answer(&refer, "407 Proxy Authentication Required", &header, "").await;
    // The call is as it was: what comes next is its end.
    drop(link);
    let bye = phone.request("").await;
    assert!(bye.text.starts_with("BYE "), "{}", bye.text);
    phone.answer(&bye, "200 OK", "", "").await;
}
