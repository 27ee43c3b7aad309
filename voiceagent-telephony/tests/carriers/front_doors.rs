//! The front doors of all carriers, by one table.

use std::time::{SystemTime, UNIX_EPOCH};

use base64_simd::STANDARD;
use reqwest::{Client, Response};
use rustls::{SignatureScheme, crypto::ring::sign::any_eddsa_type, pki_types::PrivatePkcs8KeyDer};
use voiceagent_core::{
    ErrorKind, Secret,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Media, Outbound},
};
use voiceagent_telephony::{
    document::{Say, Verb},
    front_door::{CallStatus, FrontDoor, FrontDoorBuilder},
    signature::{PlivoSignature, SignalWireSignature, TwilioSignature, VonageSignature},
};
use voiceagent_testkit::phone::{Carrier, Closed, Dial, PhoneCall};

use crate::{
    log::Log,
    server::{Calls, SOON, Server},
};

/// A carrier's side: how it asks, and how it signs.
pub(crate) struct Row {
    pub(crate) carrier: Carrier,
    door: fn() -> FrontDoorBuilder,
    /// What the door is given, and what requests are signed with.
    key: &'static str,
    pub(crate) body: &'static str,
    pub(crate) status: &'static str,
    call: &'static str,
    format: AudioFormat,
    pub(crate) sign: fn(&Self, url: &str, body: &str) -> Vec<(&'static str, String)>,
}

const TELNYX_KEY: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
const NONCE: &str = "05429567804466091622";
const UUID: &str = "b08dacad-2f6c-4de1-93d6-cc732e0c69c5";

pub(crate) const TABLE: [Row; 5] = [
    Row {
        carrier: Carrier::Plivo,
        door: FrontDoor::plivo,
        key: "MA_token",
        body: "CallUUID=b1c2&From=15551234567&To=15557654321&CallStatus=ringing&Direction=inbound",
        status: "CallUUID=b1c2&Event=Hangup&CallStatus=completed&Duration=42",
        call: "b1c2",
        format: AudioFormat::MULAW_8K,
        sign: |row, url, body| {
            let signature = PlivoSignature::sign(&Secret::new(row.key), url, &form(body), NONCE);
            let nonce = NONCE.to_owned();
            vec![("X-Plivo-Signature-V3", signature), ("X-Plivo-Signature-V3-Nonce", nonce)]
        },
    },
    Row {
        carrier: Carrier::SignalWire,
        door: || FrontDoor::signalwire().format(AudioFormat::PCM_24K),
        key: "PSKtest1234567890abcdef",
        body: "CallSid=b08dacad-2f6c-4de1-93d6-cc732e0c69c5&From=%2B15551234567&To=%2B15557654321&CallStatus=ringing",
        status: "CallSid=b08dacad-2f6c-4de1-93d6-cc732e0c69c5&CallStatus=completed&CallDuration=42",
        call: UUID,
        format: AudioFormat::PCM_24K,
        sign: |row, url, body| {
            let key = Secret::new(row.key);
            let signature = SignalWireSignature::sign_form(&key, url, &form(body));
            vec![("X-SignalWire-Signature", signature)]
        },
    },
    Row {
        carrier: Carrier::Telnyx,
        door: FrontDoor::telnyx,
        key: TELNYX_KEY,
        body: "CallSid=v3%3Aabc&From=%2B15551234567&To=%2B15557654321&CallStatus=ringing",
        status: "CallSid=v3%3Aabc&CallStatus=completed&CallDuration=42",
        call: "v3:abc",
        format: AudioFormat::MULAW_8K,
        sign: |_, _, body| {
            let now = now().to_string();
            let message = format!("{now}|{body}");
            vec![
                ("telnyx-signature-ed25519", ed25519(message.as_bytes())),
                ("telnyx-timestamp", now),
            ]
        },
    },
    Row {
        carrier: Carrier::Twilio,
        door: FrontDoor::twilio,
        key: "12345",
        body: "CallSid=CA1&From=%2B15551234567&To=%2B15557654321&Direction=inbound",
        status: "CallSid=CA1&CallStatus=completed&CallDuration=42",
        call: "CA1",
        format: AudioFormat::MULAW_8K,
        sign: |row, url, body| {
            let signature = TwilioSignature::sign(&Secret::new(row.key), url, &form(body));
            vec![("X-Twilio-Signature", signature)]
        },
    },
    Row {
        carrier: Carrier::Vonage,
        door: FrontDoor::vonage,
        key: "signature secret",
        body: r#"{"uuid":"u-1","from":"15551234567","to":"15557654321","conversation_uuid":"CON-1"}"#,
        status: r#"{"uuid":"u-1","status":"completed","duration":"42","direction":"inbound"}"#,
        call: "u-1",
        format: AudioFormat::PCM_16K,
        sign: |row, _, body| {
            let token = VonageSignature::sign(&Secret::new(row.key), body.as_bytes(), now());
            vec![("Authorization", format!("Bearer {token}"))]
        },
    },
];

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The seed of the vectors: the bytes 0 to 31, behind the head of PKCS #8 (RFC 8410).
fn ed25519(message: &[u8]) -> String {
    let head = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key: Vec<u8> = head.into_iter().chain(0..32).collect();
    let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(key)).unwrap();
    let signer = key.choose_scheme(&[SignatureScheme::ED25519]).unwrap();
    STANDARD.encode_to_string(signer.sign(message).unwrap())
}

/// The fields of a form without anything but `%3A` and `%2B` to decode.
fn form(body: &str) -> Vec<(String, String)> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(n, v)| (n.to_owned(), v.replace("%2B", "+").replace("%3A", ":"))).collect()
}

impl Row {
    /// What is said of the call, said of another one.
    pub(crate) fn of_other(&self, text: &str) -> String {
        let tail = &self.call[self.call.len() - 3..];
        text.replace(tail, &format!("{}7", &tail[..2]))
    }
}

pub(crate) struct House {
    pub(crate) row: &'static Row,
    server: Server,
    client: Client,
}

impl House {
    pub(crate) fn start(
        row: &'static Row,
        settings: impl FnOnce(FrontDoorBuilder) -> FrontDoorBuilder,
    ) -> (Self, Calls) {
        let (sender, calls) = Calls::channel();
        let listener = Server::listen();
        let door = (row.door)()
            .auth_token(Secret::new(row.key))
            .public_url(format!("http://{}", listener.local_addr().unwrap()))
            .on_call(move |stream| {
                let sender = sender.clone();
                async move { sender.send(stream).await.unwrap() }
            });
        let server = Server::start(listener, settings(door).build().unwrap());
        let _ = rustls::crypto::ring::default_provider().install_default();
        (Self { row, server, client: Client::new() }, calls)
    }

    pub(crate) fn url(&self, what: &str) -> String {
        let carrier = format!("{:?}", self.row.carrier).to_lowercase();
        self.server.url("http", &format!("/{carrier}/{what}"))
    }

    pub(crate) async fn post(&self, what: &str, body: &str) -> Response {
        let url = self.url(what);
        let headers = (self.row.sign)(self.row, &url, body);
        self.send(&url, body, &headers).await
    }

    pub(crate) async fn send(&self, url: &str, body: &str, headers: &[(&str, String)]) -> Response {
        let json = body.starts_with('{');
        let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        let mut request = self.client.post(url).header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.body(body.to_owned()).send().await.unwrap()
    }

    /// Follows the answer of a webhook to the media socket.
    pub(crate) async fn dial(&self, answer: &str) -> voiceagent_core::Result<PhoneCall> {
        self.dial_as(self.row.call, answer).await
    }

    pub(crate) async fn dial_as(
        &self,
        call: &str,
        answer: &str,
    ) -> voiceagent_core::Result<PhoneCall> {
        let (url, parameters) = follow(self.row.carrier, answer);
        let mut dial = Dial::to(&url).carrier(self.row.carrier).call_id(call);
        if self.row.carrier == Carrier::Twilio {
            let key = Secret::new(self.row.key);
            let signature = TwilioSignature::sign::<&str, &str>(&key, &url, &[]);
            dial = dial.header("x-twilio-signature", signature);
        }
        for (name, value) in parameters {
            dial = dial.parameter(name, value);
        }
        dial.connect().await
    }
}

/// Reads an answer as the carrier does: where the stream goes, and what goes with it.
fn follow(carrier: Carrier, answer: &str) -> (String, Vec<(String, String)>) {
    let between = |text: &str, start: &str, end: &str| {
        let (_, rest) = text.split_once(start).unwrap();
        rest.split_once(end).unwrap().0.to_owned()
    };
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    match carrier {
        Carrier::Vonage => {
            let ncco: serde_json::Value = serde_json::from_str(answer).unwrap();
            let endpoint = &ncco[0]["endpoint"][0];
            let headers = endpoint["headers"].as_object().unwrap();
            let headers = headers.iter().map(|(name, value)| own((name, value.as_str().unwrap())));
            (endpoint["uri"].as_str().unwrap().to_owned(), headers.collect())
        }
        Carrier::Plivo => {
            let headers = between(answer, "extraHeaders=\"", "\"");
            let headers = headers.split(',').filter_map(|pair| pair.split_once('=')).map(own);
            (between(answer, "\">", "</Stream>"), headers.collect())
        }
        _ => {
            let parameters = answer.split("<Parameter name=\"").skip(1).map(|parameter| {
                let (name, rest) = parameter.split_once('"').unwrap();
                own((name, &between(rest, "value=\"", "\"")))
            });
            (between(answer, " url=\"", "\""), parameters.collect())
        }
    }
}

#[tokio::test]
async fn a_signed_webhook_of_every_carrier_leads_to_a_call() {
    for row in &TABLE {
        let (house, mut calls) = House::start(row, |door| door);
        let answer = house.post("voice", row.body).await;
        assert_eq!(answer.status(), 200, "{:?}", row.carrier);
        let answer = answer.text().await.unwrap();
        assert!(!answer.contains("5551234567"), "the numbers do not travel: {answer}");
        let _phone = house.dial(&answer).await.unwrap();
        let info = calls.answer().await.info;
        assert_eq!(info.id.as_str(), row.call);
        assert_eq!(info.media, Media::audio(row.format), "{:?}", row.carrier);
        assert!(info.from.unwrap().expose().ends_with("15551234567"));
        assert!(info.to.unwrap().expose().ends_with("15557654321"));
        assert!(!info.parameters.contains_key("token"));
        let again = house.dial(&answer).await.unwrap();
        let (_, closed) = again.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1008), "{:?}: the token was used", row.carrier);
    }
}

#[tokio::test]
async fn cp24_unsigned_and_changed_requests_get_403_and_nothing_else() {
    for row in &TABLE {
        let (house, mut calls) = House::start(row, |door| door);
        let url = house.url("voice");
        let good = (row.sign)(row, &url, row.body);
        let changed = row.body.replace("15551234567", "15551234568");
        assert_eq!(house.send(&url, &changed, &good).await.status(), 403, "{:?}", row.carrier);
        assert_eq!(house.send(&url, row.body, &[]).await.status(), 403, "{:?}", row.carrier);
        for left_out in 0..good.len() {
            let mut fewer = good.clone();
            fewer.remove(left_out);
            assert_eq!(house.send(&url, row.body, &fewer).await.status(), 403);
        }
        let refused = house.send(&house.url("status"), &changed, &good).await;
        assert_eq!(refused.status(), 403);
        assert_eq!(refused.text().await.unwrap(), "");
        let text = house.client.post(&url).header("content-type", "text/plain").body("x");
        assert_eq!(text.send().await.unwrap().status(), 415);
        assert_eq!(house.client.get(&url).send().await.unwrap().status(), 405);
        assert!(calls.none());
    }
}

#[tokio::test]
async fn a_stream_without_its_token_dials_nobody() {
    for row in &TABLE {
        let (house, mut calls) = House::start(row, |door| door);
        let answer = house.post("voice", row.body).await.text().await.unwrap();
        let (_, parameters) = follow(row.carrier, &answer);
        let (_, token) = parameters.iter().find(|(name, _)| name == "token").unwrap();
        let guessed = answer.replace(token.as_str(), "0123456789abcdef0123456789abcdef");
        let phone = house.dial(&guessed).await.unwrap();
        let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1008), "{:?}", row.carrier);
        assert!(calls.none());
    }
}

#[tokio::test]
async fn the_end_of_a_call_is_told_by_every_carrier() {
    for row in &TABLE {
        let (sender, mut events) = tokio::sync::mpsc::channel(8);
        let (house, _calls) = House::start(row, |door| door.statuses(sender));
        for _ in 0..2 {
            assert_eq!(house.post("status", row.status).await.status(), 204);
        }
        let event = events.try_recv().unwrap();
        assert_eq!((event.call.as_str(), event.status), (row.call, CallStatus::Completed));
        assert_eq!(event.duration.unwrap().as_secs(), 42);
        assert!(events.try_recv().is_err(), "{:?}: told once", row.carrier);
    }
}

#[tokio::test]
async fn cp23_the_log_says_which_of_key_and_url_is_wrong() {
    let (log, _guard) = Log::start();
    for row in &TABLE {
        let (house, _calls) = House::start(row, |door| door);
        let url = house.url("voice");
        let elsewhere = (row.sign)(row, &url.replace("http:", "https:"), row.body);
        let changed = row.body.replace("15551234567", "15551234568");
        let before = log.ours().len();
        let answer = house.send(&url, row.body, &elsewhere).await;
        let signs_url = answer.status() == 403;
        assert_eq!(signs_url, !matches!(row.carrier, Carrier::Telnyx | Carrier::Vonage));
        let ours = log.ours()[before..].to_owned();
        assert_eq!(ours.contains("set public_url"), signs_url, "{:?}: {ours}", row.carrier);
        let before = log.ours().len();
        house.send(&url, &changed, &(row.sign)(row, &url, row.body)).await;
        let ours = log.ours()[before..].to_owned();
        assert!(ours.contains("or a proxy changes") || ours.contains("a proxy changes the body"));
        let before = log.ours().len();
        house.send(&url, row.body, &[]).await;
        assert!(log.ours()[before..].contains("a proxy drops the header"), "{:?}", row.carrier);
    }
    let ours = log.ours();
    for row in &TABLE {
        assert!(!ours.contains(&format!("{} ", row.key)), "{ours}");
    }
    assert!(!ours.contains("5551234567"), "{ours}");
}

#[tokio::test]
async fn a_full_house_says_so_in_every_language() {
    for row in &TABLE {
        let (house, mut calls) = House::start(row, |door| door.max_calls(1));
        let answer = house.post("voice", row.body).await.text().await.unwrap();
        let _phone = house.dial(&answer).await.unwrap();
        let _call = calls.answer().await;
        let answer = house.post("voice", &row.of_other(row.body)).await.text().await.unwrap();
        let expected = match row.carrier {
            Carrier::Vonage => r#"text":"All lines are busy. Please call again later."}]"#,
            Carrier::Plivo => r#"<Response><Hangup reason="busy" /></Response>"#,
            _ => r#"<Response><Reject reason="busy" /></Response>"#,
        };
        assert!(answer.ends_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_caller_who_has_heard_nothing_is_told_so_by_the_carrier() {
    let sorry = [Verb::from(Say::new("Sorry.")), Verb::Hangup];
    for row in TABLE.iter().filter(|row| row.carrier != Carrier::Vonage) {
        let (house, mut calls) = House::start(row, |door| door.when_unheard(sorry.clone()));
        let answer = house.post("voice", row.body).await.text().await.unwrap();
        let redirect = format!(r#"<Redirect method="POST">{}</Redirect>"#, house.url("after"));
        assert!(answer.ends_with(&format!("{redirect}</Response>")), "{answer}");
        assert_eq!(house.send(&house.url("after"), row.body, &[]).await.status(), 403);

        let phone = house.dial(&answer).await.unwrap();
        drop(calls.stream().await);
        let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1011), "{:?}", row.carrier);
        let told = house.post("after", row.body).await.text().await.unwrap();
        assert!(told.contains("Sorry.") && told.contains("<Hangup />"), "{told}");

        let answer = house.post("voice", &row.of_other(row.body)).await.text().await.unwrap();
        let phone = house.dial_as(&row.of_other(row.call), &answer).await.unwrap();
        let call = calls.answer().await;
        let payload = vec![0; row.format.bytes_in(std::time::Duration::from_millis(20))];
        let frame = AudioFrame::new(row.format, MediaTime(0), payload.into());
        call.link.try_send(Outbound::Audio(frame)).unwrap();
        call.link.try_send(Outbound::HangUp).unwrap();
        phone.wait_until_closed(SOON).await.unwrap();
        let told = house.post("after", &row.of_other(row.body)).await.text().await.unwrap();
        assert!(told.ends_with("<Response><Hangup /></Response>"), "{told}");
    }
}

#[test]
fn a_setting_that_a_carrier_cannot_have_is_named() {
    let ready = |row: &Row| (row.door)().auth_token(Secret::new(row.key)).on_call(|_| async {});
    for row in &TABLE {
        assert!(ready(row).build().is_ok(), "{:?}", row.carrier);
        let wrong = (row.door)().auth_token(Secret::new("")).on_call(|_| async {}).build();
        assert!(wrong.unwrap_err().message().starts_with("auth_token:"));
        let wrong = ready(row).format(AudioFormat::mono(row.format.encoding, 11_025)).build();
        assert!(wrong.unwrap_err().message().starts_with("format:"));
        let wordless = || [Verb::StopStream("spy".to_owned())];
        let unheard = ready(row).when_unheard([Verb::Hangup]).build();
        assert_eq!(unheard.is_ok(), row.carrier != Carrier::Vonage, "{:?}", row.carrier);
        let speaks = !matches!(row.carrier, Carrier::Plivo | Carrier::Vonage);
        for (setting, built) in [
            ("after:", ready(row).after(wordless()).build()),
            ("when_full:", ready(row).when_full(wordless()).build()),
        ] {
            match built {
                Ok(_) => assert!(speaks, "{:?}", row.carrier),
                Err(error) => {
                    assert!(!speaks && error.message().starts_with(setting), "{error}");
                    assert_eq!(error.kind(), ErrorKind::Config);
                }
            }
        }
    }
}
