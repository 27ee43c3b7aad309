//! Silero VAD, version 5 or 6, from a model file that the user supplies.
//!
//! The file is `silero_vad_16k_op15.onnx` of the
//! [Silero VAD project](https://github.com/snakers4/silero-vad) (MIT): in its repository under
//! `src/silero_vad/data`, and in the Python package `silero-vad`. The network is small, and is
//! computed here without a runtime: no threads, and no allocation once a detector is made.
//!
//! ```no_run
//! use voiceagent_core::vad::VadFactory;
//! use voiceagent_providers::silero::Silero;
//!
//! let silero = Silero::load("models/silero_vad_16k_op15.onnx")?;
//! assert_eq!(silero.detector().window(), 512);
//! # Ok::<(), voiceagent_core::Error>(())
//! ```

mod network;
mod weights;

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use voiceagent_core::{
    Error, Result,
    registry::Registry,
    vad::{VadFactory, VoiceActivityDetector},
};

use network::{Memory, Network, WINDOW};
use weights::Weights;

/// Several times what the file has. Beyond it, something else was named.
const LARGEST: u64 = 16 << 20;

/// Registers the detector `silero`, which takes the fields of [`SileroConfig`].
pub fn register(registry: &mut Registry) {
    registry.vad.register("silero", |config: SileroConfig| {
        Ok(Arc::new(Silero::load(config.model)?) as Arc<dyn VadFactory>)
    });
}

/// Settings of [`Silero`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SileroConfig {
    /// Where `silero_vad_16k_op15.onnx` is.
    pub model: PathBuf,
}

/// Makes Silero detectors: 16 kHz, windows of 32 ms. All calls share the weights.
#[derive(Clone)]
pub struct Silero(Arc<Network>);

impl Silero {
    /// Reads the weights from a file, 1.3 MB. It blocks: call it at start-up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config), with the path, when the file
    /// cannot be read, or does not hold this network.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |why: String| {
            Error::config(format!("`model` {}: {why}", path.display())).with_provider("silero")
        };
        let file = read(path).map_err(|error| failed(error.to_string()))?;
        let network = Weights::parse(&file).and_then(|weights| Network::new(&weights));
        network.map(|network| Self(Arc::new(network))).map_err(failed)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut file)?;
    if file.len() as u64 > LARGEST {
        return Err(io::Error::other("too large for a model of Silero"));
    }
    Ok(file)
}

impl VadFactory for Silero {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(Detector { network: Arc::clone(&self.0), memory: Memory::new() })
    }
}

impl fmt::Debug for Silero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Silero").finish_non_exhaustive()
    }
}

struct Detector {
    network: Arc<Network>,
    memory: Memory,
}

impl VoiceActivityDetector for Detector {
    fn sample_rate(&self) -> u32 {
        16_000
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        self.network.speech_probability(&mut self.memory, window)
    }

    fn reset(&mut self) {
        self.memory.reset();
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SileroDetector").finish_non_exhaustive()
    }
}
