use std::{fmt, time::Duration};

use super::{AudioFormat, AudioFrame, Decoder, DtmfDetector, MediaTime};
use crate::Result;

/// How much silence stands for a gap in the audio, at most. It lets each key go, and leaves a gap that
/// is as short as those of a tone what it is.
const GAP: Duration = Duration::from_millis(60);

/// Hears keys by their tones in the frames of a line, and keeps the tones from whoever listens behind
/// it: while a key is held its frames are silent, but for the first 25 to 40 ms of the tone. Audio that
/// the line leaves out is silence.
pub struct KeyListener {
    decoder: Decoder,
    detector: DtmfDetector,
    samples: Vec<f32>,
    /// Where the last frame ended.
    heard_to: Option<MediaTime>,
}

impl KeyListener {
    /// Listens to frames of this format.
    ///
    /// # Errors
    ///
    /// As [`Decoder::new`] and [`DtmfDetector::new`].
    pub fn new(format: AudioFormat) -> Result<Self> {
        Ok(Self {
            decoder: Decoder::new(format)?,
            detector: DtmfDetector::new(format.sample_rate)?,
            samples: Vec::new(),
            heard_to: None,
        })
    }

    /// Takes the next frame, tells each key that has been pressed, and gives what is to be heard.
    pub fn hear(&mut self, mut frame: AudioFrame, pressed: impl FnMut(char)) -> AudioFrame {
        self.samples.clear();
        let missing = self.heard_to.map_or(0, |end| frame.at.0.saturating_sub(end.0));
        let silence = missing.min(frame.format.samples_in(GAP)) as usize;
        self.samples.resize(silence, 0.0);
        self.heard_to = Some(MediaTime(frame.at.0.saturating_add(frame.samples())));
        self.decoder.decode(&frame.payload, &mut self.samples);
        self.detector.push(&self.samples, pressed);
        if let Some(silence) = frame.format.silence().filter(|_| self.detector.is_held()) {
            frame.payload = vec![silence; frame.payload.len()].into();
        }
        frame
    }
}

impl fmt::Debug for KeyListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyListener").field("heard_to", &self.heard_to).finish_non_exhaustive()
    }
}
