use std::time::Duration;

use voiceagent_core::audio::AudioFormat;

use super::*;

fn body(verb: impl Into<Verb>) -> String {
    let answer = Response::new().with(verb).to_string();
    let inner = answer.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#);
    inner.unwrap().strip_suffix("</Response>").unwrap().to_owned()
}

#[test]
fn the_output_equals_that_of_twilios_library() {
    let stream = Stream::new("wss://x.example/stream")
        .with_name("s1")
        .with_status_callback("https://x.example/ss?a=1&b=2")
        .with_action("https://x.example/after")
        .with_parameter("lead_id", "42 & \"q\" é");
    let answer = Response::new()
        .with(Say::new(r#"Hi & <welcome> "Zoë""#).with_voice("Polly.Joanna-Neural"))
        .with(stream)
        .with(Verb::Redirect("https://x.example/next".to_owned()));
    assert_eq!(
        answer.to_string(),
        r#"<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="Polly.Joanna-Neural">Hi &amp; &lt;welcome&gt; "Zoë"</Say><Connect action="https://x.example/after"><Stream name="s1" statusCallback="https://x.example/ss?a=1&amp;b=2" url="wss://x.example/stream"><Parameter name="lead_id" value="42 &amp; &quot;q&quot; é" /></Stream></Connect><Redirect method="POST">https://x.example/next</Redirect></Response>"#
    );
}

#[test]
fn each_verb_is_written_with_its_attributes() {
    let number: crate::PhoneNumber = "+14155550100".parse().unwrap();
    let sip = Dial::sip("sip:a@b.example?X-H=v&Y=w");
    let cases = [
        (body(Verb::Hangup), "<Hangup />"),
        (body(Verb::Pause(Duration::from_millis(1_500))), r#"<Pause length="2" />"#),
        (
            body(Play::new("https://x/a.wav").with_times(2)),
            r#"<Play loop="2">https://x/a.wav</Play>"#,
        ),
        (body(Play::keys("ww1")), r#"<Play digits="ww1" />"#),
        (body(Verb::Reject(RejectReason::Busy)), r#"<Reject reason="busy" />"#),
        (
            body(
                Dial::extension(number.clone(), "ww42")
                    .or(sip)
                    .with_caller(number)
                    .with_timeout(Duration::from_secs(20))
                    .with_longest(Duration::from_secs(600))
                    .with_record(RecordDial::FromAnswerDual)
                    .with_answer_on_bridge(true),
            ),
            r#"<Dial answerOnBridge="true" callerId="+14155550100" record="record-from-answer-dual" timeLimit="600" timeout="20"><Number sendDigits="ww42">+14155550100</Number><Sip>sip:a@b.example?X-H=v&amp;Y=w</Sip></Dial>"#,
        ),
        (
            body(
                Gather::speech("/g")
                    .with_digits(4)
                    .with_finish("*")
                    .with_hints("yes, no")
                    .with_language("en-US")
                    .with_timeout(Duration::from_secs(3))
                    .with_say(Say::new("Code?").with_language("en-US")),
            ),
            r#"<Gather action="/g" finishOnKey="*" hints="yes, no" input="dtmf speech" language="en-US" numDigits="4" timeout="3"><Say language="en-US">Code?</Say></Gather>"#,
        ),
        (
            body(Record::new().without_beep().with_longest(Duration::from_secs(60))),
            r#"<Record maxLength="60" playBeep="false" />"#,
        ),
        (
            body(Verb::StartStream(Stream::new("wss://x").with_name("spy"))),
            r#"<Start><Stream name="spy" url="wss://x" /></Start>"#,
        ),
        (body(Verb::StopStream("spy".to_owned())), r#"<Stop><Stream name="spy" /></Stop>"#),
    ];
    for (written, expected) in cases {
        assert_eq!(written, expected);
    }
}

#[test]
fn what_xml_cannot_carry_is_left_out() {
    assert_eq!(body(Say::new("a\u{0}b\u{1B}c\u{FFFE}d\ne")), "<Say>abcd\ne</Say>");
    let stream = Stream::new("wss://x").with_parameter("n", "a\nb\t\"c\"");
    assert!(body(stream).contains(r#"value="a&#10;b&#09;&quot;c&quot;""#));
}

/// A stream with everything that may have to be escaped.
fn stream() -> Stream {
    Stream::new("wss://x.example/media?a=1&b=2")
        .with_status_callback("https://x.example/status")
        .with_parameter("token", "0aF9")
        .with_parameter("name", "O'Hara & \"Söhne\" <x>")
}

#[test]
fn cp38_a_stream_is_written_in_each_language_with_its_own_attributes() {
    let answer = Response::new().with(stream()).with(Verb::Hangup);
    let escaped = r#"<Parameter name="token" value="0aF9" /><Parameter name="name" value="O'Hara &amp; &quot;Söhne&quot; &lt;x&gt;" /></Stream></Connect><Hangup /></Response>"#;
    let url =
        r#"statusCallback="https://x.example/status" url="wss://x.example/media?a=1&amp;b=2">"#;
    let head = r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#;
    for (language, stream) in [
        (Language::Twiml, "<Connect><Stream "),
        (Language::Cxml, "<Connect><Stream "),
        (
            Language::Texml,
            r#"<Connect><Stream bidirectionalCodec="PCMU" bidirectionalMode="rtp" codec="PCMU" "#,
        ),
    ] {
        let written = answer.write(language).unwrap();
        assert_eq!(written, format!("{head}{stream}{url}{escaped}"), "{language:?}");
    }
    assert_eq!(
        answer.write(Language::Plivo).unwrap(),
        format!(
            r#"{head}<Stream audioTrack="inbound" bidirectional="true" contentType="audio/x-mulaw;rate=8000" extraHeaders="token=0aF9" keepCallAlive="true" statusCallbackUrl="https://x.example/status">wss://x.example/media?a=1&amp;b=2</Stream><Hangup /></Response>"#
        )
    );
    let ncco: serde_json::Value =
        serde_json::from_str(&answer.write(Language::Ncco).unwrap()).unwrap();
    assert_eq!(
        ncco,
        serde_json::json!([{
            "action": "connect",
            "endpoint": [{
                "type": "websocket",
                "uri": "wss://x.example/media?a=1&b=2",
                "content-type": "audio/l16;rate=16000",
                "headers": { "token": "0aF9", "name": "O'Hara & \"Söhne\" <x>" },
            }],
            "eventUrl": ["https://x.example/status"],
        }])
    );
}

#[test]
fn a_format_is_asked_for_in_the_words_of_the_carrier() {
    let asked = |language, format| {
        let stream = Stream::new("wss://x").with_format(format);
        Response::new().with(stream).write(language).unwrap()
    };
    for (language, format, words) in [
        (Language::Cxml, AudioFormat::PCM_24K, r#"codec="L16@24000h""#),
        (Language::Texml, AudioFormat::ALAW_8K, r#"bidirectionalCodec="PCMA""#),
        (Language::Plivo, AudioFormat::PCM_16K, r#"contentType="audio/x-l16;rate=16000""#),
        (Language::Ncco, AudioFormat::PCM_8K, r#""audio/l16;rate=8000""#),
    ] {
        let written = asked(language, format);
        assert!(written.contains(words), "{written}");
    }
    assert!(!asked(Language::Cxml, AudioFormat::MULAW_8K).contains("codec"));
}

#[test]
fn what_happens_around_a_stream_is_written_in_each_language() {
    let number: crate::PhoneNumber = "+14155550100".parse().unwrap();
    let answer = Response::new()
        .with(Say::new("A & B").with_language("en-US"))
        .with(Verb::Pause(Duration::from_secs(2)))
        .with(Play::new("https://x/a.mp3").with_times(2))
        .with(Dial::number(number).with_timeout(Duration::from_secs(20)))
        .with(Verb::Reject(RejectReason::Busy));
    assert!(answer.write(Language::Plivo).unwrap().ends_with(
        r#"<Speak language="en-US">A &amp; B</Speak><Wait length="2" /><Play loop="2">https://x/a.mp3</Play><Dial timeout="20"><Number>+14155550100</Number></Dial><Hangup reason="busy" /></Response>"#
    ));
    let ncco: serde_json::Value =
        serde_json::from_str(&answer.write(Language::Ncco).unwrap()).unwrap();
    assert_eq!(
        ncco,
        serde_json::json!([
            { "action": "talk", "text": "A & B", "language": "en-US" },
            { "action": "talk", "text": "<speak><break time=\"2000ms\"/></speak>" },
            { "action": "stream", "streamUrl": ["https://x/a.mp3"], "loop": 2 },
            {
                "action": "connect",
                "endpoint": [{ "type": "phone", "number": "14155550100" }],
                "timeout": 20,
            },
        ])
    );
    for language in [Language::Plivo, Language::Ncco] {
        let gather = Response::new().with(Gather::keys("/g")).write(language);
        assert_eq!(gather.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn extra_headers_hold_what_plivo_passes_on_and_no_more() {
    let mut stream = Stream::new("wss://x");
    for number in 0..100 {
        stream = stream.with_parameter(format!("n{number}"), "0123456789");
    }
    let written = Response::new().with(stream).write(Language::Plivo).unwrap();
    let (_, headers) = written.split_once("extraHeaders=\"").unwrap();
    let headers = headers.split_once('"').unwrap().0;
    assert!(headers.starts_with("n0=0123456789,n1=0123456789,"), "{headers}");
    assert!((490..=512).contains(&headers.len()), "{}", headers.len());
}
