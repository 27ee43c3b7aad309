use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Handle},
    time::{Instant, sleep, timeout},
};
use voiceagent_core::{
    Agent, AgentBuilder, Call,
    llm::Message,
    tool::Tool,
    transport::Transport,
    turn::{TurnDetector, TurnScore},
};

use super::{
    caller::Caller,
    carrier::Line,
    detector::Detector,
    dice::Dice,
    graph::Graph,
    legs::Kind,
    log::{Account, Log},
    model::Model,
    profile::Profile,
    recognizer::Recognizer,
    relay::Relay,
    script::Author,
    speaker::Speaker,
    tool::Work,
    voice::Voice,
};
use crate::fakes::{FakeStore, FakeTurnDetector};

/// The name of every simulated call, and so of its journal.
pub(super) const CALL: &str = "simulated";
/// What an agent says first, unless a model greets in words of its own.
pub(super) const GREETING: &str = "Hello, welcome to the simulated workshop. What is it?";
/// No script is as long.
const LONGEST: Duration = Duration::from_secs(1_200);
/// What a call may leave running when it is over: tools have 6 s.
const WINDING_UP: Duration = Duration::from_secs(30);

/// What is left when a call is over.
#[derive(Debug)]
pub(super) struct Aftermath {
    pub(super) account: Account,
    /// The call came to its end.
    pub(super) ended: bool,
    /// Tasks that still run.
    pub(super) tasks: usize,
    /// How long the call took, in its own time.
    pub(super) length: Duration,
}

/// Plays one call from beginning to end, on this thread and in no time.
pub(super) fn run(seed: u64, profile: &Profile, trace: bool, journals: Option<&Path>) -> Aftermath {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime on this thread needs nothing");
    runtime.block_on(converse(seed, profile, trace, journals))
}

async fn converse(seed: u64, profile: &Profile, trace: bool, journals: Option<&Path>) -> Aftermath {
    let log = Log::new(trace);
    let store = Arc::new(FakeStore::default());
    let agent = agent(seed, profile, &log, store.clone(), journals);
    let script = Author::new(seed).script(profile.turns);
    let caller = Caller::new(script);
    let line = line(seed, profile, caller, &log);
    let begun = Instant::now();
    let call = agent.start(line).await.expect("all legs open");
    let mut dice = Dice::new(seed, 5);
    let owned = timeout(LONGEST, own(call, profile.meddling, &mut dice, &log)).await;
    let metrics = Handle::current().metrics();
    let over = Instant::now();
    drop(agent);
    while metrics.num_alive_tasks() > 0 && over.elapsed() < WINDING_UP {
        sleep(Duration::from_millis(100)).await;
    }
    let mut account = log.take();
    account.remembered = store.saved().last().map(|(_, state)| messages(&state));
    let tasks = metrics.num_alive_tasks();
    Aftermath { account, ended: owned.is_ok(), tasks, length: over - begun }
}

/// What the agent answers, with the caller at its other end.
fn line(seed: u64, profile: &Profile, caller: Caller, log: &Log) -> Box<dyn Transport> {
    let carrier = profile.carrier.clone();
    if profile.kind == Kind::Text {
        let far_end = (profile.relay.clone(), carrier);
        return Box::new(Relay::new(CALL, far_end, seed, caller, log.clone()));
    }
    Box::new(Line::new(CALL, carrier, seed, caller, log.clone()))
}

fn agent(
    seed: u64,
    profile: &Profile,
    log: &Log,
    store: Arc<FakeStore>,
    journals: Option<&Path>,
) -> Agent {
    let tools = Work::all(profile, seed, log);
    let specs = tools.iter().map(Tool::spec).collect();
    let tools = tools.into_iter().map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    let log_of_events = log.clone();
    let mut builder = Agent::builder()
        .instructions("Be brief.")
        .tools(tools)
        .store(store)
        .observer(move |_| log_of_events.clone())
        .tune(|config| {
            config.apology = "Sorry, that failed here.".into();
            config.speculation.enabled = profile.speculation;
            config.barge_in.min_words = profile.min_words;
            profile.manner.apply(config);
        });
    builder = with_legs(builder, seed, profile, log);
    if profile.greeting {
        builder = if profile.kind.is_realtime() && profile.speaker.greets {
            builder.greet_by("Greet the caller.")
        } else {
            builder.greeting(GREETING)
        };
    }
    if profile.turn_detector {
        builder = builder.turn_detector(turn_detector(seed, profile.healthy));
    }
    if let Some(flow) = &profile.flow {
        builder = builder.flow(Graph::new(flow.clone(), specs, seed, log.clone()));
    }
    if let Some(folder) = journals {
        builder = builder.journals(folder);
    }
    builder.build().expect("the agent is complete")
}

/// Who hears, writes and speaks.
fn with_legs(mut builder: AgentBuilder, seed: u64, profile: &Profile, log: &Log) -> AgentBuilder {
    let detects = if profile.kind.is_realtime() {
        builder = builder.realtime(Speaker::new(&profile.speaker, seed, log.clone()));
        profile.speaker.detector
    } else {
        builder = builder.llm(Model::new(&profile.model, seed, log.clone()));
        profile.recognizer.detects
    };
    if profile.kind == Kind::Cascade {
        builder = builder
            .stt(Recognizer::new(profile.recognizer.clone(), seed, log.clone()))
            .tts(Voice::new(profile.voice.clone(), seed, log.clone()));
    }
    if detects { builder.vad(Arc::new(Detector)) } else { builder.without_vad() }
}

/// It knows no better than chance, and fails at times.
fn turn_detector(seed: u64, healthy: bool) -> Arc<dyn TurnDetector> {
    let mut dice = Dice::new(seed, 6);
    let detector = FakeTurnDetector::new(move |_| {
        let fails = !healthy && dice.percent(20);
        let score = 0.5 + 0.5 * dice.share();
        (!fails).then_some(TurnScore::new(score as f32))
    });
    Arc::new(detector.with_delay(Duration::from_millis(40)))
}

/// Reads the events of a call, and interferes if that is the owner's nature.
async fn own(mut call: Call, meddling: bool, dice: &mut Dice, log: &Log) {
    if !meddling {
        return call.finished().await;
    }
    for number in 1.. {
        let pause = dice.millis(500, 12_000);
        let read = async { while call.next_event().await.is_some() {} };
        if timeout(pause, read).await.is_ok() {
            return;
        }
        let (what, asked) = match dice.between(0, 9) {
            0..2 => ("says", call.line().say(format!("owner{number} says owned{number}."))),
            2..4 => {
                let text = format!("owner{number} says owned{number}.");
                log.announce(&text);
                ("announces", call.line().announce(text))
            }
            4..8 => ("interrupts", call.line().interrupt()),
            8 => {
                log.leave();
                ("hangs up", call.line().hang_up())
            }
            _ => {
                log.tell(|| "the owner lets go".to_owned());
                return;
            }
        };
        log.tell(|| format!("the owner {what}: {asked:?}"));
    }
}

fn messages(state: &serde_json::Value) -> Vec<Message> {
    serde_json::from_value(state["messages"].clone()).expect("a conversation was remembered")
}
