use std::time::Duration;

use voiceagent_core::tool::ToolSpec;

use super::*;

fn set(text: &str) -> Result<SessionConfig> {
    apply_all(&[Setting::parse(text)?], &SessionConfig::default())
}

fn refused(text: &str) -> String {
    set(text).unwrap_err().message().to_owned()
}

#[test]
fn each_kind_of_value_is_understood() {
    assert_eq!(
        set("endpointing.min_delay=250ms").unwrap().endpointing.min_delay,
        Duration::from_millis(250)
    );
    assert!(!set("barge_in.enabled=false").unwrap().barge_in.enabled);
    assert_eq!(set("barge_in.min_words=3").unwrap().barge_in.min_words, 3);
    assert_eq!(
        set("greeting=Good morning, Ann!").unwrap().greeting.as_deref(),
        Some("Good morning, Ann!")
    );
    assert_eq!(set("apology=12").unwrap().apology.as_ref(), "12");
    assert_eq!(set("greeting=null").unwrap().greeting, None);
    assert!(set("tools=[]").unwrap().tools.is_empty());
    let tool = ToolSpec::new("book", "Books.", serde_json::json!({ "type": "object" }));
    let tools = format!("tools={}", serde_json::json!([tool]));
    assert_eq!(set(&tools).unwrap().tools.len(), 1);
}

#[test]
fn an_unknown_setting_is_named_with_those_there_are() {
    let message = refused("endpointing.min_dely=250ms");
    assert!(message.contains("`endpointing.min_dely`"), "{message}");
    assert!(message.contains("endpointing.min_delay, "), "{message}");
    let message = refused("nothing=1");
    assert!(message.contains("barge_in.*") && message.contains("marks"), "{message}");
    assert!(refused("endpointing=1").contains("is a group"), "{}", refused("endpointing=1"));
    assert!(refused("endpointing.min_delay.secs=1").contains("has no parts"));
    assert!(refused("endpointing").contains("setting=value"));
}

#[test]
fn a_value_of_the_wrong_kind_is_told_what_it_should_be() {
    assert!(refused("endpointing.min_delay=250").contains("250ms"));
    assert!(refused("barge_in.enabled=maybe").contains("true or false"));
    assert!(refused("barge_in.min_words=-1").contains("whole number"));
    assert!(refused("tools=book,cancel").contains("list"));
    assert!(refused("endpointing.min_delay=20s").contains("at most"), "validation");
}

#[test]
fn settings_are_checked_together() {
    let both = ["endpointing.min_delay=4s", "endpointing.max_delay=5s"].map(str::to_owned);
    let config = apply_all(&parse_all(&both).unwrap(), &SessionConfig::default()).unwrap();
    assert_eq!(config.endpointing.max_delay, Duration::from_secs(5));
}

#[test]
fn ranges_hold_both_ends_and_lists_what_they_say() {
    let values = |text: &str| -> Vec<String> {
        Setting::parse_many(text).unwrap().into_iter().map(|it| it.value).collect()
    };
    assert_eq!(values("a=100ms..0.2s/50ms"), ["100000us", "150000us", "200000us"]);
    assert_eq!(values("a=0.1..0.3/0.1"), ["0.1", "0.2", "0.3"]);
    assert_eq!(values("a=true, false"), ["true", "false"]);
    for wrong in ["a=1..2", "a=2..1/1", "a=1s..2s/0ms", "a=0..1e9/1", "a=1s..2/1", "a=0s..9min/1us"]
    {
        assert!(Setting::parse_many(wrong).is_err(), "{wrong}");
    }
}
