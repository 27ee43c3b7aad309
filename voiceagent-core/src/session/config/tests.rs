use super::*;
use crate::audio::{Decibels, Encoding};

const TOO_LONG: Duration = Duration::from_secs(24 * 60 * 60 + 1);

fn refused(change: impl FnOnce(&mut SessionConfig)) -> String {
    let mut config = SessionConfig::default();
    change(&mut config);
    config.validate().unwrap_err().message().to_owned()
}

#[test]
fn the_default_settings_make_sense() {
    assert!(SessionConfig::default().validate().is_ok());
    assert!(SettingsChange::default().validate().is_ok());
}

#[test]
fn a_setting_that_makes_no_sense_is_named() {
    let ms = Duration::from_millis;
    let messages = [
        ("endpointing.min_delay", refused(|it| it.endpointing.min_delay = ms(9_000))),
        ("endpointing.max_delay", refused(|it| it.endpointing.max_delay = ms(31_000))),
        (
            "endpointing.entity_max_delay",
            refused(|it| it.endpointing.entity_max_delay = ms(31_000)),
        ),
        ("endpointing.max_turn", refused(|it| it.endpointing.max_turn = Some(Duration::ZERO))),
        ("endpointing.max_turn", refused(|it| it.endpointing.max_turn = Some(TOO_LONG))),
        (
            "endpointing.transcript_timeout",
            refused(|it| it.endpointing.transcript_timeout = ms(31_000)),
        ),
        ("endpointing.watchdog", refused(|it| it.endpointing.watchdog = TOO_LONG)),
        ("endpointing.max_turn_words", refused(|it| it.endpointing.max_turn_words = Some(0))),
        ("barge_in.min_duration", refused(|it| it.barge_in.min_duration = ms(31_000))),
        ("barge_in.warm_up", refused(|it| it.barge_in.warm_up = ms(31_000))),
        ("barge_in.backchannel", refused(|it| it.barge_in.backchannel = Some(ms(31_000)))),
        ("barge_in.pause", refused(|it| it.barge_in.pause = Some(ms(31_000)))),
        ("barge_in.softer", refused(|it| it.barge_in.softer = Some(Decibels(2.9)))),
        ("barge_in.softer", refused(|it| it.barge_in.softer = Some(Decibels(f32::NAN)))),
        ("barge_in.resume_after", refused(|it| it.barge_in.resume_after = ms(31_000))),
        ("speculation.max_turn", refused(|it| it.speculation.max_turn = Some(Duration::ZERO))),
        ("speculation.max_turn", refused(|it| it.speculation.max_turn = Some(TOO_LONG))),
        ("tool_use.filler_after", refused(|it| it.tool_use.filler_after = ms(31_000))),
        ("tool_use.fillers", refused(|it| it.tool_use.fillers = [" ".into()].into())),
        ("idle.prompts.text", refused(|it| it.idle.prompts = [IdlePrompt::new(ms(9), "")].into())),
        (
            "idle.prompts.after",
            refused(|it| it.idle.prompts = [IdlePrompt::new(ms(0), "x")].into()),
        ),
        ("idle.hang_up_after", refused(|it| it.idle.hang_up_after = Some(Duration::ZERO))),
        (
            "idle.prompts.after",
            refused(|it| it.idle.prompts = [IdlePrompt::new(TOO_LONG, "x")].into()),
        ),
        ("idle.hang_up_after", refused(|it| it.idle.hang_up_after = Some(TOO_LONG))),
        ("idle.patience", refused(|it| it.idle.patience = TOO_LONG)),
        ("idle.farewell", refused(|it| it.idle.farewell = Some("".into()))),
        ("farewell.voicemail", refused(|it| it.farewell.voicemail = Some("".into()))),
        ("farewell.limit", refused(|it| it.farewell.limit = Some("".into()))),
        ("farewell.not_transferred", refused(|it| it.farewell.not_transferred = " ".into())),
        ("owed_reply.text", refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(9), "")))),
        (
            "owed_reply.again",
            refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(9), "x").then(""))),
        ),
        ("owed_reply.after", refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(0), "x")))),
        (
            "owed_reply.after",
            refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(31_000), "x"))),
        ),
        ("max_call", refused(|it| it.max_call = Some(Duration::ZERO))),
        ("max_call", refused(|it| it.max_call = Some(TOO_LONG))),
        ("playout.lead", refused(|it| it.playout.lead = ms(31_000))),
        ("playout.mark_interval", refused(|it| it.playout.mark_interval = ms(31_000))),
        ("playout.mark_timeout", refused(|it| it.playout.mark_timeout = ms(31_000))),
        ("playout.piece", refused(|it| it.playout.piece = ms(301))),
        ("model.first_token_timeout", refused(|it| it.model.first_token_timeout = TOO_LONG)),
        ("model.stall_timeout", refused(|it| it.model.stall_timeout = TOO_LONG)),
        ("model.reasoning_timeout", refused(|it| it.model.reasoning_timeout = TOO_LONG)),
        (
            "synthesis.first_audio_timeout",
            refused(|it| it.synthesis.first_audio_timeout = TOO_LONG),
        ),
        ("synthesis.stall_timeout", refused(|it| it.synthesis.stall_timeout = TOO_LONG)),
        ("format", refused(|it| it.format = Some(AudioFormat::mono(Encoding::Mulaw, u32::MAX)))),
        ("format", refused(|it| it.format = Some(AudioFormat::mono(Encoding::Mulaw, 0)))),
        (
            "format",
            refused(|it| it.format = Some(AudioFormat { channels: 255, ..AudioFormat::PCM_8K })),
        ),
        ("model.max_failures", refused(|it| it.model.max_failures = 0)),
    ];
    for (field, message) in messages {
        assert!(message.starts_with(&format!("field `{field}` is ")), "{field}: {message}");
    }
}

#[test]
fn a_model_is_asked_again_ten_times_at_most() {
    let message = refused(|it| it.model.retries = 11);
    assert!(message.starts_with("field `model.retries` is 11; at most 10"), "{message}");
    let mut config = SessionConfig::default();
    config.model.retries = 10;
    assert!(config.validate().is_ok());
}

#[test]
fn the_ends_of_a_range_belong_to_it() {
    let mut config = SessionConfig::default();
    config.playout.piece = SHORTEST_PIECE;
    config.barge_in.resume_after = LONGEST_DELAY;
    assert!(config.validate().is_ok());
    config.playout.piece = config.playout.lead;
    assert!(config.validate().is_ok());
}

#[test]
fn a_greeting_waits_half_a_minute_at_most() {
    let mut config =
        SessionConfig { greeting_waits: Some(LONGEST_DELAY), ..SessionConfig::default() };
    assert!(config.validate().is_ok());
    config.greeting_waits = Some(LONGEST_DELAY + Duration::from_millis(1));
    let error = config.validate().unwrap_err();
    assert!(error.message().starts_with("field `greeting_waits` is "), "{error}");
}

#[test]
fn the_settings_of_an_older_journal_mean_what_they_meant() {
    let old = r#"{"greeting":"Hello.","barge_in":{"enabled":true,"min_words":2}}"#;
    let mut expected =
        SessionConfig { greeting: Some("Hello.".into()), ..SessionConfig::default() };
    expected.barge_in.min_words = 2;
    assert_eq!(serde_json::from_str::<SessionConfig>(old).unwrap(), expected);
}

#[test]
fn times_are_read_as_people_and_as_journals_write_them() {
    let written = r#"{
        "max_call": "20min",
        "greeting_waits": null,
        "model": { "stall_timeout": "2.5s" },
        "endpointing": { "min_delay": { "secs": 0, "nanos": 250000000 }, "max_delay": "1s" },
        "idle": { "prompts": [{ "after": "6s", "text": "Hello?" }], "patience": 20 }
    }"#;
    let ms = Duration::from_millis;
    let config: SessionConfig = serde_json::from_str(written).unwrap();
    assert_eq!(config.max_call, Some(Duration::from_secs(1_200)));
    assert_eq!(config.greeting_waits, None);
    assert_eq!(config.model.stall_timeout, ms(2_500));
    assert_eq!((config.endpointing.min_delay, config.endpointing.max_delay), (ms(250), ms(1_000)));
    assert_eq!(config.idle.prompts[0].after, ms(6_000));
    assert_eq!(config.idle.patience, Duration::from_secs(20));
    let again = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<SessionConfig>(&again).unwrap(), config);
}
