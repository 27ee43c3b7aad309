use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use super::super::config::BASE_URL;
use crate::wire::settings::{check, check_named, check_timeout};

/// Settings of an [`OpenAiStt`](super::OpenAiStt). What is not set is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiSttConfig {
    /// The key. Servers of one's own often need none.
    pub api_key: Option<Secret>,
    /// Up to and without `/audio/transcriptions`. `https://api.openai.com/v1` unless set.
    pub base_url: Option<Arc<str>>,
    /// The model.
    pub model: Arc<str>,
    /// The provider's name in errors and in metrics, `openai` unless set.
    pub name: Option<Arc<str>>,
    /// The language to expect, unless the call has one. Only its first part is sent (`en` of
    /// `en-US`), because servers know no regions.
    pub language: Option<Arc<str>>,
    /// Words and names to expect, as the text before what is said.
    pub prompt: Option<Arc<str>>,
    /// Sampling temperature, from 0 to 1.
    pub temperature: Option<f32>,
    /// Whether to ask for words while they are recognized. They come as interim transcripts, after
    /// the utterance. Not every server and model can.
    pub stream: bool,
    /// Whether to ask for times of words (`verbose_json`). Only Whisper models have them; they also
    /// tell noise from speech better then.
    pub word_timings: bool,
    /// Further fields of the form, as the server documents them.
    pub extra: Vec<(String, String)>,
    /// Further headers. Their values are kept out of `Debug`.
    pub headers: BTreeMap<String, Secret>,
    /// Silence that ends an utterance.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub min_silence: Duration,
    /// Audio that is sent before an utterance: a detector misses the first, soft sounds.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub pre_roll: Duration,
    /// The longest utterance; a longer one is cut, perhaps within a word.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub longest: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the server may send nothing while it owes a transcript.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for OpenAiSttConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            model: "gpt-transcribe".into(),
            name: None,
            language: None,
            prompt: None,
            temperature: None,
            stream: false,
            word_timings: false,
            extra: Vec::new(),
            headers: BTreeMap::new(),
            min_silence: Duration::from_millis(200),
            pre_roll: Duration::from_millis(300),
            longest: Duration::from_secs(25),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
        }
    }
}

/// What the adapter sets itself, because it relies on it.
const OWN: [&str; 8] = [
    "file",
    "language",
    "model",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "timestamp_granularities[]",
];

impl OpenAiSttConfig {
    /// Ranges are those of the OpenAI API reference, "Create transcription"; Whisper hears at most
    /// 30 s at once.
    pub(super) fn validate(&self) -> Result<()> {
        check_named("model", &self.model, "name a model")?;
        let is_named = self.name.as_ref().is_none_or(|name| !name.trim().is_empty());
        check(is_named, "`name` must not be empty")?;
        check(
            self.temperature.is_none_or(|it| (0.0..=1.0).contains(&it)),
            "`temperature` must be from 0 to 1",
        )?;
        check(!(self.stream && self.word_timings), "`stream` brings no `word_timings`")?;
        let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
        check(seconds(0, 10).contains(&self.min_silence), "`min_silence` is at most 10 s")?;
        check(seconds(0, 2).contains(&self.pre_roll), "`pre_roll` is at most 2 s")?;
        check(seconds(5, 30).contains(&self.longest), "`longest` must be from 5 to 30 s")?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        for (field, _) in &self.extra {
            let is_own = OWN.contains(&field.as_str());
            let is_name = field.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
            check(
                !is_own && is_name && !field.is_empty(),
                &format!("`extra` may not set `{field}`"),
            )?;
        }
        let is_keyless = self.api_key.as_ref().is_none_or(Secret::is_empty);
        check(self.base_url() != BASE_URL || !is_keyless, "`api_key` is missing")
    }

    pub(super) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/')
    }
}
