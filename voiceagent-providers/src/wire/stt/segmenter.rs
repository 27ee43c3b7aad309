use std::time::Duration;

use bytes::Bytes;
use voiceagent_core::{
    Result, SpeechDetector, SpeechEdge, SpeechGateConfig,
    audio::{AudioFormat, AudioFrame, MediaTime},
    vad::VadFactory,
};

use super::tape::Tape;

/// Longer audio is heard in pieces of this length, so that an edge is found where it is.
const PIECE: Duration = Duration::from_millis(20);

/// How much later than the first sound a beginning may be noticed, beside the gate's own delay.
const ONSET: Duration = Duration::from_millis(200);

/// How a stream of audio is cut into utterances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutting {
    pub(crate) gate: SpeechGateConfig,
    /// Audio that is kept before an utterance: a detector misses the first, soft sounds.
    pub(crate) pre_roll: Duration,
    /// The longest utterance; a longer one is cut there.
    pub(crate) longest: Duration,
}

/// What was found in a stream of audio.
#[derive(Debug)]
pub(crate) enum Found {
    /// Somebody began to speak.
    Began,
    /// All of what was said until a pause.
    Utterance(Utterance),
}

/// A stretch of speech, with a little of what was around it.
#[derive(Debug)]
pub(crate) struct Utterance {
    /// Where its audio begins in the stream.
    pub(crate) start: Duration,
    pub(crate) audio: Bytes,
}

/// Finds utterances, for services that take nothing but whole ones. Pure: no clock, no socket.
#[derive(Debug)]
pub(crate) struct Segmenter {
    format: AudioFormat,
    cutting: Cutting,
    detector: SpeechDetector,
    /// What has not been cut out, and a little before it.
    tape: Tape,
    /// Samples heard so far.
    heard: u64,
    /// Where the utterance begins that is being spoken.
    began: Option<Duration>,
    /// Where the last utterance ended.
    ended: Duration,
}

impl Segmenter {
    /// A segmenter of audio in `format`.
    ///
    /// # Errors
    ///
    /// `Unsupported` for formats that the detector does not hear, and `Config` for settings that
    /// make no sense.
    pub(crate) fn new(vad: &dyn VadFactory, format: AudioFormat, cutting: Cutting) -> Result<Self> {
        let margin = cutting.pre_roll + cutting.gate.min_speech + ONSET;
        Ok(Self {
            format,
            cutting,
            detector: SpeechDetector::new(vad, format, cutting.gate)?,
            tape: Tape::new(format, cutting.longest + margin),
            heard: 0,
            began: None,
            ended: Duration::ZERO,
        })
    }

    /// Whether somebody speaks.
    pub(crate) const fn is_speaking(&self) -> bool {
        self.began.is_some()
    }

    /// Hears the next audio.
    pub(crate) fn hear(&mut self, mut payload: Bytes, found: &mut Vec<Found>) {
        let piece = self.format.bytes_in(PIECE).max(1);
        while !payload.is_empty() {
            let payload = payload.split_to(piece.min(payload.len()));
            let frame = AudioFrame::new(self.format, MediaTime(self.heard), payload);
            self.heard += frame.samples();
            self.tape.push(frame.payload.clone());
            let mut edge = self.detector.push(&frame);
            while let Some(known) = edge {
                self.on_edge(known, found);
                edge = self.detector.poll();
            }
            self.limit(found);
        }
    }

    /// Ends the utterance that is being spoken: nothing more of it is waited for.
    pub(crate) fn finish(&mut self) -> Option<Utterance> {
        let stopped = self.detector.force_stop(MediaTime(self.heard));
        if let Some(SpeechEdge::Stopped { since }) = stopped {
            self.ended = self.format.duration_of(since.0);
        }
        self.cut()
    }

    fn on_edge(&mut self, edge: SpeechEdge, found: &mut Vec<Found>) {
        match edge {
            SpeechEdge::Started { since } => {
                let since = self.format.duration_of(since.0);
                self.began = Some(since.saturating_sub(self.cutting.pre_roll).max(self.ended));
                found.push(Found::Began);
            }
            SpeechEdge::Stopped { since } => {
                self.ended = self.format.duration_of(since.0);
                found.extend(self.cut().map(Found::Utterance));
            }
        }
    }

    /// Cuts out all from the beginning of the utterance to here.
    fn cut(&mut self) -> Option<Utterance> {
        let (start, audio) = self.tape.read(self.began.take()?);
        Some(Utterance { start, audio: audio.freeze() })
    }

    /// Forgets what is silence, and cuts what is too long.
    fn limit(&mut self, found: &mut Vec<Found>) {
        let end = self.tape.end();
        let Some(began) = self.began else {
            let Cutting { gate, pre_roll, .. } = self.cutting;
            self.tape.forget_before(end.saturating_sub(pre_roll + gate.min_speech + ONSET));
            return;
        };
        if end - began >= self.cutting.longest {
            found.extend(self.cut().map(Found::Utterance));
            self.began = Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::vad::Energy;

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const FORMAT: AudioFormat = AudioFormat::PCM_16K;

    fn segmenter(longest: Duration) -> Segmenter {
        let gate = SpeechGateConfig::default();
        let cutting = Cutting { gate, pre_roll: 300 * MS, longest };
        Segmenter::new(&Energy::default(), FORMAT, cutting).unwrap()
    }

    /// A square wave, or silence.
    fn sound(duration: Duration, level: i16) -> Bytes {
        let samples = FORMAT.samples_in(duration);
        let wave = (0..samples).map(|at| if at % 32 < 16 { level } else { -level });
        wave.flat_map(i16::to_le_bytes).collect()
    }

    /// Where each utterance begins and how long it is, `None` for a beginning.
    fn found(segmenter: &mut Segmenter, audio: &[Bytes]) -> Vec<Option<(Duration, Duration)>> {
        let mut found = Vec::new();
        audio.iter().for_each(|audio| segmenter.hear(audio.clone(), &mut found));
        found.iter().map(|found| told(found)).collect()
    }

    fn told(found: &Found) -> Option<(Duration, Duration)> {
        let Found::Utterance(it) = found else { return None };
        Some((it.start, FORMAT.duration_of(FORMAT.samples(it.audio.len()))))
    }

    #[test]
    fn an_utterance_has_what_was_before_it_and_ends_with_its_pause() {
        let mut segmenter = segmenter(10_000 * MS);
        let audio = [sound(1_000 * MS, 0), sound(600 * MS, 8_000), sound(500 * MS, 0)];
        let found = found(&mut segmenter, &audio);
        let [None, Some((start, length))] = found[..] else { panic!("{found:?}") };
        assert!(start.abs_diff(700 * MS) <= 40 * MS, "{start:?}");
        assert!(length.abs_diff(1_100 * MS) <= 60 * MS, "{length:?}");
        assert!(!segmenter.is_speaking());
    }

    #[test]
    fn no_audio_is_cut_out_twice_and_none_of_a_pause_is_lost() {
        let mut segmenter = segmenter(10_000 * MS);
        let speech = || sound(500 * MS, 8_000);
        let audio = [speech(), sound(300 * MS, 0), speech(), sound(300 * MS, 0)];
        let found: Vec<_> = found(&mut segmenter, &audio).into_iter().flatten().collect();
        let [(first, length), (second, _)] = found[..] else { panic!("{found:?}") };
        assert_eq!(first, Duration::ZERO);
        // The pause that ended the first belongs to both.
        assert!(second.abs_diff(500 * MS) <= 40 * MS, "{second:?}");
        assert!(length.abs_diff(700 * MS) <= 60 * MS, "{length:?}");
    }

    #[test]
    fn an_utterance_can_be_ended_before_its_pause() {
        let mut segmenter = segmenter(10_000 * MS);
        found(&mut segmenter, &[sound(200 * MS, 0), sound(400 * MS, 8_000)]);
        let utterance = segmenter.finish().unwrap();
        assert_eq!(
            utterance.start + FORMAT.duration_of(FORMAT.samples(utterance.audio.len())),
            600 * MS
        );
        assert!(segmenter.finish().is_none(), "it is told once");
    }

    #[test]
    fn speech_without_a_pause_is_cut_where_it_is_too_long_and_not_a_sample_is_lost() {
        let mut segmenter = segmenter(1_000 * MS);
        let found = found(&mut segmenter, &[sound(2_500 * MS, 8_000), sound(500 * MS, 0)]);
        let cut: Vec<_> = found.into_iter().flatten().collect();
        assert_eq!(cut.len(), 3);
        for pair in cut.windows(2) {
            assert_eq!(pair[0].0 + pair[0].1, pair[1].0);
        }
    }

    #[test]
    fn silence_takes_no_memory() {
        let mut segmenter = segmenter(10_000 * MS);
        assert!(found(&mut segmenter, &[sound(20_000 * MS, 0)]).is_empty());
        let kept = segmenter.tape.end() - segmenter.tape.start();
        assert!(kept <= 700 * MS, "{kept:?}");
    }
}
