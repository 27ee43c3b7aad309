//! Prints documents in SWML, one in a line, that have all of its verbs between them. `.ci/specs` holds
//! them to the schema that SignalWire publishes.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::time::Duration;

use voiceagent_core::{Result, audio::AudioFormat};
use voiceagent_telephony::{
    PhoneNumber,
    document::{
        Conference, Dial, Language, Play, Record, RecordDial, RejectReason, Response, Say, Stream,
        Verb,
    },
};

fn stream(number: &PhoneNumber) -> Response {
    let stream = Stream::new("wss://agent.example.com/media")
        .with_name("call")
        .with_action("https://agent.example.com/after")
        .with_format(AudioFormat::PCM_24K)
        .with_parameter("token", "abc");
    let listener = Stream::new("wss://agent.example.com/listen")
        .with_name("listener")
        .with_status_callback("https://agent.example.com/status");
    let dial = Dial::number(number.clone())
        .with_caller(number.clone())
        .with_timeout(Duration::from_secs(20))
        .with_longest(Duration::from_secs(600))
        .with_record(RecordDial::FromRingingDual);
    Response::new()
        .with(Say::new("One moment").with_voice("Polly.Joanna").with_language("en-US"))
        .with(Verb::Pause(Duration::from_millis(1_500)))
        .with(Verb::StartStream(listener))
        .with(stream)
        .with(Verb::StopStream("listener".to_owned()))
        .with(dial)
        .with(Verb::Hangup)
}

fn others(number: &PhoneNumber) -> Response {
    let ring = Dial::number(number.clone()).or(Dial::sip("sip:desk@pbx.example.com"));
    Response::new()
        .with(ring.with_answer_on_bridge(true))
        .with(Play::new("https://agent.example.com/music.mp3").with_times(2))
        .with(Play::keys("ww12#"))
        .with(Record::new().with_status_callback("https://agent.example.com/status"))
        .with(Conference::new("room").waiting().with_music("https://agent.example.com/music.mp3"))
        .with(Verb::Redirect("https://agent.example.com/next".to_owned()))
}

fn main() -> Result<()> {
    let number = "+14155550100".parse()?;
    let busy = Response::new().with(Verb::Reject(RejectReason::Busy));
    let refused = Response::new().with(Verb::Reject(RejectReason::Rejected));
    for document in [stream(&number), others(&number), busy, refused, Response::new()] {
        println!("{}", document.write(Language::Swml)?);
    }
    Ok(())
}
