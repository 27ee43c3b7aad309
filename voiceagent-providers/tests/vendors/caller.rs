//! A caller on a line to a recognizer.

use std::time::Duration;

use tokio::time::{interval, timeout};
use voiceagent_core::{
    Error, Link,
    audio::{AudioFormat, AudioFrame, MediaTime},
    stt::{SpeechToText, SttEvent, SttInput, SttOptions, Transcript},
};
use voiceagent_testkit::vendor::{silence, speech};

pub(crate) const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
pub(crate) const SPOKEN: Duration = Duration::from_secs(1);
pub(crate) const PAUSE: Duration = Duration::from_secs(2);
const FRAME: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A caller on a line to a recognizer.
#[derive(Debug)]
pub(crate) struct Caller {
    link: Link<SttInput, SttEvent>,
    format: AudioFormat,
}

impl Caller {
    pub(crate) async fn dial(stt: &dyn SpeechToText) -> Self {
        Self::dial_in(stt, FORMAT).await
    }

    pub(crate) async fn dial_in(stt: &dyn SpeechToText, format: AudioFormat) -> Self {
        let link = stt.open(SttOptions::new(format)).await.expect("the vendor is there");
        Self { link, format }
    }

    fn send(&self, audio: impl Into<bytes::Bytes>) {
        let frame = AudioFrame::new(self.format, MediaTime(0), audio.into());
        self.link.try_send(SttInput::Audio(frame)).expect("the link has room");
    }

    pub(crate) fn say(&self) {
        self.say_for(SPOKEN);
    }

    pub(crate) fn say_for(&self, duration: Duration) {
        self.send(speech(self.format, duration));
    }

    /// Noise at the pace of a phone, at about -43 dBFS: loud, and nothing that anybody understands.
    /// The line carries PCM.
    pub(crate) async fn noise_for(&self, duration: Duration) {
        let samples = self.format.samples_in(FRAME);
        let wave = (0..samples).map(|at| if at % 32 < 16 { 240_i16 } else { -240 });
        let frame: Vec<u8> = wave.flat_map(i16::to_le_bytes).collect();
        let mut pace = interval(FRAME);
        for _ in 0..duration.as_millis() / FRAME.as_millis() {
            pace.tick().await;
            self.send(frame.clone());
        }
    }

    /// Frames that hold nothing, as some lines bring them.
    pub(crate) fn say_nothing(&self) {
        for _ in 0..3 {
            self.send(bytes::Bytes::new());
        }
    }

    pub(crate) fn pause(&self) {
        self.pause_for(PAUSE);
    }

    pub(crate) fn pause_for(&self, duration: Duration) {
        self.send(silence(self.format, duration));
    }

    pub(crate) fn finalize(&self) {
        self.link.try_send(SttInput::Finalize).expect("the link has room");
    }

    async fn next(&mut self) -> Option<Result<SttEvent, Error>> {
        timeout(PATIENCE, self.link.recv()).await.expect("something comes")
    }

    pub(crate) async fn until(&mut self, wanted: impl Fn(&SttEvent) -> bool) -> SttEvent {
        loop {
            let event = self.next().await.expect("the link goes on").expect("nothing fails");
            if wanted(&event) {
                return event;
            }
        }
    }

    pub(crate) async fn until_final(&mut self) -> Transcript {
        let is_final = |event: &SttEvent| matches!(event, SttEvent::Transcript(it) if it.is_final);
        let SttEvent::Transcript(transcript) = self.until(is_final).await else { unreachable!() };
        transcript
    }

    pub(crate) async fn until_interim(&mut self) {
        let spoken = |event: &SttEvent| matches!(event, SttEvent::Transcript(it) if !it.is_final);
        self.until(spoken).await;
    }

    /// All that comes before the error with which the link ends.
    pub(crate) async fn until_error(&mut self) -> (Vec<SttEvent>, Error) {
        let mut events = Vec::new();
        loop {
            match self.next().await.expect("an error ends the link") {
                Ok(event) => events.push(event),
                Err(error) => {
                    assert!(self.next().await.is_none(), "the error is the last item");
                    return (events, error);
                }
            }
        }
    }
}
