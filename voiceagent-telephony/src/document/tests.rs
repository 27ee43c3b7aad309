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
        .with(Verb::Hangup);
    assert!(answer.write(Language::Plivo).unwrap().ends_with(
        r#"<Speak language="en-US">A &amp; B</Speak><Wait length="2" /><Play loop="2">https://x/a.mp3</Play><Dial timeout="20"><Number>+14155550100</Number></Dial><Hangup /></Response>"#
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
}

fn json(verbs: impl IntoIterator<Item = Verb>, language: Language) -> serde_json::Value {
    let mut document = Response::new();
    document.extend(verbs);
    serde_json::from_str(&document.write(language).unwrap()).unwrap()
}

fn number() -> crate::PhoneNumber {
    "+14155550100".parse().unwrap()
}

#[test]
fn no_setting_is_left_out_silently() {
    let all = [Language::Ncco, Language::Plivo, Language::Swml];
    let dial = || Dial::number(number());
    let stream = || Stream::new("wss://x");
    let ncco = &all[..1];
    let not_swml = &all[..2];
    let cases: [(Verb, &[Language]); 15] = [
        (dial().with_action("https://x/after").into(), ncco),
        (dial().with_answer_on_bridge(true).into(), not_swml),
        (dial().with_record(RecordDial::FromAnswer).into(), &[Language::Ncco, Language::Swml]),
        (dial().with_record(RecordDial::FromAnswerDual).into(), &[Language::Ncco, Language::Swml]),
        (dial().or(Dial::number(number())).into(), ncco),
        (Dial::extension(number(), "w1").into(), &all[2..]),
        (Say::new("Hi").with_voice("Polly.Joanna").into(), ncco),
        (stream().with_action("https://x/after").into(), not_swml),
        (stream().with_name("n").into(), not_swml),
        (stream().with_status_callback("https://x").into(), &all[2..]),
        (Record::new().with_action("https://x/after").into(), ncco),
        (Record::new().with_timeout(Duration::from_secs(30)).into(), ncco),
        (Gather::keys("/g").with_finish("*").into(), &[Language::Ncco, Language::Swml]),
        (
            Gather::keys("/g").with_timeout(Duration::from_secs(90)).into(),
            &[Language::Ncco, Language::Plivo, Language::Swml],
        ),
        (Gather::keys("/g").into(), &all[2..]),
    ];
    for (verb, refusing) in cases {
        for language in all {
            let written = Response::new().with(verb.clone()).write(language);
            assert_eq!(written.is_err(), refusing.contains(&language), "{language:?}: {verb:?}");
            if let Err(error) = written {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
            }
        }
    }
}

#[test]
fn cp38_nothing_from_outside_becomes_a_program_in_swml() {
    let say = Say::new("I am ${call.from} and %{env.key}");
    let said = Response::new().with(say).write(Language::Swml).unwrap();
    assert!(said.contains("say:I am $ call.from} and % env.key}"), "{said}");
    let stream = || Stream::new("wss://x/m");
    let verbs: [Verb; 4] = [
        stream().with_parameter("name", "${1+1}").into(),
        stream().with_parameter("%{1}", "x").into(),
        Stream::new("wss://x/%{env.key}").into(),
        Verb::Redirect("https://x/${call.from}".to_owned()),
    ];
    for verb in verbs {
        let refused = Response::new().with(verb).write(Language::Swml).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn recordings_and_input_are_written_in_the_words_of_vonage() {
    let dial = Dial::extension(number(), "ww42").with_record(RecordDial::FromRingingDual);
    let gather = Gather::speech("https://x/g")
        .with_digits(4)
        .with_hints("yes, no")
        .with_language("en-US")
        .with_timeout(Duration::from_secs(3))
        .with_say(Say::new("Code?").with_voice("2"));
    let record = Record::new().with_status_callback("https://x/r").without_beep();
    assert_eq!(
        json([gather.into(), record.into(), dial.into()], Language::Ncco),
        serde_json::json!([
            { "action": "talk", "text": "Code?", "style": 2, "bargeIn": true },
            {
                "action": "input",
                "type": ["dtmf", "speech"],
                "dtmf": { "submitOnHash": true, "maxDigits": 4, "timeOut": 3 },
                "speech": { "language": "en-US", "context": ["yes", "no"], "startTimeout": 3 },
                "eventUrl": ["https://x/g"],
                "eventMethod": "POST",
            },
            {
                "action": "record",
                "beepStart": false,
                "endOnKey": "#",
                "endOnSilence": 5,
                "timeOut": 3600,
                "eventUrl": ["https://x/r"],
            },
            { "action": "record", "timeOut": 7200, "split": "conversation", "channels": 2 },
            {
                "action": "connect",
                "endpoint": [{ "type": "phone", "number": "14155550100", "dtmfAnswer": "pp42" }],
            },
        ])
    );
}

#[test]
fn what_vonage_cannot_do_is_not_left_out() {
    let keys = |count| Response::new().with(Gather::keys("https://x/g").with_digits(count));
    assert!(keys(20).write(Language::Ncco).unwrap().contains(r#""maxDigits":20"#));
    let refused = keys(21).write(Language::Ncco).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    // A document without a word would take the call and say nothing.
    let busy = Response::new().with(Verb::Reject(RejectReason::Busy));
    assert_eq!(busy.write(Language::Ncco).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn recordings_and_input_are_written_in_the_words_of_plivo() {
    let document = Response::new()
        .with(
            Gather::speech("/g")
                .with_digits(4)
                .with_finish("*")
                .with_timeout(Duration::from_secs(7))
                .with_say(Say::new("Code?")),
        )
        .with(Record::new().with_action("/after").with_status_callback("/r"))
        .with(Record::new().without_beep().with_timeout(Duration::from_secs(3)))
        .with(Dial::number(number()).with_record(RecordDial::FromAnswerDual))
        .with(
            Dial::number(number())
                .with_record(RecordDial::FromRinging)
                .with_longest(Duration::from_secs(600)),
        );
    let written = document.write(Language::Plivo).unwrap();
    let (_, body) = written.split_once("<Response>").unwrap();
    let expected = [
        r#"<GetInput action="/g" executionTimeout="7" finishOnKey="*" inputType="dtmf speech" method="POST" numDigits="4"><Speak>Code?</Speak></GetInput>"#,
        r#"<Record action="/after" callbackUrl="/r" maxLength="3600" method="POST" redirect="true" timeout="5" />"#,
        r#"<Record maxLength="3600" method="POST" playBeep="false" redirect="false" timeout="3" />"#,
        r#"<Record maxLength="14400" recordChannelType="stereo" redirect="false" startOnDialAnswer="true" />"#,
        r#"<Dial><Number>+14155550100</Number></Dial>"#,
        r#"<Record maxLength="600" recordSession="true" redirect="false" />"#,
        r#"<Dial timeLimit="600"><Number>+14155550100</Number></Dial></Response>"#,
    ];
    assert_eq!(body, expected.concat());
}

#[test]
fn a_script_for_signalwire_is_written_in_its_own_language() {
    let stream = Stream::new("wss://x/media")
        .with_name("n")
        .with_action("https://x/after")
        .with_format(AudioFormat::PCM_24K)
        .with_parameter("token", "t");
    let dial = Dial::number(number())
        .or(Dial::sip("sip:a@b.example"))
        .with_caller(number())
        .with_timeout(Duration::from_secs(20))
        .with_record(RecordDial::FromRingingDual);
    let verbs = [
        Say::new("One\nmoment").with_voice("Polly.Joanna").with_language("en-US").into(),
        Verb::Pause(Duration::from_millis(1_500)),
        Play::new("https://x/a.mp3").with_times(2).into(),
        Play::keys("w1").into(),
        Verb::StartStream(Stream::new("wss://x/spy").with_name("spy")),
        Verb::StopStream("spy".to_owned()),
        stream.into(),
        dial.into(),
        Record::new().with_status_callback("https://x/r").into(),
        Conference::new("room").waiting().into(),
        Verb::Redirect("https://x/next".to_owned()),
        Verb::Hangup,
    ];
    assert_eq!(
        json(verbs, Language::Swml),
        serde_json::json!({ "version": "1.0.0", "sections": { "main": [
            { "answer": {} },
            { "play": {
                "url": "say:One moment", "say_voice": "Polly.Joanna", "say_language": "en-US",
            } },
            { "sleep": { "duration": 1500 } },
            { "play": { "urls": ["https://x/a.mp3", "https://x/a.mp3"] } },
            { "send_digits": { "digits": "w1" } },
            { "stream": {
                "url": "wss://x/spy", "track": "inbound_track", "name": "spy", "control_id": "spy",
            } },
            { "stop_stream": { "control_id": "spy" } },
            { "connect": {
                "to": "stream:wss://x/media", "realtime": true, "name": "n", "codec": "L16@24000h",
                "custom_parameters": { "token": "t" },
            } },
            { "transfer": { "dest": "https://x/after" } },
            { "record_call": { "direction": "both", "stereo": true } },
            { "connect": {
                "parallel": [{ "to": "+14155550100" }, { "to": "sip:a@b.example" }],
                "from": "+14155550100", "timeout": 20,
            } },
            { "record": {
                "beep": true, "direction": "speak", "end_silence_timeout": 5, "initial_timeout": 5,
                "max_length": 3600, "terminators": "1234567890*#", "status_url": "https://x/r",
            } },
            { "join_conference": {
                "name": "room", "beep": "false", "start_on_enter": false, "end_on_exit": false,
            } },
            { "transfer": { "dest": "https://x/next" } },
            { "hangup": {} },
        ] } })
    );
}

#[test]
fn a_script_for_signalwire_answers_only_what_it_takes() {
    let main = |verbs: Vec<Verb>| json(verbs, Language::Swml)["sections"]["main"].clone();
    let ringing = Dial::number(number()).with_answer_on_bridge(true);
    for (verbs, expected) in [
        (vec![], serde_json::json!([{ "hangup": {} }])),
        (
            vec![Verb::Reject(RejectReason::Busy)],
            serde_json::json!([{ "hangup": { "reason": "busy" } }]),
        ),
        (
            vec![Verb::Reject(RejectReason::Rejected)],
            serde_json::json!([{ "hangup": { "reason": "decline" } }]),
        ),
        (
            vec![ringing.into()],
            serde_json::json!([{ "connect": { "to": "+14155550100", "answer_on_bridge": true } }]),
        ),
    ] {
        assert_eq!(main(verbs), expected);
    }
    let relay = Response::new().with(ConversationRelay::new("wss://x")).write(Language::Swml);
    assert_eq!(relay.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(Language::Swml.content_type(), "application/json");
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
