//! A chain of voices: everything is said, and no word twice.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use voiceagent_core::{
    ErrorKind, GenerationId, Link,
    adapt::FallbackTts,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::{
    fakes::{FakeTts, TtsFault},
    tone,
};

use crate::rig::{MULAW, ms};

const TEXTS: [&str; 3] =
    ["Your appointment is at nine. ", "Please bring the keys, ", "and the registration."];

fn whole() -> String {
    TEXTS.concat()
}

struct Voice(Link<TtsInput, TtsEvent>);

/// What came of a generation.
#[derive(Default)]
struct Said {
    audio: Vec<u8>,
    spoken: u32,
    words: Vec<(String, Duration)>,
    after: Duration,
}

impl Voice {
    async fn open(tts: &FallbackTts) -> Self {
        Self(tts.open(TtsOptions::new(MULAW)).await.expect("one can be opened"))
    }

    fn send(&self, number: u64, texts: &[&str]) {
        let generation = GenerationId::new(number);
        for text in texts {
            let text = TtsInput::Text { generation, text: (*text).into() };
            self.0.try_send(text).expect("the chain reads");
        }
        self.0.try_send(TtsInput::Finish { generation }).expect("the chain reads");
    }

    async fn until_finished(&mut self, number: u64) -> Result<Said, ErrorKind> {
        let (begun, mut said) = (Instant::now(), Said::default());
        loop {
            let event = timeout(ms(20_000), self.0.recv()).await.expect("it goes on");
            let event = event.expect("the chain does not end").map_err(|error| error.kind())?;
            match event {
                TtsEvent::Audio { generation, payload } => {
                    assert_eq!(generation, GenerationId::new(number));
                    said.audio.extend_from_slice(&payload);
                }
                TtsEvent::Continued { texts, .. } | TtsEvent::Spoken { texts, .. } => {
                    said.spoken += texts;
                }
                TtsEvent::Words { words, .. } => {
                    said.words.extend(words.into_iter().map(|it| (it.word.to_string(), it.end)));
                }
                TtsEvent::Finished { .. } => {
                    said.after = begun.elapsed();
                    return Ok(said);
                }
                _ => {}
            }
        }
    }
}

/// Where the word begins within which, or behind which, `prefix` ends in the whole text.
fn reached(prefix: &str) -> usize {
    let whole = whole();
    let next = whole[prefix.len()..].chars().next();
    if prefix.ends_with(' ') || next.is_none_or(char::is_whitespace) {
        let spaces = whole[prefix.len()..].len() - whole[prefix.len()..].trim_start().len();
        return prefix.len() + spaces;
    }
    prefix.rfind(' ').map_or(0, |space| space + 1)
}

/// Lets the first voice fail after so much audio of the whole text, and checks what the second is
/// given to say.
async fn cut(fault: fn(Duration) -> TtsFault, after: Duration, make: fn() -> FakeTts) {
    let warm_up = "Good morning, this is a long greeting. ";
    let greeting = MULAW.duration_of(tone::spell(MULAW, warm_up, ms(60)).len() as u64);
    let first = make().with_faults([fault(greeting + after)]);
    let second = make();
    let inputs = second.inputs();
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &[warm_up]);
    voice.until_finished(1).await.expect("the first voice greets");
    voice.send(2, &TEXTS);
    let said = voice.until_finished(2).await.expect("the second voice says the rest");
    let given: String = inputs
        .all()
        .iter()
        .filter_map(|input| match input {
            TtsInput::Text { text, .. } => Some(&**text),
            _ => None,
        })
        .collect();
    let heard = tone::read(MULAW, &said.audio);
    let prefix = heard.strip_suffix(&given).expect("the audio of the second voice is the last");
    let rest = &whole()[reached(prefix)..];
    assert_eq!(given, rest, "the first voice said {prefix:?}");
    if tts.capabilities().segments {
        assert_eq!(said.spoken, 3, "each text was told once, cut after {prefix:?}");
    }
    if tts.capabilities().word_timings {
        let words: Vec<_> = said.words.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(words.join(" "), whole(), "each word was told once, cut after {prefix:?}");
        assert!(said.words.is_sorted_by_key(|(_, end)| *end));
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re3_a_voice_that_is_cut_at_any_moment_is_continued_from_the_word_that_was_reached() {
    for make in [
        (|| FakeTts::new().with_word_timings().with_segments()) as fn() -> FakeTts,
        || FakeTts::new().with_segments(),
        FakeTts::new,
    ] {
        for after in (120..4_300).step_by(120) {
            cut(TtsFault::Drop, ms(after), make).await;
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re2_a_voice_that_falls_silent_or_reports_a_fault_is_continued() {
    for after in (120..4_300).step_by(480) {
        cut(TtsFault::Mute, ms(after), || FakeTts::new().with_word_timings()).await;
        let report = |after| TtsFault::Report(after, ErrorKind::Overloaded);
        cut(report, ms(after), || FakeTts::new().with_word_timings()).await;
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re1_the_next_voice_says_everything_when_one_fails_before_its_first_audio() {
    for (fault, limit) in [
        (TtsFault::Drop(Duration::ZERO), ms(800)),
        (TtsFault::Mute(Duration::ZERO), ms(2_300)),
        (TtsFault::Report(Duration::ZERO, ErrorKind::RateLimited), ms(800)),
        (TtsFault::Refuse(ErrorKind::RateLimited), ms(800)),
    ] {
        let tts = FallbackTts::new(
            Arc::new(FakeTts::new().with_faults([fault])),
            vec![Arc::new(FakeTts::new())],
        );
        let mut voice = Voice::open(&tts).await;
        voice.send(1, &TEXTS);
        let said = voice.until_finished(1).await.unwrap();
        assert_eq!(tone::read(MULAW, &said.audio), whole(), "{fault:?}");
        assert!(said.after < limit, "{fault:?} cost {:?}", said.after);
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re9_one_error_is_reported_when_no_voice_is_left_and_the_next_speech_is_tried_again() {
    let drop = TtsFault::Drop(ms(600));
    let refuse = TtsFault::Refuse(ErrorKind::Unauthorized);
    let first = FakeTts::new().with_faults([drop]);
    let second = FakeTts::new().with_faults([refuse]);
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &TEXTS);
    assert_eq!(voice.until_finished(1).await.err(), Some(ErrorKind::Disconnected));
    voice.send(2, &TEXTS);
    let said = voice.until_finished(2).await.expect("the first voice is there again");
    assert_eq!(tone::read(MULAW, &said.audio), whole());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re6_what_was_cancelled_is_not_continued() {
    let first = FakeTts::new().with_faults([TtsFault::Drop(ms(600))]);
    let second = FakeTts::new();
    let inputs = second.inputs();
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &TEXTS);
    while !matches!(voice.0.recv().await, Some(Ok(TtsEvent::Audio { .. }))) {}
    voice.0.try_send(TtsInput::Cancel { generation: GenerationId::new(1) }).unwrap();
    voice.send(2, &["Sorry. Go on, please."]);
    let mut audio = Vec::new();
    loop {
        match voice.0.recv().await.unwrap().unwrap() {
            TtsEvent::Audio { generation, payload } if generation.number() == 2 => {
                audio.extend_from_slice(&payload);
            }
            TtsEvent::Finished { generation } if generation.number() == 2 => break,
            _ => {}
        }
    }
    let heard = tone::read(MULAW, &audio);
    assert!(heard.starts_with("Sorry.") && heard.ends_with("Go on, please."), "{heard}");
    let told = format!("{:?}", inputs.all());
    assert!(!told.contains("appointment"), "{told}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_of_another_format_is_converted() {
    let first = FakeTts::new().with_faults([TtsFault::Drop(Duration::ZERO)]);
    let second = FakeTts::new().with_formats([AudioFormat::PCM_16K]);
    let opened = second.opened();
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
    assert!(tts.capabilities().formats.contains(&MULAW));
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &TEXTS);
    let said = voice.until_finished(1).await.unwrap();
    assert_eq!(opened.last().unwrap().format, AudioFormat::PCM_16K);
    let expected = MULAW.bytes_in(ms(60)) * whole().len();
    assert!(said.audio.len().abs_diff(expected) < 200, "{} of {expected}", said.audio.len());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn only_what_all_voices_can_do_is_claimed_and_told() {
    let first = FakeTts::new().with_word_timings().with_segments();
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(FakeTts::new().without_cancel())]);
    let claims = tts.capabilities();
    assert!(claims.streaming_text && !claims.word_timings && !claims.segments && !claims.cancel);
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &TEXTS);
    let said = voice.until_finished(1).await.unwrap();
    assert_eq!((said.spoken, said.words.len()), (0, 0));
}

/// What the second voice is given of a text of which the first loses the end.
async fn given_of(text: &str, after: Duration, make: fn() -> FakeTts) -> String {
    let second = make();
    let inputs = second.inputs();
    let first = Arc::new(make().with_faults([TtsFault::Drop(after)]));
    let mut voice = Voice::open(&FallbackTts::new(first, vec![Arc::new(second)])).await;
    voice.send(1, &[text]);
    voice.until_finished(1).await.expect("the second voice says the rest");
    let inputs = inputs.all();
    let given = inputs.iter().filter_map(|input| match input {
        TtsInput::Text { text, .. } => Some(&**text),
        _ => None,
    });
    given.collect()
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re3_no_voice_is_given_half_of_how_a_word_is_pronounced() {
    const NAME: &str = r#"<phoneme alphabet="ipa" ph="ʃɪˈvɔn">Siobhan</phoneme>"#;
    let text = format!("Hello to {NAME} and <<ʃ|ɪ>> <<v|ɔ|n>> today my friend.");
    let outside = text.replace(NAME, "").replace("<<ʃ|ɪ>>", "").replace("<<v|ɔ|n>>", "");
    assert!(!outside.contains(['<', '|']), "{outside}");
    for make in [FakeTts::new, || FakeTts::new().with_word_timings()] {
        for after in (100..7_000).step_by(220) {
            let given = given_of(&text, ms(after), make).await;
            assert!(text.ends_with(&given), "{given:?}");
            let said = &text[..text.len() - given.len()];
            for (open, close) in [("<phoneme", "</phoneme>"), ("<<", ">>")] {
                let (opened, closed) = (said.matches(open).count(), said.matches(close).count());
                assert_eq!(opened, closed, "cut after {after} ms: {said:?}");
            }
        }
    }
}

/// A voice that says nothing of what comes first, and without an end what comes second.
#[derive(Debug)]
struct Ahead;

#[async_trait::async_trait]
impl TextToSpeech for Ahead {
    fn name(&self) -> &str {
        "ahead"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(vec![MULAW]);
        capabilities.streaming_text = true;
        capabilities
    }

    async fn open(&self, _: TtsOptions) -> voiceagent_core::Result<Link<TtsInput, TtsEvent>> {
        Ok(Link::spawn(64, |mut peer| async move {
            let second = GenerationId::new(2);
            let mut begun = false;
            loop {
                tokio::select! {
                    input = peer.recv() => match input {
                        Some(TtsInput::Text { generation, .. }) => begun |= generation == second,
                        Some(_) => {}
                        None => return Ok(()),
                    },
                    () = sleep(ms(400)), if begun => {
                        let payload = tone::silence(MULAW, ms(20));
                        peer.send(TtsEvent::Audio { generation: second, payload }).await?;
                    }
                }
            }
        }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re2_a_voice_that_is_ahead_with_the_next_and_owes_the_first_has_stalled() {
    let tts = FallbackTts::new(Arc::new(Ahead), vec![Arc::new(FakeTts::new())]);
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &TEXTS);
    voice.send(2, &["Goodbye. "]);
    let begun = Instant::now();
    let first = loop {
        let event = timeout(ms(20_000), voice.0.recv()).await.expect("somebody says the first");
        if let TtsEvent::Audio { generation, .. } = event.unwrap().unwrap()
            && generation == GenerationId::new(1)
        {
            break begun.elapsed();
        }
    };
    assert!(first <= ms(1_500 + 200), "the second voice began after {first:?}");
}

/// What is heard of the second thing said, when the first is cancelled in the middle, or not said.
async fn second_of(cancels_first: bool) -> Vec<u8> {
    let make = FakeTts::new().with_formats([AudioFormat::PCM_24K]);
    let mut voice = Voice::open(&FallbackTts::new(Arc::new(make), Vec::new())).await;
    if cancels_first {
        voice.send(1, &TEXTS);
        while !matches!(voice.0.recv().await, Some(Ok(TtsEvent::Audio { .. }))) {}
        let generation = GenerationId::new(1);
        voice.0.try_send(TtsInput::Cancel { generation }).expect("the chain reads");
        while timeout(ms(1_000), voice.0.recv()).await.is_ok() {}
    }
    voice.send(2, &TEXTS);
    voice.until_finished(2).await.expect("nothing fails").audio
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn nothing_of_what_was_cancelled_is_left_in_the_next_audio() {
    assert!(second_of(true).await == second_of(false).await, "the same samples");
}

/// A voice that takes two texts and no more, and ends.
#[derive(Debug)]
struct Full;

#[async_trait::async_trait]
impl TextToSpeech for Full {
    fn name(&self) -> &str {
        "full"
    }

    fn capabilities(&self) -> TtsCapabilities {
        FakeTts::new().capabilities()
    }

    async fn open(&self, _: TtsOptions) -> voiceagent_core::Result<Link<TtsInput, TtsEvent>> {
        Ok(Link::spawn(2, async move |peer| {
            sleep(ms(1_000)).await;
            drop(peer);
            Ok(())
        }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re6_the_next_voice_is_told_to_stop_nothing_that_it_never_had() {
    let second = FakeTts::new();
    let inputs = second.inputs();
    let tts = FallbackTts::new(Arc::new(Full), vec![Arc::new(second)]);
    let mut voice = Voice::open(&tts).await;
    voice.send(1, &TEXTS);
    sleep(ms(100)).await;
    let generation = GenerationId::new(1);
    voice.0.try_send(TtsInput::Cancel { generation }).expect("the chain reads");
    voice.send(2, &TEXTS);
    voice.until_finished(2).await.expect("the second voice says it");
    let cancels = inputs.all().iter().filter(|it| matches!(it, TtsInput::Cancel { .. })).count();
    assert_eq!(cancels, 0);
}

/// Gives a chain a text and no end, and returns what is said of it, and how long it took until the
/// second voice was given something.
async fn open_ended(first: FakeTts, text: &str, patience: Duration) -> (String, Option<Duration>) {
    let second = FakeTts::new();
    let inputs = second.inputs();
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
    let mut voice = Voice::open(&tts).await;
    let generation = GenerationId::new(1);
    voice.0.try_send(TtsInput::Text { generation, text: text.into() }).expect("the chain reads");
    let (begun, mut audio) = (Instant::now(), Vec::new());
    let mut last = Duration::ZERO;
    let mut taken_over = None;
    while let Ok(event) = timeout(patience, voice.0.recv()).await {
        match event.expect("the chain goes on").expect("nothing fails") {
            TtsEvent::Audio { payload, .. } => {
                audio.extend_from_slice(&payload);
                last = begun.elapsed();
            }
            TtsEvent::FailedOver(_) => taken_over = Some(begun.elapsed().saturating_sub(last)),
            _ => {}
        }
    }
    assert_eq!(taken_over.is_some(), inputs.count() > 0);
    (tone::read(MULAW, &audio), taken_over)
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re2_a_voice_that_stalls_while_more_text_may_come_is_continued_within_three_seconds() {
    let makes: [(fn() -> FakeTts, Duration); 3] = [
        (FakeTts::new, ms(1_000)),
        (|| FakeTts::new().with_segments(), ms(4_000)),
        (|| FakeTts::new().with_word_timings(), ms(2_500)),
    ];
    for (make, latest) in makes {
        for after in (120..latest.as_millis() as u64).step_by(240) {
            let first = make().with_faults([TtsFault::Mute(ms(after))]);
            let (said, stalled) = open_ended(first, &whole(), ms(8_000)).await;
            let stalled = stalled.expect("the second voice goes on");
            assert!(stalled <= ms(3_000), "cut after {after} ms: noticed after {stalled:?}");
            assert!(said.ends_with("registration."), "cut after {after} ms: {said:?}");
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re2_a_voice_that_has_said_what_it_has_does_not_stall_while_the_model_is_silent() {
    let makes: [fn() -> FakeTts; 4] = [
        FakeTts::new,
        || FakeTts::new().with_segments(),
        || FakeTts::new().with_word_timings(),
        // As fast as anybody speaks.
        || FakeTts::new().with_per_char(ms(40)),
    ];
    for make in makes {
        let (said, stalled) = open_ended(make(), &whole(), ms(20_000)).await;
        assert_eq!((said, stalled), (whole(), None));
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re2_a_text_that_comes_late_is_owed_from_then_on() {
    let first = FakeTts::new().with_faults([TtsFault::Mute(ms(1_600))]);
    let second = FakeTts::new();
    let tts = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
    let mut voice = Voice::open(&tts).await;
    let generation = GenerationId::new(1);
    let text = |text: &str| TtsInput::Text { generation, text: text.into() };
    voice.0.try_send(text(TEXTS[0])).expect("the chain reads");
    let mut audio = Vec::new();
    let until = Instant::now() + ms(10_000);
    while let Ok(event) = timeout(until - Instant::now(), voice.0.recv()).await {
        match event.expect("the chain goes on").expect("nothing fails") {
            TtsEvent::Audio { payload, .. } => audio.extend_from_slice(&payload),
            TtsEvent::FailedOver(_) => panic!("it has said all that it has"),
            _ => {}
        }
    }
    voice.0.try_send(text(TEXTS[1])).expect("the chain reads");
    let given = Instant::now();
    while !matches!(voice.0.recv().await, Some(Ok(TtsEvent::FailedOver(_)))) {}
    let waited = given.elapsed();
    assert!(waited >= ms(2_000) && waited <= ms(3_000), "{waited:?}");
    assert!(tone::read(MULAW, &audio).starts_with("Your appointment is"));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re2_a_voice_that_waits_for_the_end_of_a_clause_does_not_stall() {
    let waits = FakeTts::new().with_faults([TtsFault::Mute(ms(600))]);
    let (said, stalled) =
        open_ended(waits, "Your appointment is at nine tomorrow", ms(20_000)).await;
    assert_eq!((&*said, stalled), ("Your appoi", None));
}
