use std::{borrow::Cow, collections::BTreeMap};

use super::*;

const MEDIA: &str = r#"{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"no+JhoaJjpzS"},"streamSid":"MZ1"}"#;

fn read(text: &str) -> Option<Event<'_>> {
    read_message(text)
}

fn started(text: &str) -> StreamStart {
    match read_message(text) {
        Some(Event::Start(start)) => *start,
        other => panic!("{other:?} is no start"),
    }
}

#[test]
fn a_media_message_is_read_without_a_copy() {
    let Some(Event::Media(chunk)) = read(MEDIA) else { panic!("not media") };
    assert!(matches!(chunk.payload, Cow::Borrowed("no+JhoaJjpzS")));
    assert_eq!((chunk.number, chunk.timestamp), (Some(1), Some(5)));
}

#[test]
fn escaped_slashes_in_a_payload_are_read() {
    let text = MEDIA.replace("no+Jh", r"\/\/+J");
    let Some(Event::Media(chunk)) = read(&text) else { panic!("not media") };
    assert_eq!(chunk.payload, "//+JoaJjpzS");
}

#[test]
fn numbers_are_taken_bare_and_quoted() {
    let bare = MEDIA.replace(r#""1""#, "1").replace(r#""5""#, "5");
    assert_eq!(read(&bare), read(MEDIA));
}

#[test]
fn our_own_track_is_not_heard() {
    assert_eq!(read(&MEDIA.replace("inbound", "outbound")), Some(Event::Other));
}

#[test]
fn cp13_a_start_is_read_in_the_words_of_each_carrier() {
    let twilio = r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"t","n":"42 & \"q\""}},"streamSid":"MZ1"}"#;
    let exotel = r#"{"event":"start","sequence_number":1,"start":{"account_sid":"AC1","stream_sid":"MZ1","call_sid":"CA1","from":"+1","media_format":{"encoding":"audio/x-mulaw","sample_rate":"8000","channels":"1"},"custom_parameters":{"token":"t","n":"42 & \"q\""}}}"#;
    let telnyx = r#"{"event":"start","sequence_number":"1","stream_id":"MZ1","start":{"user_id":"u","call_control_id":"CA1","account_sid":"AC1","client_state":"YQ==","media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1},"custom_parameters":{"token":"t","n":"42 & \"q\""}}}"#;
    let plivo = r#"{"event":"start","sequenceNumber":0,"start":{"callId":"CA1","streamId":"MZ1","accountId":"AC1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},"extra_headers":"{X-PH-token=t; n=42 & \"q\"}"}"#;
    let expected = |carrier| StreamStart {
        carrier,
        call: Some("CA1".to_owned()),
        stream: Some("MZ1".to_owned()),
        account: Some("AC1".to_owned()),
        format: ToldFormat::Format(AudioFormat::MULAW_8K),
        parameters: BTreeMap::from([
            ("token".to_owned(), "t".to_owned()),
            ("n".to_owned(), r#"42 & "q""#.to_owned()),
        ]),
    };
    for (text, carrier) in [
        (twilio, Carrier::Twilio),
        (exotel, Carrier::Exotel),
        (telnyx, Carrier::Telnyx),
        (plivo, Carrier::Plivo),
    ] {
        assert_eq!(started(text), expected(carrier));
    }
}

#[test]
fn signalwire_is_known_by_its_names_and_needs_no_stream_beside_the_start() {
    let text = r#"{"event":"start","start":{"callSid":"b08dacad-2f6c-4de1-93d6-cc732e0c69c5","streamSid":"s","mediaFormat":{"encoding":"audio/x-L16","sampleRate":24000,"channels":1}}}"#;
    let start = started(text);
    assert_eq!(start.carrier, Carrier::SignalWire);
    assert_eq!(start.format, ToldFormat::Format(AudioFormat::PCM_24K));
}

#[test]
fn vonage_greets_with_the_headers_of_the_ncco() {
    for text in [
        r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","token":"t","call":"c-1","deep":{"x":1}}"#,
        r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","headers":{"token":"t","call":"c-1","n":7}}"#,
    ] {
        let start = started(text);
        assert_eq!((start.carrier, start.call.as_deref()), (Carrier::Vonage, Some("c-1")));
        assert_eq!(start.format, ToldFormat::Format(AudioFormat::PCM_16K));
        assert_eq!(start.parameters.get("token").map(String::as_str), Some("t"));
        assert!(!start.parameters.contains_key("deep"));
    }
    let bare = started(r#"{"event":"websocket:connected","content-type":"audio/l16"}"#);
    assert_eq!((bare.call, bare.stream), (None, None));
}

#[test]
fn jambonz_greets_without_an_event_and_names_keys_bare() {
    let text = r#"{"callSid":"c-1","accountSid":"a","from":"+15550100","to":"+15550199","sampleRate":16000,"mixType":"mono","direction":"inbound","token":"t"}"#;
    let start = started(text);
    assert_eq!((start.carrier, start.call.as_deref()), (Carrier::Jambonz, Some("c-1")));
    assert_eq!(start.format, ToldFormat::Format(AudioFormat::PCM_16K));
    let told = [("direction", "inbound"), ("token", "t")];
    let told = told.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(start.parameters, BTreeMap::from(told));
    assert_eq!(started(&text.replace("mono", "stereo")).format, ToldFormat::Unknown);
    let key = read_message(r#"{"event":"dtmf","dtmf":"5","duration":"250"}"#);
    assert_eq!(key, DtmfKey::new('5').map(Event::Dtmf));
    assert_eq!(read_message(r#"{"callSid":"c-1"}"#), None);
}

#[test]
fn cp12_each_format_is_obeyed_or_refused() {
    let told = |encoding: &str, rate: &str| {
        let text = r#"{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"encoding":"E","sampleRate":R,"channels":1}}}"#;
        started(
            &text.replace("\"E\"", &format!("\"{encoding}\"")).replace("R,", &format!("{rate},")),
        )
        .format
    };
    let (mulaw, pcm) = (ToldFormat::Format(AudioFormat::MULAW_8K), AudioFormat::PCM_16K);
    assert_eq!(told("audio/x-mulaw", "8000"), mulaw);
    assert_eq!(told("PCMA", "\"8000\""), ToldFormat::Format(AudioFormat::ALAW_8K));
    assert_eq!(told("audio/x-raw", "16000"), ToldFormat::Format(pcm));
    for unknown in ["OPUS", "G722", "AMR-WB", "", "audio/x-mp3"] {
        assert_eq!(told(unknown, "8000"), ToldFormat::Rate(8_000));
    }
    for odd in ["99999999999", "-1", "8000.5", "\"\"", "\"fast\"", "null", "[8000]", "true"] {
        let expected = if odd == "null" { mulaw } else { ToldFormat::Unknown };
        assert_eq!(told("audio/x-mulaw", odd), expected, "{odd}");
    }
    for whole in ["8000.0", "\"8000.0\"", "\"8000Hz\"", "\" 8000 hz \""] {
        assert_eq!(told("audio/x-mulaw", whole), mulaw, "{whole}");
    }
    let stereo = r#"{"event":"start","start":{"streamSid":"M","callSid":"C","mediaFormat":{"encoding":"L16","channels":2}}}"#;
    assert_eq!(started(stereo).format, ToldFormat::Unknown);
    let silent = r#"{"event":"start","start":{"streamSid":"M","callSid":"C"}}"#;
    assert_eq!(started(silent).format, ToldFormat::Nothing);
}

#[test]
fn marks_keys_and_the_rest_are_read() {
    let mark =
        |name: &str| format!(r#"{{"event":"mark","streamSid":"MZ1","mark":{{"name":"{name}"}}}}"#);
    assert_eq!(read(&mark("7")), Some(Event::Mark(MarkId::new(7))));
    let played = r#"{"event":"playedStream","streamId":"MZ1","name":"7"}"#;
    assert_eq!(read(played), read(&mark("7")));
    for cleared in [
        r#"{"event":"clearedAudio","sequenceNumber":3,"streamId":"MZ1"}"#,
        r#"{"event":"websocket:cleared"}"#,
    ] {
        assert_eq!(read(cleared), Some(Event::Cleared));
    }
    let pressed = r##"{"event":"websocket:dtmf","digit":"#","duration":260}"##;
    assert_eq!(read(pressed), Some(Event::Dtmf(DtmfKey::new('#').unwrap())));
    assert_eq!(read(&mark("somebody else's")), Some(Event::Other));
    let key =
        r##"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"#"}}"##;
    assert_eq!(read(key), Some(Event::Dtmf(DtmfKey::new('#').unwrap())));
    assert_eq!(read(r#"{"event":"stop","stop":{"callSid":"CA1"}}"#), Some(Event::Stop));
    assert_eq!(read(r#"{"event":"connected","protocol":"Call"}"#), Some(Event::Other));
    assert_eq!(read(r#"{"event":"hologram","x":[1]}"#), Some(Event::Other));
}

#[test]
fn plivos_extra_headers_are_read_in_each_form() {
    for headers in [
        r#""{X-PH-token: t, X-PH-n: 7}""#,
        r#""{X-PH-token:t,X-PH-n:7}""#,
        r#""{\"X-PH-token\": \"t\", \"n\": 7, \"null\": null}""#,
        r#""{'X-PH-token': 't', 'n': '7'}""#,
        r#""X-PH-token=t;x-ph-n=7""#,
        r#""{token=t, n=7}""#,
        r#"{"X-PH-token":"t","n":7,"deep":{"n":8}}"#,
    ] {
        let text = r#"{"event":"start","start":{"callId":"u","streamId":"s"},"extra_headers":H}"#;
        let start = started(&text.replace('H', headers));
        let expected = [("n", "7"), ("token", "t")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(start.parameters, BTreeMap::from(expected), "{headers}");
    }
    for empty in [r#""{}""#, r#""""#, "null", "7", "[]", r#""words""#] {
        let text = r#"{"event":"start","start":{"callId":"u","streamId":"s"},"extra_headers":H}"#;
        assert_eq!(started(&text.replace('H', empty)).parameters, BTreeMap::new(), "{empty}");
    }
}

#[test]
fn cp13_an_odd_field_does_not_lose_the_start() {
    let text = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"ODD}}"#;
    let expected = |odd: &str, parameters: &[(&str, &str)]| {
        let start = started(&text.replace("ODD", odd));
        let pairs =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(start.call.as_deref(), Some("CA1"), "{odd}");
        assert_eq!(start.parameters, pairs.collect(), "{odd}");
    };
    expected(
        r#","customParameters":{"a":"b","n":7,"x":null,"t":true,"o":{}}"#,
        &[("a", "b"), ("n", "7"), ("t", "true")],
    );
    expected(r#","custom_parameters":[{"name":"a","value":"b"},7,{"x":1}]"#, &[("a", "b")]);
    for none in ["null", "7", "[]", "\"\"", "true", "-1", "1.5"] {
        expected(&format!(r#","customParameters":{none}"#), &[]);
    }
    expected(r#","call_sid":"CA1","stream_sid":"MZ1","stream_id":"x","streamId":"y""#, &[]);
    expected(r#","accountSid":"a","account_sid":7,"accountId":"c""#, &[]);
    expected(r#","mediaFormat":{"sampleRate":8000,"sample_rate":"8000"},"media_format":null"#, &[]);
    let connected = r#"{"event":"websocket:connected","content-type":"audio/l16; rate=16000","call":"c","headers":null}"#;
    assert_eq!(started(connected).format, ToldFormat::Format(AudioFormat::PCM_16K));
    for odd in ["audio/l16;rate=", "audio/l16;rate=fast", "audio/l16; Rate=-1"] {
        let format = started(&connected.replace("audio/l16; rate=16000", odd)).format;
        assert_eq!(format, ToldFormat::Unknown, "{odd}");
    }
}

#[test]
fn cp13_an_odd_number_does_not_lose_the_audio() {
    for odd in ["\"\"", "-1", "12.5", "null", "\"soon\"", "true", "{}", "[1]"] {
        let text = MEDIA.replace(r#""5""#, odd).replace(r#""1""#, odd);
        let Some(Event::Media(chunk)) = read(&text) else { panic!("{odd}: not media") };
        assert!(matches!(chunk.payload, Cow::Borrowed("no+JhoaJjpzS")));
        assert_eq!((chunk.number, chunk.timestamp), (None, None), "{odd}");
    }
    for odd in ["null", "7.5", "{}"] {
        let text = MEDIA.replace(r#""MZ1""#, odd).replace(r#""sequenceNumber":"3""#, r#""name":3"#);
        assert!(matches!(read(&text), Some(Event::Media(_))), "{odd}");
    }
}

#[test]
fn nonsense_is_nothing() {
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "null",
        "[]",
        "7",
        "{",
        "{}",
        r#"{"event":7}"#,
        r#"{"event":null}"#,
        r#"{"event":"media"}"#,
        r#"{"event":"media","media":null}"#,
        r#"{"event":"media","media":[]}"#,
        r#"{"event":"media","media":{"payload":7}}"#,
        r#"{"event":"start"}"#,
        r#"{"event":"start","start":{"callSid":"CA1"}}"#,
        r#"{"event":"mark"}"#,
        r#"{"event":"dtmf","dtmf":{"digit":"12"}}"#,
        r#"{"event":"websocket:dtmf"}"#,
        r#"{"event":"websocket:connected"}"#,
        r#"{"event":"playedStream"}"#,
        r#"{"event":"start","start":{"call_control_id":"v3:1"}}"#,
        r#"{"event":"start","start":{"callId":"1"}}"#,
        &deep,
    ] {
        assert_eq!(read(text), None, "{}", &text[..text.len().min(60)]);
    }
}
