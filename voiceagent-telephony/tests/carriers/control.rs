use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::Router;
use voiceagent_core::{CallId, ErrorKind, Secret};
use voiceagent_telephony::{
    DtmfKey,
    compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
    control::{Answer, CallControl, Callee, Directory, NewCall},
    document::{Response, Say, Shelf},
    front_door::CallStatus,
    message::{Channel, Messenger, TextMessage},
    plivo::{PlivoConfig, PlivoRest},
    vonage::{VonageConfig, VonageRest},
};
use voiceagent_testkit::{
    phone::Carrier,
    vendor::{ApiRequest, CarrierApi},
};

use crate::server::Server;

const MUSIC: &str = "https://agent.example/music.mp3";

pub(crate) fn directory() -> Directory {
    Directory::default()
        .with_from("+14155550199".parse().unwrap())
        .with_target("front desk", "+14155550100".parse().unwrap())
        .with_prefix("+4930")
        .with_front_door("https://agent.example/voice", "https://agent.example/status")
}

/// A carrier with one call, and a client that may ask it.
pub(crate) struct Bench {
    pub(crate) api: CarrierApi,
    pub(crate) control: Arc<dyn CallControl>,
    pub(crate) messenger: Arc<dyn Messenger>,
    pub(crate) caller: CallId,
    shelf: Server,
}

impl Bench {
    pub(crate) async fn of(carrier: Carrier) -> Self {
        Self::with(carrier, directory()).await
    }

    pub(crate) async fn with(carrier: Carrier, directory: Directory) -> Self {
        let api = CarrierApi::start(carrier).await;
        let caller = if carrier == Carrier::Telnyx { "v3:caller" } else { "CA77" };
        api.add_call(caller);
        let listener = Server::listen();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let documents = Shelf::new(&url, "/documents").unwrap();
        let shelf = Server::start(listener, Router::new().merge(documents.router()));
        let (control, messenger) = client(carrier, &api, directory, documents);
        Self { api, control, messenger, caller: CallId::new(caller), shelf }
    }

    pub(crate) fn last(&self) -> ApiRequest {
        self.api.requests().pop().expect("a request")
    }

    /// The document that the last request sent a call to.
    async fn document(&self) -> String {
        let request = self.last();
        let inline = request.field("Twiml").or_else(|| request.field("Texml"));
        if let Some(document) = inline {
            return document.to_owned();
        }
        if let Some(actions) = request.field("ncco").or_else(|| request.field("destination")) {
            return actions.to_owned();
        }
        let urls = ["Url", "answer_url", "aleg_url"];
        let url = urls.into_iter().find_map(|name| request.field(name)).expect("an address");
        assert!(url.starts_with(&self.shelf.url("http", "/documents/")), "{url}");
        let answer = reqwest::Client::new().post(url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
        answer.text().await.unwrap()
    }
}

const COMPATIBLE: [Carrier; 3] = [Carrier::SignalWire, Carrier::Telnyx, Carrier::Twilio];

/// The carriers with an API.
pub(crate) const ALL: [Carrier; 5] =
    [Carrier::Plivo, Carrier::SignalWire, Carrier::Telnyx, Carrier::Twilio, Carrier::Vonage];

fn client(
    carrier: Carrier,
    api: &CarrierApi,
    directory: Directory,
    documents: Shelf,
) -> (Arc<dyn CallControl>, Arc<dyn Messenger>) {
    let (account, secret) = (CarrierApi::ACCOUNT, Secret::new(CarrierApi::SECRET));
    let kind = match carrier {
        Carrier::Plivo => {
            let config = PlivoConfig::new(account, secret).with_base_url(api.url());
            let rest = PlivoRest::new(config.with_directory(directory)).unwrap();
            let rest = Arc::new(rest.with_shelf(documents));
            return (rest.clone(), rest);
        }
        Carrier::Vonage => {
            let key = Secret::new(CarrierApi::application_key());
            let config = VonageConfig::new(account, key).with_base_url(api.url());
            let rest = Arc::new(VonageRest::new(config.with_directory(directory)).unwrap());
            return (rest.clone(), rest);
        }
        Carrier::SignalWire => CompatibleApi::SignalWire,
        Carrier::Telnyx => CompatibleApi::Telnyx,
        _ => CompatibleApi::Twilio,
    };
    let mut config = CompatibleConfig::new(kind, account, secret)
        .with_base_url(api.url())
        .with_directory(directory);
    if carrier == Carrier::Telnyx {
        config.application = Some("1293384261075731499".to_owned());
    }
    let rest = Arc::new(CompatibleRest::new(config).unwrap().with_shelf(documents));
    (rest.clone(), rest)
}

pub(crate) fn to_desk() -> NewCall {
    NewCall::to(Callee::Target("front desk".to_owned()))
}

#[tokio::test]
async fn a_call_is_made_to_the_front_door_and_its_answerer_found_out_beside_it() {
    for carrier in COMPATIBLE {
        let bench = Bench::of(carrier).await;
        bench.control.dial(&to_desk().with_machine_detection(true)).await.unwrap();
        let request = bench.last();
        for (field, value) in [
            ("To", "+14155550100"),
            ("From", "+14155550199"),
            ("Url", "https://agent.example/voice"),
            ("StatusCallback", "https://agent.example/status"),
            ("AsyncAmdStatusCallback", "https://agent.example/status"),
            ("AsyncAmd", "true"),
            ("MachineDetection", "DetectMessageEnd"),
            ("Timeout", "30"),
        ] {
            assert_eq!(request.field(field), Some(value), "{carrier:?}");
        }
    }
}

#[tokio::test]
async fn plivo_and_vonage_are_asked_in_their_own_words() {
    let plivo = Bench::of(Carrier::Plivo).await;
    plivo.control.dial(&to_desk().with_machine_detection(true)).await.unwrap();
    for (field, value) in [
        ("to", "14155550100"),
        ("from", "14155550199"),
        ("answer_url", "https://agent.example/voice"),
        ("machine_detection", "true"),
        ("machine_detection_url", "https://agent.example/status"),
    ] {
        assert_eq!(plivo.last().field(field), Some(value));
    }
    let vonage = Bench::of(Carrier::Vonage).await;
    vonage.control.dial(&to_desk().with_machine_detection(true)).await.unwrap();
    for (field, value) in [
        ("to", r#"[{"number":"14155550100","type":"phone"}]"#),
        ("from", r#"{"number":"14155550199","type":"phone"}"#),
        ("answer_url", r#"["https://agent.example/voice?direction=outbound"]"#),
        ("event_url", r#"["https://agent.example/status"]"#),
        ("advanced_machine_detection", r#"{"behavior":"continue","mode":"detect_beep"}"#),
    ] {
        assert_eq!(vonage.last().field(field), Some(value));
    }
}

#[tokio::test]
async fn a_call_that_was_made_can_be_asked_about_and_ended_even_twice() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let call = bench.control.dial(&to_desk()).await.unwrap();
        assert_eq!(bench.control.status(&call).await.unwrap(), CallStatus::Queued, "{carrier:?}");
        bench.api.fail_next(503, "");
        bench.control.hang_up(&call).await.unwrap();
        assert_eq!(bench.api.status(call.as_str()).as_deref(), Some("completed"), "{carrier:?}");
        bench.control.hang_up(&CallId::new("gone")).await.unwrap();
        let error = bench.control.status(&CallId::new("gone")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        bench.api.fail_next(401, r#"{"code":20003,"message":"+14155550100"}"#);
        let error = bench.control.hang_up(&call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let shown = format!("{error:?} {:?}", bench.control);
        assert!(!shown.contains("5550100") && !shown.contains(CarrierApi::SECRET), "{shown}");
    }
}

#[tokio::test]
async fn what_went_to_somebody_is_listed_since_a_time_by_carriers_that_keep_it() {
    let (minute, now) = (Duration::from_secs(60), SystemTime::now());
    let desk = || Callee::Target("front desk".to_owned());
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let listed = bench.control.made(&desk(), now - minute).await;
        assert_eq!(bench.control.capabilities().made, listed.is_ok(), "{carrier:?}");
        let Ok(listed) = listed else {
            assert_eq!(listed.unwrap_err().kind(), ErrorKind::Unsupported, "{carrier:?}");
            let sent = bench.messenger.sent(&desk(), Channel::Sms, now).await;
            assert_eq!(sent.unwrap_err().kind(), ErrorKind::Unsupported, "{carrier:?}");
            continue;
        };
        assert_eq!(listed, [], "{carrier:?}");
        let made = bench.control.dial(&to_desk()).await.unwrap();
        let text = TextMessage::new(desk(), "Your car is ready").unwrap();
        let sent = bench.messenger.send(&text).await.unwrap();
        let call = NewCall::to(Callee::Number("+49309018200".parse().unwrap()));
        bench.control.dial(&call).await.unwrap();
        for (age, is_told) in [(Duration::ZERO, true), (2 * minute, false)] {
            bench.api.age(age);
            let calls = bench.control.made(&desk(), now - minute).await.unwrap();
            assert_eq!(calls, Vec::from_iter(is_told.then(|| made.clone())), "{carrier:?}");
            let texts = bench.messenger.sent(&desk(), Channel::Sms, now - minute).await.unwrap();
            assert_eq!(texts, Vec::from_iter(is_told.then(|| sent.clone())), "{carrier:?}");
        }
        bench.api.fail_next(200, r#"{"calls":[{"sid":"CA1"}]}"#);
        let error = bench.control.made(&desk(), now).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "a call of no time: {carrier:?}");
    }
}

#[tokio::test]
async fn the_target_of_a_transfer_is_the_one_in_the_directory() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let error = bench.control.transfer(&bench.caller, "+19005550123").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(bench.api.requests().is_empty());
        bench.control.transfer(&bench.caller, "front desk").await.unwrap();
        let document = bench.document().await;
        assert!(document.contains("14155550100"), "{carrier:?} {document}");
        bench.api.fail_next(503, "");
        let error = bench.control.transfer(&bench.caller, "front desk").await.unwrap_err();
        assert_eq!((error.kind(), bench.api.requests().len()), (ErrorKind::Overloaded, 2));
        let back = "https://agent.example/voice";
        let bench = Bench::with(carrier, directory().with_return(back)).await;
        match bench.control.transfer(&bench.caller, "front desk").await {
            Ok(()) => assert!(bench.document().await.contains(&format!("action=\"{back}\""))),
            Err(error) => assert_eq!(
                (carrier, error.kind()),
                (Carrier::Vonage, ErrorKind::Unsupported),
                "it is not left out silently"
            ),
        }
        bench.control.join_conference(&bench.caller, "room-7").await.unwrap();
        assert!(bench.document().await.contains("room-7"));
    }
}

#[tokio::test]
async fn cp29_a_call_that_may_have_been_made_is_not_made_again() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        bench.api.fail_next(503, "");
        let error = bench.control.dial(&to_desk()).await.unwrap_err();
        assert_eq!((error.kind(), bench.api.requests().len()), (ErrorKind::Overloaded, 1));
        bench.api.fail_next(429, "");
        bench.control.dial(&to_desk()).await.unwrap();
        assert_eq!(bench.api.requests().len(), 3, "a refusal for the rate changes nothing");
    }
}

#[tokio::test]
async fn x21_nobody_is_called_who_is_not_in_the_directory() {
    let bench = Bench::of(Carrier::Twilio).await;
    let number = |number: &str| Callee::Number(number.parse().unwrap());
    for stranger in [Callee::Target("+19005550123".to_owned()), number("+19005550123")] {
        let error = bench.control.dial(&NewCall::to(stranger)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(!error.to_string().contains("900555"), "{error}");
    }
    assert!(bench.api.requests().is_empty());
    bench.control.dial(&NewCall::to(number("+4930901820"))).await.unwrap();
    assert_eq!(bench.last().field("To"), Some("+4930901820"));
}

#[tokio::test]
async fn cp37_a_call_that_nobody_would_answer_for_is_not_made() {
    let from = "+14155550199".parse().unwrap();
    let desk = || "+14155550100".parse().unwrap();
    for (missing, directory) in
        [("from", Directory::default()), ("voice_url", Directory::default().with_from(from))]
    {
        let bench = Bench::with(Carrier::Twilio, directory.with_target("front desk", desk())).await;
        let error = bench.control.dial(&to_desk()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(missing), "{error}");
        assert!(bench.api.requests().is_empty());
    }
}

#[tokio::test]
async fn cp36_a_long_document_goes_by_its_address() {
    let bench = Bench::of(Carrier::Twilio).await;
    let long = Response::new().with(Say::new("ä".repeat(4_000)));
    bench.control.redirect(&bench.caller, &long).await.unwrap();
    assert!(bench.last().field("Twiml").is_none());
    assert!(bench.document().await.contains("äää"));
    bench.control.dial(&to_desk().with_answer(Answer::Document(long))).await.unwrap();
    assert!(bench.last().field("Twiml").is_none());
}

#[tokio::test]
async fn a_warm_transfer_briefs_a_colleague_and_brings_the_caller_in() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let (control, caller) = (&bench.control, &bench.caller);
        assert!(control.capabilities().warm_transfer());
        let consultation =
            control.consult(caller, "front desk", "A caller & brakes").await.unwrap();
        let room = consultation.room().to_owned();
        let waits = |document: &str| {
            let words = [r#"startConferenceOnEnter="false""#, r#""startOnEnter":false"#];
            document.contains(&room) && words.iter().any(|word| document.contains(word))
        };
        let told = bench.document().await;
        assert!(told.contains("A caller ") && waits(&told), "{told}");
        let colleague = consultation.colleague().as_str();
        assert_eq!(bench.api.status(colleague).as_deref(), Some("queued"));
        control.brief(&consultation, "He is in a hurry").await.unwrap();
        assert!(bench.last().path.contains(colleague));
        assert!(bench.document().await.contains("in a hurry"));
        control.merge(&consultation).await.unwrap();
        let name = caller.as_str().replace(':', "%3A");
        assert!(bench.last().path.contains(&name), "{:?}", bench.last());
        let merged = bench.document().await;
        assert!(merged.contains(&room) && !waits(&merged), "{merged}");
        let ends = [r#"endConferenceOnExit="true""#, r#""endOnExit":true"#];
        assert!(ends.iter().any(|word| merged.contains(word)), "{merged}");
    }
}

#[tokio::test]
async fn a_caller_is_not_sent_to_a_colleague_who_has_gone() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let control = &bench.control;
        if !(control.capabilities().status && control.capabilities().dial) {
            continue;
        }
        let consultation = control.consult(&bench.caller, "front desk", "brakes").await.unwrap();
        control.hang_up(consultation.colleague()).await.unwrap();
        let error = control.merge(&consultation).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{carrier:?}");
        let name = bench.caller.as_str().replace(':', "%3A");
        assert!(!bench.last().path.contains(&name), "{carrier:?}: {:?}", bench.last());
    }
}

#[tokio::test]
async fn a_cancelled_consultation_leaves_the_caller_with_the_agent() {
    let bench = Bench::of(Carrier::Twilio).await;
    let consultation = bench.control.consult(&bench.caller, "front desk", "brakes").await.unwrap();
    bench.control.cancel(&consultation).await.unwrap();
    let status = bench.api.status(consultation.colleague().as_str());
    assert_eq!(status.as_deref(), Some("completed"));
    assert_eq!(bench.api.status("CA77").as_deref(), Some("in-progress"));
    let requests = bench.api.requests();
    assert!(requests.iter().all(|request| !request.path.contains("CA77")), "{requests:?}");
    // Whom a late hang-up leaves in the first room is alone there.
    let second = bench.control.consult(&bench.caller, "front desk", "brakes").await.unwrap();
    assert_ne!(second.room(), consultation.room());
}

#[tokio::test]
async fn a_recording_begins_and_ends() {
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        if !bench.control.capabilities().recording {
            let error = bench.control.start_recording(&bench.caller).await.unwrap_err();
            assert_eq!((carrier, error.kind()), (Carrier::Vonage, ErrorKind::Unsupported));
            continue;
        }
        let recording = bench.control.start_recording(&bench.caller).await.unwrap();
        assert_eq!(recording, "RE1");
        let two = ["RecordingChannels", "record_channel_type"];
        assert!(two.into_iter().any(|field| bench.last().field(field).is_some()));
        bench.control.stop_recording(&bench.caller, &recording).await.unwrap();
        let stop = bench.last();
        assert!(stop.method == "DELETE" || stop.field("Status") == Some("stopped"), "{stop:?}");
        bench.api.fail_next(404, "");
        bench.control.stop_recording(&bench.caller, &recording).await.unwrap();
    }
}

#[tokio::test]
async fn keys_and_music_go_where_the_carrier_has_words_for_them() {
    let keys: Vec<_> = "12#".chars().filter_map(DtmfKey::new).collect();
    for carrier in ALL {
        let bench = Bench::of(carrier).await;
        let (control, caller) = (&bench.control, &bench.caller);
        let can = control.capabilities();
        if !can.keys {
            assert!(matches!(carrier, Carrier::SignalWire | Carrier::Twilio));
            let error = control.send_keys(caller, &keys).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let error = control.hold(caller, MUSIC).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(bench.api.requests().is_empty() && !can.hold);
            continue;
        }
        control.send_keys(caller, &keys).await.unwrap();
        assert_eq!(bench.last().field("digits"), Some("12#"));
        control.hold(caller, MUSIC).await.unwrap();
        assert!(bench.last().fields.iter().any(|(_, value)| value.contains(MUSIC)));
        control.resume(caller).await.unwrap();
        let resume = bench.last();
        assert!(resume.method == "DELETE" || resume.path.ends_with("playback_stop"), "{resume:?}");
    }
}

#[tokio::test]
async fn keys_are_pressed_once_although_they_are_asked_for_twice() {
    let keys = [DtmfKey::new('1').unwrap()];
    for carrier in [Carrier::Plivo, Carrier::Telnyx, Carrier::Vonage] {
        let bench = Bench::of(carrier).await;
        bench.api.fail_next(503, "");
        let pressed = bench.control.send_keys(&bench.caller, &keys).await;
        let requests = bench.api.requests();
        if carrier == Carrier::Telnyx {
            // A command with an id that has come before is not carried out again.
            pressed.unwrap();
            assert!(requests[0].field("command_id").is_some());
            assert_eq!(requests[0].field("command_id"), requests[1].field("command_id"));
        } else {
            assert_eq!((pressed.unwrap_err().kind(), requests.len()), (ErrorKind::Overloaded, 1));
        }
    }
}

#[tokio::test]
async fn a_document_is_given_to_who_knows_its_address() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = Server::listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shelf = Shelf::new(&url, "/documents").unwrap();
    let _server = Server::start(listener, shelf.router());
    let document = Response::new().with(Say::new("hello"));
    let (language, get) = (voiceagent_telephony::document::Language::Cxml, reqwest::get::<String>);
    let address = shelf.put(&document, language).unwrap();
    for _carrier_repeats_itself in 0..2 {
        assert!(get(address.clone()).await.unwrap().text().await.unwrap().contains("hello"));
    }
    assert_eq!(get(format!("{url}/documents/guess")).await.unwrap().status(), 404);
    assert_ne!(address, shelf.put(&document, language).unwrap());
    for (url, path) in [(url.as_str(), "documents"), ("agent.example", "/documents")] {
        assert_eq!(Shelf::new(url, path).unwrap_err().kind(), ErrorKind::Config);
    }
}
