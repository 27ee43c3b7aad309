mod patience;

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use voiceagent_core::{
    ToolCallId,
    llm::{FinishReason, LlmCapabilities, LlmEvent, LlmRequest, Message, ToolCall},
    registry::Registry,
};

use super::*;
use crate::{
    store::{Arm, Premises},
    templates::INBOUND,
    terminal::Terminal,
};

/// What somebody reads who says nothing but goodbye.
async fn read(reception: &Reception, call: &'static str) -> String {
    // More than the agent says.
    let (output, mut screen) = duplex(4_096);
    let leg = Terminal::piped(call, "goodbye\n".as_bytes(), output);
    reception.answer(Box::new(leg)).await.unwrap().finished().await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    text
}

/// Lets a template answer.
async fn activate(store: &Store, text: &str) -> i64 {
    let now = Clock::System.now();
    let version = store.push_template(INBOUND, (text, ""), now).await.unwrap();
    let arms = [Arm { version, weight: 1 }];
    store.activate_template(INBOUND, &arms, now).await.unwrap();
    version
}

#[tokio::test]
async fn the_next_call_is_greeted_as_the_active_template_says() {
    let store = Store::fresh().await;
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    let usual = "Agent: Thank you for calling Bart's Automotive. How can I help you?";
    let first = read(&reception, "1").await;
    assert!(first.starts_with(usual), "{first}");
    let text = r#"{ "greeting": "{name}, good day." }"#;
    activate(&store, text).await;
    let next = read(&reception, "2").await;
    assert!(next.starts_with("Agent: Bart's Automotive, good day."), "{next}");
    // What no program of this version can have written.
    activate(&store, "{}}").await;
    let plain = read(&reception, "3").await;
    assert!(plain.starts_with(usual), "{plain}");
}

#[tokio::test]
async fn a_caller_whose_number_is_one_customers_is_greeted_by_name_and_nobody_else() {
    let store = Store::fresh().await;
    let now = Clock::System.now();
    store.seed(now).await.unwrap();
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    let text = r#"{ "greeting_by_name": "Hello {first_name}, {name} here." }"#;
    activate(&store, text).await;
    let ana = Phone::parse("+16305550111").unwrap();
    let known = store.customers_by_phone(&ana).await.unwrap();
    let [only] = known.as_slice() else { panic!("{known:?}") };
    for (call, from, first) in [
        ("ana", "+16305550111", format!("Agent: Hello {}, Bart's", only.first_name)),
        ("stranger", "+16305550188", "Agent: Thank you for calling".to_owned()),
    ] {
        let (output, mut screen) = duplex(4_096);
        let leg = Terminal::piped(call, "goodbye\n".as_bytes(), output).with_from(from);
        reception.answer(Box::new(leg)).await.unwrap().finished().await;
        let mut text = String::new();
        screen.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with(&first), "{text}");
    }
}

/// What a caller reads whose call was sent on with these fields, and who says these lines.
async fn sent_on(reception: &Reception, fields: &[(&str, &str)], lines: &'static str) -> String {
    let (output, mut screen) = duplex(4_096);
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let id = format!("sent-on-{}", fields.iter().map(|(_, value)| value.len()).sum::<usize>());
    let leg = Terminal::piped(id.as_str(), lines.as_bytes(), output)
        .with_parameters(fields.iter().map(own).collect());
    reception.answer(Box::new(leg)).await.unwrap().finished().await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_call_that_is_sent_on_is_answered_by_the_template_that_it_names() {
    let store = Store::fresh().await;
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    for words in ["One.", "Two."] {
        activate(&store, &serde_json::json!({ "greeting": words }).to_string()).await;
    }
    let metadata = r#"{ "template_id": "inbound@1", "call_type": "warm" }"#;
    for (fields, first) in [
        (&[("template_id", "inbound@1")][..], "One."),
        (&[("X-Metadata", metadata)], "One."),
        (&[("template_id", "inbound")], "Two."),
        // What is none does not keep anybody from being answered.
        (&[("template_id", "inbound@77")], "Two."),
        (&[("template_id", "no such template")], "Two."),
        (&[("metadata", "{")], "Two."),
    ] {
        let text = sent_on(&reception, fields, "goodbye\n").await;
        assert!(text.starts_with(&format!("Agent: {first}")), "{fields:?}: {text}");
    }
}

#[tokio::test]
async fn a_number_that_only_metadata_tells_shows_nobody_who_calls() {
    let store = Store::fresh().await;
    store.seed(Clock::System.now()).await.unwrap();
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    let asked = "When is my appointment?\nGoodbye\n";
    let ana = "+16305550111";
    let told = sent_on(&reception, &[("phone_number", ana)], asked).await;
    assert!(told.to_lowercase().contains("zip"), "{told}");
    let (output, mut screen) = duplex(4_096);
    let leg = Terminal::piped("by-line", asked.as_bytes(), output).with_from(ana);
    reception.answer(Box::new(leg)).await.unwrap().finished().await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    assert!(!text.to_lowercase().contains("zip"), "{text}");
}

/// A model that says one thing.
#[derive(Debug)]
struct Parrot;

#[async_trait]
impl LanguageModel for Parrot {
    fn name(&self) -> &str {
        "parrot"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let said = LlmEvent::Text("Polly says hello.".to_owned());
        let events = [said, LlmEvent::Finished(FinishReason::Stop)];
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

/// A reception whose templates may name the parrot.
async fn with_parrot(store: &Store) -> Reception {
    let mut registry = Registry::default();
    registry.llm.register("parrot", |_: Map<String, Value>| {
        let parrot: Arc<dyn LanguageModel> = Arc::new(Parrot);
        Ok(parrot)
    });
    Reception::open(store.clone(), Clock::System, &DealershipConfig::default())
        .await
        .unwrap()
        .with_vendors(Vendors::new(registry, |_| None))
}

#[tokio::test]
async fn a_call_that_goes_on_keeps_its_vendors_and_the_next_has_those_of_the_new_version() {
    let store = Store::fresh().await;
    let reception = with_parrot(&store).await;
    // More than is said.
    let (mut keyboard, input) = duplex(4_096);
    let (output, mut screen) = duplex(4_096);
    let leg = Terminal::piped("running", BufReader::new(input), output);
    let running = reception.answer(Box::new(leg)).await.unwrap();
    let text = r#"{ "llm": { "provider": "parrot" } }"#;
    let version = activate(&store, text).await;
    let next = read(&reception, "next").await;
    assert!(next.contains("Polly says hello."), "{next}");
    keyboard.write_all(b"hello\ngoodbye\n").await.unwrap();
    drop(keyboard);
    running.finished().await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    assert!(!text.contains("Polly"), "{text}");
    let results = store.template_results(INBOUND).await.unwrap();
    let counted: Vec<_> = results.iter().map(|one| (one.version, one.calls)).collect();
    assert_eq!(counted, [(version, 1)]);
}

/// What the caller with a number reads who says nothing but goodbye.
async fn read_from(reception: &Reception, call: &'static str, from: &str) -> String {
    let (output, mut screen) = duplex(4_096);
    let leg = Terminal::piped(call, "goodbye\n".as_bytes(), output).with_from(from);
    reception.answer(Box::new(leg)).await.unwrap().finished().await;
    reception.conclude(&CallId::new(call)).await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_caller_of_another_language_is_answered_in_it_with_its_vendors() {
    let store = Store::fresh().await;
    store.seed(Clock::System.now()).await.unwrap();
    let reception = with_parrot(&store).await;
    let text = r#"{ "greeting": "Hello.", "locales": { "es-US": {
        "greeting": "Hola, habla {name}.", "llm": { "provider": "parrot" } } } }"#;
    activate(&store, text).await;
    let ana = Phone::parse("+16305550111").unwrap();
    let english = read_from(&reception, "1", ana.as_str()).await;
    assert!(english.starts_with("Agent: Hello.") && !english.contains("Polly"), "{english}");
    let id = store.customers_by_phone(&ana).await.unwrap()[0].id;
    let spanish = serde_json::json!({ "language": "es-MX" });
    let now = Clock::System.now();
    store.update_profile(id, spanish.as_object().unwrap(), now).await.unwrap();
    let spanish = read_from(&reception, "2", ana.as_str()).await;
    assert!(spanish.starts_with("Agent: Hola, habla Bart's Automotive."), "{spanish}");
    assert!(spanish.contains("Polly says hello."), "its model answers: {spanish}");
    let locales = store.export("SELECT locale FROM call_record WHERE call = '2'").await.unwrap();
    assert_eq!(locales, [serde_json::json!({ "locale": "es-US" })]);
    let stranger = read_from(&reception, "3", "+16305550188").await;
    assert!(stranger.starts_with("Agent: Hello."), "{stranger}");
}

#[tokio::test]
async fn a_call_has_a_cost_and_when_the_budget_of_a_day_is_spent_the_rules_answer() {
    let store = Store::fresh().await;
    let reception = with_parrot(&store).await;
    // A model that tells no tokens costs what its minutes cost.
    let text = r#"{ "llm": { "provider": "parrot" }, "prices": { "line_per_minute": 600.0 },
        "budget": { "dollars_a_day": 5 } }"#;
    let version = activate(&store, text).await;
    let first = read_from(&reception, "1", "+16305550111").await;
    assert!(first.contains("Polly"), "{first}");
    let cost = store.cost_of("1").await.unwrap();
    assert!(cost.is_some_and(|cost| cost > 0), "{cost:?}");
    store.run("UPDATE call_record SET cost_micros = 4999999").await;
    assert!(read_from(&reception, "2", "+16305550111").await.contains("Polly"));
    let third = read_from(&reception, "3", "+16305550111").await;
    assert!(!third.contains("Polly") && third.contains("oodbye"), "the rules answer: {third}");
    let results = store.template_results(INBOUND).await.unwrap();
    assert_eq!((results[0].version, results[0].cost_micros.1), (version, 3));
    // What was spent yesterday is spent.
    store.run("UPDATE call_record SET started_at = started_at - 90000000").await;
    assert!(read_from(&reception, "4", "+16305550111").await.contains("Polly"));
}

#[tokio::test]
async fn who_calls_the_number_of_a_place_is_answered_in_its_name() {
    let store = Store::fresh().await;
    let now = Clock::System.now();
    store.seed(now).await.unwrap();
    let place = Premises {
        phone: Phone::parse("+13125550200").unwrap(),
        name: "Bart's Downtown".to_owned(),
        zone: "America/Chicago".to_owned(),
        address: Default::default(),
        remind_at: None,
        hours: Vec::new(),
        closures: Default::default(),
        resources: Vec::new(),
    };
    store.put_location(&place, now).await.unwrap();
    let config = DealershipConfig::default();
    let reception = Reception::open(store, Clock::System, &config).await.unwrap();
    for (call, to, name) in [
        ("first", "+16305550100", "Bart's Automotive"),
        ("second", "+13125550200", "Bart's Downtown"),
        ("other", "+19995550000", "Bart's Automotive"),
    ] {
        let (output, mut screen) = duplex(4_096);
        let leg = Terminal::piped(call, "goodbye\n".as_bytes(), output).with_to(to);
        reception.answer(Box::new(leg)).await.unwrap().finished().await;
        let mut text = String::new();
        screen.read_to_string(&mut text).await.unwrap();
        let greeting = format!("Agent: Thank you for calling {name}.");
        assert!(text.starts_with(&greeting), "{call}: {text}");
    }
}

/// A model that hands the talk on when somebody wants to buy, and tells what it was told and may do.
#[derive(Debug)]
struct Switchboard;

#[async_trait]
impl LanguageModel for Switchboard {
    fn name(&self) -> &str {
        "switchboard"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(&self, asked: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let hands_over = asked.tools.iter().filter(|tool| tool.name.starts_with("hand_over_to_"));
        let hands_over: Vec<&str> = hands_over.map(|tool| &*tool.name).collect();
        let said = match asked.messages.last() {
            Some(Message::User { text }) if text.contains("buy") => LlmEvent::ToolCall(ToolCall {
                id: ToolCallId::new("t1"),
                name: "hand_over_to_sales".into(),
                arguments: "{}".into(),
            }),
            Some(Message::ToolResult { .. }) => LlmEvent::Text(String::new()),
            _ => {
                let who = if asked.instructions.contains("You sell") { "Seller" } else { "Desk" };
                let knows = asked.messages.iter().any(
                    |message| matches!(message, Message::User { text } if text.contains("buy")),
                );
                LlmEvent::Text(format!("{who}; knows: {knows}; {}.", hands_over.join(", ")))
            }
        };
        let events = [said, LlmEvent::Finished(FinishReason::Stop)];
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

#[tokio::test]
async fn a_talk_is_handed_from_one_agent_to_another_who_knows_what_was_said() {
    let store = Store::fresh().await;
    let reception = Reception::open(store.clone(), Clock::System, &DealershipConfig::default())
        .await
        .unwrap()
        .with_model(Arc::new(Switchboard));
    let template = r#"{ "profiles": {
        "broker": { "about": "credit" },
        "sales": { "about": "who wants a car", "prompt": "You sell cars of {name}.",
                   "greeting": "This is sales of {name}." } } }"#;
    activate(&store, template).await;
    let lines = "hello there\nI want to buy a car\nWho is this?\ngoodbye\n";
    let text = sent_on(&reception, &[], lines).await;
    let places: Vec<usize> = [
        "Desk; knows: false; hand_over_to_broker, hand_over_to_sales.",
        "This is sales of Bart's Automotive.",
        "Seller; knows: true; hand_over_to_broker, hand_over_to_reception.",
    ]
    .map(|told| text.find(told).unwrap_or_else(|| panic!("{told}: {text}")))
    .into();
    assert!(places.is_sorted(), "{text}");
    let audited = store.export("SELECT name, code FROM tool_call").await.unwrap();
    let handed = |row: &&Value| row["name"] == "hand_over_to_sales";
    assert_eq!(audited.iter().filter(handed).count(), 1, "{audited:?}");
}

/// A model that says how a conversation begins for it, and notes down what it is asked to.
#[derive(Debug, Default)]
struct Notetaker(Mutex<Vec<String>>);

/// What would be no claim of an agent that has booked nothing.
const NOTES: &str = "They have a red car. You're booked for Monday at 9 AM.";

#[async_trait]
impl LanguageModel for Notetaker {
    fn name(&self) -> &str {
        "notetaker"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(&self, asked: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let said = match (asked.messages.first(), asked.tools.is_empty()) {
            (Some(Message::User { text }), true) if text.contains("Caller: ") => {
                self.0.lock().unwrap().push(text.to_string());
                NOTES.to_owned()
            }
            (Some(Message::Summary { text }), _) => format!("It begins so: {text}"),
            _ => "Go on.".to_owned(),
        };
        let events = [LlmEvent::Text(said), LlmEvent::Finished(FinishReason::Stop)];
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

/// What a caller reads who goes on until the agent says this, or for so many lines.
async fn until(reception: &Reception, told: &str, most: usize) -> String {
    let (mut keyboard, input) = duplex(4_096);
    let (output, mut screen) = duplex(64 << 10);
    let leg = Terminal::piped("long", BufReader::new(input), output);
    let talk = reception.answer(Box::new(leg)).await.unwrap();
    let mut text = String::new();
    for line in 0..most {
        keyboard.write_all(format!("Line {line} of a long story\n").as_bytes()).await.unwrap();
        let answers = text.matches("\nAgent:").count();
        while text.matches("\nAgent:").count() == answers || !text.ends_with('\n') {
            let mut read = [0; 1_024];
            let count = screen.read(&mut read).await.unwrap();
            text.push_str(std::str::from_utf8(&read[..count]).unwrap());
        }
        if text.contains(told) {
            break;
        }
    }
    drop(keyboard);
    talk.finished().await;
    text
}

#[tokio::test]
async fn a_long_talk_is_summed_up_as_its_template_says_and_the_guard_leaves_the_notes_alone() {
    let store = Store::fresh().await;
    let model = Arc::new(Notetaker::default());
    let reception = Reception::open(store.clone(), Clock::System, &DealershipConfig::default())
        .await
        .unwrap()
        .with_model(Arc::clone(&model) as Arc<dyn LanguageModel>);
    let text = r#"{ "graph": "free", "summary": { "above_messages": 10, "keep_messages": 4 } }"#;
    activate(&store, text).await;
    let told = "It begins so: What was said before, in short: They have a red car.";
    let text = until(&reception, told, 40).await;
    assert!(text.contains(told), "{text}");
    let transcripts = std::mem::take(&mut *model.0.lock().unwrap());
    assert!(transcripts[0].contains("Line 0"), "{transcripts:?}");
    activate(&store, r#"{ "graph": "free", "summary": { "on": false } }"#).await;
    let text = until(&reception, told, 12).await;
    assert!(!text.contains(told), "{text}");
    assert_eq!(model.0.lock().unwrap().len(), 0, "nobody is asked where it is off");
}

#[tokio::test]
async fn the_rules_sum_nothing_up_and_a_long_talk_with_them_stays_whole() {
    let store = Store::fresh().await;
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
    activate(&store, r#"{ "summary": { "above_messages": 10, "keep_messages": 4 } }"#).await;
    let lines = "i need an oil change\nhow late are you open\nwhere are you\nhow late are you open\n\
                 where are you\nhow late are you open\nwhere are you\ncan i bring my dog\n\
                 monday at nine\ngoodbye\n";
    let text = sent_on(&reception, &[], lines).await;
    let last = text.lines().rfind(|line| line.contains("oil change"));
    assert!(last.is_some(), "what was said first is known: {text}");
}
