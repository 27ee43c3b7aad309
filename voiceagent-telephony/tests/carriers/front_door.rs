use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use axum::Router;
use reqwest::{Client, Response};
use tokio::{sync::mpsc, time::timeout};
use voiceagent_core::{
    CallId, ErrorKind, Secret,
    transport::{Answerer, Direction, Inbound, Transport},
};
use voiceagent_telephony::{
    document::{Say, Verb},
    front_door::{CallStatus, FrontDoor, FrontDoorBuilder, StatusEvent, VoiceWebhook},
    signature::TwilioSignature,
};
use voiceagent_testkit::phone::{Closed, Dial, PhoneCall};

use crate::{
    log::Log,
    server::{Calls, SOON, Server, pass},
};

const CALL: [(&str, &str); 4] = [
    ("CallSid", "CA1"),
    ("From", "+14155550100"),
    ("To", "+14155550199"),
    ("Direction", "inbound"),
];

/// The webhook of another call of the same caller.
pub(crate) fn call(name: &str) -> [(&str, &str); 4] {
    [("CallSid", name), CALL[1], CALL[2], CALL[3]]
}

/// Twilio's side: it signs what it sends.
pub(crate) struct Twilio {
    pub(crate) server: Server,
    client: Client,
    token: Secret,
}

impl Twilio {
    pub(crate) fn start(
        settings: impl FnOnce(FrontDoorBuilder) -> FrontDoorBuilder,
    ) -> (Self, Calls) {
        let (sender, calls) = Calls::channel();
        let listener = Server::listen();
        let token = Secret::new("12345");
        let door = FrontDoor::twilio()
            .auth_token(Secret::new("old"))
            .auth_token(token.clone())
            .public_url(format!("http://{}", listener.local_addr().unwrap()))
            .on_call(move |stream| {
                let sender = sender.clone();
                async move { sender.send(stream).await.unwrap() }
            });
        let server = Server::start(listener, settings(door).build().unwrap());
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A server closes what is idle, and a test that lets time pass must not meet that.
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        (Self { server, client, token }, calls)
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let signature = TwilioSignature::sign(&self.token, &self.server.url("http", path), fields);
        self.post_signed(path, fields, &signature, "").await
    }

    pub(crate) async fn post_signed(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        signature: &str,
        retry: &str,
    ) -> Response {
        let request = self.client.post(self.server.url("http", path)).form(fields);
        let request = request.header("X-Twilio-Signature", signature);
        request.header("I-Twilio-Idempotency-Token", retry).send().await.unwrap()
    }

    /// Follows the answer of a webhook to the media socket.
    async fn dial(&self, twiml: &str) -> voiceagent_core::Result<PhoneCall> {
        self.line(twiml).connect().await
    }

    /// The call that the answer of a webhook asks for.
    pub(crate) fn line(&self, twiml: &str) -> Dial {
        let url = attribute(twiml, "<Stream ", "url");
        let signature = TwilioSignature::sign::<&str, &str>(&self.token, &url, &[]);
        let mut dial = Dial::to(url).call_id("CA1").header("x-twilio-signature", signature);
        for parameter in twiml.split("<Parameter ").skip(1) {
            let parameter = format!("<Parameter {parameter}");
            let name = attribute(&parameter, "<Parameter ", "name");
            dial = dial.parameter(name, attribute(&parameter, "<Parameter ", "value"));
        }
        dial
    }
}

fn attribute(xml: &str, element: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(element).unwrap();
    let (_, value) = rest.split_once(&format!("{name}=\"")).unwrap();
    value.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_signed_webhook_leads_to_a_call() {
    let parameters = |webhook: &VoiceWebhook| {
        let city = webhook.field("FromCity").unwrap_or("nowhere").to_owned();
        BTreeMap::from([("city".to_owned(), city), ("token".to_owned(), "mine".to_owned())])
    };
    let (twilio, mut calls) = Twilio::start(|door| door.parameters(parameters));
    let answer = twilio.post("/twilio/voice", &CALL).await;
    assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
    let twiml = answer.text().await.unwrap();
    assert!(twiml.ends_with("</Connect><Hangup /></Response>"), "{twiml}");
    assert!(!twiml.contains("5550100"), "the numbers do not travel: {twiml}");
    let _phone = twilio.dial(&twiml).await.unwrap();
    let info = calls.answer().await.info;
    assert_eq!(info.id, CallId::new("CA1"));
    assert_eq!(info.direction, Direction::Inbound);
    assert_eq!(info.from.unwrap().expose(), "+14155550100");
    assert_eq!(info.to.unwrap().expose(), "+14155550199");
    assert_eq!(info.parameters, BTreeMap::from([("city".to_owned(), "nowhere".to_owned())]));
}

#[tokio::test]
async fn a_parameter_that_the_carrier_would_refuse_reaches_the_call_beside_it() {
    let parameters = |_: &VoiceWebhook| {
        BTreeMap::from([
            ("short".to_owned(), "é".repeat(494)),
            ("long".to_owned(), "x".repeat(496)),
        ])
    };
    let (twilio, mut calls) = Twilio::start(|door| door.parameters(parameters));
    let twiml = twilio.post("/twilio/voice", &CALL).await.text().await.unwrap();
    assert!(twiml.contains("name=\"short\""), "499 characters: {twiml}");
    assert!(!twiml.contains("name=\"long\""), "500 characters: {twiml}");
    let _phone = twilio.dial(&twiml).await.unwrap();
    let known = calls.answer().await.info.parameters;
    assert_eq!((known["short"].chars().count(), known["long"].len()), (494, 496));
}

#[tokio::test]
async fn forged_requests_get_403_and_nothing_else() {
    let (twilio, mut calls) = Twilio::start(|door| door);
    let url = twilio.server.url("http", "/twilio/voice");
    let good = TwilioSignature::sign(&twilio.token, &url, &CALL);
    let stranger = TwilioSignature::sign(&Secret::new("54321"), &url, &CALL);
    let https = TwilioSignature::sign(&twilio.token, &url.replace("http", "https"), &CALL);
    let other_path =
        TwilioSignature::sign(&twilio.token, &twilio.server.url("http", "/twilio/status"), &CALL);
    for forged in ["", "!", &good[1..], &stranger, &https, &other_path] {
        for path in ["/twilio/voice", "/twilio/status"] {
            if (path, forged) == ("/twilio/status", &*other_path) {
                continue;
            }
            let answer = twilio.post_signed(path, &CALL, forged, "").await;
            assert_eq!(answer.status(), 403, "{path} {forged}");
            assert_eq!(answer.text().await.unwrap(), "");
        }
    }
    let mut changed = CALL;
    changed[1].1 = "+14155550101";
    assert_eq!(twilio.post_signed("/twilio/voice", &changed, &good, "").await.status(), 403);
    let unsigned = twilio.client.post(&url).form(&CALL).send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    let media = twilio.server.url("ws", "/twilio/media");
    let elsewhere =
        TwilioSignature::sign::<&str, &str>(&twilio.token, "wss://elsewhere.example/", &[]);
    for dial in [Dial::to(&media), Dial::to(&media).header("x-twilio-signature", elsewhere)] {
        assert_eq!(dial.connect().await.unwrap_err().kind(), ErrorKind::Unauthorized);
    }
    assert!(calls.none());
}

#[tokio::test]
async fn cp35_a_callee_is_greeted_at_once_and_the_verdict_comes_beside_the_conversation() {
    let (twilio, mut calls) = Twilio::start(|door| door.machine_detection(true));
    let mut outbound = CALL;
    outbound[3].1 = "outbound-api";
    let twiml = twilio.post("/twilio/voice", &outbound).await.text().await.unwrap();
    let _phone = twilio.dial(&twiml).await.unwrap();
    let stream = calls.stream().await;
    assert!(stream.capabilities().answerer);
    assert_eq!(stream.call().direction, Direction::Outbound);
    let mut link = Box::new(stream).open().await.unwrap();
    let verdict = [("CallSid", "CA1"), ("AnsweredBy", "machine_end_beep")];
    for _repeated in 0..2 {
        assert_eq!(twilio.post("/twilio/status", &verdict).await.status(), 204);
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        match timeout(SOON, link.recv()).await.unwrap().unwrap().unwrap() {
            Inbound::Audio(_) => {}
            other => told.push(other),
        }
    }
    assert_eq!(told, [Inbound::AnsweredBy(Answerer::Machine), Inbound::Beep]);
}

#[tokio::test]
async fn a_verdict_that_comes_before_the_stream_waits_for_it() {
    let (twilio, mut calls) = Twilio::start(|door| door);
    let human = [("CallSid", "CA1"), ("AnsweredBy", "human")];
    assert_eq!(twilio.post("/twilio/status", &human).await.status(), 204);
    let twiml = twilio.post("/twilio/voice", &CALL).await.text().await.unwrap();
    let _phone = twilio.dial(&twiml).await.unwrap();
    let mut call = calls.answer().await;
    let told = call.next().await.unwrap().unwrap();
    assert_eq!(told, Inbound::AnsweredBy(Answerer::Human));
}

#[tokio::test]
async fn late_and_repeated_statuses_do_not_undo_the_end_of_a_call() {
    let (sender, mut events) = mpsc::channel(8);
    let (twilio, _calls) = Twilio::start(|door| door.statuses(sender));
    for status in ["ringing", "ringing", "completed", "in-progress", "no-answer", "sideways"] {
        let fields = [("CallSid", "CA1"), ("CallStatus", status), ("CallDuration", "42")];
        assert_eq!(twilio.post("/twilio/status", &fields).await.status(), 204);
    }
    let stream = [("CallSid", "CA1"), ("StreamEvent", "stream-error"), ("StreamError", "31921")];
    assert_eq!(twilio.post("/twilio/status", &stream).await.status(), 204);
    let mut seen = Vec::new();
    while let Ok(StatusEvent { status, duration, .. }) = events.try_recv() {
        seen.push((status, duration));
    }
    let lasted = Some(Duration::from_secs(42));
    assert_eq!(seen, [(CallStatus::Ringing, lasted), (CallStatus::Completed, lasted)]);
}

#[tokio::test]
async fn a_full_house_answers_busy() {
    let (twilio, mut calls) = Twilio::start(|door| door.max_calls(1));
    let twiml = twilio.post("/twilio/voice", &CALL).await.text().await.unwrap();
    let _phone = twilio.dial(&twiml).await.unwrap();
    let _call = calls.answer().await;
    let twiml = twilio.post("/twilio/voice", &call("CA2")).await.text().await.unwrap();
    assert!(twiml.contains(r#"<Response><Reject reason="busy" /></Response>"#), "{twiml}");
}

#[tokio::test]
async fn a_refusal_may_be_spoken_or_redirected_and_a_number_may_call_only_so_often() {
    let redirect = Verb::Redirect("https://elsewhere.example/".to_owned());
    for (verb, word) in [(Say::new("Please call later").into(), "<Say>"), (redirect, "<Redirect")] {
        let (twilio, _calls) = Twilio::start(|door| {
            door.caller_limit(2, Duration::from_secs(3_600)).when_full([verb])
        });
        for (name, refused) in [("CA1", false), ("CA2", false), ("CA3", true), ("CA4", true)] {
            let twiml = twilio.post("/twilio/voice", &call(name)).await.text().await.unwrap();
            assert_eq!(twiml.contains(word), refused, "{twiml}");
            assert_eq!(twiml.contains("<Stream"), !refused, "{twiml}");
        }
        let mut other = call("CA5");
        other[1].1 = "+14155550102";
        let twiml = twilio.post("/twilio/voice", &other).await.text().await.unwrap();
        assert!(twiml.contains("<Stream"), "{twiml}");
    }
}

/// Holds up the application until the test is over, well or not.
#[derive(Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// What holds up whoever calls it.
    pub(crate) fn hold(&self) -> impl Fn() + Send + Sync + 'static {
        let held = Arc::clone(&self.0);
        move || drop(held.1.wait_while(held.0.lock().unwrap(), |open| !*open).unwrap())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[tokio::test]
async fn cp27_a_call_is_answered_whatever_the_application_does() {
    let gate = Gate::default();
    let hold = gate.hold();
    let (twilio, mut calls) = Twilio::start(|door| {
        door.parameters(move |webhook| {
            assert!(webhook.call() != "CA2", "this panic is part of the test");
            hold();
            BTreeMap::from([("late".to_owned(), "yes".to_owned())])
        })
    });
    for name in ["CA1", "CA2"] {
        let webhook = call(name);
        // The look-up is still blocked when the answer comes.
        let twiml = twilio.post("/twilio/voice", &webhook).await.text().await.unwrap();
        assert!(twiml.contains("<Stream") && !twiml.contains("late"), "{twiml}");
        let _phone = twilio.line(&twiml).call_id(name).connect().await.unwrap();
        assert!(calls.answer().await.info.parameters.is_empty());
    }
}

#[tokio::test]
async fn a17_no_forged_stream_gets_in_and_no_vendor_hears_of_it() {
    let (twilio, mut calls) = Twilio::start(|door| door);
    let cases = ["none", "guessed", "reused", "expired", "other call", "other account", "late"];
    for (number, forged) in cases.into_iter().enumerate() {
        let name = format!("CA{number}");
        let mut webhook = call(&name).to_vec();
        if forged == "other account" {
            webhook.push(("AccountSid", "AC2"));
        }
        let twiml = twilio.post("/twilio/voice", &webhook).await.text().await.unwrap();
        let line = twilio.line(&twiml).call_id(&name);
        let line = match forged {
            "none" => twilio.line(twiml.split("<Parameter ").next().unwrap()).call_id(&name),
            "guessed" => line.parameter("token", "0123456789abcdef0123456789abcdef"),
            "late" => line.without_start(),
            "other call" => line.call_id("CA99"),
            "expired" => {
                pass(Duration::from_secs(61)).await;
                line
            }
            "reused" => {
                let _phone = twilio.line(&twiml).call_id(&name).connect().await.unwrap();
                drop(calls.answer().await);
                line
            }
            _ => line,
        };
        let phone = line.connect().await.unwrap();
        if forged == "late" {
            pass(Duration::from_secs(6)).await;
        }
        let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1008), "{forged}");
        assert!(calls.none(), "{forged}");
    }
    let mut own = call("CA98").to_vec();
    own.push(("AccountSid", "AC00000000000000000000000000000001"));
    let twiml = twilio.post("/twilio/voice", &own).await.text().await.unwrap();
    let _phone = twilio.line(&twiml).call_id("CA98").connect().await.unwrap();
    calls.answer().await;
}

#[tokio::test]
async fn a_webhook_without_a_call_or_with_a_huge_body_is_refused() {
    let (twilio, _calls) = Twilio::start(|door| door);
    assert_eq!(twilio.post("/twilio/voice", &CALL[1..]).await.status(), 400);
    let huge = "x".repeat(70_000);
    assert_eq!(twilio.post("/twilio/voice", &[("a", &huge)]).await.status(), 413);
    let get = twilio.client.get(twilio.server.url("http", "/twilio/voice")).send();
    assert_eq!(get.await.unwrap().status(), 405);
}

#[tokio::test]
async fn the_signature_is_over_the_whole_path_when_the_door_is_mounted_deeper() {
    let (sender, mut calls) = Calls::channel();
    let listener = Server::listen();
    let token = Secret::new("12345");
    let door =
        FrontDoor::twilio().auth_token(token.clone()).voice_path("/voice").on_call(move |stream| {
            let sender = sender.clone();
            async move { sender.send(stream).await.unwrap() }
        });
    let server = Server::start(listener, Router::new().nest("/v1", door.build().unwrap()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = server.url("http", "/v1/voice?b=2&a=%20+");
    let signature = TwilioSignature::sign(&token, &url, &CALL);
    let client = Client::new();
    let request = client.post(&url).form(&CALL).header("X-Twilio-Signature", signature);
    let answer = timeout(SOON, request.send()).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let twiml = answer.text().await.unwrap();
    assert!(twiml.contains(&server.url("http", "/v1/twilio/status")), "{twiml}");
    let twilio = Twilio { server, client, token };
    let _phone = twilio.dial(&twiml).await.unwrap();
    calls.answer().await;
}

#[tokio::test]
async fn cp34_who_hides_the_number_is_nobody_whatever_the_carrier_writes_for_it() {
    let hour = Duration::from_secs(3_600);
    let (twilio, mut calls) = Twilio::start(|door| door.caller_limit(1, hour));
    for hidden in ["+266696687", "+7378742833", "+86282452253", "8656696", "+2562533"] {
        for name in ["CA1", "CA2"] {
            let name = format!("{name}{hidden}").replace('+', "x");
            let fields = [("CallSid", &*name), ("From", hidden), CALL[2], CALL[3]];
            let twiml = twilio.post("/twilio/voice", &fields).await.text().await.unwrap();
            let _phone = twilio.line(&twiml).call_id(&*name).connect().await.unwrap();
            assert_eq!(calls.answer().await.info.from.unwrap().expose(), "anonymous");
        }
    }
}

#[tokio::test]
async fn the_log_says_what_is_set_up_wrong_and_holds_no_secret_and_no_number() {
    let (log, _guard) = Log::start();
    let (twilio, mut calls) = Twilio::start(|door| door);
    let url = twilio.server.url("http", "/twilio/voice");
    let https = TwilioSignature::sign(&twilio.token, &url.replace("http:", "https:"), &CALL);
    let stranger = TwilioSignature::sign(&Secret::new("54321"), &url, &CALL);
    for (signature, hint) in [
        (https.as_str(), "the auth token is right and the URL is not: set public_url"),
        (&stranger, "the auth token is of another account, or a proxy changes the request"),
    ] {
        assert!(!log.ours().contains(hint));
        twilio.post_signed("/twilio/voice", &CALL, signature, "").await;
        assert!(log.ours().contains(hint), "{}", log.ours());
    }
    twilio.client.post(&url).form(&CALL).send().await.unwrap();
    assert!(log.ours().contains("a proxy drops the header"), "{}", log.ours());
    let twiml = twilio.post("/twilio/voice", &CALL).await.text().await.unwrap();
    let token = attribute(&twiml, "name=\"token\"", "value");
    let phone = twilio.dial(&twiml.replace(&token, "guess")).await.unwrap();
    phone.wait_until_closed(SOON).await.unwrap();
    assert!(log.ours().contains("the token was not given out by this process"));
    let _phone = twilio.dial(&twiml).await.unwrap();
    drop(calls.answer().await);
    let log = log.ours();
    for private in ["12345 ", "5550100", "5550199", &token, "guess"] {
        assert!(!log.contains(private), "{private} in {log}");
    }
}

#[test]
fn a_missing_or_wrong_setting_is_named() {
    let door = || FrontDoor::twilio().auth_token(Secret::new("12345")).on_call(|_| async {});
    let wrong = [
        ("auth_token", FrontDoor::twilio().on_call(|_| async {})),
        ("on_call", FrontDoor::twilio().auth_token(Secret::new("12345"))),
        ("public_url", door().public_url("agent.example")),
        ("max_calls", door().max_calls(0)),
        ("caller_limit", door().caller_limit(0, SOON)),
        ("caller_limit", door().caller_limit(1, Duration::ZERO)),
        ("start_deadline", door().start_deadline(Duration::ZERO)),
        ("media_path", door().media_path("media")),
        ("media_path", door().media_path("/twilio/voice")),
        ("aliases", door().voice_alias("webhook")),
        ("aliases", door().media_alias("/twilio/status")),
    ];
    for (field, builder) in wrong {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(field), "{field}: {error}");
    }
    let builder = door();
    assert!(!format!("{builder:?}").contains("12345"));
    assert!(builder.build().is_ok());
}
