use voiceagent_telephony::control::Callee;

use super::{outbound::Outbound, *};
use crate::{config::DealershipConfig, logging::memory};

const WHOLE: [&str; 5] = [
    "[server]\npublic_url = \"https://a.example\"\n",
    "[twilio]\nauth_token = \"t\"\naccount_sid = \"AC1\"\n",
    "[stt]\nprovider = \"deepgram\"\napi_key = \"k\"\n",
    "[tts]\nprovider = \"deepgram\"\napi_key = \"k\"\n",
    "[llm]\nprovider = \"openai\"\napi_key = \"k\"\n",
];

fn of(config: &Config) -> Needs {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    Needs::of(config, &registry)
}

fn needs(text: &str) -> Needs {
    of(&Config::parse(text, &|_| None).unwrap())
}

/// The first complaint, in the order in which the program makes them.
fn wrong(needs: Needs) -> Option<Error> {
    let Needs { public_url, account, stt, tts, llm, warnings: _ } = needs;
    [public_url.err(), account.err(), stt.err(), tts.err(), llm.err()].into_iter().flatten().next()
}

fn complaint(text: &str) -> String {
    let error = wrong(needs(text)).unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.message().to_owned()
}

#[test]
fn a_complete_configuration_has_all_that_is_needed() {
    let needs = needs(&WHOLE.concat());
    assert_eq!((needs.stt.unwrap().name(), needs.tts.unwrap().name()), ("deepgram", "deepgram"));
    assert_eq!(needs.llm.unwrap().unwrap().name(), "openai");
    assert!(needs.account.unwrap().control.is_some());
    assert_eq!(needs.warnings, [Warning::OddAccount]);
}

#[test]
fn the_sample_file_needs_nothing_but_keys() {
    let env = |name: &str| {
        let keys = ["TWILIO_AUTH_TOKEN", "DEEPGRAM_API_KEY", "OPENAI_API_KEY"];
        keys.contains(&name).then(|| "key".to_owned())
    };
    let sample = include_str!("../../dealership.example.toml");
    let needs = of(&Config::parse(sample, &env).unwrap());
    assert!(needs.warnings.is_empty(), "{:?}", needs.warnings);
    assert!(wrong(needs).is_none());
}

#[test]
fn the_rule_brain_needs_no_model() {
    assert!(needs(&WHOLE[..4].concat()).llm.unwrap().is_none());
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
    assert!(account.contains("`twilio.account_sid`"), "{account}");
    let nameless = complaint(&WHOLE.concat().replace("provider = \"openai\"", ""));
    assert!(nameless.contains("`[llm]`") && nameless.contains("`openai`"), "{nameless}");
    let url = WHOLE.concat().replace("[twilio]", "[twilio]\napi_url = \"http://api.example\"");
    assert!(complaint(&url).contains("`twilio.api_url`"), "{}", complaint(&url));
}

#[test]
fn a_missing_key_is_asked_for_by_its_variables() {
    let keyless = WHOLE.concat().replace("api_key = \"k\"", "");
    let key = complaint(&keyless);
    assert!(key.starts_with("field `stt.api_key` is missing"), "{key}");
    assert!(key.ends_with("; put it into DEEPGRAM_API_KEY"), "{key}");
    let flux = complaint(&keyless.replacen("\"deepgram\"", "\"deepgram-flux\"", 1));
    assert!(flux.ends_with("; put it into DEEPGRAM_FLUX_API_KEY or DEEPGRAM_API_KEY"), "{flux}");
}

#[test]
fn a_setting_of_a_model_out_of_its_range_is_refused() {
    for (setting, accepted) in [
        ("model = \"\"", "field `llm.model` must name a model"),
        ("temperature = -9", "field `llm.temperature` must be from 0 to 2"),
        ("top_p = 1.5", "field `llm.top_p` must be above 0 and at most 1"),
    ] {
        assert_eq!(complaint(&format!("{}{setting}\n", WHOLE.concat())), accepted);
    }
}

#[tokio::test]
async fn a_program_that_nobody_can_call_any_more_ends_with_an_error() {
    let mut config = Config::parse(&WHOLE.concat(), &|_| None).unwrap();
    let file = format!("server-deaf-{}.db", std::process::id());
    let file = std::env::temp_dir().join(file);
    config.dealership.database = (&file).into();
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let server = Server::new(&config, &registry, Clock::System).await.unwrap();
    let failed = async { Err(io::Error::other("gone")) };
    let error = server.attend(failed, std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn without_an_account_calls_are_answered_with_a_warning() {
    let needs = needs(&WHOLE.concat().replace("account_sid = \"AC1\"", ""));
    assert!(needs.account.unwrap().control.is_none());
    assert_eq!(needs.warnings, [Warning::NoAccount]);
}

#[test]
fn a_value_of_a_provider_is_not_quoted_and_its_field_is_named() {
    let number = complaint(&WHOLE.concat().replace("api_key = \"k\"", "api_key = 8675309"));
    assert_eq!(number, "field `stt.api_key`: a secret must be a text in quotes");
    let model = complaint(&format!("{}model = 8675309\n", WHOLE.concat()));
    assert!(model.starts_with("field `llm.model`: expected "), "{model}");
    let headers = complaint(&format!("{}headers = \"Bearer 8675309\"\n", WHOLE.concat()));
    assert!(headers.starts_with("field `llm.headers`: expected "), "{headers}");
    let time = complaint(&format!("{}idle_timeout = \"8675309\"\n", WHOLE.concat()));
    assert!(
        time.starts_with("field `llm.idle_timeout`: expected a time such as \"250ms\""),
        "{time}"
    );
    assert!(wrong(needs(&format!("{}idle_timeout = \"2.5s\"\n", WHOLE.concat()))).is_none());
    for complaint in [number, model, headers, time] {
        assert!(!complaint.contains("8675309"), "{complaint}");
    }
}

#[test]
fn calls_of_our_own_need_an_account_an_address_and_a_number() {
    let whole = WHOLE.concat();
    let outbound = |text: &str| Outbound::of(&Config::parse(text, &|_| None).unwrap());
    assert!(outbound(&whole).unwrap().is_none(), "nobody is called unless it is asked for");
    let from = "[outbound]\nfrom = \"+16305550100\"\nallow = [\"+16305550111\"]\n";
    let ours = outbound(&format!("{whole}{from}")).unwrap().unwrap();
    assert!(ours.line.capabilities().dial);
    // The client of calls knows the list, and nobody else.
    for (number, is_open) in [("+16305550111", true), ("+16305550112", false)] {
        let callee = Callee::Number(number.parse().unwrap());
        assert_eq!(ours.line.directory().callee(&callee).is_ok(), is_open, "{number}");
    }
    let all = outbound(&format!("{whole}{}", from.replace("+16305550111", "*"))).unwrap().unwrap();
    let anybody = Callee::Number("+442079460000".parse().unwrap());
    assert!(all.line.directory().callee(&anybody).is_ok());
    for (part, field) in [(0, "server.public_url"), (1, "twilio.account_sid")] {
        let mut parts = WHOLE.to_vec();
        parts.remove(part);
        let error = outbound(&format!("{}{from}", parts.concat())).unwrap_err();
        assert!(error.message().contains(field), "{error}");
    }
    for wrong in ["630 555 0100", "+1"] {
        let text = from.replace("+16305550100", wrong);
        let error = Config::parse(&format!("{whole}{text}"), &|_| None).unwrap_err();
        assert!(error.message().starts_with("field `outbound.from`"), "{error}");
    }
}

#[tokio::test]
async fn what_the_carrier_reports_is_logged_in_the_trace_of_its_call() {
    memory::begin();
    let clock = Clock::Fixed("2026-11-20T18:00:00Z".parse().unwrap());
    let config = DealershipConfig::default();
    let reception = Reception::open(Store::fresh().await, clock, &config).await.unwrap();
    let call = CallId::new("CA-reported");
    note_status(&reception, &call, (CallStatus::Failed, None)).await;
    let lines = memory::lines(|line| line["call"] == "CA-reported");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&line["message"], &line["status"]), (&"call.status".into(), &"Failed".into()));
    assert_eq!(line["spans"][0]["trace_id"], Trace::of(&call).id());
}
