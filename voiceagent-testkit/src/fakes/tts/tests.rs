use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use voiceagent_core::{GenerationId, stt::WordTiming};

use super::*;
use crate::tone;

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
const ONE: GenerationId = GenerationId::new(1);
const TWO: GenerationId = GenerationId::new(2);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn text(generation: GenerationId, text: &str) -> TtsInput {
    TtsInput::Text { generation, text: text.into() }
}

async fn open(tts: &FakeTts) -> Link<TtsInput, TtsEvent> {
    tts.open(TtsOptions::new(FORMAT)).await.unwrap()
}

/// Everything until nothing comes for a minute.
async fn rest(link: &mut Link<TtsInput, TtsEvent>) -> Vec<(u128, Result<TtsEvent, ErrorKind>)> {
    let begun = Instant::now();
    let mut events = Vec::new();
    while let Ok(Some(event)) = timeout(ms(60_000), link.recv()).await {
        events.push((begun.elapsed().as_millis(), event.map_err(|error| error.kind())));
    }
    events
}

fn audio(events: &[(u128, Result<TtsEvent, ErrorKind>)], wanted: GenerationId) -> Bytes {
    let pieces = events.iter().filter_map(|(_, event)| match event {
        Ok(TtsEvent::Audio { generation, payload }) if *generation == wanted => Some(&payload[..]),
        _ => None,
    });
    pieces.collect::<Vec<_>>().concat().into()
}

#[tokio::test(start_paused = true)]
async fn audio_spells_the_text_in_pieces_before_it_is_finished() {
    let tts = FakeTts::new();
    let mut link = open(&tts).await;
    link.try_send(text(ONE, "Hello ")).unwrap();
    link.try_send(text(ONE, "you")).unwrap();
    let events = rest(&mut link).await;
    assert_eq!(tone::read(FORMAT, &audio(&events, ONE)), "Hello you");
    assert_eq!(audio(&events, ONE).len(), 9 * 480);
    let times: Vec<u128> = events.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [80, 92, 104, 116, 128]);

    link.try_send(TtsInput::Finish { generation: ONE }).unwrap();
    assert_eq!(rest(&mut link).await, [(0, Ok(TtsEvent::Finished { generation: ONE }))]);
    assert_eq!((tts.opened().count(), tts.inputs().count()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn finished_comes_once_and_after_the_last_audio() {
    let mut link = open(&FakeTts::new()).await;
    link.try_send(text(ONE, "Hello")).unwrap();
    link.try_send(TtsInput::Finish { generation: ONE }).unwrap();
    link.try_send(text(TWO, "")).unwrap();
    link.try_send(TtsInput::Finish { generation: TWO }).unwrap();
    let events = rest(&mut link).await;
    let ends: Vec<usize> = (0..events.len())
        .filter(|number| matches!(events[*number].1, Ok(TtsEvent::Finished { .. })))
        .collect();
    assert_eq!(ends, [events.len() - 2, events.len() - 1]);
    assert_eq!(tone::read(FORMAT, &audio(&events, ONE)), "Hello");
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_generation_comes_after_it_was_cancelled() {
    let mut link = open(&FakeTts::new()).await;
    link.try_send(text(ONE, "Hello there")).unwrap();
    sleep(ms(100)).await;
    link.try_send(TtsInput::Cancel { generation: ONE }).unwrap();
    link.try_send(text(ONE, " again")).unwrap();
    link.try_send(text(TWO, "Yes")).unwrap();
    link.try_send(TtsInput::Finish { generation: TWO }).unwrap();
    let events = rest(&mut link).await;
    assert_eq!(tone::read(FORMAT, &audio(&events, ONE)), "Hell", "sent before");
    assert_eq!(tone::read(FORMAT, &audio(&events, TWO)), "Yes");
    assert_eq!(events[2].0, 80, "a new generation takes its own time to begin");

    let mut link = open(&FakeTts::new().without_cancel()).await;
    link.try_send(text(ONE, "Hello")).unwrap();
    link.try_send(TtsInput::Cancel { generation: ONE }).unwrap();
    assert_eq!(tone::read(FORMAT, &audio(&rest(&mut link).await, ONE)), "Hello");
}

#[tokio::test(start_paused = true)]
async fn words_and_texts_are_placed_in_the_audio() {
    let mut link = open(&FakeTts::new().with_word_timings().with_segments()).await;
    link.try_send(text(ONE, "I am ")).unwrap();
    link.try_send(text(ONE, "here")).unwrap();
    let events: Vec<TtsEvent> =
        rest(&mut link).await.into_iter().map(|(_, event)| event.unwrap()).collect();
    let timed =
        |word: &str, start, end| WordTiming { word: word.into(), start: ms(start), end: ms(end) };
    let words = |words: &[WordTiming]| TtsEvent::Words { generation: ONE, words: words.to_vec() };
    assert_eq!(events[0], words(&[timed("I", 0, 60), timed("am", 120, 240)]));
    let spoken = TtsEvent::Spoken { generation: ONE, texts: 1 };
    let after_first = events.iter().position(|event| *event == spoken).unwrap();
    assert_eq!(events[after_first + 1], words(&[timed("here", 300, 540)]));
    assert_eq!(events.last(), Some(&spoken));
}

#[tokio::test(start_paused = true)]
async fn each_voice_fails_as_it_was_told() {
    let tts = FakeTts::new().with_faults([
        TtsFault::Refuse(ErrorKind::RateLimited),
        TtsFault::Drop(ms(120)),
        TtsFault::Report(ms(120), ErrorKind::Disconnected),
        TtsFault::Mute(ms(120)),
    ]);
    let refused = tts.open(TtsOptions::new(FORMAT)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::RateLimited);
    for (lives, errors) in [(false, 1), (true, 1), (true, 0), (true, 0)] {
        let mut link = open(&tts).await;
        link.try_send(text(ONE, "Hello")).unwrap();
        let events = rest(&mut link).await;
        assert_eq!(events.iter().filter(|(_, event)| event.is_err()).count(), errors);
        assert_eq!(link.try_send(text(TWO, "Yes")).is_ok(), lives);
        let sound = tts.opened().count() == 5;
        let heard = tone::read(FORMAT, &audio(&events, ONE));
        assert_eq!(heard, if sound { "Hello" } else { "He" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_format_that_is_not_spoken_is_refused() {
    let tts = FakeTts::new().with_formats([FORMAT]);
    let refused = tts.open(TtsOptions::new(AudioFormat::PCM_24K)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}
