use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use voiceagent_core::{audio::AudioFormat, transport::Outbound};

use super::super::recording::Recording;
use crate::tone;

/// The buffer in front of the caller's ear: what was sent, and when it sounds. A clone is the same.
#[derive(Clone)]
pub(super) struct FarEnd {
    format: Option<AudioFormat>,
    received: Recording<Outbound>,
    pieces: Arc<Mutex<Vec<Piece>>>,
    begun: Instant,
}

/// Something that sounds from `start`, for `lasts` if it is not cut.
struct Piece {
    start: Instant,
    lasts: Duration,
    end: Instant,
    what: What,
}

enum What {
    Sound(Bytes),
    Text(Arc<str>),
}

impl FarEnd {
    pub(super) fn new(format: Option<AudioFormat>) -> Self {
        let pieces = Arc::default();
        Self { format, received: Recording::default(), pieces, begun: Instant::now() }
    }

    pub(super) fn note(&self, outbound: Outbound) {
        self.received.add(outbound);
    }

    pub(super) fn play(&self, payload: Bytes) {
        let Some(format) = self.format else { return };
        let lasts = format.duration_of(format.samples(payload.len()));
        self.append(What::Sound(payload), lasts);
    }

    pub(super) fn show(&self, text: Arc<str>, per_char: Duration) {
        let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.append(What::Text(text), per_char * chars);
    }

    /// When everything that was sent has sounded; not before this moment.
    pub(super) fn played_at(&self) -> Instant {
        let now = Instant::now();
        self.pieces().last().map_or(now, |piece| piece.end.max(now))
    }

    /// Drops what has not sounded yet.
    pub(super) fn clear(&self) {
        let now = Instant::now();
        let mut pieces = self.pieces();
        pieces.retain(|piece| piece.start < now);
        if let Some(piece) = pieces.last_mut() {
            piece.end = piece.end.min(now);
        }
    }

    pub(super) fn received(&self) -> Vec<(Duration, Outbound)> {
        self.received.timed()
    }

    pub(super) fn heard_audio(&self) -> Vec<u8> {
        let now = Instant::now();
        let mut heard = Vec::new();
        for piece in self.pieces().iter() {
            match &piece.what {
                What::Sound(payload) => heard.extend(&payload[..self.heard_bytes(piece, now)]),
                What::Text(text) => heard.extend(piece.read(text, now).as_bytes()),
            }
        }
        heard
    }

    pub(super) fn heard_text(&self) -> String {
        let heard = self.heard_audio();
        match self.format {
            Some(format) => tone::read(format, &heard),
            None => String::from_utf8_lossy(&heard).into_owned(),
        }
    }

    pub(super) fn heard_spans(&self) -> Vec<(Duration, Duration)> {
        let now = Instant::now();
        let mut spans = Vec::<(Duration, Duration)>::new();
        for piece in self.pieces().iter().filter(|piece| piece.start < now) {
            let (start, end) = (piece.start - self.begun, piece.end.min(now) - self.begun);
            match spans.last_mut().filter(|(_, before)| *before == start) {
                Some((_, before)) => *before = end,
                None => spans.push((start, end)),
            }
        }
        spans
    }

    fn append(&self, what: What, lasts: Duration) {
        let start = self.played_at();
        self.pieces().push(Piece { start, lasts, end: start + lasts, what });
    }

    fn heard_bytes(&self, piece: &Piece, now: Instant) -> usize {
        self.format.map_or(0, |format| {
            // A sample that has begun to sound is heard, so that no rounding loses one.
            let micros = piece.sounded(now).as_micros() * u128::from(format.sample_rate);
            let samples = usize::try_from(micros.div_ceil(1_000_000)).unwrap_or(usize::MAX);
            (samples * format.sample_bytes().unwrap_or(0) * usize::from(format.channels))
                .min(piece.bytes())
        })
    }

    fn pieces(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    fn sounded(&self, now: Instant) -> Duration {
        self.end.min(now).saturating_duration_since(self.start)
    }

    fn bytes(&self) -> usize {
        match &self.what {
            What::Sound(payload) => payload.len(),
            What::Text(_) => 0,
        }
    }

    /// The beginning of `text` that was read, by the share of the time it takes.
    fn read<'a>(&self, text: &'a str, now: Instant) -> &'a str {
        let chars = text.chars().count() as u128;
        let share = chars * self.sounded(now).as_micros() / self.lasts.as_micros().max(1);
        let read = if self.lasts.is_zero() { chars } else { share };
        let end = text.char_indices().nth(usize::try_from(read).unwrap_or(usize::MAX));
        end.map_or(text, |(end, _)| &text[..end])
    }
}
