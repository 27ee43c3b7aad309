//! A listener to a voice.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use voiceagent_core::{
    Error, GenerationId, Link,
    audio::AudioFormat,
    stt::WordTiming,
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
};

pub(crate) const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const ONE: GenerationId = GenerationId::new(1);
pub(crate) const TWO: GenerationId = GenerationId::new(2);

/// A voice on a line.
#[derive(Debug)]
pub(crate) struct Voice(Link<TtsInput, TtsEvent>);

/// All of a generation.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) audio: Vec<u8>,
    /// The counts of its `Spoken`.
    pub(crate) spoken: Vec<u32>,
    pub(crate) words: Vec<WordTiming>,
}

impl Voice {
    pub(crate) async fn open(tts: &dyn TextToSpeech) -> Self {
        Self::open_in(tts, FORMAT).await
    }

    pub(crate) async fn open_in(tts: &dyn TextToSpeech, format: AudioFormat) -> Self {
        Self(tts.open(TtsOptions::new(format)).await.expect("the vendor is there"))
    }

    fn send(&self, input: TtsInput) {
        self.0.try_send(input).expect("the link has room");
    }

    pub(crate) fn say(&self, generation: GenerationId, text: &str) {
        self.send(TtsInput::Text { generation, text: Arc::from(text) });
    }

    pub(crate) fn finish(&self, generation: GenerationId) {
        self.send(TtsInput::Finish { generation });
    }

    pub(crate) fn cancel(&self, generation: GenerationId) {
        self.send(TtsInput::Cancel { generation });
    }

    pub(crate) fn interrupt(&self, generation: GenerationId, heard: Duration) {
        self.send(TtsInput::Interrupt { generation, heard });
    }

    pub(crate) async fn next(&mut self) -> Result<TtsEvent, Error> {
        timeout(PATIENCE, self.0.recv()).await.expect("something comes").expect("the link goes on")
    }

    /// Waits for audio; how many bytes come.
    pub(crate) async fn until_audio(&mut self) -> usize {
        loop {
            if let TtsEvent::Audio { payload, .. } = self.next().await.expect("nothing fails") {
                return payload.len();
            }
        }
    }

    pub(crate) async fn until_spoken(&mut self) {
        while !matches!(self.next().await.expect("nothing fails"), TtsEvent::Spoken { .. }) {}
    }

    /// What the vendor says was heard of `number`, whatever comes before that.
    pub(crate) async fn until_heard(&mut self, number: GenerationId) -> String {
        loop {
            if let TtsEvent::Heard { generation, text } = self.next().await.expect("nothing fails")
            {
                assert_eq!(generation, number);
                return text.to_string();
            }
        }
    }

    /// The first fault, whatever comes before it.
    pub(crate) async fn until_fault(&mut self) -> Error {
        loop {
            if let Err(fault) = self.next().await {
                return fault;
            }
        }
    }

    /// The end of a generation, or the fault that comes in its place.
    pub(crate) async fn until_end(&mut self, number: GenerationId) -> Result<(), Error> {
        loop {
            if let TtsEvent::Finished { generation } = self.next().await?
                && generation == number
            {
                return Ok(());
            }
        }
    }

    /// A whole generation, while all others are silent.
    pub(crate) async fn until_finished(&mut self, number: GenerationId) -> Said {
        let [said] = self.until_all_finished([number]).await;
        said
    }

    /// Whole generations, while all others are silent.
    pub(crate) async fn until_all_finished<const N: usize>(
        &mut self,
        numbers: [GenerationId; N],
    ) -> [Said; N] {
        let mut all = numbers.map(|_| Said::default());
        let mut unfinished = N;
        while unfinished > 0 {
            let event = self.next().await.expect("nothing fails");
            if matches!(event, TtsEvent::FailedOver(_)) {
                continue;
            }
            let at = numbers.iter().position(|number| of(&event) == Some(*number));
            let said = &mut all[at.unwrap_or_else(|| panic!("{event:?} is of another"))];
            match event {
                TtsEvent::Audio { payload, .. } => said.audio.extend_from_slice(&payload),
                // Told when another voice goes on, with how many texts are complete.
                TtsEvent::Continued { texts: 0, .. } => {}
                TtsEvent::Continued { texts, .. } => said.spoken.push(texts),
                TtsEvent::Finished { .. } => unfinished -= 1,
                TtsEvent::Spoken { texts, .. } => said.spoken.push(texts),
                TtsEvent::Words { words, .. } => said.words.extend(words),
                unknown => panic!("{unknown:?}"),
            }
        }
        all
    }

    /// Whether the link ends without another word.
    pub(crate) async fn has_ended(&mut self) -> bool {
        timeout(PATIENCE, self.0.recv()).await.expect("it ends").is_none()
    }

    /// The end of the generation `number`, whatever is left of others before it begins.
    pub(crate) async fn until_finished_after_others(&mut self, number: GenerationId) -> Vec<u8> {
        let mut audio = Vec::new();
        loop {
            match self.next().await.expect("nothing fails") {
                TtsEvent::Audio { generation, payload } if generation == number => {
                    audio.extend_from_slice(&payload);
                }
                TtsEvent::Finished { generation } => {
                    assert_eq!(generation, number);
                    return audio;
                }
                event if of(&event) == Some(number) => {}
                late => assert!(audio.is_empty(), "{late:?} is mixed into the next generation"),
            }
        }
    }
}

/// The generation that an event is about.
fn of(event: &TtsEvent) -> Option<GenerationId> {
    match event {
        TtsEvent::Audio { generation, .. }
        | TtsEvent::Continued { generation, .. }
        | TtsEvent::Finished { generation }
        | TtsEvent::Heard { generation, .. }
        | TtsEvent::Spoken { generation, .. }
        | TtsEvent::Words { generation, .. } => Some(*generation),
        _ => None,
    }
}
