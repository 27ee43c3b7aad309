use std::{fmt, path::PathBuf, sync::Arc};

use crate::{
    Error, Result, SpeechGateConfig,
    audio::{AudioFilter, Background},
    flow::Flow,
    llm::LanguageModel,
    observer::Observer,
    realtime::RealtimeModel,
    recorder::Format,
    session::{SessionConfig, primary},
    store::ConversationStore,
    stt::SpeechToText,
    tool::EquippedTool,
    transport::{CallInfo, Direction, Media, Transport},
    tts::TextToSpeech,
    turn::TurnDetector,
    vad::VadFactory,
};

pub(super) type ObserverFactory = dyn Fn(&CallInfo) -> Box<dyn Observer> + Send + Sync;
pub(super) type FilterFactory = dyn Fn() -> Box<dyn AudioFilter> + Send + Sync;

/// What an agent is made of.
pub(crate) struct Recipe {
    pub(crate) config: SessionConfig,
    pub(crate) speech_gate: SpeechGateConfig,
    pub(crate) llm: Option<Arc<dyn LanguageModel>>,
    pub(crate) realtime: Option<Arc<dyn RealtimeModel>>,
    pub(crate) stt: Option<Arc<dyn SpeechToText>>,
    pub(crate) tts: Option<Arc<dyn TextToSpeech>>,
    pub(crate) language: Option<Arc<str>>,
    pub(crate) vad: Option<Arc<dyn VadFactory>>,
    pub(crate) echo: bool,
    pub(crate) turn_detector: Option<Arc<dyn TurnDetector>>,
    pub(crate) tools: Vec<EquippedTool>,
    pub(crate) flow: Option<Arc<dyn Flow>>,
    pub(crate) store: Option<Arc<dyn ConversationStore>>,
    pub(crate) filters: Vec<Box<FilterFactory>>,
    pub(crate) observers: Vec<Box<ObserverFactory>>,
    pub(crate) journals: Option<PathBuf>,
    pub(crate) recordings: Option<(PathBuf, Format)>,
    pub(crate) background: Option<Background>,
}

impl Recipe {
    /// The settings of a session on this media.
    pub(crate) fn session_config(&self, transport: &dyn Transport) -> SessionConfig {
        let mut config = self.config.clone();
        let can = transport.capabilities();
        config.marks = can.marks;
        config.clear = can.clear;
        config.transfer = can.transfer;
        config.longest_transfer = can.longest_transfer;
        config.answerer = can.answerer && transport.call().direction == Direction::Outbound;
        if let Some(language) = &self.language {
            config.language = Some(language.clone());
        }
        match transport.call().media {
            Media::Audio { outbound, .. } => {
                let stt = self.stt.as_ref().map(|stt| stt.capabilities()).unwrap_or_default();
                config.format = Some(outbound);
                config.vad = self.vad.is_some();
                if let Some(model) = &config.realtime {
                    config.vad |= model.server_vad;
                    // There are no words to begin with, and none to count.
                    config.speculation.enabled = false;
                    config.barge_in.min_words = 0;
                    // Nor can a voice be waited on, unless the agent is silent meanwhile.
                    let pauses = config.barge_in.pause.is_some() && config.clear && config.vad;
                    config.barge_in.backchannel =
                        config.barge_in.backchannel.filter(|_| pauses && !model.duplex);
                    // Nobody but the model has a voice that could fill its silence.
                    config.owed_reply = None;
                }
                // A recognizer that nobody tells the language has one of its own.
                config.language = config.language.or(stt.language);
                config.stt_interim = stt.interim && config.realtime.is_none();
                config.stt_finalize = stt.finalize;
                config.stt_end_of_turn = stt.semantic_end_of_turn;
                let tts = self.tts.as_ref().filter(|_| config.realtime.is_none());
                let tts = tts.map(|tts| tts.capabilities()).unwrap_or_default();
                config.voice_tells_heard = tts.tells_heard;
                if let Some(form) = &mut config.spoken_form {
                    form.phonemes = tts.phonemes;
                }
            }
            Media::Text => {
                config.format = None;
                config.vad = false;
                config.stt_finalize = false;
                config.stt_end_of_turn = false;
                config.voice_tells_heard = false;
            }
        }
        config
    }
}

/// Checks that a language is one, that somebody can be told, and that texts are put into its words.
pub(super) fn check_language(language: Option<&str>, config: &SessionConfig) -> Result<()> {
    let Some(language) = language else { return Ok(()) };
    if language.trim().is_empty() {
        return Err(Error::config("field `language` must be a tag like `en-US`"));
    }
    if config.realtime.is_some() {
        let why = "`language` is for `stt` and `tts`; a `realtime` model has settings of its own";
        return Err(Error::config(why));
    }
    match &config.spoken_form {
        Some(form) if primary(&form.language) != primary(language) => Err(Error::config(format!(
            "`spoken_form.language` is `{}`, and `language` is `{language}`",
            form.language
        ))),
        Some(_) | None => Ok(()),
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe")
            .field("llm", &self.llm.as_ref().map(|llm| llm.name()))
            .field("realtime", &self.realtime.as_ref().map(|model| model.name()))
            .field("stt", &self.stt.as_ref().map(|stt| stt.name()))
            .field("tts", &self.tts.as_ref().map(|tts| tts.name()))
            .field("tools", &self.tools.len())
            .finish_non_exhaustive()
    }
}
