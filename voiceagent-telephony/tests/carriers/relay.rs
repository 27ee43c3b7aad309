use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, protocol::CloseFrame},
};
use voiceagent_core::{
    ErrorKind, GenerationId, Link, Secret,
    audio::AudioFormat,
    transport::{Direction, Inbound, Media, Outbound, Transport},
};
use voiceagent_telephony::{
    document::{ConversationRelay, Verb},
    front_door::FrontDoor,
    media_stream::{Grant, RelayCall, RelaySocket, StreamTokens, TokenCheck},
    signature::TwilioSignature,
};
use voiceagent_testkit::phone::{Carrier, RelayAsked, RelayPhone};

use crate::{
    control::Bench,
    server::{SOON, Server, pass},
};

async fn next(calls: &mut mpsc::Receiver<RelayCall>) -> RelayCall {
    timeout(SOON, calls.recv()).await.unwrap().unwrap()
}

async fn told(link: &mut Link<Outbound, Inbound>) -> Inbound {
    timeout(SOON, link.recv()).await.unwrap().unwrap().unwrap()
}

fn serve(tokens: TokenCheck) -> (Server, mpsc::Receiver<RelayCall>) {
    let (sender, calls) = mpsc::channel(4);
    let socket = RelaySocket::new(tokens, move |call| {
        let sender = sender.clone();
        async move { sender.send(call).await.unwrap() }
    });
    (Server::start(Server::listen(), socket.max_calls(2).route("/relay")), calls)
}

async fn phone(server: &Server, token: Option<&str>) -> RelayPhone {
    let parameters = token.map(|token| ("token".to_owned(), token.to_owned())).into_iter();
    let parameters: BTreeMap<_, _> = parameters.collect();
    RelayPhone::connect(&server.url("ws", "/relay"), &[], "CA1", &parameters).await.unwrap()
}

#[tokio::test]
async fn words_keys_and_interruptions_travel_as_text() {
    let (server, mut calls) = serve(TokenCheck::Off);
    let mut phone = phone(&server, None).await;
    let call = next(&mut calls).await;
    assert_eq!((call.call().id.as_str(), call.call().media), ("CA1", Media::Text));
    let can = call.capabilities();
    assert!(can.dtmf && !can.marks && !can.clear && !can.transfer);
    let mut link = Box::new(call).open().await.unwrap();
    phone.say("I would like", false).await.unwrap();
    phone.say("I would like an oil change", true).await.unwrap();
    for (words, last) in [("I would like", false), ("I would like an oil change", true)] {
        let Inbound::Transcript(transcript) = told(&mut link).await else { panic!("words") };
        assert_eq!((&*transcript.text, transcript.is_final), (words, last));
    }
    let generation = GenerationId::new(1);
    for text in ["Sure. ", "When?"] {
        link.try_send(Outbound::Text { generation, text: text.into() }).unwrap();
    }
    link.try_send(Outbound::TextEnd { generation }).unwrap();
    for (text, last) in [("Sure. ", false), ("When?", false), ("", true)] {
        assert_eq!(phone.asked().await, RelayAsked::Text(text.to_owned(), last));
    }
    phone.interrupt("Sure. Wh").await.unwrap();
    assert_eq!(told(&mut link).await, Inbound::Interrupted { heard: Some("Sure. Wh".into()) });
    for nonsense in ["", "{", r#"{"type":"later invention"}"#, r#"{"type":"error"}"#, "[1]"] {
        phone.send_raw(nonsense).await.unwrap();
    }
    phone.press('x').await.unwrap();
    phone.press('#').await.unwrap();
    assert_eq!(told(&mut link).await, Inbound::Dtmf('#'));
    link.try_send(Outbound::Transfer("front desk".into())).unwrap();
    assert_eq!(told(&mut link).await, Inbound::NotTransferred(ErrorKind::Unsupported));
    link.try_send(Outbound::HangUp).unwrap();
    assert_eq!(phone.asked().await, RelayAsked::End);
    assert_eq!(told(&mut link).await, Inbound::HungUp);
    assert_eq!(phone.asked().await, RelayAsked::Closed(Some(1000)));
}

#[tokio::test]
async fn a_conversation_is_handed_on_and_ended_by_the_carriers_api() {
    let (mut handed_on, mut ended) = (false, false);
    for asked in [Outbound::Transfer("front desk".into()), Outbound::HangUp] {
        let Bench { api, control, caller, .. } = Bench::of(Carrier::Twilio).await;
        let (sender, mut calls) = mpsc::channel(4);
        let socket = RelaySocket::new(TokenCheck::Off, move |call| {
            let sender = sender.clone();
            async move { sender.send(call).await.unwrap() }
        });
        let server = Server::start(Server::listen(), socket.control(control).route("/relay"));
        let url = server.url("ws", "/relay");
        let parameters = BTreeMap::new();
        let _phone = RelayPhone::connect(&url, &[], caller.as_str(), &parameters).await.unwrap();
        let call = next(&mut calls).await;
        assert!(call.capabilities().transfer);
        let mut link = Box::new(call).open().await.unwrap();
        link.try_send(asked).unwrap();
        match told(&mut link).await {
            Inbound::Transferred => handed_on = true,
            Inbound::HungUp => ended = api.status(caller.as_str()).as_deref() == Some("completed"),
            other => panic!("{other:?}"),
        }
        assert_eq!(api.requests().len(), 1);
    }
    assert!(handed_on && ended);
}

#[tokio::test]
async fn a_conversation_without_its_token_is_refused() {
    let tokens = Arc::new(StreamTokens::new());
    let (server, mut calls) = serve(TokenCheck::Required(Arc::clone(&tokens)));
    let of = |call: &str| tokens.issue(Grant::for_call(call)).unwrap();
    let of_account = |account: &str| {
        let mut grant = Grant::for_call("CA1");
        grant.account = Some(account.to_owned());
        tokens.issue(grant).unwrap()
    };
    let (own, other) = (of_account("AC00000000000000000000000000000001"), of("CA2"));
    let elsewhere = of_account("AC2");
    for token in [None, Some("guess"), Some(other.expose()), Some(elsewhere.expose())] {
        let mut phone = phone(&server, token).await;
        assert_eq!(phone.asked().await, RelayAsked::Closed(Some(1008)), "{token:?}");
    }
    assert!(calls.try_recv().is_err());
    let _phone = phone(&server, Some(own.expose())).await;
    let call = next(&mut calls).await;
    assert!(call.call().parameters.is_empty());
    let mut again = phone(&server, Some(own.expose())).await;
    assert_eq!(again.asked().await, RelayAsked::Closed(Some(1008)));
}

#[tokio::test]
async fn a_conversation_that_nobody_opens_is_told_so_and_makes_room() {
    let (server, mut calls) = serve(TokenCheck::Off);
    for _ in 0..3 {
        let mut phone = phone(&server, None).await;
        drop(next(&mut calls).await);
        assert_eq!(phone.asked().await, RelayAsked::Closed(Some(1011)));
    }
}

#[tokio::test]
async fn a_far_end_that_goes_hangs_up_and_makes_room() {
    let (server, mut calls) = serve(TokenCheck::Off);
    let (first, _second) = (phone(&server, None).await, phone(&server, None).await);
    let mut links = Vec::new();
    for _call in 0..2 {
        links.push(Box::new(next(&mut calls).await).open().await.unwrap());
    }
    let mut third = phone(&server, None).await;
    assert_eq!(third.asked().await, RelayAsked::Closed(Some(1013)));
    drop(first);
    // A socket that ends without a goodbye is lost; with one, the caller has hung up.
    let ended = timeout(SOON, links[0].recv()).await.unwrap().unwrap();
    assert!(matches!(ended, Ok(Inbound::HungUp) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn a_door_answers_with_a_conversation_in_text() {
    let (sender, mut calls) = mpsc::channel(4);
    let listener = Server::listen();
    let token = Secret::new("12345");
    let relay = ConversationRelay::new("").with_greeting("Hello!").with_voice("ElevenLabs", "Ann");
    let door = FrontDoor::twilio()
        .auth_token(token.clone())
        .public_url(format!("http://{}", listener.local_addr().unwrap()))
        .on_relay(relay.clone(), move |call| {
            let sender = sender.clone();
            async move { sender.send(call).await.unwrap() }
        });
    let server = Server::start(listener, door.build().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = server.url("http", "/twilio/voice");
    let fields = [("CallSid", "CA1"), ("From", "+14155550100"), ("Direction", "outbound-api")];
    let signature = TwilioSignature::sign(&token, &url, &fields);
    let request = reqwest::Client::new().post(&url).form(&fields);
    let answer = request.header("X-Twilio-Signature", signature).send().await.unwrap();
    let twiml = answer.text().await.unwrap();
    let expected = "<Connect><ConversationRelay dtmfDetection=\"true\" \
                    events=\"speaker-events\" ttsProvider=\"ElevenLabs\" url=\"ws://";
    assert!(twiml.contains(expected), "{twiml}");
    assert!(
        twiml.contains("welcomeGreeting=\"Hello!\"") && twiml.contains("<Hangup />"),
        "{twiml}"
    );
    let value = twiml.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    let parameters = BTreeMap::from([("token".to_owned(), value.to_owned())]);
    let media = server.url("ws", "/twilio/media");
    let unsigned = RelayPhone::connect(&media, &[], "CA1", &parameters).await;
    assert!(unsigned.is_err());
    let signature = TwilioSignature::sign::<&str, &str>(&token, &media, &[]);
    let headers = [("x-twilio-signature", &*signature)];
    let _phone = RelayPhone::connect(&media, &headers, "CA1", &parameters).await.unwrap();
    let call = next(&mut calls).await;
    assert_eq!(call.call().direction, Direction::Outbound);
    assert_eq!(call.call().from.as_ref().unwrap().expose(), "+14155550100");
    let telnyx = FrontDoor::telnyx()
        .auth_token(Secret::new("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="))
        .start_deadline(Duration::from_secs(1))
        .on_relay(relay, |_| async {});
    let error = telnyx.build().unwrap_err();
    assert!(error.message().contains("on_relay"), "{error}");
}

#[test]
fn a_door_for_text_refuses_the_settings_of_media_streams() {
    let door = || {
        let relay = ConversationRelay::new("");
        FrontDoor::twilio().auth_token(Secret::new("12345")).on_relay(relay, |_| async {})
    };
    assert!(door().build().is_ok());
    for (built, setting) in [
        (door().machine_detection(true), "machine_detection"),
        (door().when_unheard([Verb::Hangup]), "when_unheard"),
        (door().start_deadline(Duration::from_secs(1)), "start_deadline"),
        (door().format(AudioFormat::MULAW_8K), "format"),
    ] {
        let error = built.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().starts_with(&format!("{setting}:")), "{error}");
    }
}

#[tokio::test]
async fn cp13_a_conversation_begins_whatever_its_parameters_are() {
    let (server, mut calls) = serve(TokenCheck::Off);
    for (parameters, expected) in
        [("null", &[][..]), (r#"{"a":null,"b":7,"c":"x"}"#, &[("b", "7"), ("c", "x")])]
    {
        let (mut peer, _) = connect_async(server.url("ws", "/relay")).await.unwrap();
        let setup = format!(
            r#"{{"type":"setup","sessionId":null,"callSid":"CA1","customParameters":{parameters}}}"#
        );
        peer.send(Message::text(setup)).await.unwrap();
        let call = next(&mut calls).await;
        let told = &call.call().parameters;
        let told: Vec<_> = told.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(told, expected);
    }
}

const SETUP: &str = r#"{"type":"setup","sessionId":"VX1","callSid":"CA1"}"#;

#[tokio::test]
async fn ra2_a_half_open_conversation_is_noticed_within_twelve_seconds() {
    let (server, mut calls) = serve(TokenCheck::Off);
    let (mut peer, _) = connect_async(server.url("ws", "/relay")).await.unwrap();
    peer.send(Message::text(SETUP)).await.unwrap();
    let mut link = Box::new(next(&mut calls).await).open().await.unwrap();
    peer.send(Message::text(r#"{"type":"dtmf","digit":"1"}"#)).await.unwrap();
    assert_eq!(told(&mut link).await, Inbound::Dtmf('1'));
    // Who does not read answers no pings.
    pass(Duration::from_secs(12)).await;
    let end = timeout(SOON, link.recv()).await.unwrap().unwrap();
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a18_a_conversation_that_begins_with_a_message_above_64_kb_gets_1009() {
    let (server, _calls) = serve(TokenCheck::Off);
    let (mut peer, _) = connect_async(server.url("ws", "/relay")).await.unwrap();
    peer.send(Message::text("x".repeat(64 * 1024 + 1))).await.unwrap();
    let closed = timeout(SOON, peer.next()).await.unwrap().unwrap().unwrap();
    let Message::Close(Some(CloseFrame { code, .. })) = closed else { panic!("{closed:?}") };
    assert_eq!(u16::from(code), 1009);
}

#[tokio::test]
async fn a18_a_conversation_passes_over_a_message_of_70_kb_and_ends_with_one_of_300_kb() {
    let (server, mut calls) = serve(TokenCheck::Off);
    let (mut peer, _) = connect_async(server.url("ws", "/relay")).await.unwrap();
    peer.send(Message::text(SETUP)).await.unwrap();
    let mut link = Box::new(next(&mut calls).await).open().await.unwrap();
    peer.send(Message::text("x".repeat(70_000))).await.unwrap();
    peer.send(Message::text(r#"{"type":"dtmf","digit":"1"}"#)).await.unwrap();
    assert_eq!(told(&mut link).await, Inbound::Dtmf('1'));
    peer.send(Message::text("x".repeat(300_000))).await.unwrap();
    let end = timeout(SOON, link.recv()).await.unwrap().unwrap();
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Protocol);
}
