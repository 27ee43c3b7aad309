//! What must hold for every carrier, by one table.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind, MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Media, Outbound, Transport},
};
use voiceagent_telephony::{
    DtmfKey,
    media_stream::{Carrier, MediaSocket, MediaSocketBuilder, TokenCheck},
};
use voiceagent_testkit::{
    conformance::transport,
    phone::{Carrier as Line, Closed, Dial, PhoneCall, Recording, Wire},
    tone,
};

use crate::server::{Call, Calls, SOON, Server, eventually};

/// What a carrier says, and how its streams differ.
struct Row {
    line: Line,
    carrier: Carrier,
    /// How its streams begin.
    start: &'static str,
    /// Audio as it never comes.
    bad_audio: &'static str,
    marks: bool,
}

const START: &str = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;
const BAD: &str = r#"{"event":"media","media":{"track":"inbound","payload":"!!!!"}}"#;

const TABLE: [Row; 7] = [
    Row {
        line: Line::Exotel,
        carrier: Carrier::Exotel,
        start: r#"{"event":"start","start":{"call_sid":"CA1","stream_sid":"MZ1"}}"#,
        bad_audio: r#"{"event":"media","stream_sid":"MZ1","media":{"payload":"/38A"}}"#,
        marks: true,
    },
    Row {
        line: Line::Jambonz,
        carrier: Carrier::Jambonz,
        start: r#"{"callSid":"CA1","sampleRate":16000}"#,
        bad_audio: BAD,
        marks: false,
    },
    Row {
        line: Line::Plivo,
        carrier: Carrier::Plivo,
        start: r#"{"event":"start","start":{"callId":"CA1","streamId":"MZ1"}}"#,
        bad_audio: BAD,
        marks: true,
    },
    Row {
        line: Line::SignalWire,
        carrier: Carrier::SignalWire,
        start: r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1","mediaFormat":{"encoding":"audio/x-L16","sampleRate":16000}}}"#,
        bad_audio: r#"{"event":"media","media":{"payload":"/38A"}}"#,
        marks: true,
    },
    Row {
        line: Line::Telnyx,
        carrier: Carrier::Telnyx,
        start: r#"{"event":"start","stream_id":"MZ1","start":{"call_control_id":"CA1"}}"#,
        bad_audio: BAD,
        marks: true,
    },
    Row { line: Line::Twilio, carrier: Carrier::Twilio, start: START, bad_audio: BAD, marks: true },
    Row {
        line: Line::Vonage,
        carrier: Carrier::Vonage,
        start: r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","call":"CA1"}"#,
        bad_audio: BAD,
        marks: false,
    },
];

fn serve(
    socket: MediaSocketBuilder,
    settings: impl FnOnce(MediaSocketBuilder) -> MediaSocketBuilder,
) -> (Server, Calls) {
    let (sender, calls) = Calls::channel();
    let socket = settings(socket).on_call(move |stream| {
        let sender = sender.clone();
        async move { sender.send(stream).await.unwrap() }
    });
    (Server::start(Server::listen(), socket.build().unwrap().route("/media")), calls)
}

fn door(row: &Row) -> (Server, Calls) {
    serve(MediaSocket::of(row.carrier, TokenCheck::Off), |socket| socket)
}

fn dial(server: &Server, row: &Row) -> Dial {
    Dial::to(server.url("ws", "/media")).carrier(row.line)
}

/// Audio of this length for the agent to say.
fn audio(format: AudioFormat, length: Duration) -> Outbound {
    let speech = tone::speech(format, MediaTime(0), format.samples_in(length));
    Outbound::Audio(AudioFrame::new(format, MediaTime(0), speech))
}

fn outbound(call: &Call) -> AudioFormat {
    match call.info.media {
        Media::Audio { outbound, .. } => outbound,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_table_has_all_carriers() {
    assert_eq!(TABLE.map(|row| row.carrier).as_slice(), Carrier::ALL);
    assert_eq!(TABLE.map(|row| row.line).as_slice(), Line::ALL);
}

#[tokio::test]
async fn every_dialect_conforms_to_the_contract_of_a_transport() {
    for row in &TABLE {
        let (server, calls) = door(row);
        let calls = tokio::sync::Mutex::new(calls);
        let connect = || async {
            let phone = dial(&server, row).connect().await.unwrap();
            let stream = calls.lock().await.stream().await;
            assert_eq!(stream.capabilities().marks, row.marks, "{}", row.carrier);
            (Box::new(stream) as Box<dyn Transport>, phone)
        };
        let report = transport::transport(row.carrier.name(), connect).await;
        report.assert();
        assert_eq!(report.checks().len(), 9, "{report}");
    }
}

#[tokio::test]
async fn a_shared_socket_tells_the_carriers_apart() {
    let (server, mut calls) = serve(MediaSocket::any(TokenCheck::Off), |socket| socket);
    for row in &TABLE {
        let phone = dial(&server, row).connect().await.unwrap();
        let stream = calls.stream().await;
        assert_eq!(stream.carrier(), row.carrier);
        assert_eq!(stream.call().id.as_str(), phone.call_id());
        assert_eq!(stream.call().media, Media::audio(row.line.format()), "{}", row.carrier);
        // Vonage's streams have no name of their own.
        let named = [phone.stream_id(), phone.call_id()].contains(&stream.stream_id());
        assert!(named, "{}", row.carrier);
    }
}

#[tokio::test]
async fn parameters_arrive_from_every_carrier() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let _phone = dial(&server, row).parameter("lead", "abc42").connect().await.unwrap();
        let parameters = calls.answer().await.info.parameters;
        assert_eq!(parameters.get("lead").map(String::as_str), Some("abc42"), "{}", row.carrier);
    }
}

#[tokio::test]
async fn cp15_media_keys_and_nonsense_before_the_start_are_passed_over() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).without_start().connect().await.unwrap();
        phone.send_binary(vec![7; 640]).await.unwrap();
        for early in [
            r#"{"event":"media","media":{"track":"inbound","payload":"////"}}"#,
            r#"{"event":"dtmf","dtmf":{"digit":"1"}}"#,
            r#"{"event":"connected"}"#,
            "{",
            &"x".repeat(60_000),
            row.start,
        ] {
            phone.send_raw(early).await.unwrap();
        }
        assert_eq!(calls.answer().await.info.id.as_str(), "CA1", "{}", row.carrier);
    }
}

#[tokio::test]
async fn cp18_malformed_messages_do_not_end_the_call() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).connect().await.unwrap();
        let mut call = calls.answer().await;
        let deep = "[".repeat(50_000);
        let long = row.bad_audio.replace("!!!!", &"A".repeat(70_000));
        let nonsense = [
            "",
            "{",
            "null",
            "[]",
            r#"{"event":"hologram"}"#,
            row.bad_audio,
            row.start,
            &deep,
            &long,
        ];
        for text in nonsense {
            phone.send_raw(text).await.unwrap();
        }
        for bytes in [0, 3, 70_001] {
            phone.send_binary(vec![1; bytes]).await.unwrap();
        }
        phone.press('7').await.unwrap();
        assert_eq!(call.next().await.unwrap().unwrap(), Inbound::Dtmf('7'), "{}", row.carrier);
    }
}

#[tokio::test]
async fn cp18_a_message_beyond_all_measure_ends_its_call() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).connect().await.unwrap();
        let mut call = calls.answer().await;
        phone.send_raw("x".repeat(300_000)).await.unwrap();
        let error = call.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{}", row.carrier);
        assert_eq!(error.provider(), Some(row.carrier.name()));
    }
}

#[tokio::test]
async fn cp19_a_call_ends_once_without_a_stop() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).connect().await.unwrap();
        let mut call = calls.answer().await;
        phone.close_without_stop().await.unwrap();
        assert_eq!(call.next().await.unwrap().unwrap(), Inbound::HungUp, "{}", row.carrier);
        assert!(call.next().await.is_none());
    }
}

/// Lets the agent speak, and clears it while it does.
async fn interrupt(phone: &PhoneCall, call: &Call) -> Recording {
    let format = outbound(call);
    call.link.try_send(audio(format, Duration::from_millis(400))).unwrap();
    for piece in 1..=5 {
        call.link.try_send(audio(format, Duration::from_millis(400))).unwrap();
        call.link.try_send(Outbound::Mark(MarkId::new(piece))).unwrap();
    }
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    call.link.try_send(Outbound::Clear).unwrap();
    phone.wait_until_agent_quiet(Duration::from_millis(100), SOON).await.unwrap();
    phone.heard().await.unwrap()
}

#[tokio::test]
async fn cp1_a_clear_silences_every_carrier_and_cp4_every_mark_comes_back_once() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).connect().await.unwrap();
        let mut call = calls.answer().await;
        let recording = interrupt(&phone, &call).await;
        assert_eq!(recording.clears.len(), 1, "{}", row.carrier);
        assert!(recording.clears[0].dropped > 0, "{}", row.carrier);
        if row.marks {
            for piece in 1..=5 {
                let returned = call.next().await.unwrap().unwrap();
                assert_eq!(returned, Inbound::MarkPlayed(MarkId::new(piece)), "{}", row.carrier);
            }
        }
        phone.press('1').await.unwrap();
        assert_eq!(call.next().await.unwrap().unwrap(), Inbound::Dtmf('1'), "{}", row.carrier);
    }
}

#[tokio::test]
async fn what_a_carrier_would_drop_is_never_sent() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).connect().await.unwrap();
        let call = calls.answer().await;
        let format = outbound(&call);
        // Odd lengths, of which a session sends none.
        for millis in [20, 100, 30, 10, 5] {
            call.link.try_send(audio(format, Duration::from_millis(millis))).unwrap();
            call.link.try_send(Outbound::Mark(MarkId::new(millis))).unwrap();
        }
        call.link.try_send(Outbound::Clear).unwrap();
        call.link.try_send(Outbound::HangUp).unwrap();
        let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1000));
        let wire = phone.heard().await.unwrap().wire;
        let unknown = wire.iter().any(|(_, wire)| format!("{wire:?}").starts_with("Unknown"));
        assert!(!unknown, "{}: {wire:?}", row.carrier);
    }
}

#[tokio::test]
async fn a_call_without_a_name_is_refused() {
    let (server, mut calls) = serve(MediaSocket::any(TokenCheck::Off), |socket| socket);
    let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
    let nameless = r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000"}"#;
    phone.send_raw(nameless).await.unwrap();
    let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1008));
    assert!(calls.none());
}

#[tokio::test]
async fn the_agent_may_speak_in_another_format_than_it_hears() {
    let a_law = AudioFormat::ALAW_8K;
    let socket = MediaSocket::of(Carrier::Telnyx, TokenCheck::Off);
    let (server, mut calls) = serve(socket, |socket| socket.format(a_law));
    let _phone =
        Dial::to(server.url("ws", "/media")).carrier(Line::Telnyx).connect().await.unwrap();
    let media = Media::Audio { inbound: AudioFormat::MULAW_8K, outbound: a_law };
    assert_eq!(calls.answer().await.info.media, media);
    for socket in [MediaSocket::twilio(TokenCheck::Off), MediaSocket::any(TokenCheck::Off)] {
        let built = socket.on_call(|_| async {}).format(a_law).build();
        assert!(built.unwrap_err().message().starts_with("format:"));
    }
}

#[tokio::test]
async fn how_a_dialect_is_told_from_another_is_not_what_a_fixed_socket_asks() {
    // Servers that speak Twilio's protocol spell names as they like.
    let (server, mut calls) = serve(MediaSocket::twilio(TokenCheck::Off), |socket| socket);
    let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
    phone.send_raw(TABLE[0].start).await.unwrap();
    let stream = calls.stream().await;
    assert_eq!(stream.carrier(), Carrier::Twilio);
}

#[tokio::test]
async fn exotels_audio_is_pcm_whatever_it_is_called() {
    let (server, mut calls) = serve(MediaSocket::any(TokenCheck::Off), |socket| socket);
    let begins = |format: &str| {
        format!(
            r#"{{"event":"start","stream_sid":"MZ1","start":{{"stream_sid":"MZ1","call_sid":"CA1","media_format":{format}}}}}"#
        )
    };
    for (format, rate) in [
        (r#"{"encoding":"base64","sample_rate":"8000","bit_rate":"128kbps"}"#, 8_000),
        (r#"{"encoding":"audio/x-raw","sample_rate":"8000Hz"}"#, 8_000),
        (r#"{"encoding":"raw/slin","sample_rate":16000}"#, 16_000),
        (r#"{"sample_rate":"24000"}"#, 24_000),
    ] {
        let phone = Dial::to(server.url("ws", "/media")).without_start().connect().await.unwrap();
        phone.send_raw(begins(format)).await.unwrap();
        let call = calls.answer().await;
        let expected = AudioFormat::mono(voiceagent_core::audio::Encoding::PcmS16Le, rate);
        assert_eq!(outbound(&call), expected, "{format}");
    }
}

#[tokio::test]
async fn keys_are_pressed_over_the_streams_that_take_them() {
    for row in &TABLE {
        let (server, mut calls) = door(row);
        let phone = dial(&server, row).connect().await.unwrap();
        let stream = calls.stream().await;
        let Some(keys) = stream.keys() else {
            assert_ne!(row.carrier, Carrier::SignalWire);
            continue;
        };
        assert_eq!(row.carrier, Carrier::SignalWire);
        let link = Box::new(stream).open().await.unwrap();
        for key in ['4', '#'] {
            keys.press(DtmfKey::new(key).unwrap()).unwrap();
        }
        phone.wait_for_messages(2, SOON).await.unwrap();
        let wire = phone.heard().await.unwrap().wire;
        let wire: Vec<_> = wire.into_iter().map(|(_, wire)| wire).collect();
        assert_eq!(wire, [Wire::Key("4".to_owned()), Wire::Key("#".to_owned())]);
        drop(link);
        phone.wait_until_closed(SOON).await.unwrap();
        let ended = eventually(|| async { keys.press(DtmfKey::new('1').unwrap()).err() }).await;
        assert_eq!(ended.kind(), ErrorKind::Closed);
    }
}
