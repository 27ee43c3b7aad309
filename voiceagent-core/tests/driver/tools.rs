//! Tools and flows through the real driver, in virtual time where no thread is blocked.

use std::sync::{Arc, Mutex, mpsc};

use async_trait::async_trait;
use serde_json::{Value, json};
use voiceagent_core::{
    Agent, AgentBuilder, Error, ErrorKind, Result,
    flow::{Flow, Plan, TurnContext},
    tool::{Tool, ToolContext, ToolSpec},
};
use voiceagent_testkit::fakes::{Answer, FakeLlm, FakeStore, FakeTool};

use crate::rig::{events, ms, text_line};

fn builder(llm: FakeLlm) -> AgentBuilder {
    Agent::builder().llm(Arc::new(llm))
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn x4_a_new_turn_neither_stops_nor_repeats_a_tool_and_x12_its_result_is_told() {
    let (line, caller) = text_line();
    let llm = FakeLlm::answers([
        Answer::call("book", json!({})),
        Answer::text("I am still at it."),
        Answer::text("It is booked."),
    ]);
    let requests = llm.requests();
    let tool = FakeTool::returning("book", json!("booked")).with_delay(ms(4_000));
    let (calls, finished) = (tool.calls(), tool.finished());
    let agent = builder(llm).tool(tool).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("book it", ms(200)).await;
    caller.silence(ms(500)).await;
    caller.speak("are you there", ms(200)).await;
    caller.hears("I am still at it.", ms(2_000)).await;
    caller.hears("It is booked.", ms(6_000)).await;
    assert_eq!((calls.count(), finished.count(), requests.count()), (1, 1, 3));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn x20_each_call_of_a_tool_has_a_key_of_its_own() {
    let (line, caller) = text_line();
    let llm = FakeLlm::answers([
        Answer::call("book", json!({ "day": 1 })).then_call("book", json!({ "day": 2 })),
        Answer::call("book", json!({ "day": 3 })),
        Answer::text("All are booked."),
    ]);
    let tool = FakeTool::returning("book", json!(true));
    let calls = tool.calls();
    let agent = builder(llm).tool(tool).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("book three days", ms(200)).await;
    caller.hears("All are booked.", ms(5_000)).await;
    let mut keys: Vec<String> =
        calls.all().iter().map(|(_, context)| context.idempotency_key.to_string()).collect();
    assert!(keys.iter().all(|key| key.starts_with(&format!("{}:", call.info().id))), "{keys:?}");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

/// Says something and waits until it was heard.
#[derive(Debug)]
struct Talkative;

#[async_trait]
impl Tool for Talkative {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("ask", "Asks.", json!({ "type": "object" }))
    }

    async fn call(&self, _arguments: Value, context: ToolContext) -> Result<Value> {
        let heard = context.line.say_until_heard("I ask the workshop.").await?;
        Ok(json!({ "heard": heard }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn x10_a_tool_that_waits_until_its_words_were_heard_does_not_block_the_call() {
    let (line, caller) = text_line();
    let llm = FakeLlm::answers([Answer::call("ask", json!({})), Answer::text("It is ready.")]);
    let requests = llm.requests();
    let agent = builder(llm).tool(Talkative).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("is it ready", ms(200)).await;
    caller.hears("I ask the workshop.", ms(3_000)).await;
    caller.hears("It is ready.", ms(6_000)).await;
    let told = format!("{:?}", requests.last().unwrap().messages);
    assert!(told.contains(r#"{\"heard\":true}"#), "{told}");

    let line = call.line().clone();
    caller.hang_up().await;
    events(call).await;
    let refused = line.say_until_heard("Hello?").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn x21_a_tool_learns_that_a_call_cannot_be_transferred_there() {
    let (line, _caller) = text_line();
    let agent = builder(FakeLlm::new(|_| Answer::text("Yes.")))
        .tune(|config| config.transfer_targets = Some([Arc::from("desk")].into()))
        .build()
        .unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let refused = call.line().transfer("+19005550100").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    call.line().transfer("desk").unwrap();
}

/// Blocks its thread until it is told.
#[derive(Debug)]
struct Stubborn(Mutex<mpsc::Receiver<()>>);

#[async_trait]
impl Tool for Stubborn {
    fn spec(&self) -> ToolSpec {
        let mut spec = ToolSpec::new("block", "Blocks.", json!({ "type": "object" }));
        spec.timeout = ms(20);
        spec
    }

    async fn call(&self, _arguments: Value, _context: ToolContext) -> Result<Value> {
        let told = self.0.lock().expect("no test panics with it").recv();
        Ok(json!(told.is_ok()))
    }
}

/// In real time: what blocks a thread stops a virtual clock.
#[tokio::test(crate = "voiceagent_testkit::leaks", flavor = "multi_thread", worker_threads = 3)]
async fn x7_a_tool_that_blocks_its_thread_holds_up_neither_the_call_nor_its_end() {
    let (line, caller) = text_line();
    let llm = FakeLlm::answers([Answer::call("block", json!({})), Answer::text("I gave up.")]);
    let (release, blocked) = mpsc::channel();
    let store = Arc::new(FakeStore::default());
    let saved = store.saved();
    let agent = builder(llm).tool(Stubborn(Mutex::new(blocked))).store(store).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let told = tokio::spawn(events(call));
    caller.speak("block it", ms(20)).await;
    caller.hears("I gave up.", ms(30_000)).await;
    caller.hang_up().await;
    tokio::time::timeout(ms(30_000), told).await.expect("the call ends").unwrap();
    assert_eq!(saved.count(), 1, "and is remembered");
    release.send(()).unwrap();
}

/// Plans as it is asked to: never, in a panic, or at once.
#[derive(Debug, Default)]
struct Moody {
    dropped: Arc<Mutex<Option<tokio::time::Instant>>>,
    noted: Arc<Mutex<Vec<String>>>,
}

struct Witness(Arc<Mutex<Option<tokio::time::Instant>>>);

impl Drop for Witness {
    fn drop(&mut self) {
        *self.0.lock().expect("no test panics with it") = Some(tokio::time::Instant::now());
    }
}

#[async_trait]
impl Flow for Moody {
    async fn plan(&self, turn: &TurnContext) -> Result<Plan> {
        self.noted.lock().expect("no test panics with it").push(format!("plan {}", turn.text));
        match &*turn.text {
            "hang" => {
                let _witness = Witness(self.dropped.clone());
                std::future::pending::<()>().await;
                Err(Error::new(ErrorKind::Rejected, "plan", "never"))
            }
            "panic" => panic!("a broken flow"),
            other => Ok(Plan::Say(format!("You said {other}.").into())),
        }
    }

    async fn commit(&self, turn: &TurnContext, _plan: &Plan) -> Result<()> {
        // The first takes longer than the second.
        tokio::time::sleep(ms(if &*turn.text == "one" { 3_000 } else { 10 })).await;
        self.noted.lock().expect("no test panics with it").push(format!("noted {}", turn.text));
        Ok(())
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i22_a_plan_that_nobody_waits_for_is_cut_off_after_five_seconds() {
    let (line, caller) = text_line();
    let flow = Moody::default();
    let dropped = flow.dropped.clone();
    let agent = builder(FakeLlm::new(|_| Answer::text("x"))).flow(Arc::new(flow)).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hang", ms(200)).await;
    caller.silence(ms(500)).await;
    call.line().interrupt().unwrap();
    let interrupted = tokio::time::Instant::now();
    caller.silence(ms(4_900)).await;
    assert_eq!(*dropped.lock().unwrap(), None, "it may still finish what it does");
    caller.silence(ms(1_000)).await;
    let after = dropped.lock().unwrap().expect("it was cut off") - interrupted;
    assert!(after >= ms(5_000) && after < ms(5_100), "{after:?}");
}

/// Writes down that it begins and, two seconds later, that it ends.
#[derive(Debug, Default)]
struct Slow(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Flow for Slow {
    async fn plan(&self, turn: &TurnContext) -> Result<Plan> {
        let write = |what: &str| {
            self.0.lock().expect("no test panics with it").push(format!("{what} {}", turn.text));
        };
        write("begins");
        tokio::time::sleep(ms(2_000)).await;
        write("ends");
        Ok(Plan::Say(format!("You said: {}.", turn.text).into()))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn t22_a_newer_turn_leaves_a_flow_to_finish_what_it_writes_and_takes_the_place_of_its_answer()
{
    let (line, caller) = text_line();
    let flow = Slow::default();
    let written = flow.0.clone();
    let llm = FakeLlm::new(|_| Answer::text("x"));
    let agent = builder(llm).flow(Arc::new(flow)).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("one", ms(200)).await;
    caller.silence(ms(1_000)).await;
    assert_eq!(*written.lock().unwrap(), ["begins one"]);
    caller.speak("two", ms(200)).await;
    caller.hears("two.", ms(5_000)).await;
    let mut all = written.lock().unwrap().clone();
    assert_eq!(all.remove(0), "begins one");
    let ends = all.iter().position(|it| it == "ends one").expect("it is left to finish");
    assert!(all[..ends].iter().any(|it| it.starts_with("begins")), "a newer turn came: {all:?}");
    caller.hang_up().await;
    let told = format!("{:?}", events(call).await);
    assert!(!told.contains("You said: one."), "nobody is answered twice: {told}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn t23_a_flow_that_breaks_down_ends_its_answer_and_not_the_call() {
    let (line, caller) = text_line();
    let flow = Arc::new(Moody::default());
    let agent = builder(FakeLlm::new(|_| Answer::text("x"))).flow(flow).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("panic", ms(200)).await;
    caller.hears("I am sorry", ms(5_000)).await;
    caller.speak("well", ms(200)).await;
    caller.hears("You said well.", ms(5_000)).await;
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn p5_a_flow_notes_turns_in_their_order_and_before_it_plans_the_next() {
    let (line, caller) = text_line();
    let flow = Moody::default();
    let noted = flow.noted.clone();
    let agent = builder(FakeLlm::new(|_| Answer::text("x"))).flow(Arc::new(flow)).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("one", ms(200)).await;
    caller.hears("You said one.", ms(2_500)).await;
    caller.speak("two", ms(100)).await;
    caller.hears("You said two.", ms(5_000)).await;
    caller.silence(ms(100)).await;
    assert_eq!(*noted.lock().unwrap(), ["plan one", "noted one", "plan two", "noted two"]);
}
