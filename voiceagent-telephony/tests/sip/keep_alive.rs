//! Trunks and registrars that are asked whether they are there.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use voiceagent_core::{Secret, transport::Transport as _};
use voiceagent_telephony::{
    control::Callee,
    sip::{SipAccount, SipCaller, SipDial, SipReach, SipRefusal, SipServer, SipTrunk},
};

use crate::{
    phone::Phone,
    server::{SOON, Server},
};

const OFTEN: Duration = Duration::from_secs(1);

async fn becomes(reach: &mut watch::Receiver<SipReach>, awaited: SipReach) {
    let becoming = reach.wait_for(|reach| *reach == awaited);
    assert_eq!(*timeout(SOON, becoming).await.unwrap().unwrap(), awaited);
}

fn to(caller: &SipCaller, whom: &str) -> SipDial {
    caller.call(&Callee::Target(whom.to_owned())).unwrap()
}

#[tokio::test]
async fn a_trunk_that_is_not_available_refuses_calls_at_once_and_recovers_by_itself() {
    let mut phone = Phone::start().await;
    let mut config = Server::config();
    let address = format!("sip:{}", phone.address());
    let trunk = SipTrunk::new(&address).with_user("+14155550199").with_keep_alive(OFTEN);
    config.trunk = Some(trunk);
    let desk = format!("sip:desk@{}", phone.address());
    config.directory = config
        .directory
        .with_target("ann", "+14155550100".parse().unwrap())
        .with_target("desk", desk.parse().unwrap());
    let server = SipServer::bind(config).await.unwrap();
    let [trunk] = server.neighbors() else { panic!("{:?}", server.neighbors()) };
    assert!(trunk.is_trunk() && trunk.name() == address);
    let mut reach = trunk.reach();
    let caller = server.caller();
    let serving = tokio::spawn(server.serve(|call| async move { drop(call) }));

    let asked = phone.request("OPTIONS").await;
    assert!(asked.text.starts_with(&format!("OPTIONS {address} SIP/2.0\r\n")), "{}", asked.text);
    assert!(asked.header("From").contains("<sip:+14155550199@"), "{}", asked.text);
    assert!(asked.header("Accept").contains("application/sdp"), "{}", asked.text);
    // A refusal is an answer, too: somebody is there.
    phone.answer(&asked, "404 Not Found", "", "").await;
    becomes(&mut reach, SipReach::Reachable).await;

    let again = phone.request("OPTIONS").await;
    assert_eq!(again.number(), asked.number() + 1);
    phone.answer(&again, "503 Service Unavailable", "", "").await;
    becomes(&mut reach, SipReach::Unreachable).await;
    let refused = Box::new(to(&caller, "ann")).open().await.unwrap_err();
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::Unreachable));
    assert_eq!(refused.retry_after(), Some(OFTEN));
    // Whoever is called by an address is not called by the trunk.
    let direct = tokio::spawn(Box::new(to(&caller, "desk")).open());
    let invite = phone.request("INVITE").await;
    assert!(invite.uri().starts_with("sip:desk@"), "{}", invite.text);
    direct.abort();

    let last = phone.request("OPTIONS").await;
    phone.answer(&last, "200 OK", "", "").await;
    becomes(&mut reach, SipReach::Reachable).await;
    let opening = tokio::spawn(Box::new(to(&caller, "ann")).open());
    assert!(phone.request("INVITE").await.uri().starts_with("sip:+14155550100@"));
    opening.abort();
    serving.abort();
}

#[tokio::test]
async fn a_registrar_that_has_been_away_is_told_at_once_where_we_are() {
    let mut phone = Phone::start().await;
    let mut config = Server::config();
    let account = SipAccount::new(phone.address(), "agent", Secret::new("secret"))
        .with_domain("pbx.example")
        .with_keep_alive(OFTEN);
    config.accounts.push(account);
    let server = SipServer::bind(config).await.unwrap();
    let [registrar] = server.neighbors() else { panic!("{:?}", server.neighbors()) };
    assert!(!registrar.is_trunk() && registrar.name() == phone.address().to_string());
    let mut reach = registrar.reach();

    let told = phone.request("REGISTER").await;
    phone.answer(&told, "200 OK", "Expires: 3600\r\n", "").await;
    let asked = phone.request("OPTIONS").await;
    assert!(asked.text.starts_with("OPTIONS sip:pbx.example SIP/2.0\r\n"), "{}", asked.text);
    phone.answer(&asked, "503 Service Unavailable", "", "").await;
    becomes(&mut reach, SipReach::Unreachable).await;
    let asked = phone.request("OPTIONS").await;
    phone.answer(&asked, "200 OK", "", "").await;
    becomes(&mut reach, SipReach::Reachable).await;
    let anew = phone.request("REGISTER").await;
    assert_eq!(anew.header("Call-ID"), told.header("Call-ID"));
    assert_eq!(anew.number(), told.number() + 1);
}

#[tokio::test]
async fn a_registrar_that_returns_is_told_before_a_refused_registration_would_be_tried_again() {
    let mut phone = Phone::start().await;
    let mut config = Server::config();
    let account = SipAccount::new(phone.address(), "agent", Secret::new("secret"))
        .with_domain("pbx.example")
        .with_keep_alive(OFTEN);
    config.accounts.push(account);
    let _server = Server::start(config).await;
    let told = phone.request("REGISTER").await;
    phone.answer(&told, "503 Service Unavailable", "Retry-After: 600\r\n", "").await;
    let asked = phone.request("OPTIONS").await;
    phone.answer(&asked, "503 Service Unavailable", "", "").await;
    let asked = phone.request("OPTIONS").await;
    phone.answer(&asked, "200 OK", "", "").await;
    let anew = phone.request("REGISTER").await;
    assert_eq!(anew.number(), told.number() + 1);
    phone.answer(&anew, "200 OK", "Expires: 3600\r\n", "").await;
}
