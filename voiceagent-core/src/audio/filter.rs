use std::fmt::Debug;

use super::AudioFrame;

/// Changes inbound audio before the detector and the recognizer get it: noise suppression, gain.
///
/// A filter runs on the call's own task for each frame, so it must be quick (well below 1 ms) and
/// must not block. It keeps the frame's position and duration. One that panics is let go: the call
/// goes on with the caller's audio as it is without it.
///
/// ```
/// use voiceagent_core::audio::{AudioFilter, AudioFrame};
///
/// #[derive(Debug)]
/// struct Untouched;
///
/// impl AudioFilter for Untouched {
///     fn apply(&mut self, frame: AudioFrame) -> AudioFrame {
///         frame
///     }
/// }
/// ```
pub trait AudioFilter: Debug + Send + 'static {
    /// Returns the frame that takes the place of `frame`.
    fn apply(&mut self, frame: AudioFrame) -> AudioFrame;
}
