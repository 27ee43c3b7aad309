use voiceagent_core::ErrorKind;

use super::*;

const WHOLE: [&str; 5] = [
    "[server]\npublic_url = \"https://a.example\"\n",
    "[twilio]\nauth_token = \"t\"\naccount_sid = \"AC1\"\n",
    "[stt]\nprovider = \"deepgram\"\napi_key = \"k\"\n",
    "[tts]\nprovider = \"deepgram\"\napi_key = \"k\"\n",
    "[llm]\nprovider = \"openai\"\napi_key = \"k\"\n",
];

fn needs(text: &str) -> Result<Needs> {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    Needs::of(&Config::parse(text, &|_| None)?, &registry)
}

fn complaint(text: &str) -> String {
    let error = needs(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.message().to_owned()
}

#[test]
fn a_complete_configuration_has_all_that_is_needed() {
    let needs = needs(&WHOLE.concat()).unwrap();
    assert_eq!((needs.stt.name(), needs.tts.name()), ("deepgram", "deepgram"));
    assert_eq!(needs.llm.unwrap().name(), "openai");
    assert!(needs.control.is_some());
}

#[test]
fn the_sample_file_needs_nothing_but_keys() {
    let env = |name: &str| {
        let keys = ["TWILIO_AUTH_TOKEN", "DEEPGRAM_API_KEY", "OPENAI_API_KEY"];
        keys.contains(&name).then(|| "key".to_owned())
    };
    let sample = include_str!("../../dealership.example.toml");
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    Needs::of(&Config::parse(sample, &env).unwrap(), &registry).unwrap();
}

#[test]
fn the_rule_brain_needs_no_model() {
    assert!(needs(&WHOLE[..4].concat()).unwrap().llm.is_none());
}

#[test]
fn what_is_missing_or_wrong_is_named_with_what_is_accepted() {
    let without = |left_out: usize| {
        let mut parts = WHOLE.to_vec();
        parts.remove(left_out);
        complaint(&parts.concat())
    };
    let url = without(0);
    assert!(url.contains("`server.public_url`") && url.contains("https://"), "{url}");
    assert!(without(1).contains("`twilio.auth_token`"), "{}", without(1));
    for (left_out, table) in [(2, "`[stt]`"), (3, "`[tts]`")] {
        let complaint = without(left_out);
        assert!(complaint.contains(table) && complaint.contains("`provider`"), "{complaint}");
        assert!(complaint.contains("`deepgram`"), "{complaint}");
    }
    let other = complaint(&WHOLE.concat().replace("\"openai\"", "\"oracle\""));
    assert!(other.contains("`[llm]`") && other.contains("`oracle`"), "{other}");
    assert!(other.contains("`openai-compatible`"), "{other}");
    let surplus = complaint(&format!("{}temprature = 1\n", WHOLE.concat()));
    assert!(surplus.contains("`temprature`") && surplus.contains("`temperature`"), "{surplus}");
    let account = complaint(&WHOLE.concat().replace("AC1", "AC 1"));
    assert!(account.contains("`[twilio]`") && account.contains("account"), "{account}");
}
