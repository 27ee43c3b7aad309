//! A guide, turn by turn.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use voiceagent_core::{
    Result, TurnId,
    flow::{Flow, Generate, Plan, TurnContext},
    llm::Message,
    tool::{Tool, ToolContext, ToolSpec},
    transport::{CallInfo, Media},
    turn::Expected,
};

use crate::{
    brain::RuleBrain,
    clock::Clock,
    graph::{Guide, Journey, Script},
    minutes::Minutes,
    phone::Phone,
    store::{CallStep, Store},
    tools::Identity,
};

/// A tool of that name, which says that it worked, unless it was not agreed to.
#[derive(Debug)]
struct Works(&'static str);

#[async_trait]
impl Tool for Works {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.0, "Works.", json!({ "type": "object", "properties": {} }))
    }

    async fn call(&self, asked: Value, _: ToolContext) -> Result<Value> {
        Ok(match asked["confirmed"] == false {
            true => json!({ "ok": false, "code": "NOT_CONFIRMED" }),
            false => json!({ "ok": true }),
        })
    }
}

struct Stage {
    store: Store,
    guide: Arc<Guide>,
    tools: Vec<Arc<dyn Tool>>,
    history: Vec<Message>,
    turn: TurnId,
}

fn now() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

impl Stage {
    async fn new(store: &Store) -> Self {
        let tools: Vec<Arc<dyn Tool>> = [
            "book_appointment",
            "get_available_slots",
            "record_opt_out",
            "tell_joke",
            "verify_identity",
        ]
        .map(|name| -> Arc<dyn Tool> { Arc::new(Works(name)) })
        .into();
        let phone = "+16305550188";
        let journey = Journey {
            place: None,
            store: store.clone(),
            clock: Clock::Fixed(now()),
            zone: TimeZone::get("America/Chicago").unwrap(),
            call: "call".into(),
            phone: Phone::parse(phone),
            identity: Identity::Facts,
            is_for_lead: false,
            instructions: RuleBrain::caller_line(phone).into(),
            script: Arc::new(Script::default()),
            minutes: Minutes::new(Vec::new()),
            team: None,
        };
        let steps = store.steps("call").await.unwrap();
        let guide = Guide::new(journey, &steps, &tools);
        let tools = guide.watch(tools);
        let history = Vec::new();
        Self { store: store.clone(), guide, tools, history, turn: TurnId::default() }
    }

    /// What a turn is answered with, which may not have been the last word.
    async fn plan(&self, text: &str) -> Plan {
        let call = Arc::new(CallInfo::new("call", Media::Text));
        let mut turn = TurnContext::new(call, self.turn, text);
        turn.history = self.history.clone().into();
        self.guide.plan(&turn).await.unwrap()
    }

    /// A turn that happened, and what the agent said before it.
    async fn turn(&mut self, asked: &str, text: &str) -> Generate {
        self.history.push(Message::Assistant { text: asked.into(), interrupted: false });
        let plan = self.plan(text).await;
        let call = Arc::new(CallInfo::new("call", Media::Text));
        let turn = TurnContext::new(call, self.turn, text);
        self.guide.commit(&turn, &plan).await.unwrap();
        self.history.push(Message::User { text: text.into() });
        match plan {
            Plan::Generate(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    async fn use_tool(&self, name: &str) -> Value {
        let tool = self.tools.iter().find(|tool| *tool.spec().name == *name).unwrap();
        tool.call(json!({ "confirmed": true }), ToolContext::detached("1")).await.unwrap()
    }

    async fn path(&self) -> Vec<String> {
        let steps = self.store.steps("call").await.unwrap();
        steps.into_iter().map(|step| step.node).collect()
    }
}

fn offers(answer: &Generate, tool: &str) -> bool {
    answer.tools.iter().any(|offered| *offered.name == *tool)
}

#[tokio::test]
async fn a_model_cannot_book_before_a_yes_and_may_once_after_it() {
    let store = Store::fresh().await;
    let mut stage = Stage::new(&store).await;
    let answer = stage.turn("How can I help you?", "I need an oil change on Monday").await;
    assert!(offers(&answer, "get_available_slots") && !offers(&answer, "verify_identity"));
    let refused = stage.use_tool("book_appointment").await;
    assert_eq!((&refused["ok"], &refused["code"]), (&json!(false), &json!("NOT_CONFIRMED")));
    // Words that the rules did not write: they name one time, and the caller says yes to them.
    let asked = "So that is Monday at 10 AM for the oil change, does that sound right?";
    let answer = stage.turn(asked, "yes").await;
    assert!(offers(&answer, "book_appointment"));
    assert_eq!(stage.use_tool("book_appointment").await["ok"], true);
    assert_eq!(stage.path().await, ["greet", "intent", "collect", "confirm", "execute", "close"]);
    let again = stage.use_tool("book_appointment").await;
    assert_eq!(again["ok"], false, "one yes, one booking");
}

#[tokio::test]
async fn who_says_yes_to_a_read_back_need_not_have_been_understood_before() {
    let store = Store::fresh().await;
    let mut stage = Stage::new(&store).await;
    stage.turn("How can I help you?", "she makes that noise again").await;
    let asked = "Shall I put you down for a look at it on Monday at 10 AM, is that right?";
    stage.turn(asked, "yes please").await;
    assert_eq!(stage.use_tool("book_appointment").await["ok"], true);
    assert_eq!(stage.path().await, ["greet", "intent", "collect", "confirm", "execute", "close"]);
}

#[tokio::test]
async fn a_tool_that_no_node_names_may_be_used_but_not_for_a_question_on_the_side() {
    let store = Store::fresh().await;
    let mut stage = Stage::new(&store).await;
    let answer = stage.turn("How can I help you?", "I need an oil change").await;
    assert!(offers(&answer, "tell_joke"));
    let answer = stage.turn("What day would you like?", "what are your hours").await;
    assert!(!offers(&answer, "tell_joke"));
}

#[tokio::test]
async fn a_turn_that_did_not_happen_leads_nowhere() {
    let store = Store::fresh().await;
    let mut stage = Stage::new(&store).await;
    stage.plan("I want to").await;
    stage.plan("I want to cancel").await;
    assert!(stage.path().await.is_empty(), "nothing is noted of a draft");
    stage.turn("How can I help you?", "I want to book an oil change").await;
    assert_eq!(stage.path().await, ["greet", "intent", "collect"]);
}

#[tokio::test]
async fn what_a_tool_makes_so_moves_the_call_within_an_answer() {
    let store = Store::fresh().await;
    let mut stage = Stage::new(&store).await;
    let answer = stage.turn("How can I help you?", "please cancel my appointment").await;
    assert_eq!(answer.expects, Some(Expected::Date), "a stranger says when they were born");
    stage.use_tool("verify_identity").await;
    assert_eq!(stage.path().await, ["greet", "intent", "manage", "verify", "manage"]);
    let causes: Vec<String> =
        store.steps("call").await.unwrap().into_iter().map(|step| step.cause).collect();
    assert_eq!(causes.last().map(String::as_str), Some("facts"));
}

#[tokio::test]
async fn who_was_taken_off_the_list_is_only_told_goodbye() {
    let store = Store::fresh().await;
    let mut stage = Stage::new(&store).await;
    let answer = stage.turn("How can I help you?", "stop calling me").await;
    assert!(offers(&answer, "record_opt_out") && !offers(&answer, "get_available_slots"));
    stage.use_tool("record_opt_out").await;
    let answer = stage.turn("You are off our list.", "fine, I need an oil change").await;
    assert!(!offers(&answer, "get_available_slots"));
    assert_eq!(stage.path().await, ["greet", "close"]);
}

#[tokio::test]
async fn a_call_that_was_cut_off_goes_on_in_its_node() {
    let store = Store::fresh().await;
    let step = |node: &str, phase: &str| CallStep {
        node: node.to_owned(),
        phase: phase.to_owned(),
        intent: None,
        cause: "words".to_owned(),
    };
    let steps = [step("greet", "GREETING"), step("collect", "SLOT_COLLECTION")];
    store.note_steps("call", &steps, now()).await.unwrap();
    let mut stage = Stage::new(&store).await;
    let answer = stage.turn("Hello again!", "what are your hours").await;
    assert!(answer.instructions.contains("asked something beside the matter"));
    assert_eq!(stage.path().await, ["greet", "collect", "answer"]);
    stage.turn("We are open.", "on Monday please, for an oil change").await;
    assert_eq!(stage.path().await, ["greet", "collect", "answer", "collect"]);
}
