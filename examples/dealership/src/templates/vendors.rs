use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use voiceagent_core::{
    Result,
    llm::LanguageModel,
    registry::{Catalog, Registry},
    stt::SpeechToText,
    tts::TextToSpeech,
};

use super::Template;
use crate::{config::ProviderConfig, server};

/// How many vendors are kept of each kind: more than there are versions in use at a time.
const KEPT: usize = 16;

/// What knows a variable by its name.
type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Makes the vendors that templates name, and keeps them, so that calls share their connections.
///
/// Calls take the lock for a moment, and hold it over no wait.
pub struct Vendors {
    registry: Registry,
    /// The keys by the name of the variable.
    env: Box<Environment>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    stt: BTreeMap<String, Arc<dyn SpeechToText>>,
    llm: BTreeMap<String, Arc<dyn LanguageModel>>,
    tts: BTreeMap<String, Arc<dyn TextToSpeech>>,
}

/// The vendors that a template names; what it leaves out is as in the configuration.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Parts {
    /// Who hears.
    pub stt: Option<Arc<dyn SpeechToText>>,
    /// Who answers.
    pub llm: Option<Arc<dyn LanguageModel>>,
    /// Who speaks.
    pub tts: Option<Arc<dyn TextToSpeech>>,
    /// Who speaks for those to whom a talk is handed, where they have voices of their own.
    pub voices: BTreeMap<String, Arc<dyn TextToSpeech>>,
}

impl Vendors {
    /// Vendors of this registry, whose keys `env` knows by the names of their variables.
    #[must_use]
    pub fn new(
        registry: Registry,
        env: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { registry, env: Box::new(env), made: Mutex::default() }
    }

    /// The vendors of a template. Nobody is connected to.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when a vendor is unknown, has a field that is
    /// wrong, or no key; the message names the field.
    pub fn parts(&self, template: &Template) -> Result<Parts> {
        let made = &mut *self.made();
        let Registry { stt, llm, tts, .. } = &self.registry;
        let mut voices = BTreeMap::new();
        for (name, profile) in &template.profiles {
            if let Some(voice) = self.one("tts", profile.tts.as_ref(), (tts, &mut made.tts))? {
                voices.insert(name.clone(), voice);
            }
        }
        Ok(Parts {
            voices,
            stt: self.one("stt", template.stt.as_ref(), (stt, &mut made.stt))?,
            llm: self.one("llm", template.llm.as_ref(), (llm, &mut made.llm))?,
            tts: self.one("tts", template.tts.as_ref(), (tts, &mut made.tts))?,
        })
    }

    /// Checks that the vendors can be made that a template names, for every language that it has.
    ///
    /// # Errors
    ///
    /// As [`parts`](Self::parts).
    pub fn check(&self, template: &Template) -> Result<()> {
        self.parts(template)?;
        template
            .locales
            .values()
            .try_for_each(|locale| self.parts(&template.with(locale)).map(drop))
    }

    /// The names of all that a template may name, by the field that does.
    #[must_use]
    pub fn names(&self) -> [(&'static str, Vec<&str>); 3] {
        let Registry { stt, llm, tts, .. } = &self.registry;
        [
            ("stt", stt.names().collect()),
            ("llm", llm.names().collect()),
            ("tts", tts.names().collect()),
        ]
    }

    fn one<T: ?Sized + 'static>(
        &self,
        table: &str,
        vendor: Option<&ProviderConfig>,
        (catalog, made): (&Catalog<T>, &mut BTreeMap<String, Arc<T>>),
    ) -> Result<Option<Arc<T>>> {
        let Some(vendor) = vendor else { return Ok(None) };
        // A template holds no key, so neither does this.
        let name = vendor.to_value().to_string();
        if let Some(known) = made.get(&name) {
            return Ok(Some(Arc::clone(known)));
        }
        let mut keyed = vendor.clone();
        keyed.take_key(&|variable| (self.env)(variable).filter(|key| !key.trim().is_empty()));
        let new = server::provider(table, Some(&keyed), catalog)?;
        if made.len() >= KEPT {
            // Calls that go on keep theirs.
            made.clear();
        }
        made.insert(name, Arc::clone(&new));
        Ok(Some(new))
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        // Nothing can be half-done in a panic: each insertion is one step.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Vendors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendors").field("registry", &self.registry).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{audio::AudioFormat, stt::SttOptions};
    use voiceagent_testkit::vendor::{ListenScript, ScriptedVendor, SpeechVendor};

    use super::*;

    fn vendors(key: Option<&'static str>) -> Vendors {
        let mut registry = Registry::default();
        voiceagent_providers::register(&mut registry);
        Vendors::new(registry, move |name| {
            key.filter(|_| name == "DEEPGRAM_API_KEY").map(str::to_owned)
        })
    }

    fn template(text: &str) -> Template {
        Template::read(text).unwrap()
    }

    #[test]
    fn vendors_are_made_once_with_the_key_of_the_environment() {
        let vendors = vendors(Some("k"));
        let text = r#"{ "stt": { "provider": "deepgram" }, "tts": { "provider": "deepgram" } }"#;
        let first = vendors.parts(&template(text)).unwrap();
        let next = vendors.parts(&template(text)).unwrap();
        assert!(Arc::ptr_eq(first.stt.as_ref().unwrap(), next.stt.as_ref().unwrap()));
        assert!(first.llm.is_none());
        assert!(!format!("{vendors:?}").contains("\"k\""));
    }

    #[tokio::test]
    async fn a_template_names_what_a_recognizer_is_asked_for() {
        let far = SpeechVendor::listen(ListenScript::utterances(["hello"])).await;
        let text = serde_json::json!({ "stt": {
            "provider": "deepgram", "base_url": far.url(), "model": "nova-2-phonecall",
            "endpointing": "300ms", "utterance_end": "1s",
        } });
        let vendors = vendors(Some(SpeechVendor::KEY));
        let stt = vendors.parts(&template(&text.to_string())).unwrap().stt.unwrap();
        let _line = stt.open(SttOptions::new(AudioFormat::MULAW_8K)).await.unwrap();
        far.until(|records| !records.is_empty()).await;
        let asked = far.records().remove(0);
        for (name, value) in [
            ("model", "nova-2-phonecall"),
            ("encoding", "mulaw"),
            ("sample_rate", "8000"),
            ("endpointing", "300"),
            ("utterance_end_ms", "1000"),
        ] {
            assert_eq!(asked.parameter(name), Some(value), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_vendor_is_told_by_its_field() {
        let cases = [
            (r#"{ "stt": { "provider": "nobody" } }"#, "table `[stt]`: unknown provider `nobody`"),
            (
                r#"{ "stt": { "provider": "deepgram", "modle": "x" } }"#,
                "table `[stt]`: unknown field `modle`",
            ),
            (r#"{ "tts": { "provider": "deepgram" } }"#, "put it into DEEPGRAM_API_KEY"),
        ];
        for (at, (text, told)) in cases.into_iter().enumerate() {
            let key = (at < 2).then_some("k");
            let error = vendors(key).parts(&template(text)).unwrap_err();
            assert!(error.message().contains(told), "{text}: {}", error.message());
        }
    }
}
