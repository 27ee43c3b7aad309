use super::*;

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
        ("endpointing.max_turn_words", refused(|it| it.endpointing.max_turn_words = Some(0))),
        ("barge_in.warm_up", refused(|it| it.barge_in.warm_up = ms(31_000))),
        ("barge_in.backchannel", refused(|it| it.barge_in.backchannel = Some(ms(31_000)))),
        ("barge_in.pause", refused(|it| it.barge_in.pause = Some(ms(31_000)))),
        ("barge_in.resume_after", refused(|it| it.barge_in.resume_after = ms(31_000))),
        ("speculation.max_turn", refused(|it| it.speculation.max_turn = Some(Duration::ZERO))),
        ("tool_use.filler_after", refused(|it| it.tool_use.filler_after = ms(31_000))),
        ("tool_use.fillers", refused(|it| it.tool_use.fillers = [" ".into()].into())),
        ("idle.prompts.text", refused(|it| it.idle.prompts = [IdlePrompt::new(ms(9), "")].into())),
        (
            "idle.prompts.after",
            refused(|it| it.idle.prompts = [IdlePrompt::new(ms(0), "x")].into()),
        ),
        ("idle.hang_up_after", refused(|it| it.idle.hang_up_after = Some(Duration::ZERO))),
        ("idle.farewell", refused(|it| it.idle.farewell = Some("".into()))),
        ("farewell.voicemail", refused(|it| it.farewell.voicemail = Some("".into()))),
        ("farewell.limit", refused(|it| it.farewell.limit = Some("".into()))),
        ("farewell.not_transferred", refused(|it| it.farewell.not_transferred = " ".into())),
        ("owed_reply.text", refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(9), "")))),
        (
            "owed_reply.again",
            refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(9), "x").then(""))),
        ),
        (
            "owed_reply.after",
            refused(|it| it.owed_reply = Some(OwedReplyConfig::new(ms(31_000), "x"))),
        ),
        ("max_call", refused(|it| it.max_call = Some(Duration::ZERO))),
        ("playout.piece", refused(|it| it.playout.piece = ms(301))),
        ("model.max_failures", refused(|it| it.model.max_failures = 0)),
    ];
    for (field, message) in messages {
        assert!(message.starts_with(&format!("field `{field}` is ")), "{field}: {message}");
    }
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
fn the_settings_of_an_older_journal_mean_what_they_meant() {
    let old = r#"{"greeting":"Hello.","barge_in":{"enabled":true,"min_words":2}}"#;
    let mut expected =
        SessionConfig { greeting: Some("Hello.".into()), ..SessionConfig::default() };
    expected.barge_in.min_words = 2;
    assert_eq!(serde_json::from_str::<SessionConfig>(old).unwrap(), expected);
}
