use std::sync::Arc;

use serde::Deserialize;

use super::Template;
use crate::config::ProviderConfig;

/// What a template sets anew for callers of another language; what it leaves out is as for all.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Locale {
    /// The first words.
    pub greeting: Option<String>,
    /// The first words to a caller who is known.
    pub greeting_by_name: Option<String>,
    /// What a model is told of its work.
    pub prompt: Option<String>,
    /// What a model is told beside that.
    pub guidance: Option<String>,
    /// Who hears.
    pub stt: Option<ProviderConfig>,
    /// Who answers.
    pub llm: Option<ProviderConfig>,
    /// Who speaks.
    pub tts: Option<ProviderConfig>,
    /// What is said where a tool takes long.
    pub fillers: Option<Vec<Arc<str>>>,
}

impl Template {
    /// The template for a language, a BCP 47 tag, and the tag by which it is listed: the same one,
    /// else one of the same language. `None` if it has none of that language.
    #[must_use]
    pub fn in_language(&self, tag: &str) -> Option<(&str, Self)> {
        let base = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
        let same = self.locales.get_key_value(tag);
        let listed =
            same.or_else(|| self.locales.iter().find(|(known, _)| base(known) == base(tag)));
        listed.map(|(tag, locale)| (tag.as_str(), self.with(locale)))
    }

    /// The template as it is for a locale; it has no others then.
    pub(super) fn with(&self, locale: &Locale) -> Self {
        let mut own = self.clone();
        own.locales.clear();
        let Locale { greeting, greeting_by_name, prompt, guidance, stt, llm, tts, fillers } =
            locale.clone();
        own.greeting = greeting.or(own.greeting);
        own.greeting_by_name = greeting_by_name.or(own.greeting_by_name);
        own.prompt = prompt.or(own.prompt);
        own.guidance = guidance.or(own.guidance);
        own.stt = stt.or(own.stt);
        own.llm = llm.or(own.llm);
        own.tts = tts.or(own.tts);
        own.fillers = fillers.unwrap_or(own.fillers);
        own
    }
}

/// Whether that is a tag of a language, such as `es-US`.
pub(super) fn is_tag(tag: &str) -> bool {
    let (language, region) = tag.split_once('-').unwrap_or((tag, "US"));
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && region.len() == 2
        && region.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"{
        "greeting": "Hello.", "guidance": "Be brief.",
        "tts": { "provider": "deepgram", "model": "aura-2-thalia-en" },
        "locales": { "es-US": {
            "greeting": "Hola.",
            "stt": { "provider": "deepgram", "language": "es-US" },
            "tts": { "provider": "deepgram", "model": "aura-2-celeste-es" }
        } }
    }"#;

    #[test]
    fn each_language_has_its_words_and_its_voice_and_the_rest_is_as_for_all() {
        let template = Template::read(TEMPLATE).unwrap();
        let (tag, spanish) = template.in_language("es-US").unwrap();
        assert_eq!((tag, spanish.greeting.as_deref()), ("es-US", Some("Hola.")));
        assert_eq!(spanish.guidance.as_deref(), Some("Be brief."));
        assert_eq!(spanish.tts.unwrap().to_value()["model"], "aura-2-celeste-es");
        assert_eq!(spanish.stt.unwrap().to_value()["language"], "es-US");
        assert_eq!(template.in_language("es-MX").map(|(tag, _)| tag), Some("es-US"));
        assert!(template.in_language("en-US").is_none() && template.in_language("").is_none());
    }

    #[test]
    fn what_is_wrong_in_a_language_is_told_with_its_tag() {
        for (text, told) in [
            (r#"{"locales":{"Spanish":{}}}"#, "field `locales`: write an object of"),
            (r#"{"locales":{"es-US":{"greting":"Hola"}}}"#, "field `locales`: write an object of"),
            (
                r#"{"locales":{"es-US":{"greeting":""}}}"#,
                "in `locales.es-US`: field `greeting`: write a sentence",
            ),
            (
                r#"{"locales":{"es-US":{"tts":{"provider":"deepgram","api_key":"sk-1"}}}}"#,
                "in `locales.es-US`: field `tts.api_key`: keys are not kept in templates",
            ),
        ] {
            let error = Template::read(text).unwrap_err();
            assert!(error.message().starts_with(told), "{text}: {}", error.message());
            assert!(!error.message().contains("sk-1"));
        }
    }
}
