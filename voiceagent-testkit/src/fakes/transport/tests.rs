use bytes::Bytes;
use tokio::time::Instant;
use voiceagent_core::{
    ErrorKind, GenerationId, MarkId,
    audio::{AudioFrame, MediaTime},
};

use super::*;
use crate::tone;

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn audio(duration: Duration) -> Outbound {
    let samples = FORMAT.samples_in(duration);
    Outbound::Audio(AudioFrame::new(
        FORMAT,
        MediaTime(0),
        tone::speech(FORMAT, MediaTime(0), samples),
    ))
}

fn spelled(text: &str) -> Outbound {
    Outbound::Audio(AudioFrame::new(FORMAT, MediaTime(0), tone::spell(FORMAT, text, ms(50))))
}

async fn open(line: FakeLine) -> (Caller, Link<Outbound, Inbound>) {
    let caller = line.caller();
    (caller, Box::new(line).open().await.unwrap())
}

/// The next thing that is not audio, and when it came.
async fn next(link: &mut Link<Outbound, Inbound>) -> Option<Inbound> {
    loop {
        match link.recv().await {
            Some(Ok(Inbound::Audio(_))) => {}
            other => return other.map(|inbound| inbound.unwrap()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_comes_each_20_ms_and_holds_speech_only_while_the_caller_speaks() {
    let begun = Instant::now();
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    let talk = tokio::spawn(async move {
        caller.silence(ms(40)).await;
        caller.speak("hi there", ms(100)).await;
        begun.elapsed()
    });
    let mut audible = Vec::new();
    for number in 0..10_u64 {
        let Some(Ok(Inbound::Audio(frame))) = link.recv().await else { panic!("no frame") };
        assert_eq!(begun.elapsed(), ms(20 * (number + 1)));
        assert_eq!((frame.at, frame.payload.len()), (MediaTime(number * 160), 160));
        audible.push(tone::level(FORMAT, &frame.payload) > tone::AUDIBLE);
    }
    let expected: Vec<bool> = (0..10).map(|number| (2..7).contains(&number)).collect();
    assert_eq!(audible, expected);
    assert_eq!(talk.await.unwrap(), ms(140), "speak returns when the last frame was sent");
}

#[tokio::test(start_paused = true)]
async fn marks_return_when_the_audio_before_them_was_played() {
    let begun = Instant::now();
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    for outbound in [audio(ms(100)), Outbound::Mark(MarkId::new(1)), audio(ms(250))] {
        link.try_send(outbound).unwrap();
    }
    link.try_send(Outbound::Mark(MarkId::new(2))).unwrap();
    assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(1))));
    assert_eq!(begun.elapsed(), ms(100));
    assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(2))));
    assert_eq!(begun.elapsed(), ms(350));
    link.try_send(Outbound::Mark(MarkId::new(3))).unwrap();
    assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(3))));
    assert_eq!(begun.elapsed(), ms(350), "an empty buffer answers at once");
    assert_eq!(caller.heard_spans(), [(ms(0), ms(350))]);
}

#[tokio::test(start_paused = true)]
async fn clear_stops_the_sound_and_returns_all_marks_at_once() {
    let begun = Instant::now();
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    for mark in [1, 2] {
        link.try_send(spelled("hello ")).unwrap();
        link.try_send(Outbound::Mark(MarkId::new(mark))).unwrap();
    }
    caller.hears("hel", ms(500)).await;
    let heard_after = begun.elapsed();
    link.try_send(Outbound::Clear).unwrap();
    for mark in [1, 2] {
        assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(mark))));
        assert_eq!(begun.elapsed(), heard_after);
    }
    link.try_send(spelled("bye")).unwrap();
    caller.hears("helbye", ms(200)).await;
    assert_eq!(caller.heard_text(), "helbye");
}

#[tokio::test(start_paused = true)]
async fn on_a_long_way_a_clear_comes_late_and_its_marks_come_back_later() {
    let begun = Instant::now();
    let (caller, mut link) = open(FakeLine::audio(FORMAT).with_travel(ms(70))).await;
    for mark in [1, 2] {
        link.try_send(audio(ms(100))).unwrap();
        link.try_send(Outbound::Mark(MarkId::new(mark))).unwrap();
    }
    caller.silence(ms(120)).await;
    link.try_send(Outbound::Clear).unwrap();
    // The first mark was played at 170 ms; the clear came at 190 ms, before the second.
    assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(1))));
    assert_eq!(begun.elapsed(), ms(240));
    assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(2))));
    assert_eq!(begun.elapsed(), ms(260));
    assert_eq!(caller.heard_spans(), [(ms(70), ms(190))]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_played_was_not_heard() {
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    link.try_send(spelled("good morning")).unwrap();
    caller.hears("good", ms(400)).await;
    caller.hang_up().await;
    assert_eq!(next(&mut link).await, Some(Inbound::HungUp));
    assert!(link.recv().await.is_none());
    tokio::time::sleep(ms(1_000)).await;
    assert_eq!(caller.heard_text(), "good");
    assert!(caller.heard_audio().len() < 5 * 400);
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_audio_is_heard_as_a_gap() {
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    link.try_send(audio(ms(60))).unwrap();
    caller.silence(ms(100)).await;
    link.try_send(audio(ms(40))).unwrap();
    link.try_send(audio(ms(40))).unwrap();
    link.try_send(Outbound::Mark(MarkId::new(1))).unwrap();
    next(&mut link).await;
    assert_eq!(caller.heard_spans(), [(ms(0), ms(60)), (ms(100), ms(180))]);
}

#[tokio::test(start_paused = true)]
async fn a_line_does_only_what_it_can() {
    let line = FakeLine::audio(FORMAT).with_capabilities(TransportCapabilities::default());
    let (caller, mut link) = open(line).await;
    caller.press('5').await;
    for outbound in [spelled("no"), Outbound::Mark(MarkId::new(1)), Outbound::Clear] {
        link.try_send(outbound).unwrap();
    }
    link.try_send(Outbound::Transfer("desk".into())).unwrap();
    caller.hears("no", ms(100)).await;
    link.try_send(Outbound::HangUp).unwrap();
    assert_eq!(next(&mut link).await, Some(Inbound::HungUp), "and neither key nor mark before");
    assert_eq!(caller.received().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn keys_transfers_and_a_broken_line_arrive() {
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    caller.press('#').await;
    assert_eq!(next(&mut link).await, Some(Inbound::Dtmf('#')));
    link.try_send(Outbound::Transfer("desk".into())).unwrap();
    assert_eq!(next(&mut link).await, Some(Inbound::Transferred));
    assert_eq!(next(&mut link).await, Some(Inbound::HungUp));

    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    caller.lose_line().await;
    assert_eq!(link.recv().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(link.recv().await.is_none());
    caller.speak("nobody is there", ms(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_text_leg_reads_and_types() {
    let begun = Instant::now();
    let (caller, mut link) = open(FakeLine::text().with_reading(ms(10))).await;
    let generation = GenerationId::new(1);
    link.try_send(Outbound::Text { generation, text: "Good morning.".into() }).unwrap();
    link.try_send(Outbound::Mark(MarkId::new(1))).unwrap();
    assert_eq!(next(&mut link).await, Some(Inbound::MarkPlayed(MarkId::new(1))));
    assert_eq!((begun.elapsed(), caller.heard_text()), (ms(130), "Good morning.".to_owned()));

    caller.speak("hello", ms(300)).await;
    assert_eq!(next(&mut link).await, Some(Inbound::SpeechStarted));
    let Some(Inbound::Transcript(typed)) = next(&mut link).await else { panic!("no text") };
    assert_eq!((&*typed.text, typed.is_final, begun.elapsed()), ("hello", true, ms(430)));

    link.try_send(Outbound::Text { generation, text: " We are open.".into() }).unwrap();
    caller.hears("We", ms(100)).await;
    caller.interrupt().await;
    let heard = caller.heard_text().into();
    assert_eq!(next(&mut link).await, Some(Inbound::Interrupted { heard: Some(heard) }));
    tokio::time::sleep(ms(500)).await;
    assert!(!caller.heard_text().contains("open"), "{}", caller.heard_text());
}

#[tokio::test(start_paused = true)]
async fn an_audio_leg_hears_exactly_the_bytes_that_were_sent() {
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    let sent: Vec<Bytes> =
        (0..5).map(|number| tone::speech(FORMAT, MediaTime(number * 333), 333)).collect();
    for payload in &sent {
        let frame = AudioFrame::new(FORMAT, MediaTime(0), payload.clone());
        link.try_send(Outbound::Audio(frame)).unwrap();
    }
    link.try_send(Outbound::Mark(MarkId::new(9))).unwrap();
    next(&mut link).await;
    assert_eq!(caller.heard_audio(), sent.concat());
}

#[tokio::test(start_paused = true)]
async fn a_muted_caller_sends_nothing_and_then_goes_on_where_the_time_is() {
    let begun = Instant::now();
    let (caller, mut link) = open(FakeLine::audio(FORMAT)).await;
    link.recv().await;
    let muted = tokio::spawn(async move { caller.mute(ms(100)).await });
    let Some(Ok(Inbound::Audio(frame))) = link.recv().await else { panic!("no frame") };
    assert_eq!(begun.elapsed(), ms(140));
    assert_eq!(frame.at, MediaTime(960), "five frames were not sent");
    muted.await.unwrap();
}
