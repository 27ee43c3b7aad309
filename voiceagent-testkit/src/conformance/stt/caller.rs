use std::time::Duration;

use bytes::Bytes;
use tokio::{
    task::yield_now,
    time::{Instant, interval, timeout, timeout_at},
};
use voiceagent_core::{
    Error, ErrorKind, Link,
    audio::{AudioFormat, AudioFrame, MediaTime},
    stt::{SttEvent, SttInput, Transcript},
};

use super::super::opening::PATIENCE;
use crate::vendor::{silence, speech};

const FRAME: Duration = Duration::from_millis(20);

/// Somebody who speaks into a recognizer and notes what it reports.
pub(super) struct Caller {
    link: Link<SttInput, SttEvent>,
    format: AudioFormat,
    at: u64,
    heard: Vec<SttEvent>,
    /// What went wrong while it spoke.
    error: Option<Error>,
}

impl Caller {
    pub(super) const fn new(link: Link<SttInput, SttEvent>, format: AudioFormat) -> Self {
        Self { link, format, at: 0, heard: Vec::new(), error: None }
    }

    /// Speaks, faster than real time.
    pub(super) async fn speak(&mut self, duration: Duration) -> Result<(), String> {
        self.send(speech(self.format, duration)).await
    }

    /// Is silent, faster than real time.
    pub(super) async fn pause(&mut self, duration: Duration) -> Result<(), String> {
        self.send(silence(self.format, duration)).await
    }

    /// Speaks at the pace of a phone until something has happened.
    pub(super) async fn speak_in_real_time(
        &mut self,
        happened: impl Fn() -> bool + Send + Sync,
    ) -> Result<(), String> {
        let mut pace = interval(FRAME);
        let speaking = async {
            while !happened() {
                pace.tick().await;
                self.send(speech(self.format, FRAME)).await?;
            }
            Ok(())
        };
        timeout(PATIENCE, speaking).await.map_err(|_| "it never happened".to_owned())?
    }

    /// How many finals have come, also empty ones.
    pub(super) fn answers(&self) -> usize {
        let is_final = |event: &&SttEvent| matches!(event, SttEvent::Transcript(it) if it.is_final);
        self.heard.iter().filter(is_final).count()
    }

    pub(super) fn finalize(&self) -> Result<(), String> {
        self.link.try_send(SttInput::Finalize).map_err(|error| error.to_string())
    }

    async fn send(&mut self, mut audio: Bytes) -> Result<(), String> {
        while !audio.is_empty() {
            let length = self.format.bytes_in(FRAME).min(audio.len());
            let frame = AudioFrame::new(self.format, MediaTime(self.at), audio.split_to(length));
            self.at += frame.samples();
            while let Err(refused) = self.link.try_send(SttInput::Audio(frame.clone())) {
                if refused.kind() != ErrorKind::Stalled {
                    return Err(refused.to_string());
                }
                yield_now().await;
                self.note_waiting()?;
            }
            self.note_waiting()?;
        }
        Ok(())
    }

    fn note_waiting(&mut self) -> Result<(), String> {
        while let Some(event) = self.link.try_recv() {
            match event {
                Ok(event) => self.heard.push(event),
                Err(error) => {
                    let told = error.to_string();
                    self.error = Some(error);
                    return Err(told);
                }
            }
        }
        Ok(())
    }

    /// Waits until what was heard satisfies a condition.
    pub(super) async fn until(
        &mut self,
        holds: impl Fn(&Self) -> bool + Send + Sync,
    ) -> Result<(), String> {
        let waiting = async {
            while !holds(self) {
                match self.link.recv().await {
                    Some(Ok(event)) => self.heard.push(event),
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("the link has ended".to_owned()),
                }
            }
            Ok(())
        };
        let waited = timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| Err(format!("not more than {:?}", self.heard)))
    }

    /// Notes what comes in a stretch of time.
    pub(super) async fn listen_for(&mut self, duration: Duration) -> Result<(), String> {
        let end = Instant::now() + duration;
        while let Ok(event) = timeout_at(end, self.link.recv()).await {
            let event = event.ok_or_else(|| "the link has ended".to_owned())?;
            self.heard.push(event.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    /// Waits for the error with which the link ends.
    pub(super) async fn until_error(&mut self) -> Result<Error, String> {
        let waiting = async {
            loop {
                let next = match self.error.take() {
                    Some(error) => Some(Err(error)),
                    None => self.link.recv().await,
                };
                match next {
                    Some(Ok(event)) => self.heard.push(event),
                    Some(Err(error)) if self.link.recv().await.is_none() => return Ok(error),
                    Some(Err(error)) => return Err(format!("something followed {error}")),
                    None => return Err("the link ended without an error".to_owned()),
                }
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| Err("the link goes on".to_owned()))
    }

    pub(super) fn transcripts(&self) -> impl Iterator<Item = &Transcript> {
        self.heard.iter().filter_map(|event| {
            if let SttEvent::Transcript(transcript) = event { Some(transcript) } else { None }
        })
    }

    /// The texts of all finals that have one.
    pub(super) fn finals(&self) -> Vec<&str> {
        let finals = self.transcripts().filter(|it| it.is_final && !it.text.is_empty());
        finals.map(|it| &*it.text).collect()
    }

    pub(super) fn turns(&self) -> usize {
        self.count(&SttEvent::EndOfTurn)
    }

    pub(super) fn count(&self, event: &SttEvent) -> usize {
        self.heard.iter().filter(|it| *it == event).count()
    }
}
