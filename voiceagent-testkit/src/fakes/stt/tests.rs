use tokio::time::{Instant, sleep};
use voiceagent_core::{
    Error,
    audio::{AudioFrame, MediaTime},
};

use super::*;
use crate::tone;

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// "I want a car" from 100 to 900 ms, "please" from 1,400 to 1,600 ms.
fn words() -> Words {
    let words = Words::default();
    words.say("I want a car", ms(100), ms(900));
    words.say("please", ms(1_400), ms(1_600));
    words
}

/// Plays `frames` frames in real time into a stream, with a wish to finalize before frame
/// `finalize`, and returns what it said and when.
async fn play(
    stt: &FakeStt,
    frames: u64,
    finalize: Option<u64>,
) -> (Vec<(Duration, SttEvent)>, Option<Error>) {
    let begun = Instant::now();
    let mut link = stt.open(SttOptions::new(FORMAT)).await.unwrap();
    let mut heard = Vec::new();
    for number in 0..=frames {
        let until = begun + ms(20) * u32::try_from(number + 1).unwrap();
        loop {
            tokio::select! {
                biased;
                event = link.recv() => match event {
                    Some(Ok(event)) => heard.push((begun.elapsed(), event)),
                    Some(Err(error)) => return (heard, Some(error)),
                    None => return (heard, None),
                },
                () = tokio::time::sleep_until(until) => break,
            }
        }
        if finalize == Some(number) {
            link.try_send(SttInput::Finalize).unwrap();
        }
        let at = MediaTime(number * 160);
        let _ = link.try_send(SttInput::Audio(AudioFrame::new(
            FORMAT,
            at,
            tone::speech(FORMAT, at, 160),
        )));
    }
    (heard, None)
}

fn transcripts(heard: &[(Duration, SttEvent)], finals: bool) -> Vec<(Duration, &str)> {
    let mut said = Vec::new();
    for (at, event) in heard {
        if let SttEvent::Transcript(transcript) = event
            && transcript.is_final == finals
        {
            said.push((*at, &*transcript.text));
        }
    }
    said
}

fn finals(heard: &[(Duration, SttEvent)]) -> Vec<(Duration, &str)> {
    transcripts(heard, true)
}

#[tokio::test(start_paused = true)]
async fn finals_follow_the_speech_and_interims_grow_before() {
    let stt = FakeStt::new(words());
    let (heard, _) = play(&stt, 120, None).await;
    assert_eq!(finals(&heard), [(ms(1_200), "I want a car"), (ms(1_900), "please")]);
    let interims = transcripts(&heard, false);
    assert_eq!(interims, [(ms(380), "I"), (ms(640), "I want a")]);
    assert_eq!(stt.inputs().count(), 120);
}

#[tokio::test(start_paused = true)]
async fn finalize_brings_what_was_understood_so_far_and_the_rest_comes_later() {
    let stt = FakeStt::new(words()).without_interims();
    let (heard, _) = play(&stt, 70, Some(25)).await;
    assert_eq!(finals(&heard), [(ms(600), "I want"), (ms(1_200), "a car")]);
    assert_eq!(heard.len(), 2);

    let (heard, _) = play(&stt, 10, Some(2)).await;
    assert_eq!(finals(&heard), [(ms(140), "")], "an empty final says that there is nothing");
}

#[tokio::test(start_paused = true)]
async fn an_expected_end_is_taken_back_when_the_speech_goes_on() {
    let stt = FakeStt::new(words())
        .without_interims()
        .with_speech_started()
        .with_eager_end_of_turn(ms(200))
        .with_end_of_turn(ms(700));
    let (heard, _) = play(&stt, 130, None).await;
    let heard: Vec<(u128, String)> = heard
        .into_iter()
        .map(|(at, event)| {
            let what = if let SttEvent::Transcript(said) = event {
                said.text.to_string()
            } else {
                format!("{event:?}")
            };
            (at.as_millis(), what)
        })
        .collect();
    let expected = [
        (120, "SpeechStarted"),
        (1_100, "I want a car"),
        (1_100, "EagerEndOfTurn"),
        (1_420, "TurnResumed"),
        (1_420, "SpeechStarted"),
        (1_800, "I want a car please"),
        (1_800, "EagerEndOfTurn"),
        (2_300, "I want a car please"),
        (2_300, "EndOfTurn"),
    ];
    assert_eq!(heard, expected.map(|(at, what)| (at, what.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_lost_makes_a_final_of_what_it_understood_unless_it_is_heard_again() {
    for (replays, told) in [(false, vec!["I want"]), (true, vec![])] {
        let stt = FakeStt::new(words()).without_interims().with_faults([SttFault::Drop(ms(600))]);
        let mut options = SttOptions::new(FORMAT);
        options.replays = replays;
        let mut link = stt.open(options).await.unwrap();
        for number in 0..31 {
            let at = MediaTime(number * 160);
            let frame = AudioFrame::new(FORMAT, at, tone::speech(FORMAT, at, 160));
            link.try_send(SttInput::Audio(frame)).unwrap();
        }
        let mut heard = Vec::new();
        while let Some(event) = link.recv().await {
            match event {
                Ok(event) => heard.push((Duration::ZERO, event)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Disconnected),
            }
        }
        let finals: Vec<&str> = finals(&heard).into_iter().map(|(_, text)| text).collect();
        assert_eq!(finals, told, "replays: {replays}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_stream_fails_as_it_was_told() {
    let stt = FakeStt::new(words()).with_faults([
        SttFault::Refuse(ErrorKind::Unauthorized),
        SttFault::Drop(ms(500)),
        SttFault::Mute(ms(500)),
        SttFault::Stall(ms(500)),
    ]);
    let refused = stt.open(SttOptions::new(FORMAT)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.provider()), (ErrorKind::Unauthorized, Some("fake")));
    let (heard, error) = play(&stt, 60, None).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Disconnected);
    assert_eq!(finals(&heard).last().map(|it| it.1), Some("I want"), "it makes the best of it");
    let (heard, error) = play(&stt, 80, None).await;
    assert!(finals(&heard).is_empty() && error.is_none());
    assert_eq!(heard.len(), 1, "the interim before the fault");

    let link = stt.open(SttOptions::new(FORMAT)).await.unwrap();
    let frame = AudioFrame::new(FORMAT, MediaTime(0), tone::silence(FORMAT, ms(20)));
    let mut refused = None;
    for _ in 0..300 {
        sleep(ms(20)).await;
        refused = refused.or_else(|| link.try_send(SttInput::Audio(frame.clone())).err());
    }
    assert_eq!(refused.unwrap().kind(), ErrorKind::Stalled);
    let (heard, _) = play(&stt, 70, None).await;
    assert_eq!(finals(&heard).len(), 1, "the fifth stream is sound");
    assert_eq!(stt.opened().count(), 5);
}

#[tokio::test(start_paused = true)]
async fn audio_of_another_format_is_not_understood() {
    let stt = FakeStt::new(words()).with_formats([FORMAT]);
    let refused = stt.open(SttOptions::new(AudioFormat::PCM_24K)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let mut link = stt.open(SttOptions::new(FORMAT)).await.unwrap();
    let other = AudioFormat::PCM_16K;
    let frame = AudioFrame::new(other, MediaTime(0), tone::silence(other, ms(20)));
    link.try_send(SttInput::Audio(frame)).unwrap();
    assert_eq!(link.recv().await.unwrap().unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn finals_carry_the_times_of_their_words_when_asked_to() {
    let stt = FakeStt::new(words()).without_interims().with_word_timings();
    let (heard, _) = play(&stt, 70, None).await;
    let [(_, SttEvent::Transcript(said))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((said.words[1].start, said.words[1].end), (ms(300), ms(500)));
}

#[tokio::test(start_paused = true)]
async fn one_that_lags_understands_everything_later_and_catches_up_when_it_is_asked() {
    let stt = FakeStt::new(words()).with_lag(ms(300));
    let (heard, _) = play(&stt, 140, None).await;
    assert_eq!(transcripts(&heard, false), [(ms(680), "I"), (ms(940), "I want a")]);
    assert_eq!(finals(&heard), [(ms(1_500), "I want a car"), (ms(2_200), "please")]);
    let (heard, _) = play(&stt, 70, Some(25)).await;
    assert_eq!(finals(&heard)[0], (ms(600), "I want"));
}

#[tokio::test(start_paused = true)]
async fn one_without_words_tells_when_speech_begins() {
    let stt = FakeStt::new(words()).with_speech_started().with_faults([SttFault::Wordless(ms(0))]);
    let (heard, _) = play(&stt, 120, Some(50)).await;
    assert_eq!(heard, [(ms(120), SttEvent::SpeechStarted), (ms(1_420), SttEvent::SpeechStarted)]);
}
