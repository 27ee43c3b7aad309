//! Prompts that are played without the voice, in virtual time.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, timeout};
use voiceagent_core::{
    Agent, AgentBuilder, Error, ErrorKind, GenerationId, Link, Result,
    adapt::PromptCache,
    audio::Clip,
    llm::Message,
    session::EndReason,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::{
    fakes::{Answer, Caller, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad, TtsFault},
    tone,
};

use crate::rig::{MULAW, ms};

const GREETING: &str = "Good morning, this is the bakery. How can I help?";
const TROUBLE: &str = "One moment please, we have a technical problem.";

fn clip(text: &str) -> Clip {
    Clip::new(MULAW, &tone::spell(MULAW, text, ms(60))).expect("mu-law can be decoded")
}

fn builder(llm: FakeLlm, caller: &Caller) -> AgentBuilder {
    Agent::builder()
        .llm(Arc::new(llm))
        .stt(Arc::new(FakeStt::new(caller.words())))
        .vad(Arc::new(FakeVad::default()))
}

/// What a voice says to these texts, and how many of them it tells to be complete.
async fn says(voice: &PromptCache, texts: &[&str]) -> (String, u32) {
    let mut link = voice.open(TtsOptions::new(MULAW)).await.expect("the voice opens");
    let generation = GenerationId::new(1);
    for text in texts {
        let text = TtsInput::Text { generation, text: (*text).into() };
        link.try_send(text).expect("there is room");
    }
    link.try_send(TtsInput::Finish { generation }).expect("there is room");
    let (mut audio, mut spoken) = (Vec::new(), 0);
    loop {
        match link.recv().await.expect("the link lives").expect("nothing fails") {
            TtsEvent::Audio { payload, .. } => audio.extend_from_slice(&payload),
            TtsEvent::Spoken { texts, .. } => spoken += texts,
            TtsEvent::Finished { .. } => return (tone::read(MULAW, &audio), spoken),
            _ => {}
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn what_is_known_is_said_without_the_voice_in_however_many_pieces_it_comes() {
    let tts = FakeTts::new().with_formats([MULAW]).with_segments();
    let inputs = tts.inputs();
    let voice = PromptCache::new(Arc::new(tts)).render([GREETING]).await.unwrap();
    let rendered = inputs.count();
    for texts in [
        &[GREETING][..],
        &["Good morning, ", "this is the bakery. ", "How can I help?"],
        &["Good morning, this is the bakery.  ", " How can I help? "],
    ] {
        assert_eq!(says(&voice, texts).await, (GREETING.into(), texts.len() as u32));
    }
    assert_eq!(inputs.count(), rendered, "the vendor is not asked");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn what_is_not_known_is_spoken_by_the_voice_also_after_what_is() {
    let tts = FakeTts::new().with_formats([MULAW]).with_segments();
    let inputs = tts.inputs();
    let voice = PromptCache::new(Arc::new(tts)).with_clip("Yes.", clip("Yes.")).unwrap();
    assert_eq!(says(&voice, &["Yes. ", "Until six."]).await, ("Yes.Until six.".into(), 2));
    assert_eq!(says(&voice, &["Yes, ", "until six."]).await, ("Yes, until six.".into(), 2));
    let texts = inputs.all().into_iter().filter(|it| matches!(it, TtsInput::Text { .. }));
    assert_eq!(texts.count(), 3);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn what_begins_a_prompt_is_said_when_nothing_follows_for_300_ms() {
    const SHORT: &str = "One moment please.";
    const LONG: &str = "One moment please. It takes a while.";
    for prompts in [&[SHORT, LONG][..], &[LONG]] {
        let fake = FakeTts::new().with_first_audio(Duration::ZERO);
        let inputs = fake.inputs();
        let mut voice = PromptCache::new(Arc::new(fake));
        for prompt in prompts {
            voice = voice.with_clip(prompt, clip(prompt)).expect("it has words");
        }
        let generation = GenerationId::new(1);
        let text = |text: &str| TtsInput::Text { generation, text: text.into() };
        for follows_after in [ms(250), ms(5_000)] {
            let mut link = voice.open(TtsOptions::new(MULAW)).await.expect("the voice opens");
            let begun = Instant::now();
            link.try_send(text("One moment please. ")).expect("there is room");
            let first = timeout(follows_after, link.recv()).await;
            if first.is_ok() {
                let after = begun.elapsed();
                assert!((ms(300)..ms(500)).contains(&after), "{prompts:?}: after {after:?}");
                continue;
            }
            assert_eq!(follows_after, ms(250), "nothing was said");
            link.try_send(text("It takes a while.")).expect("there is room");
            assert!(matches!(link.recv().await, Some(Ok(TtsEvent::Audio { .. }))));
            assert_eq!((begun.elapsed(), inputs.all().len()), (ms(250), 0), "all of it is known");
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn answers_whose_texts_come_by_turns_are_said_completely_and_end_then() {
    const LONG: &str = "One moment please. It takes a while.";
    // The first text is for the voice, or may become a prompt.
    for first in ["I look it up. ", "One moment please. "] {
        let voice = PromptCache::new(Arc::new(FakeTts::new()));
        let voice = voice.with_clip(LONG, clip(LONG)).expect("it has words");
        let mut link = voice.open(TtsOptions::new(MULAW)).await.expect("the voice opens");
        let (one, two) = (GenerationId::new(1), GenerationId::new(2));
        for input in [
            TtsInput::Text { generation: one, text: first.into() },
            TtsInput::Text { generation: two, text: "Hold on. ".into() },
            TtsInput::Finish { generation: two },
            TtsInput::Finish { generation: one },
        ] {
            link.try_send(input).expect("there is room");
        }
        let (mut audio, mut ended) = ([Vec::new(), Vec::new()], Vec::new());
        while let Ok(event) = timeout(ms(10_000), link.recv()).await {
            match event.expect("the link lives").expect("nothing fails") {
                TtsEvent::Audio { generation, payload } => {
                    assert!(!ended.contains(&generation), "{first:?}: it had ended");
                    audio[usize::from(generation == two)].extend_from_slice(&payload);
                }
                TtsEvent::Finished { generation } => ended.push(generation),
                _ => {}
            }
        }
        let said = audio.map(|audio| tone::read(MULAW, &audio));
        assert_eq!(said, [first, "Hold on. "]);
        assert_eq!(ended.len(), 2, "{ended:?}");
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn words_after_a_clip_are_told_where_they_are() {
    let tts = FakeTts::new().with_formats([MULAW]).with_word_timings();
    let known = clip("Yes.");
    let lasts = known.duration();
    let voice = PromptCache::new(Arc::new(tts)).with_clip("Yes.", known).unwrap();
    let mut link = voice.open(TtsOptions::new(MULAW)).await.unwrap();
    let generation = GenerationId::new(1);
    for text in ["Yes. ", "Until six."] {
        link.try_send(TtsInput::Text { generation, text: text.into() }).unwrap();
    }
    let words = loop {
        if let TtsEvent::Words { words, .. } = link.recv().await.unwrap().unwrap() {
            break words;
        }
    };
    assert_eq!((&*words[0].word, words[0].start), ("Until", lasts));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_rendered_prompt_is_saved_and_loaded() {
    let voice = PromptCache::new(Arc::new(FakeTts::new())).render([TROUBLE]).await.unwrap();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("trouble.wav");
    voice.clip(TROUBLE).unwrap().save(&path).unwrap();
    let loaded = Clip::open(&path).unwrap();
    assert_eq!(Some(&loaded), voice.clip(TROUBLE));
    let tts: Arc<dyn TextToSpeech> = Arc::new(FakeTts::new());
    let voice = PromptCache::new(tts).with_clip(TROUBLE, loaded).unwrap();
    assert_eq!(says(&voice, &[TROUBLE]).await.0, TROUBLE);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_dies_is_replaced_by_a_clip_and_the_clip_is_history() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let refused = TtsFault::Refuse(ErrorKind::Disconnected);
    let tts = FakeTts::new().with_segments().with_faults(
        [TtsFault::Drop(Duration::ZERO)].into_iter().chain([refused; 4]).collect::<Vec<_>>(),
    );
    let voice = PromptCache::new(Arc::new(tts)).with_clip(TROUBLE, clip(TROUBLE)).unwrap();
    let llm = FakeLlm::answers([Answer::text("Until six."), Answer::text("Until six, I said.")]);
    let requests = llm.requests();
    let agent = builder(llm, &caller)
        .tts(Arc::new(voice))
        .tune(|config| config.voice_apology = Some(TROUBLE.into()))
        .build()
        .unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("when do you close", ms(800)).await;
    caller.hears(TROUBLE, ms(9_000)).await;
    caller.silence(ms(1_000)).await;
    caller.speak("when do you close", ms(800)).await;
    caller.hears("Until six, I said.", ms(9_000)).await;
    let messages = requests.last().unwrap().messages;
    let apology = Message::Assistant { text: TROUBLE.into(), interrupted: false };
    assert!(messages.contains(&apology), "{messages:?}");
    assert!(!format!("{messages:?}").contains("Until six"), "nobody heard that: {messages:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_ends_in_the_middle_of_an_answer_is_told_and_the_rest_is_not_said() {
    // The voice speaks after 80 ms and ends after 92, before the rest comes or behind it.
    for (wait, handed) in [(ms(85), 1), (ms(100), 0), (ms(2_000), 0)] {
        let tts = FakeTts::new().with_formats([MULAW]).with_faults([TtsFault::End(ms(100))]);
        let inputs = tts.inputs();
        let voice = PromptCache::new(Arc::new(tts)).with_clip(TROUBLE, clip(TROUBLE)).unwrap();
        let mut link = voice.open(TtsOptions::new(MULAW)).await.unwrap();
        let text = |number, text: &str| TtsInput::Text {
            generation: GenerationId::new(number),
            text: text.into(),
        };
        let finish = |number| TtsInput::Finish { generation: GenerationId::new(number) };
        link.try_send(text(1, "Until six. ")).unwrap();
        tokio::time::sleep(wait).await;
        link.try_send(text(1, "Bye now.")).unwrap();
        link.try_send(finish(1)).unwrap();
        tokio::time::sleep(ms(2_000)).await;
        let TtsEvent::Audio { .. } = link.recv().await.unwrap().unwrap() else {
            panic!("some of it was said");
        };
        let error = link.recv().await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Disconnected, Some("fake")));
        let rest = inputs.all().into_iter().filter(|it| *it == text(1, "Bye now."));
        assert_eq!(rest.count(), handed, "no other voice says it");
        // What is said next is said whole, and it was told once.
        link.try_send(text(2, "Yes.")).unwrap();
        link.try_send(finish(2)).unwrap();
        loop {
            match link.recv().await.unwrap().expect("nothing else has failed") {
                TtsEvent::Finished { generation } => {
                    assert_eq!(generation, GenerationId::new(2));
                    break;
                }
                TtsEvent::Audio { generation, .. } => assert_eq!(generation.number(), 2),
                _ => {}
            }
        }
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_is_down_from_the_start_still_greets_and_ends_the_call_with_words() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let tts = FakeTts::new().with_faults(vec![TtsFault::Refuse(ErrorKind::Overloaded); 100]);
    let voice = PromptCache::new(Arc::new(tts))
        .with_clip(GREETING, clip(GREETING))
        .unwrap()
        .with_clip(TROUBLE, clip(TROUBLE))
        .unwrap();
    let agent = builder(FakeLlm::new(|_| Answer::text("Until six.")), &caller)
        .greeting(GREETING)
        .tts(Arc::new(voice))
        .tune(|config| config.voice_apology = Some(TROUBLE.into()))
        .build()
        .unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.hears(GREETING, ms(6_000)).await;
    for _ in 0..3 {
        caller.silence(ms(1_000)).await;
        caller.speak("when do you close", ms(800)).await;
        caller.silence(ms(6_000)).await;
    }
    let heard = caller.heard_text();
    assert_eq!(heard.matches(TROUBLE).count(), 3, "{heard}");
    let mut reason = None;
    while let Some((_, event)) = call.next_event().await {
        if let voiceagent_core::Event::Ended { reason: why } = event {
            reason = Some(why);
        }
    }
    assert_eq!(reason, Some(EndReason::Failed));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_is_down_cannot_be_rendered_from() {
    let refused = || FakeTts::new().with_faults([TtsFault::Refuse(ErrorKind::Overloaded)]);
    let error = PromptCache::new(Arc::new(refused())).render([TROUBLE]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let without = PromptCache::new(Arc::new(refused()));
    assert!(without.open(TtsOptions::new(MULAW)).await.is_err(), "nothing could be said");
}

/// A voice that takes connections and closes them.
#[derive(Debug, Default)]
struct Closing {
    opened: AtomicUsize,
    /// How long it asks to be left alone.
    asks_for: Option<Duration>,
}

impl Closing {
    fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TextToSpeech for Closing {
    fn name(&self) -> &str {
        "closing"
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::new(vec![MULAW])
    }

    async fn open(&self, _: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(ms(50)).await;
        let asks_for = self.asks_for;
        Ok(Link::spawn(8, move |_peer| async move {
            let limited = Error::new(ErrorKind::RateLimited, "speak", "slow down");
            asks_for.map_or(Ok(()), |wait| Err(limited.with_retry_after(wait)))
        }))
    }
}

async fn known(voice: &Arc<Closing>) -> Link<TtsInput, TtsEvent> {
    let voice = PromptCache::new(voice.clone()).with_clip(TROUBLE, clip(TROUBLE)).expect("a clip");
    voice.open(TtsOptions::new(MULAW)).await.expect("a clip can be said")
}

/// What an answer that needs the voice is told.
async fn fault(link: &mut Link<TtsInput, TtsEvent>, number: u64) -> Error {
    let generation = GenerationId::new(number);
    link.try_send(TtsInput::Text { generation, text: "Until six.".into() })
        .expect("the link takes it");
    link.recv().await.expect("the link lives").expect_err("the voice is down")
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_closes_its_connections_is_opened_when_something_is_to_be_said() {
    let voice = Arc::new(Closing::default());
    let mut link = known(&voice).await;
    let told = timeout(Duration::from_secs(60), link.recv()).await;
    assert!(told.is_err(), "nobody needs the voice: {told:?}");
    assert_eq!(voice.opened(), 1);
    for number in 1..=3 {
        assert_eq!(fault(&mut link, number).await.kind(), ErrorKind::Disconnected);
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(voice.opened(), 4);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_that_asks_to_be_left_alone_is_opened_no_sooner() {
    let asks_for = Some(Duration::from_secs(30));
    let voice = Arc::new(Closing { asks_for, ..Closing::default() });
    let mut link = known(&voice).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let error = fault(&mut link, 1).await;
    assert_eq!((error.kind(), voice.opened()), (ErrorKind::RateLimited, 1));
    assert_eq!(error.retry_after().map(|left| left.as_secs()), Some(20));
    tokio::time::sleep(Duration::from_secs(19)).await;
    assert_eq!(fault(&mut link, 2).await.kind(), ErrorKind::RateLimited);
    assert_eq!(voice.opened(), 2, "a second is waited for");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_text_without_words_is_no_prompt() {
    let voice = || PromptCache::new(Arc::new(FakeTts::new()));
    let error = voice().with_clip(" ", clip(TROUBLE)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let error = voice().render([TROUBLE, ""]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn prompts_are_rendered_in_the_language_of_the_calls() {
    let tts = FakeTts::new();
    let opened = tts.opened();
    let voice = PromptCache::new(Arc::new(tts)).with_language("de-AT");
    drop(voice.render(["Guten Tag."]).await.unwrap());
    assert_eq!(opened.last().unwrap().language.as_deref(), Some("de-AT"));
}
