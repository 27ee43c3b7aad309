use serde_json::{Value, json};
use voiceagent_core::registry::Registry;

fn language(config: Value) -> Option<String> {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let recognizer = registry.stt.build(config.clone());
    let recognizer = recognizer.unwrap_or_else(|wrong| panic!("{config}: {wrong}"));
    recognizer.capabilities().language.as_deref().map(str::to_owned)
}

#[test]
fn a_recognizer_that_is_set_to_a_language_says_so() {
    for (provider, more, setting) in [
        ("assemblyai", json!({}), "languages"),
        ("azure", json!({ "region": "westeurope" }), "language"),
        ("cartesia", json!({ "manual": true }), "language"),
        ("deepgram", json!({}), "language"),
        ("deepgram-flux", json!({ "model": "flux-general-multi" }), "language_hints"),
        ("elevenlabs", json!({}), "language"),
        ("openai", json!({}), "language"),
        ("openai-realtime", json!({}), "language"),
        ("soniox", json!({}), "languages"),
        ("speechmatics", json!({}), "language"),
    ] {
        let mut config = json!({ "provider": provider, "api_key": "x" });
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let takes_several = setting != "language";
        // Azure takes no language without a region.
        let tag = if provider == "azure" { "es-ES" } else { "es" };
        config[setting] = if takes_several { json!([tag]) } else { json!(tag) };
        assert_eq!(language(config.clone()).as_deref(), Some(tag), "{config}");
        if takes_several {
            config[setting] = json!(["en", "es"]);
            assert_eq!(language(config.clone()), None, "{config}");
        }
    }
}
