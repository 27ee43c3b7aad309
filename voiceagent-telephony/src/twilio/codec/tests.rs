use std::borrow::Cow;

use super::*;

const MEDIA: &str = r#"{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"no+JhoaJjpzS"},"streamSid":"MZ1"}"#;

fn read(text: &str) -> Option<Event<'_>> {
    TwilioDialect::default().read(text)
}

fn written(write: impl FnOnce(&TwilioDialect, &mut BytesMut)) -> String {
    let mut dialect = TwilioDialect::default();
    dialect.attach("MZ1");
    let mut out = BytesMut::new();
    write(&dialect, &mut out);
    String::from_utf8(out.to_vec()).unwrap()
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
fn a_start_is_read_in_both_spellings() {
    let camel = r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"t","n":"42 & \"q\""}},"streamSid":"MZ1"}"#;
    let snake = r#"{"event":"start","sequence_number":1,"start":{"account_sid":"AC1","stream_sid":"MZ1","call_sid":"CA1","media_format":{"encoding":"audio/x-mulaw","sample_rate":"8000","channels":"1"},"custom_parameters":{"token":"t","n":"42 & \"q\""}}}"#;
    assert_eq!(read(camel), read(snake));
    let Some(Event::Start(start)) = read(camel) else { panic!("not a start") };
    assert_eq!(
        (&*start.call, &*start.stream, start.account.as_deref()),
        ("CA1", "MZ1", Some("AC1"))
    );
    assert_eq!(start.format, Some(AudioFormat::MULAW_8K));
    assert_eq!(start.parameters["n"], "42 & \"q\"");
}

#[test]
fn a_format_that_is_not_mulaw_is_noticed() {
    let start = r#"{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"encoding":"audio/l16","sampleRate":16000,"channels":1}}}"#;
    let Some(Event::Start(start)) = read(start) else { panic!("not a start") };
    assert_eq!(start.format, None);
}

#[test]
fn marks_keys_and_the_rest_are_read() {
    let mark =
        |name: &str| format!(r#"{{"event":"mark","streamSid":"MZ1","mark":{{"name":"{name}"}}}}"#);
    assert_eq!(read(&mark("7")), Some(Event::Mark(MarkId::new(7))));
    assert_eq!(read(&mark("somebody else's")), Some(Event::Other));
    let key =
        r##"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"#"}}"##;
    assert_eq!(read(key), Some(Event::Dtmf(DtmfKey::new('#').unwrap())));
    assert_eq!(read(r#"{"event":"stop","stop":{"callSid":"CA1"}}"#), Some(Event::Stop));
    assert_eq!(read(r#"{"event":"connected","protocol":"Call"}"#), Some(Event::Other));
    assert_eq!(read(r#"{"event":"hologram","x":[1]}"#), Some(Event::Other));
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
        &deep,
    ] {
        assert_eq!(read(text), None, "{}", &text[..text.len().min(60)]);
    }
}

#[test]
fn outbound_messages_are_what_twilio_expects() {
    assert_eq!(
        written(|dialect, out| dialect.write_media(&[0xFF, 0x7F, 0x00, 0x80], out)),
        r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38AgA=="}}"#
    );
    assert_eq!(
        written(|dialect, out| dialect.write_mark(MarkId::new(12), out)),
        r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"12"}}"#
    );
    assert_eq!(
        written(|dialect, out| dialect.write_clear(out)),
        r#"{"event":"clear","streamSid":"MZ1"}"#
    );
}

#[test]
fn a_stream_name_cannot_break_out_of_its_string() {
    let mut dialect = TwilioDialect::default();
    dialect.attach(r#"M"},"event":"clear"#);
    let mut out = BytesMut::new();
    dialect.write_clear(&mut out);
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["streamSid"], r#"M"},"event":"clear"#);
}
