use voiceagent_core::ErrorKind;

use super::*;

fn parse(text: &str) -> voiceagent_core::Result<Config> {
    Config::parse(text, &|_| None)
}

fn complaint(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.message().to_owned()
}

#[test]
fn nothing_needs_to_be_set() {
    let config = parse("").unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.dealership.timezone, "America/Chicago");
    assert!(config.llm.is_none() && config.twilio.is_none());
}

#[test]
fn a_whole_file_is_read() {
    let config = parse(
        "[server]\nlisten = \"0.0.0.0:9000\"\npublic_url = \"https://a.example\"\n\
         [dealership]\nname = \"Nair Motors\"\ntimezone = \"Asia/Kolkata\"\n\
         [twilio]\naccount_sid = \"AC1\"\nauth_token = \"t\"\n\
         [llm]\nprovider = \"openai\"\nmodel = \"m\"\ntemperature = 0.2\n",
    )
    .unwrap();
    assert_eq!(config.server.public_url.as_deref(), Some("https://a.example"));
    assert_eq!(config.dealership.name, "Nair Motors");
    assert_eq!(config.twilio.unwrap().auth_token.expose(), "t");
    let llm = config.llm.unwrap().to_value();
    assert_eq!(llm, serde_json::json!({"provider": "openai", "model": "m", "temperature": 0.2}));
}

#[test]
fn the_environment_wins() {
    let env = |name: &str| {
        let value = match name {
            "DEALERSHIP_LISTEN" => "127.0.0.1:7000",
            "DEALERSHIP_DATABASE" => "/tmp/x.db",
            "TWILIO_AUTH_TOKEN" => "token",
            "DEEPGRAM_API_KEY" => "dg-key",
            "DEALERSHIP_NAME" => " ",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let text = "[server]\nlisten = \"0.0.0.0:9000\"\n[stt]\nprovider = \"deepgram\"\n\
                api_key = \"from the file\"\n[llm]\nprovider = \"openai\"\n";
    let config = Config::parse(text, &env).unwrap();
    assert_eq!(config.server.listen.port(), 7000);
    assert_eq!(config.dealership.database, "/tmp/x.db".into());
    assert_eq!(config.dealership.name, "Bart's Automotive", "an empty variable sets nothing");
    assert_eq!(config.twilio.unwrap().auth_token.expose(), "token");
    let stt = config.stt.unwrap();
    assert_eq!(stt.to_value()["api_key"], "dg-key");
    assert!(stt.has_key() && !config.llm.unwrap().has_key());
}

#[test]
fn a_key_of_the_vendor_is_taken_where_it_is_meant() {
    let key = |provider: &str, set: &[&str]| {
        let env = |name: &str| set.contains(&name).then(|| name.to_owned());
        let config = Config::parse(&format!("[stt]\nprovider = {provider:?}\n"), &env).unwrap();
        config.stt.unwrap().to_value()["api_key"].as_str().map(str::to_owned)
    };
    let (vendor, own) = ("DEEPGRAM_API_KEY", "DEEPGRAM_FLUX_API_KEY");
    assert_eq!(key("deepgram-flux", &[vendor]).as_deref(), Some(vendor));
    assert_eq!(key("deepgram-flux", &[vendor, own]).as_deref(), Some(own));
    assert_eq!(key("deepgram", &[vendor, own]).as_deref(), Some(vendor));
    let somebody_else = key("openai-compatible", &["OPENAI_API_KEY"]);
    assert_eq!(somebody_else, None, "a key goes to nobody but its vendor");
}

#[test]
fn complaints_name_the_field_and_what_is_accepted() {
    let unknown = complaint("[server]\nlisten = \"127.0.0.1:1\"\nlisten_on = 3\n");
    assert!(unknown.starts_with("line 3, field `server.listen_on`: unknown field"), "{unknown}");
    assert!(unknown.contains("`listen`") && unknown.contains("`public_url`"), "{unknown}");

    let wrong = complaint("\n[server]\nlisten = \"nowhere\"\n");
    assert!(wrong.starts_with("line 3, field `server.listen`: "), "{wrong}");
    assert!(wrong.contains("127.0.0.1:8080"), "{wrong}");

    let drain = complaint("[server]\ndrain_seconds = -1\n");
    assert!(drain.contains("`server.drain_seconds`: expected a whole number"), "{drain}");

    for value in ["\"soon\"", "{ silence_ms = 50 }", "{ silence_ms = \"x\" }", "500", "{ x = 1 }"] {
        let turns = complaint(&format!("[turns]\nendpointing = {value}\n"));
        assert!(turns.contains("field `turns.endpointing`: expected `\"adaptive\"`"), "{turns}");
    }

    let table = complaint("[carrier]\nname = \"x\"\n");
    assert!(table.contains("carrier") && table.contains("`twilio`"), "{table}");

    let zone = complaint("[dealership]\ntimezone = \"Chicago\"\n");
    assert!(zone.contains("`dealership.timezone`") && zone.contains("America/Chicago"), "{zone}");

    let url = complaint("[server]\npublic_url = \"agent.example.com\"\n");
    assert!(url.contains("`server.public_url`") && url.contains("https://"), "{url}");

    for url in
        ["https://:443", "https://", "https://a:99999", "https:///a", "https://a/b", "https://k@a"]
    {
        let told = complaint(&format!("[server]\npublic_url = {url:?}\n"));
        assert!(told.starts_with("field `server.public_url` is no address"), "{url}: {told}");
    }
    parse("[server]\npublic_url = \"https://agent.example.com:8443/\"\n").unwrap();

    let plain = complaint("[server]\npublic_url = \"http://agent.example.com\"\n");
    assert!(plain.contains("`server.public_url` is not https"), "{plain}");
    parse("[server]\npublic_url = \"http://127.0.0.1:8080\"\n").unwrap();

    assert!(complaint("[dealership]\nname = \" \"\n").contains("`dealership.name` is empty"));
    assert!(complaint("[dealership]\ndatabase = \"\"\n").contains("`dealership.database`"));

    let env = |name: &str| (name == "DEALERSHIP_LISTEN").then(|| "80".to_owned());
    let listen = Config::parse("", &env).unwrap_err();
    assert!(listen.message().contains("DEALERSHIP_LISTEN"), "{listen}");

    let file = Config::load(Some(std::path::Path::new("no-such.toml")), &|_| None).unwrap_err();
    assert!(file.message().contains("no-such.toml does not exist"), "{file}");
}

#[test]
fn no_secret_is_printed() {
    let text = "[twilio]\nauth_token = \"hush\"\n[tts]\nprovider = \"x\"\napi_key = \"hush\"\n";
    let config = parse(text).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    let broken = format!("{text}surplus = = 1\n");
    assert!(!complaint(&broken).contains("hush"));
}

#[test]
fn whatever_is_wrong_about_a_secret_its_value_is_not_told() {
    for wrong in [
        "[twilio]\nauth_token = 8675309\n",
        "[twilio]\nauth_token = 8675309.5\n",
        "[twilio]\nauth_token = 8675309-01-01\n",
        "[twilio]\nauth_token = [\"8675309\"]\n",
        "[twilio]\nauth_token = { x = \"8675309\" }\n",
        "[twilio]\nauth_token: \"8675309==\"\n",
        "[twilio]\nauth_token \"8675309=\"\n",
        "[twilio]\nauth_token = 8675309abc\n",
        "[twilio]\nauth_token = \"8675309\n",
        "[twilio]\nauth_token = \"\"\"\n8675309=\\q\"\"\"\n",
        "[twilio]\nauth_token = \"\\8675309\"\n",
        "[twilio]\nauth_token = \"8675309\" \"8675309\"\n",
        "[twilio]\nauth_token =\n8675309=\n",
        "twilio = { auth_token = 8675309 }\n",
        "twilio.auth_token = 8675309\n",
        "twilio = \"8675309\"\n",
        "twilio = 8675309\n",
        "stt = \"8675309\"\n",
        "[stt]\nprovider = 8675309\n",
        "[stt]\napi_key = 8675309abc\n",
        "[stt]\napi_key =\n8675309=\n",
        "[stt]\n8675309=\n",
        "[stt]\napi_key = \"\"\"\n8675309=\\q\"\"\"\n",
    ] {
        let complaint = complaint(wrong);
        assert!(!complaint.contains("8675309"), "{wrong}{complaint}");
        assert!(complaint.starts_with("line "), "{wrong}{complaint}");
    }
    let bare = complaint("[stt]\nprovider = \"deepgram\"\napi_key = LEAKME\n");
    assert!(bare.starts_with("line 3, field `stt.api_key`: "), "{bare}");
    assert!(!bare.contains("LEAKME"), "{bare}");
    let number = complaint("[twilio]\nauth_token = 8675309\n");
    assert_eq!(number, "line 2, field `twilio.auth_token`: expected a token in quotes");
}

#[test]
fn the_sample_file_is_read_and_has_all_that_phone_calls_need_but_the_keys() {
    let config = parse(include_str!("../../dealership.example.toml")).unwrap();
    assert!(config.server.public_url.is_some() && config.twilio.is_some());
    for provider in [config.stt, config.tts, config.llm] {
        assert!(!provider.unwrap().has_key(), "keys do not belong into a file that is shared");
    }
}
