//! A chain of recognizers: what is said while one fails is understood, all of it and once.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout};
use voiceagent_core::{
    Error, ErrorKind, Link,
    adapt::FallbackStt,
    audio::{AudioFormat, AudioFrame, MediaTime},
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions, Transcript},
};
use voiceagent_testkit::{
    fakes::{FakeStt, SttFault, Words},
    tone,
};

use crate::rig::{MULAW, ms};

const FRAME: Duration = Duration::from_millis(20);
/// Two stretches of speech, the first of which is longer than any deadline.
const FIRST: &str = "I would like to bring my car in for the yearly service next week please";
const SECOND: &str = "and the brakes";

/// What is said in 9 s: from 500 to 5,300 ms, and from 6,000 to 7,000 ms.
fn script() -> Words {
    let words = Words::default();
    words.say(FIRST, ms(500), ms(5_300));
    words.say(SECOND, ms(6_000), ms(7_000));
    words
}

/// The frames of 10 s, made once for all runs.
static FRAMES: LazyLock<Vec<AudioFrame>> = LazyLock::new(|| frames(is_spoken));

/// 10 s of audio.
fn frames(is_spoken: impl Fn(Duration) -> bool) -> Vec<AudioFrame> {
    let frames = (0..500).map(|number| FRAME * number).map(|at| {
        let place = MediaTime(MULAW.samples_in(at));
        let payload = match is_spoken(at) {
            true => tone::speech(MULAW, place, 160),
            false => tone::silence(MULAW, FRAME),
        };
        AudioFrame::new(MULAW, place, payload)
    });
    frames.collect()
}

fn is_spoken(at: Duration) -> bool {
    (ms(500)..ms(5_300)).contains(&at) || (ms(6_000)..ms(7_000)).contains(&at)
}

/// A line in real time, and what a recognizer makes of it.
struct Line {
    link: Link<SttInput, SttEvent>,
    heard: Vec<(Duration, SttEvent)>,
    begun: Instant,
}

impl Line {
    async fn open(stt: &FallbackStt) -> Self {
        let link = stt.open(SttOptions::new(MULAW)).await.expect("one can be opened");
        Self { link, heard: Vec::new(), begun: Instant::now() }
    }

    /// Speaks the script until `end`, and asks for finals at these times.
    async fn run(self, end: Duration, finalize: &[Duration]) -> Vec<(Duration, SttEvent)> {
        self.play(&FRAMES, end, finalize).await
    }

    async fn play(
        mut self,
        frames: &[AudioFrame],
        end: Duration,
        finalize: &[Duration],
    ) -> Vec<(Duration, SttEvent)> {
        let mut at = Duration::ZERO;
        for frame in frames.iter().take_while(|frame| MULAW.duration_of(frame.at.0) < end) {
            self.link.try_send(SttInput::Audio(frame.clone())).expect("the chain reads");
            at += FRAME;
            if finalize.contains(&at) {
                self.link.try_send(SttInput::Finalize).expect("the chain reads");
            }
            self.listen_until(at).await;
        }
        self.listen_until(end + ms(3_000)).await;
        self.heard
    }

    async fn listen_until(&mut self, at: Duration) {
        let listening = async {
            while let Some(event) = self.link.recv().await {
                self.heard.push((self.begun.elapsed(), event.expect("the chain goes on")));
            }
        };
        let left = (self.begun + at).saturating_duration_since(Instant::now());
        let _ = timeout(left, listening).await;
        sleep_until(self.begun + at).await;
    }
}

fn finals(heard: &[(Duration, SttEvent)]) -> String {
    let finals = heard.iter().filter_map(|(_, event)| match event {
        SttEvent::Transcript(it) if it.is_final && !it.text.is_empty() => Some(&*it.text),
        _ => None,
    });
    finals.collect::<Vec<_>>().join(" ")
}

fn everything() -> String {
    format!("{FIRST} {SECOND}")
}

async fn understood(first: FakeStt, second: FakeStt) -> Vec<(Duration, SttEvent)> {
    understood_when_asked(first, second, &[ms(5_500), ms(7_200)]).await
}

async fn understood_when_asked(
    first: FakeStt,
    second: FakeStt,
    finalize: &[Duration],
) -> Vec<(Duration, SttEvent)> {
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    Line::open(&stt).await.run(ms(9_000), finalize).await
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_a_recognizer_that_is_lost_at_any_moment_costs_0_ms_of_speech_and_no_word_comes_twice()
{
    for (timings, lag) in [(true, 0), (false, 0), (true, 350), (false, 350), (false, 900)] {
        for after in (0..8_000).step_by(170) {
            let make = || match timings {
                true => FakeStt::new(script()).with_lag(ms(lag)).with_word_timings(),
                false => FakeStt::new(script()).with_lag(ms(lag)),
            };
            let second = make();
            let inputs = second.inputs();
            let first = make().with_faults([SttFault::Drop(ms(after))]);
            let asked = [ms(5_500), ms(7_200)];
            // The second time it tells by itself, each stretch of speech behind the next.
            let asked = if after % 340 == 0 { &asked[..] } else { &asked[1..] };
            let heard = understood_when_asked(first, second, asked).await;
            let case = format!("lost after {after} ms, timings {timings}, lag {lag} ms");
            assert_eq!(finals(&heard), everything(), "{case}");
            let mut end = None;
            for input in inputs.all() {
                let SttInput::Audio(frame) = input else { continue };
                let gap = frame.at.0 - end.unwrap_or(frame.at.0);
                assert_eq!(gap, 0, "{case}: the second missed {gap} samples");
                end = Some(frame.at.0 + frame.samples());
            }
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_a_late_final_covers_no_word_that_was_said_since() {
    let words = Words::default();
    words.say("at nine please", ms(500), ms(2_000));
    words.say("no", ms(2_600), ms(2_900));
    let frames =
        frames(|at| (ms(500)..ms(2_000)).contains(&at) || (ms(2_600)..ms(2_900)).contains(&at));
    // The final of the first words comes at 3,200 ms, in the pause behind the last.
    let make = || FakeStt::new(words.clone()).with_lag(ms(900));
    let first = make().with_faults([SttFault::Drop(ms(3_400))]);
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(make())]);
    let heard = Line::open(&stt).await.play(&frames, ms(6_000), &[]).await;
    assert_eq!(finals(&heard), "at nine please no");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_a_recognizer_that_falls_silent_or_stops_reading_costs_0_ms_of_speech() {
    for after in (0..8_000).step_by(530) {
        for fault in [SttFault::Mute(ms(after)), SttFault::Stall(ms(after))] {
            let first = FakeStt::new(script()).with_faults([fault]);
            let heard = understood(first, FakeStt::new(script())).await;
            assert_eq!(finals(&heard), everything(), "{fault:?}");
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_a_stall_is_noticed_within_three_seconds_of_speech() {
    let second = FakeStt::new(script());
    let opened = second.opened();
    let first = FakeStt::new(script()).with_faults([SttFault::Mute(ms(0))]);
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    let heard = Line::open(&stt).await.run(ms(4_000), &[]).await;
    assert_eq!(opened.count(), 1);
    let (when, _) = heard.first().expect("the second recognizer has something to say");
    assert!(
        *when <= ms(500 + 3_000 + 40),
        "speech begins at 500 ms, the first words came at {when:?}"
    );
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_a_noise_that_nobody_understands_is_no_stall_of_anybody() {
    let (first, second) = (FakeStt::new(Words::default()), FakeStt::new(Words::default()));
    let opened = [first.opened(), second.opened()];
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    Line::open(&stt).await.run(ms(9_000), &[]).await;
    Line::open(&stt).await.run(ms(500), &[]).await;
    let opened = opened.map(|opened| opened.count());
    assert_eq!(
        opened,
        [2, 1],
        "the second hears the noise once, and the next call begins with the first"
    );
}

/// A short word, and a recognizer that only notices that somebody speaks.
fn short_word() -> (Vec<AudioFrame>, Words) {
    let words = Words::default();
    words.say("yes please", ms(500), ms(960));
    (frames(|at| (ms(500)..ms(960)).contains(&at)), words)
}

fn noticing(words: &Words) -> FakeStt {
    FakeStt::new(words.clone()).with_speech_started().with_finalize(None)
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_one_that_notices_speech_and_says_no_word_of_it_is_replaced_within_three_seconds() {
    let (frames, words) = short_word();
    let first = noticing(&words).with_faults([SttFault::Wordless(ms(0))]);
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(noticing(&words))]);
    let heard = Line::open(&stt).await.play(&frames, ms(8_000), &[]).await;
    assert_eq!(finals(&heard), "yes please");
    let is_text = |event: &SttEvent| matches!(event, SttEvent::Transcript(_));
    let (when, _) = heard.iter().find(|(_, event)| is_text(event)).expect("there are words");
    assert!(*when <= ms(500 + 3_000 + 400), "the word begins at 500 ms, it came at {when:?}");
    let started = heard.iter().filter(|(_, event)| *event == SttEvent::SpeechStarted).count();
    assert_eq!(started, 1, "the second notices nothing new");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_a_noise_that_all_take_for_speech_goes_round_once() {
    let (frames, words) = short_word();
    let make = || noticing(&words).with_faults([SttFault::Wordless(ms(0)); 9]);
    let (first, second) = (make(), make());
    let opened = [first.opened(), second.opened()];
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    Line::open(&stt).await.play(&frames, ms(10_000), &[]).await;
    Line::open(&stt).await.play(&frames, ms(400), &[]).await;
    assert_eq!(opened.map(|opened| opened.count()), [2, 1]);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_one_that_claims_to_need_two_seconds_for_a_final_has_them() {
    let slow = || FakeStt::new(script()).without_interims().with_finalize(Some(ms(2_000)));
    let second = FakeStt::new(script());
    let opened = second.opened();
    let heard = understood(slow().with_final_delay(ms(60_000)), second).await;
    assert_eq!((finals(&heard), opened.count()), (everything(), 0));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc3_one_that_claims_to_need_ages_for_a_final_has_three_seconds() {
    let first = FakeStt::new(script()).with_finalize(Some(ms(60_000)));
    let first = first.with_final_delay(ms(60_000));
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(FakeStt::new(script()))]);
    let heard = Line::open(&stt).await.run(ms(6_000), &[ms(5_500)]).await;
    let is_final = |event: &SttEvent| matches!(event, SttEvent::Transcript(it) if it.is_final);
    let (when, _) = heard.iter().find(|(_, event)| is_final(event)).expect("there is a final");
    assert!((ms(8_500)..=ms(8_700)).contains(when), "asked at 5,500 ms, it came at {when:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc13_audio_is_replayed_in_a_format_that_the_next_recognizer_takes() {
    for formats in [vec![AudioFormat::PCM_16K], vec![AudioFormat::ALAW_8K]] {
        let first = FakeStt::new(script()).with_faults([SttFault::Drop(ms(3_000))]);
        let second = FakeStt::new(script()).with_formats(formats.clone());
        let (inputs, opened) = (second.inputs(), second.opened());
        let heard = understood(first, second).await;
        assert_eq!(finals(&heard), everything(), "{formats:?}");
        assert_eq!(opened.last().unwrap().format, formats[0]);
        let is_right = |it: &SttInput| matches!(it, SttInput::Audio(it) if it.format == formats[0]);
        assert!(inputs.all().iter().filter(|it| matches!(it, SttInput::Audio(_))).all(is_right));
    }
}

/// A recognizer that takes audio a quarter faster than it is spoken, and no faster.
#[derive(Debug)]
struct Unhurried(FakeStt);

#[async_trait::async_trait]
impl SpeechToText for Unhurried {
    fn name(&self) -> &str {
        "unhurried"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.pace_percent = Some(125);
        capabilities
    }

    async fn open(&self, options: SttOptions) -> voiceagent_core::Result<Link<SttInput, SttEvent>> {
        self.0.open(options).await
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc13_audio_is_replayed_no_faster_than_the_next_recognizer_takes_it() {
    let first = FakeStt::new(script()).with_faults([SttFault::Drop(ms(4_000))]);
    let second = FakeStt::new(script());
    let inputs = second.inputs();
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(Unhurried(second))]);
    let heard = Line::open(&stt).await.run(ms(9_500), &[ms(9_400)]).await;
    assert_eq!(finals(&heard), everything());
    let timed = inputs.timed();
    let (begun, mut sent) = (timed[0].0, Duration::ZERO);
    for (at, input) in timed {
        let SttInput::Audio(frame) = input else { continue };
        let allowed = (at - begun) * 5 / 4 + ms(250);
        assert!(sent <= allowed + ms(2), "{sent:?} were sent within {:?}", at - begun);
        sent += MULAW.duration_of(frame.samples());
    }
    assert!(sent > ms(8_000), "{sent:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc8_one_that_refuses_is_passed_over_and_rests() {
    let first = FakeStt::new(script()).with_faults([SttFault::Refuse(ErrorKind::RateLimited)]);
    let second = FakeStt::new(script());
    let opened = [first.opened(), second.opened()];
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    let counts = || [opened[0].count(), opened[1].count()];
    let _one = stt.open(SttOptions::new(MULAW)).await.unwrap();
    assert_eq!(counts(), [1, 1]);
    let _two = stt.open(SttOptions::new(MULAW)).await.unwrap();
    assert_eq!(counts(), [1, 2], "it rests");
    tokio::time::sleep(ms(10_000)).await;
    let _three = stt.open(SttOptions::new(MULAW)).await.unwrap();
    assert_eq!(counts(), [2, 2], "it has rested");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc12_what_is_said_while_none_can_be_opened_is_understood_afterwards() {
    let refused = SttFault::Refuse(ErrorKind::Overloaded);
    let first = FakeStt::new(script()).with_faults([SttFault::Drop(ms(1_000)), refused, refused]);
    let second = FakeStt::new(script()).with_faults([refused; 8]);
    let heard = understood(first, second).await;
    assert_eq!(finals(&heard), everything());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc12_the_link_ends_when_none_can_be_opened_for_five_seconds() {
    let first = FakeStt::new(script()).with_faults(
        std::iter::once(SttFault::Drop(ms(1_000)))
            .chain([SttFault::Refuse(ErrorKind::Overloaded); 99])
            .collect::<Vec<_>>(),
    );
    let second =
        FakeStt::new(script()).with_faults([SttFault::Refuse(ErrorKind::Unauthorized); 99]);
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    let mut link = stt.open(SttOptions::new(MULAW)).await.unwrap();
    let loud = tone::speech(MULAW, MediaTime(0), 9_600);
    link.try_send(SttInput::Audio(AudioFrame::new(MULAW, MediaTime(0), loud))).unwrap();
    let begun = Instant::now();
    let mut last = None;
    while let Some(event) = link.recv().await {
        last = Some(event);
    }
    assert!(last.unwrap().is_err());
    assert!((ms(5_000)..ms(6_000)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

/// A recognizer that answers the first request to finalize when it gets the second, and is lost
/// then.
#[derive(Debug)]
struct Late;

#[async_trait::async_trait]
impl SpeechToText for Late {
    fn name(&self) -> &str {
        "late"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![MULAW]);
        capabilities.finalize = true;
        capabilities
    }

    async fn open(&self, _: SttOptions) -> voiceagent_core::Result<Link<SttInput, SttEvent>> {
        Ok(Link::spawn(128, |mut peer| async move {
            let mut requests = 0;
            while requests < 2 {
                let Some(input) = peer.recv().await else { return Ok(()) };
                requests += usize::from(matches!(input, SttInput::Finalize));
            }
            peer.send(SttEvent::Transcript(Transcript::final_("I would like"))).await?;
            Err(Error::new(ErrorKind::Disconnected, "read", "the connection is lost"))
        }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc1_a_late_answer_to_one_request_covers_nothing_of_the_next() {
    let second = FakeStt::new(script());
    let inputs = second.inputs();
    let stt = FallbackStt::new(Arc::new(Late), vec![Arc::new(second)]);
    Line::open(&stt).await.run(ms(4_000), &[ms(2_500), ms(3_300)]).await;
    let all = inputs.all();
    let first = all.iter().find_map(|input| match input {
        SttInput::Audio(frame) => Some(MULAW.duration_of(frame.at.0)),
        _ => None,
    });
    assert_eq!(first, Some(ms(2_500)), "it hears all that was said after the first request");
    let requests = all.iter().filter(|input| matches!(input, SttInput::Finalize)).count();
    assert_eq!(requests, 1, "it is asked for the final that is owed");
}

/// Speaks for two seconds to a chain of which nobody is left then: what is told that is no interim.
async fn last_words(replays: bool) -> Vec<String> {
    let faults = std::iter::once(SttFault::Drop(ms(2_000)))
        .chain([SttFault::Refuse(ErrorKind::Unauthorized); 99])
        .collect::<Vec<_>>();
    let stt = FallbackStt::new(Arc::new(FakeStt::new(script()).with_faults(faults)), Vec::new());
    let mut options = SttOptions::new(MULAW);
    options.replays = replays;
    let mut link = stt.open(options).await.expect("one can be opened");
    for frame in FRAMES.iter().take(110) {
        link.try_send(SttInput::Audio(frame.clone())).expect("the chain reads");
    }
    let mut told = Vec::new();
    while let Some(event) = link.recv().await {
        match event {
            Ok(SttEvent::Transcript(it)) if !it.is_final => {}
            Ok(SttEvent::Transcript(it)) => told.push(it.text.to_string()),
            Ok(event) => panic!("{event:?} is not claimed"),
            Err(error) => told.push(error.kind().to_string()),
        }
    }
    told
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rc12_what_was_understood_is_told_when_nobody_is_left_who_could_hear_it_again() {
    assert_eq!(last_words(true).await.len(), 1, "the chain around it hears it again");
    let told = last_words(false).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(!told[0].is_empty() && FIRST.starts_with(&told[0]), "{told:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn only_what_all_recognizers_can_do_is_claimed_and_told() {
    let first = FakeStt::new(script()).with_word_timings().with_speech_started();
    let second = FakeStt::new(script()).without_interims().with_formats([AudioFormat::PCM_16K]);
    let stt = FallbackStt::new(Arc::new(first), vec![Arc::new(second)]);
    let claims = stt.capabilities();
    assert!(!claims.word_timings && !claims.speech_started && !claims.interim && claims.finalize);
    assert_eq!(claims.formats[0], MULAW, "the others can have it converted");
    let heard = Line::open(&stt).await.run(ms(9_000), &[]).await;
    assert_eq!(finals(&heard), everything());
    for (_, event) in heard {
        let SttEvent::Transcript(told) = event else { panic!("{event:?} is not claimed") };
        assert!(told.is_final && told.words.is_empty(), "{told:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn times_of_words_go_on_after_a_failover() {
    let make = || FakeStt::new(script()).with_word_timings();
    let first = make().with_faults([SttFault::Drop(ms(3_000))]);
    let heard = understood(first, make()).await;
    let words = heard.iter().filter_map(|(_, event)| match event {
        SttEvent::Transcript(it) if it.is_final => Some(it.words.clone()),
        _ => None,
    });
    let words: Vec<_> = words.flatten().collect();
    assert_eq!(words.last().unwrap().end.as_millis(), 6_999);
    assert!(words.is_sorted_by_key(|word| word.start), "{words:?}");
}
