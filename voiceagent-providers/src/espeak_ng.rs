//! The program espeak-ng as a voice, where it is installed.
//!
//! Facts come from its manual page.

mod config;
mod program;

use std::sync::Arc;

use async_trait::async_trait;
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    audio::{AudioFormat, Encoding},
    registry::Registry,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use self::program::Program;
use crate::wire::{voice::CAPACITY, voice::reader::Reader};

pub use config::EspeakNgConfig;

/// The program's name in errors.
const PROVIDER: &str = "espeak-ng";

/// What its own voices make.
const FORMAT: AudioFormat = AudioFormat::mono(Encoding::PcmS16Le, 22_050);

/// Adds the synthesizer `espeak-ng`.
pub fn register(registry: &mut Registry) {
    registry.tts.register(PROVIDER, |config: EspeakNgConfig| {
        Ok(Arc::new(EspeakNgTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}

/// The program espeak-ng.
///
/// The first text of a generation is read by one process, and what comes meanwhile by the next.
/// Each text is reported with [`TtsEvent::Spoken`] when its audio is complete. An interruption ends
/// the process.
#[derive(Clone, Debug)]
pub struct EspeakNgTts {
    config: EspeakNgConfig,
}

impl EspeakNgTts {
    /// A voice with these settings. No process runs before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that the program would refuse; the message names the field.
    pub fn new(config: EspeakNgConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }
}

#[async_trait]
impl TextToSpeech for EspeakNgTts {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(vec![FORMAT]);
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.segments = true;
        capabilities
    }

    /// Opens a voice.
    ///
    /// # Errors
    ///
    /// `Config` if the program is not installed or does not know the voice, `Timeout` if it does
    /// not tell in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the process that was asked.
    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        if options.format != FORMAT {
            let message = format!("no speech in {:?}", options.format);
            let error = Error::new(ErrorKind::Unsupported, "open", message);
            return Err(error.with_provider(PROVIDER));
        }
        let program = Program::new(self.config.clone(), options.language);
        program.check().await?;
        let reader = Reader::new(program, PROVIDER.into(), FORMAT);
        Ok(Link::spawn(CAPACITY, |peer| reader.run(peer)))
    }
}
