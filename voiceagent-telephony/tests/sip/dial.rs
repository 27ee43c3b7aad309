use std::{net::SocketAddr, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::{task::JoinHandle, time::timeout};
use voiceagent_core::{
    ErrorKind, Link, Result, Secret,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound, Transport as _},
};
use voiceagent_telephony::{
    control::Callee,
    sip::{SipCaller, SipConsultation, SipDial, SipHandover, SipRefusal, SipServer, SipTrunk},
};
use voiceagent_testkit::phone::{SipPhone, SipSeen};

use crate::{
    phone::{Phone, Request},
    replaces::named,
    server::{SOON, Server, told},
};

pub(crate) type Opening = JoinHandle<Result<Link<Outbound, Inbound>>>;

/// A server that calls the phone by a trunk, and the task that it lives in.
pub(crate) async fn caller(
    phone: &Phone,
    trunk: impl FnOnce(SipTrunk) -> SipTrunk,
) -> (SipCaller, JoinHandle<()>) {
    let mut config = Server::config();
    // These phones say nothing.
    config.media_timeout = Duration::from_secs(600);
    let address = format!("sip:{}", phone.address());
    config.trunk = Some(trunk(SipTrunk::new(address).with_user("+14155550199")));
    config.directory = config.directory.with_target("ann", "+14155550100".parse().unwrap());
    let server = SipServer::bind(config).await.unwrap();
    let caller = server.caller();
    (caller, tokio::spawn(server.serve(|call| async move { drop(call) })))
}

pub(crate) fn dial(caller: &SipCaller) -> SipDial {
    caller.call(&Callee::Target("ann".to_owned())).unwrap()
}

pub(crate) fn open(dial: SipDial) -> Opening {
    tokio::spawn(Box::new(dial).open())
}

#[tokio::test]
async fn a_call_of_ours_rings_is_taken_and_carries_sound_until_somebody_hangs_up() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller).with_header("X-Case", "42").unwrap());
    let invite = phone.request("INVITE").await;
    let to = format!("INVITE sip:+14155550100@{};user=phone SIP/2.0\r\n", phone.address());
    assert!(invite.text.starts_with(&to), "{}", invite.text);
    assert!(invite.header("From").contains("<sip:+14155550199@"), "{}", invite.text);
    assert_eq!(invite.header("X-Case"), "42");
    assert!(invite.body().contains("RTP/AVP 0 8 101 13\r\n"), "{}", invite.text);
    phone.answer(&invite, "100 Trying", "", "").await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    let ack = phone.request("ACK").await;
    assert!(ack.header("To").ends_with(";tag=phone"), "{}", ack.text);
    let mut link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0x11; 160].into());
    link.try_send(Outbound::Audio(frame)).unwrap();
    assert_eq!(phone.hears().await, [0x11; 160]);
    phone.ask(&invite, "BYE", 7, "", "").await;
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
    assert!(phone.request("SIP/2.0 200").await.text.contains("CSeq: 7 BYE"));
}

#[tokio::test]
async fn an_agent_that_has_said_all_says_goodbye_to_whom_it_has_called() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    drop(link);
    let bye = phone.request("BYE").await;
    assert_eq!(bye.header("Call-ID"), invite.header("Call-ID"));
    phone.answer(&bye, "200 OK", "", "").await;
}

#[tokio::test]
async fn a_trunk_that_wants_it_proven_gets_the_proof_once_and_a_wrong_one_is_the_end() {
    let mut phone = Phone::start().await;
    let login = |trunk: SipTrunk| trunk.with_login("agent", Secret::new("secret"));
    let (caller, _server) = caller(&phone, login).await;
    let opening = open(dial(&caller));
    let challenge = "Proxy-Authenticate: Digest realm=\"t\", nonce=\"n1\", algorithm=SHA-256, \
                     qop=\"auth,auth-int\"\r\n";
    let first = phone.request("INVITE").await;
    phone.answer(&first, "407 Proxy Authentication Required", challenge, "").await;
    phone.request("ACK").await;
    let second = phone.request("INVITE").await;
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    let number = |request: &Request| -> u32 {
        request.header("CSeq").split(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(number(&second), number(&first) + 1);
    let hash = |text: String| -> String {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let uri = second.text.split(' ').nth(1).unwrap();
    let (secret, what) = (hash("agent:t:secret".to_owned()), hash(format!("INVITE:{uri}")));
    let cnonce = second.proof("cnonce");
    let expected = hash(format!("{secret}:n1:00000001:{cnonce}:auth:{what}"));
    assert_eq!(second.proof("response"), expected);
    assert!(!second.text.contains("secret"));
    phone.answer(&second, "407 Proxy Authentication Required", challenge, "").await;
    let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthorized);
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::NotAllowed));
}

#[tokio::test]
async fn refusals_of_our_calls_are_told_apart() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    for (status, expected) in [
        ("486 Busy Here", SipRefusal::Busy),
        ("603 Decline", SipRefusal::Declined),
        ("404 Not Found", SipRefusal::Unknown),
        ("480 Temporarily Unavailable", SipRefusal::NoAnswer),
        ("407 Proxy Authentication Required", SipRefusal::NotAllowed),
        ("488 Not Acceptable Here", SipRefusal::Media),
        ("503 Service Unavailable", SipRefusal::Unavailable),
        ("302 Moved Temporarily", SipRefusal::Other(302)),
    ] {
        let opening = open(dial(&caller));
        let invite = phone.request("INVITE").await;
        phone.answer(&invite, status, "", "").await;
        phone.request("ACK").await;
        let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
        assert_eq!(SipRefusal::of(&refused), Some(expected));
    }
    let stranger = caller.call(&Callee::Number("+19005550100".parse().unwrap())).unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn a_call_that_nobody_takes_is_taken_back() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller).with_ring(Duration::from_millis(200)));
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::NoAnswer));
    let cancel = phone.request("CANCEL").await;
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    phone.answer(&cancel, "200 OK", "", "").await;
    phone.answer(&invite, "487 Request Terminated", "", "").await;
    phone.request("ACK").await;
}

#[tokio::test]
async fn an_answer_that_crosses_our_cancel_is_acknowledged_and_ended() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    opening.abort();
    let cancel = phone.request("CANCEL").await;
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    phone.answer(&cancel, "200 OK", "", "").await;
    phone.request("ACK").await;
    let bye = phone.request("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
}

#[tokio::test]
async fn what_was_described_before_the_answer_counts_where_the_answer_does_not_say_it_again() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    let reliable = "Require: 100rel\r\nRSeq: 7\r\n";
    phone.answer(&invite, "183 Session Progress", reliable, &phone.description()).await;
    let prack = phone.request("PRACK").await;
    assert!(prack.header("RAck").starts_with("7 "), "{}", prack.text);
    phone.answer(&prack, "200 OK", "", "").await;
    phone.answer(&invite, "200 OK", "", "").await;
    let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0x11; 160].into());
    link.try_send(Outbound::Audio(frame)).unwrap();
    assert_eq!(phone.hears().await, [0x11; 160]);
}

#[tokio::test]
async fn reliable_rings_are_offered_only_to_a_side_that_requires_them() {
    let offers = |invite: &Request| {
        let mut options = invite.headers("Supported").flat_map(|value| value.split(','));
        options.any(|option| option.trim() == "100rel")
    };
    let mut phone = Phone::start().await;
    let trunk = |trunk: SipTrunk| trunk.with_login("agent", Secret::new("secret"));
    let (caller, _server) = caller(&phone, trunk).await;
    let opening = open(dial(&caller));
    let challenge = "Proxy-Authenticate: Digest realm=\"t\", nonce=\"n1\"\r\n";
    // The proof counts anew for the request that offers what is required.
    let mut numbers = vec![];
    for (status, headers, is_offered) in [
        ("407 Proxy Authentication Required", challenge, false),
        ("421 Extension Required", "Require: 100rel\r\n", false),
        ("407 Proxy Authentication Required", challenge, true),
    ] {
        let invite = phone.request("INVITE").await;
        assert_eq!(offers(&invite), is_offered, "{}", invite.text);
        phone.answer(&invite, status, headers, "").await;
        phone.request("ACK").await;
        numbers.push(invite.number());
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let invite = phone.request("INVITE").await;
    assert!(offers(&invite) && invite.proof("nonce") == "n1", "{}", invite.text);
    let reliable = "Require: 100rel\r\nRSeq: 7\r\n";
    phone.answer(&invite, "180 Ringing", reliable, "").await;
    let prack = phone.request("PRACK").await;
    phone.answer(&prack, "200 OK", "", "").await;
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    phone.request("ACK").await;
    drop(timeout(SOON, opening).await.unwrap().unwrap().unwrap());
    phone.request("BYE").await;
}

#[tokio::test]
async fn whoever_requires_what_was_offered_already_is_not_asked_again() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk).await;
    let opening = open(dial(&caller));
    for _ in 0..2 {
        let invite = phone.request("INVITE").await;
        phone.answer(&invite, "421 Extension Required", "Require: 100rel\r\n", "").await;
        phone.request("ACK").await;
    }
    let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::Other(421)));
}

#[tokio::test]
async fn a_trunk_with_protected_media_is_offered_nothing_else() {
    let mut phone = Phone::start().await;
    let (caller, _server) = caller(&phone, |trunk| trunk.with_srtp(true)).await;
    let opening = open(dial(&caller));
    let invite = phone.request("INVITE").await;
    assert!(invite.body().contains(" RTP/SAVP 0 8 "), "{}", invite.text);
    assert!(invite.body().contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
    // A phone that answers with plain media all the same.
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::Media));
    let bye = phone.request("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
}

/// A caller, and somebody whom we have called to hand them over to.
struct Attended {
    customer: SipPhone,
    link: Link<Outbound, Inbound>,
    handover: SipHandover,
    colleague: Phone,
    /// Our request to the colleague.
    invite: Request,
    consultation: SipConsultation,
    address: SocketAddr,
    _colleagues: Link<Outbound, Inbound>,
    _server: JoinHandle<()>,
}

impl Attended {
    async fn begin() -> Self {
        let mut colleague = Phone::start().await;
        let mut config = Server::config();
        config.trunk = Some(SipTrunk::new(format!("sip:{}", colleague.address())));
        config.directory = config.directory.with_target("ann", "+14155550100".parse().unwrap());
        let server = SipServer::bind(config).await.unwrap();
        let (caller, address) = (server.caller(), server.local_addr());
        let (sender, mut calls) = tokio::sync::mpsc::channel(4);
        let serving = tokio::spawn(server.serve(move |call| {
            let sender = sender.clone();
            async move { drop(sender.send(call).await) }
        }));
        let mut customer = SipPhone::call(address, "attended1", "").await;
        let call = timeout(SOON, calls.recv()).await.unwrap().unwrap();
        let handover = call.handover();
        let link = Box::new(call).open().await.unwrap();
        customer.message("SIP/2.0 200").await;
        let dial = dial(&caller);
        let consultation = dial.consultation();
        assert_eq!(handover.to(&consultation).await.unwrap_err().kind(), ErrorKind::Closed);
        let opening = open(dial);
        let invite = colleague.request("INVITE").await;
        colleague.answer(&invite, "200 OK", "", &colleague.description()).await;
        let colleagues = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
        Self {
            customer,
            link,
            handover,
            colleague,
            invite,
            consultation,
            address,
            _colleagues: colleagues,
            _server: serving,
        }
    }

    /// Hands over, up to when the customer has been asked so many times; what they were asked.
    async fn hand_over(&mut self, times: usize) -> (JoinHandle<Result<()>>, String) {
        let (handover, consultation) = (self.handover.clone(), self.consultation.clone());
        let handing = tokio::spawn(async move { handover.to(&consultation).await });
        let is_refer = |message: &&String| message.starts_with("REFER ");
        let is_asked = |seen: &SipSeen| seen.messages.iter().filter(is_refer).count() == times;
        let seen = self.customer.sees(is_asked).await;
        assert_eq!(told(&mut self.link).await, Some(Inbound::HandingOver(true)));
        (handing, seen.messages.iter().rfind(is_refer).unwrap().clone())
    }

    /// The customer tells what has come of it.
    async fn tell(&mut self, status: &str) {
        let headers = "Event: refer\r\nSubscription-State: terminated\r\n\
                       Content-Type: message/sipfrag\r\n";
        self.customer.request("NOTIFY", headers, &format!("SIP/2.0 {status}\r\n")).await;
    }
}

#[tokio::test]
async fn a_caller_is_handed_over_to_whom_we_have_called_and_talked_to() {
    let mut attended = Attended::begin().await;
    // Whoever asks is told why it comes to nothing, and the session only that the call goes on.
    let (refused, _) = attended.hand_over(1).await;
    attended.tell("603 Decline").await;
    let refused = timeout(SOON, refused).await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert_eq!(told(&mut attended.link).await, Some(Inbound::HandingOver(false)));
    let (handed, refer) = attended.hand_over(2).await;
    let Attended { invite, colleague, .. } = &attended;
    let ours = invite.header("From").split_once("tag=").unwrap().1;
    let place = format!(
        "Refer-To: <sip:phone@{}?Replaces={}%3Bto-tag%3Dphone%3Bfrom-tag%3D{ours}>\r\n",
        colleague.address(),
        invite.header("Call-ID")
    );
    assert!(refer.contains(&place), "{refer} {place}");
    attended.tell("200 OK").await;
    timeout(SOON, handed).await.unwrap().unwrap().unwrap();
    assert_eq!(told(&mut attended.link).await, Some(Inbound::Transferred));
}

#[tokio::test]
async fn whoever_takes_the_place_of_a_caller_who_is_being_handed_over_is_spoken_to() {
    let mut attended = Attended::begin().await;
    let (handing, _) = attended.hand_over(1).await;
    let answer = attended.customer.message("SIP/2.0 200").await;
    let place = named("attended1", &answer, "");
    let mut other = SipPhone::call(attended.address, "attended2", &place).await;
    other.message("SIP/2.0 200").await;
    assert_eq!(told(&mut attended.link).await, Some(Inbound::HandingOver(false)));
    let gone = timeout(SOON, handing).await.unwrap().unwrap().unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_call_whose_answer_does_not_say_where_it_comes_from_is_acknowledged_and_ended() {
    for contact in ["", "no address"] {
        let mut phone = Phone::start().await;
        let (caller, _server) = caller(&phone, |trunk| trunk).await;
        let opening = open(dial(&caller));
        let invite = phone.request("INVITE").await;
        phone.answer_from(&invite, "200 OK", contact, "", &phone.description()).await;
        assert_eq!(phone.request("ACK").await.number(), invite.number());
        let refused = timeout(SOON, opening).await.unwrap().unwrap().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Protocol, "{refused}");
        let bye = phone.request("BYE").await;
        assert_eq!(bye.uri(), format!("sip:{}", phone.address()));
        phone.answer(&bye, "200 OK", "", "").await;
    }
}

#[tokio::test]
async fn an_address_by_tls_is_not_called_where_no_tls_is_set() {
    for address in ["sip:desk@127.0.0.1;transport=tls", "sips:desk@127.0.0.1"] {
        let mut config = Server::config();
        config.directory = config.directory.with_target("ann", address.parse().unwrap());
        let caller = SipServer::bind(config).await.unwrap().caller();
        let refused = caller.call(&Callee::Target("ann".to_owned())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config, "{address}");
    }
}
