use serde::Deserialize;
use voiceagent_core::Result;

use super::{says_something, sections::fits};
use crate::config::ProviderConfig;

/// The name of the agent that a call begins with, under which a talk comes back to it.
pub(crate) const FIRST: &str = "reception";
/// Each is a tool of every turn.
const MOST: usize = 6;

/// An agent to whom a talk can be handed within a call; what it leaves out is as for the first.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Profile {
    /// What they are for: the model is told it, to know when to hand over.
    pub about: String,
    /// Their first words; `{name}` stands for the name of the dealership.
    pub greeting: Option<String>,
    /// What a model is told of their work in place of the usual rules; `{name}` as above.
    pub prompt: Option<String>,
    /// What a model is told beside that.
    pub guidance: Option<String>,
    /// Tools that they do not have.
    pub without: Vec<String>,
    /// Who speaks for them.
    pub tts: Option<ProviderConfig>,
}

impl Profile {
    /// Whether profiles, by their names, make sense.
    pub(super) fn check<'a>(
        profiles: impl ExactSizeIterator<Item = (&'a String, &'a Self)>,
        is_guided: bool,
    ) -> Result<()> {
        // Without the graph a model has the same words and tools from the first turn to the last.
        fits("profiles", profiles.len() == 0 || is_guided && profiles.len() <= MOST)?;
        for (name, profile) in profiles {
            let is_name = (1..=24).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let words = [&profile.greeting, &profile.prompt, &profile.guidance];
            let is_known = |tool: &String| crate::tools::NAMES.contains(&tool.as_str());
            let is_keyless = profile.tts.as_ref().is_none_or(|tts| tts.secret().is_none());
            let fit = is_name
                && name != FIRST
                && says_something(&profile.about)
                && words.into_iter().flatten().all(|words| says_something(words))
                && profile.without.iter().all(is_known)
                && profile.tts.as_ref().is_none_or(|tts| !tts.provider.trim().is_empty())
                && is_keyless;
            fits("profiles", fit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::templates::Template;

    #[test]
    fn profiles_that_make_no_sense_are_refused() {
        let whole = r#"{ "profiles": { "sales": { "about": "who wants to buy a car",
            "greeting": "Sales of {name}.", "without": ["cancel_appointment"],
            "tts": { "provider": "deepgram", "model": "aura-2-thalia-en" } } } }"#;
        let read = Template::read(whole).unwrap();
        assert_eq!(read.profiles["sales"].without, ["cancel_appointment"]);
        for wrong in [
            r#"{"profiles":{"Sales":{"about":"x"}}}"#,
            r#"{"profiles":{"reception":{"about":"x"}}}"#,
            r#"{"profiles":{"sales":{}}}"#,
            r#"{"profiles":{"sales":{"about":"x","greeting":"Hi {who}"}}}"#,
            r#"{"profiles":{"sales":{"about":"x","without":["sell"]}}}"#,
            r#"{"profiles":{"sales":{"about":"x","voice":"y"}}}"#,
            r#"{"profiles":{"sales":{"about":"x","tts":{"provider":"y","api_key":"sk-1"}}}}"#,
            r#"{"graph":"free","profiles":{"sales":{"about":"x"}}}"#,
        ] {
            let error = Template::read(wrong).unwrap_err();
            assert!(error.message().starts_with("field `profiles`: write an object"), "{wrong}");
            assert!(!error.message().contains("sk-1"));
        }
    }
}
