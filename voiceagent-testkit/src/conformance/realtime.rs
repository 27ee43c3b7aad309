//! What every speech-to-speech model must do.

mod socket;

use std::{fmt::Debug, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{
    GenerationId, Link, ToolCallId, TurnId,
    audio::{AudioFormat, AudioFrame},
    realtime::{FIRST_OWN, Prompt, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
    tool::ToolSpec,
};

use super::{
    Report,
    opening::{PATIENCE, ensure, same},
};

pub use socket::realtime_socket;

/// How long nothing comes when nothing more is on its way.
const QUIET: Duration = Duration::from_secs(2);
/// The function that a vendor can be made to call.
const TOOL: &str = "look_up";

/// A scripted vendor, as the suite needs it.
pub trait RealtimeVendor: Debug + Send + Sync + 'static {
    /// A model that talks to this vendor.
    fn model(&self) -> Arc<dyn RealtimeModel>;

    /// Lets the vendor answer with these scenes, one after another, in the next conversation.
    fn play(&self, scenes: Vec<RealtimeScene>);

    /// A turn of the user that the vendor understands as speech with an end: some words, and the
    /// silence that follows.
    fn user(&self, format: AudioFormat) -> Vec<AudioFrame>;
}

/// What a vendor does when it is its turn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RealtimeScene {
    /// Calls the function `look_up` with these arguments, and says nothing.
    Call(Value),
    /// Calls the function `look_up` with each of these arguments, at once.
    CallSeveral(Vec<Value>),
    /// Says this, which takes a second or more.
    Say(String),
}

type Outcome = Result<(), String>;

/// Runs every check, each in a conversation of its own.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn realtime<V: RealtimeVendor>(vendor: &V) -> Report {
    let model = vendor.model();
    let capabilities = model.capabilities();
    let turns = if capabilities.duplex { " with the vendor's turns" } else { "" };
    let mut report = Report::new("speech-to-speech model", format!("{}{turns}", model.name()));
    report.claim(&capabilities);
    report.note("opens in every format that it claims", opens(vendor).await);
    let (managed, duplex) = (!capabilities.duplex, capabilities.duplex);
    macro_rules! check {
        ($name:literal, $applies:expr, $check:ident) => {
            if $applies {
                report.note($name, $check(vendor).await);
            } else {
                report.not_claimed($name);
            }
        };
    }
    check!("says nothing before it is asked", managed, waits);
    check!("says an answer in whole samples, and finishes once and last", managed, answers);
    check!("says what it is given to say", true, says);
    check!("keeps the order of what it is asked for", managed, keeps_order);
    check!("says nothing more of what was cancelled", managed, cancels);
    check!("goes on after a cut", capabilities.truncate && managed, truncates);
    check!("calls a function once, and goes on with its result", managed, calls);
    check!("calls several functions at once", true, calls_several);
    check!("ignores what is unknown, over or said twice", managed, ignores);
    check!("tells the words of the turn that was committed", managed, transcribes);
    check!("begins by itself when the user has spoken", duplex, begins);
    check!("goes on by itself with a result", duplex, goes_on);
    check!("tells when the user speaks", capabilities.server_vad, tells_edges);
    report
}

/// One conversation.
struct Talk {
    link: Link<RealtimeInput, RealtimeEvent>,
    format: AudioFormat,
}

impl Talk {
    async fn begin<V: RealtimeVendor>(vendor: &V, say: &[RealtimeScene]) -> Result<Self, String> {
        vendor.play(say.to_vec());
        let model = vendor.model();
        let formats = model.capabilities().formats;
        let format = formats.first().copied().ok_or("it claims no format")?;
        Self::open(&*model, format).await
    }

    async fn open(model: &dyn RealtimeModel, format: AudioFormat) -> Result<Self, String> {
        let parameters = serde_json::json!({ "type": "object" });
        let tools = [ToolSpec::new(TOOL, "Looks something up.", parameters)];
        let options = RealtimeOptions::new("Be brief.", format).with_tools(tools);
        let opened = timeout(PATIENCE, model.open(options)).await;
        let link = opened.map_err(|_| "still not open")?.map_err(|error| error.to_string())?;
        Ok(Self { link, format })
    }

    fn give(&self, input: RealtimeInput) -> Outcome {
        self.link.try_send(input).map_err(|error| error.to_string())
    }

    fn ask(&self, generation: u64) -> Outcome {
        let generation = GenerationId::new(generation);
        self.give(RealtimeInput::Generate { generation, prompt: Prompt::Answer })
    }

    async fn speak<V: RealtimeVendor>(&self, vendor: &V) -> Outcome {
        for frame in vendor.user(self.format) {
            let lasts = frame.format.duration_of(frame.samples());
            self.give(RealtimeInput::Audio(frame))?;
            tokio::time::sleep(lasts).await;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<RealtimeEvent, String> {
        let event = timeout(PATIENCE, self.link.recv()).await.map_err(|_| "nothing comes")?;
        event.ok_or("the link ended")?.map_err(|error| error.to_string())
    }

    /// Everything up to the end of this generation, which must say nothing of others.
    async fn until_finished(&mut self, wanted: GenerationId) -> Result<Said, String> {
        let mut said = Said::default();
        loop {
            let event = self.next().await?;
            if let Some(of) = generation(&event) {
                ensure(of == wanted, || format!("{of} where {wanted} is said: {event:?}"))?;
            }
            match event {
                RealtimeEvent::AgentTranscript { text, .. } => said.text.push_str(&text),
                RealtimeEvent::Audio { payload, .. } => {
                    let whole = self.format.bytes_in(self.format.duration_of(1)).max(1);
                    ensure(payload.len() % whole == 0, || "half a sample".to_owned())?;
                    said.audio += payload.len();
                }
                RealtimeEvent::ToolCall { call, .. } => said.calls.push(call.id),
                RealtimeEvent::Finished { .. } => return Ok(said),
                RealtimeEvent::Failed { kind, .. } => return Err(format!("it failed: {kind}")),
                _ => {}
            }
        }
    }

    /// Nothing more comes, of any generation.
    async fn is_quiet(&mut self) -> Outcome {
        while let Ok(event) = timeout(QUIET, self.link.recv()).await {
            let event = event.ok_or("the link ended")?.map_err(|error| error.to_string())?;
            ensure(generation(&event).is_none(), || format!("{event:?} comes"))?;
        }
        Ok(())
    }
}

/// What was said of one generation.
#[derive(Default)]
struct Said {
    text: String,
    audio: usize,
    calls: Vec<ToolCallId>,
}

fn generation(event: &RealtimeEvent) -> Option<GenerationId> {
    match event {
        RealtimeEvent::AgentTranscript { generation, .. }
        | RealtimeEvent::Audio { generation, .. }
        | RealtimeEvent::Failed { generation, .. }
        | RealtimeEvent::Finished { generation }
        | RealtimeEvent::ToolCall { generation, .. } => Some(*generation),
        _ => None,
    }
}

fn scene(text: &str) -> RealtimeScene {
    RealtimeScene::Say(text.to_owned())
}

const ONE: GenerationId = GenerationId::new(1);
const TWO: GenerationId = GenerationId::new(2);
const LONG: &str = "This is a sentence that goes on for a while.";

async fn opens<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let model = vendor.model();
    for format in model.capabilities().formats {
        vendor.play(Vec::new());
        Talk::open(&*model, format).await.map_err(|why| format!("{format:?}: {why}"))?;
    }
    Ok(())
}

async fn waits<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG)]).await?;
    talk.speak(vendor).await?;
    talk.give(RealtimeInput::Commit { turn: TurnId::new(1) })?;
    talk.is_quiet().await
}

async fn answers<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG)]).await?;
    talk.ask(1)?;
    let said = talk.until_finished(ONE).await?;
    ensure(said.audio > 0, || "there is no audio".to_owned())?;
    same(said.text.trim(), LONG)?;
    talk.is_quiet().await
}

async fn says<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG)]).await?;
    let prompt = Prompt::Say(LONG.into());
    talk.give(RealtimeInput::Generate { generation: ONE, prompt })?;
    let said = talk.until_finished(ONE).await?;
    ensure(said.audio > 0, || "there is no audio".to_owned())
}

async fn keeps_order<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG), scene("And so on.")]).await?;
    talk.ask(1)?;
    talk.until_finished(ONE).await?;
    talk.ask(2)?;
    let said = talk.until_finished(TWO).await?;
    same(said.text.trim(), "And so on.")
}

async fn cancels<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG), scene("And so on.")]).await?;
    talk.ask(1)?;
    while !matches!(talk.next().await?, RealtimeEvent::Audio { .. }) {}
    talk.give(RealtimeInput::Cancel { generation: ONE })?;
    // What was on its way may still come.
    while timeout(QUIET, talk.link.recv()).await.is_ok() {}
    talk.ask(2)?;
    talk.until_finished(TWO).await.map(drop)
}

async fn truncates<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG), scene(LONG), scene(LONG)]).await?;
    talk.ask(1)?;
    let said = talk.until_finished(ONE).await?;
    let heard = talk.format.duration_of(talk.format.samples(said.audio)) / 2;
    talk.give(RealtimeInput::Truncate { generation: ONE, heard })?;
    talk.ask(2)?;
    talk.until_finished(TWO).await?;
    talk.give(RealtimeInput::Forget { generation: TWO })?;
    talk.ask(3)?;
    talk.until_finished(GenerationId::new(3)).await.map(drop)
}

async fn calls<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let call = RealtimeScene::Call(serde_json::json!({ "day": 1 }));
    let mut talk = Talk::begin(vendor, &[call, scene(LONG)]).await?;
    talk.ask(1)?;
    let said = talk.until_finished(ONE).await?;
    let [id] = &said.calls[..] else { return Err(format!("{} calls", said.calls.len())) };
    talk.give(RealtimeInput::ToolResult { id: id.clone(), output: "{}".into() })?;
    talk.is_quiet().await.map_err(|why| format!("before it is asked: {why}"))?;
    talk.ask(1)?;
    let said = talk.until_finished(ONE).await?;
    ensure(said.audio > 0 && said.calls.is_empty(), || "it does not go on".to_owned())
}

async fn calls_several<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let days = [1, 2].map(|day| serde_json::json!({ "day": day }));
    let scenes = [RealtimeScene::CallSeveral(days.to_vec()), scene(LONG)];
    let mut talk = Talk::begin(vendor, &scenes).await?;
    let duplex = vendor.model().capabilities().duplex;
    let own = if duplex {
        talk.speak(vendor).await?;
        FIRST_OWN
    } else {
        talk.ask(1)?;
        ONE
    };
    let said = talk.until_finished(own).await?;
    let [one, two] = &said.calls[..] else { return Err(format!("{} calls", said.calls.len())) };
    ensure(one != two, || format!("{one} stands for two calls"))?;
    for id in [two, one] {
        talk.give(RealtimeInput::ToolResult { id: id.clone(), output: "{}".into() })?;
    }
    let next = if duplex {
        own.next()
    } else {
        talk.ask(1)?;
        ONE
    };
    let said = talk.until_finished(next).await?;
    ensure(said.audio > 0 && said.calls.is_empty(), || "it does not go on".to_owned())?;
    talk.is_quiet().await
}

async fn ignores<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let call = RealtimeScene::Call(serde_json::json!({}));
    let mut talk = Talk::begin(vendor, &[call, scene(LONG), scene(LONG)]).await?;
    let unknown = GenerationId::new(77);
    let heard = Duration::from_millis(10);
    let result = |id: &ToolCallId| RealtimeInput::ToolResult { id: id.clone(), output: "1".into() };
    talk.give(RealtimeInput::Cancel { generation: unknown })?;
    talk.give(RealtimeInput::Forget { generation: unknown })?;
    talk.give(RealtimeInput::Truncate { generation: unknown, heard })?;
    talk.give(result(&"unknown".into()))?;
    talk.give(RealtimeInput::Commit { turn: TurnId::new(1) })?;
    talk.ask(1)?;
    let said = talk.until_finished(ONE).await?;
    let id = said.calls.first().ok_or("it did not call")?;
    talk.give(result(id))?;
    talk.give(result(id))?;
    talk.ask(1)?;
    talk.until_finished(ONE).await?;
    talk.give(RealtimeInput::Cancel { generation: ONE })?;
    talk.give(RealtimeInput::Cancel { generation: ONE })?;
    talk.ask(2)?;
    talk.until_finished(TWO).await.map(drop)
}

async fn transcribes<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG)]).await?;
    talk.speak(vendor).await?;
    let committed = TurnId::new(4);
    talk.give(RealtimeInput::Commit { turn: committed })?;
    loop {
        if let RealtimeEvent::UserTranscript { turn, transcript } = talk.next().await?
            && transcript.is_final
        {
            ensure(turn.is_none_or(|turn| turn == committed), || format!("of {turn:?}"))?;
            return ensure(!transcript.text.trim().is_empty(), || "there are no words".to_owned());
        }
    }
}

async fn begins<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG), scene(LONG)]).await?;
    let mut before = None;
    for _ in 0..2 {
        talk.speak(vendor).await?;
        let begun = loop {
            if let Some(begun) = generation(&talk.next().await?) {
                break begun;
            }
        };
        ensure(begun >= FIRST_OWN, || format!("{begun} is no name for what it begins"))?;
        ensure(before.is_none_or(|before| before < begun), || format!("{begun} again"))?;
        before = Some(begun);
        talk.until_finished(begun).await?;
    }
    Ok(())
}

async fn goes_on<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let call = RealtimeScene::Call(serde_json::json!({}));
    let mut talk = Talk::begin(vendor, &[call, scene(LONG)]).await?;
    talk.speak(vendor).await?;
    let (own, id) = loop {
        if let RealtimeEvent::ToolCall { generation, call } = talk.next().await? {
            break (generation, call.id);
        }
    };
    talk.until_finished(own).await?;
    let result = RealtimeInput::ToolResult { id, output: "{}".into() };
    talk.give(result.clone())?;
    talk.give(result)?;
    let next = loop {
        if let Some(next) = generation(&talk.next().await?) {
            break next;
        }
    };
    ensure(next > own, || format!("{next} after {own}"))?;
    talk.until_finished(next).await?;
    talk.is_quiet().await
}

async fn tells_edges<V: RealtimeVendor>(vendor: &V) -> Outcome {
    let mut talk = Talk::begin(vendor, &[scene(LONG)]).await?;
    talk.speak(vendor).await?;
    let mut started = false;
    loop {
        match talk.next().await? {
            RealtimeEvent::SpeechStarted => started = true,
            RealtimeEvent::SpeechStopped => {
                return ensure(started, || "speech stopped that had not started".to_owned());
            }
            _ => {}
        }
    }
}
