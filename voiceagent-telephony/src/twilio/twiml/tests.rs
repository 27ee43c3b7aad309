use std::time::Duration;

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
