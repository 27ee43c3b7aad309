//! What is known of OpenAI's own models, by their names.

use super::config::is_openais;

/// A family of models that reason.
struct Family {
    /// What the version begins with: the `6.1` of `gpt-6.1-terra`.
    version: &'static str,
    /// The least effort that it takes.
    least: Option<&'static str>,
    /// The least effort together with tools, over chat completions.
    least_with_tools: Option<&'static str>,
}

/// The first that fits counts. Probed and documented: OpenAI API documentation, "Reasoning models"
/// and the models' own pages.
const FAMILIES: [Family; 5] = [
    // They take no effort together with tools, and do not think unless asked.
    Family { version: "5.2", least: Some("none"), least_with_tools: None },
    Family { version: "5.4", least: Some("none"), least_with_tools: None },
    Family { version: "5.", least: Some("none"), least_with_tools: Some("none") },
    // The first ones know no `none`.
    Family { version: "5", least: Some("minimal"), least_with_tools: Some("minimal") },
    // They call tools over chat completions at `none` only.
    Family { version: "6", least: Some("none"), least_with_tools: Some("none") },
];

/// The days on which models end (OpenAI API documentation, "Deprecations", of November 2026).
const ENDS: [(&str, &[&str]); 5] = [
    ("2026-12-11", &["gpt-5", "gpt-5-mini", "gpt-5-nano", "o3"]),
    ("2027-01-06", &["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]),
    (
        "2027-01-14",
        &["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "chatgpt-4o-latest"],
    ),
    ("2027-01-20", &["gpt-realtime", "gpt-realtime-mini", "gpt-audio-mini"]),
    ("2027-02-26", &["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"]),
];

fn family(model: &str) -> Option<&'static Family> {
    let version = model.strip_prefix("gpt-")?.split('-').next()?;
    let is_chat = model.contains("-chat");
    FAMILIES.iter().find(|family| !is_chat && version.starts_with(family.version))
}

/// The least effort that a model takes; `None` if it is not to be asked.
pub(super) fn least_effort(model: &str, with_tools: bool) -> Option<&'static str> {
    let family = family(model)?;
    if with_tools { family.least_with_tools } else { family.least }
}

/// Whether a model takes `temperature` and `top_p` at this effort: those that reason do only while
/// they do not.
pub(super) fn takes_sampling(model: &str, effort: Option<&str>) -> bool {
    family(model).is_none_or(|family| effort.or(family.least) == Some("none"))
}

/// The day on which a model ends, as `2027-01-14`, if OpenAI has announced one.
fn ends(model: &str) -> Option<&'static str> {
    let is_or_is_of_a_day = |name: &&str| {
        let dated = model.strip_prefix(*name).and_then(|rest| rest.strip_prefix("-20"));
        model == *name || dated.is_some()
    };
    let (day, _) = ENDS.iter().find(|(_, models)| models.iter().any(is_or_is_of_a_day))?;
    Some(day)
}

/// The day on which a model of OpenAI's own service ends, without asking for it.
pub(super) fn known_end(base_url: &str, model: &str) -> Option<&'static str> {
    ends(model).filter(|_| is_openais(base_url))
}

/// Says in the log that a model of OpenAI's own service will end.
pub(super) fn warn_of_end(base_url: &str, model: &str) {
    if let Some(day) = known_end(base_url, model) {
        tracing::warn!(provider = "openai", model, day, "the vendor ends this model on that day");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_ends_is_known_with_its_day_and_its_dated_names() {
        for (model, day) in [
            ("gpt-4o", Some("2027-01-14")),
            ("gpt-4o-2024-08-06", Some("2027-01-14")),
            ("gpt-4o-mini-tts", Some("2027-01-06")),
            ("gpt-4o-mini-transcribe", Some("2027-02-26")),
            ("gpt-5-mini", Some("2026-12-11")),
            ("gpt-5.6-luna", None),
            ("gpt-realtime-2025-08-28", Some("2027-01-20")),
            ("gpt-realtime-2.1", None),
            ("gpt-6-luna", None),
            ("gpt-transcribe", None),
        ] {
            assert_eq!(ends(model), day, "{model}");
        }
    }

    #[test]
    fn the_vendor_is_known_by_its_host_in_every_region() {
        for (address, is) in [
            ("https://api.openai.com/v1", true),
            ("https://eu.api.openai.com/v1/", true),
            ("wss://us.api.openai.com:443/v1", true),
            ("https://notapi.openai.com/v1", false),
            ("https://api.openai.com.example.org/v1", false),
            ("http://127.0.0.1:1/api.openai.com", false),
        ] {
            assert_eq!(is_openais(address), is, "{address}");
        }
    }

    #[test]
    fn models_that_reason_take_sampling_only_while_they_do_not() {
        for (model, effort, takes) in [
            ("gpt-6-luna", None, true),
            ("gpt-6-luna", Some("none"), true),
            ("gpt-6.1-terra", Some("low"), false),
            ("gpt-5.4-mini", Some("medium"), false),
            ("gpt-5-mini", None, false),
            ("gpt-5-chat-latest", None, true),
            ("gpt-4.1", None, true),
            ("qwen3:8b", Some("low"), true),
        ] {
            assert_eq!(takes_sampling(model, effort), takes, "{model} at {effort:?}");
        }
    }
}
