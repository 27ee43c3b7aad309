//! Agents: immutable recipes for answering calls.

mod attempt;
mod recipe;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument as _, error};

use crate::{
    Error, ErrorKind, Line, Result,
    audio::{AudioFilter, Background},
    call::Call,
    driver::{BackgroundLine, Driver, Legs},
    flow::Flow,
    journal::Journal,
    llm::LanguageModel,
    observer::Observer,
    realtime::RealtimeModel,
    recorder::Format,
    session::{OwedReplyConfig, RealtimeConfig, SessionConfig},
    speech_gate::SpeechGateConfig,
    spoken::SpokenForm,
    store::ConversationStore,
    stt::SpeechToText,
    tool::{EquippedTool, Tool},
    transport::{CallInfo, Transport},
    tts::TextToSpeech,
    turn::TurnDetector,
    vad::{Telephone, VadFactory},
};

pub(crate) use recipe::Recipe;

use attempt::Attempt;
use recipe::{FilterFactory, ObserverFactory};

/// Events that may wait for the owner of a call. A turn makes about ten; an owner who is a dozen
/// turns behind does not read at all.
const EVENTS: usize = 128;
/// Requests of tools and owner that may wait.
const REQUESTS: usize = 16;
/// How long the legs of a call may take to open, all together.
const OPENING: Duration = Duration::from_secs(10);
/// After four seconds of silence a caller thinks that the line is dead. A voice needs most of one.
const PATIENCE: Duration = Duration::from_secs(3);
const ONE_MOMENT: &str = "One moment, please.";
const STILL_THERE: &str = "I am still working on it.";

/// An immutable recipe for answering calls. A clone is the same recipe; one agent answers any
/// number of calls at once.
///
/// ```
/// # use std::sync::Arc;
/// # use voiceagent_core::{Agent, Result, llm::LanguageModel, transport::Transport};
/// # async fn answer(llm: Arc<dyn LanguageModel>, line: Box<dyn Transport>) -> Result<()> {
/// let agent = Agent::builder()
///     .instructions("You answer the phone of a small bakery.")
///     .greeting("Good morning!")
///     .llm(llm)
///     .build()?;
/// let mut call = agent.start(line).await?;
/// while let Some((at, event)) = call.next_event().await {
///     println!("{at:?} {event:?}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Agent {
    recipe: Arc<Recipe>,
}

impl Agent {
    /// Starts a recipe. When an answer takes longer than 3 s its agent asks for a moment, unless
    /// [`tune`](AgentBuilder::tune) says otherwise.
    pub fn builder() -> AgentBuilder {
        let mut builder = AgentBuilder::default();
        builder.config.owed_reply =
            Some(OwedReplyConfig::new(PATIENCE, ONE_MOMENT).then(STILL_THERE));
        builder
    }

    /// Answers a call, and lets the conversation run on a task of its own. Dropping the [`Call`]
    /// ends it.
    ///
    /// The providers are connected to and the caller is recalled at once. Only then the transport is
    /// opened: a caller is answered by somebody who can hear and speak, and until then hears it ring.
    ///
    /// # Errors
    ///
    /// When a leg does not open within 10 s or refuses, when the call's media needs a provider that
    /// the agent does not have, and when the journal cannot be created. The call has not been
    /// answered then, and its observers are told that it has [ended](crate::Event::Ended).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the call is not answered. What has been opened is closed, and
    /// observers are told as of an error.
    pub async fn start(&self, transport: Box<dyn Transport>) -> Result<Call> {
        let info = Arc::new(transport.call().clone());
        let mut attempt = Attempt { recipe: &self.recipe, info: &info, has_begun: false };
        let call = self.begin(info.clone(), transport).await?;
        attempt.has_begun = true;
        Ok(call)
    }

    /// Answers a call and stays until it is over. A call that [`start`](Self::start) cannot answer
    /// is a line of the log.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the call.
    pub async fn answer(self, transport: Box<dyn Transport>) {
        let id = transport.call().id.clone();
        // The box goes when the call has begun, and with it what beginning took.
        let started = Box::pin(self.start(transport)).await;
        match started {
            Ok(call) => call.finished().await,
            Err(error) => error!(call = %id, %error, "a call could not be answered"),
        }
    }

    async fn begin(&self, info: Arc<CallInfo>, transport: Box<dyn Transport>) -> Result<Call> {
        let config = self.recipe.session_config(&*transport);
        let journal = match &self.recipe.journals {
            Some(folder) => Some(Journal::create(folder, &info.id, &config)?),
            None => None,
        };
        let background = BackgroundLine::of(&self.recipe, &info)?;
        let opening = Legs::open(&self.recipe, &info, transport);
        let legs = tokio::time::timeout(OPENING, opening).await.map_err(|_| {
            Error::new(ErrorKind::Timeout, "start", "the legs did not open within 10 s")
        })??;
        let (events, owner_events) = mpsc::channel(EVENTS);
        let (owned, owner) = oneshot::channel();
        let (requests, call_requests) = mpsc::channel(REQUESTS);
        let line = Line::new(requests, config.transfer_targets.clone());
        let driver = Box::new(
            Driver::new(
                self.recipe.clone(),
                info.clone(),
                config,
                legs,
                (events, owner),
                (line.clone(), call_requests),
                journal,
            )
            .with_background(background),
        );
        #[expect(clippy::disallowed_methods, reason = "the one place where a call's task starts")]
        drop(tokio::spawn(driver.run().in_current_span()));
        Ok(Call::new(info, line, owner_events, owned))
    }
}

/// Puts an [`Agent`] together.
#[derive(Default)]
#[must_use]
pub struct AgentBuilder {
    config: SessionConfig,
    speech_gate: Option<SpeechGateConfig>,
    llm: Option<Arc<dyn LanguageModel>>,
    realtime: Option<Arc<dyn RealtimeModel>>,
    model_greeting: Option<Arc<str>>,
    stt: Option<Arc<dyn SpeechToText>>,
    tts: Option<Arc<dyn TextToSpeech>>,
    language: Option<Arc<str>>,
    vad: Option<Arc<dyn VadFactory>>,
    no_vad: bool,
    echo: bool,
    turn_detector: Option<Arc<dyn TurnDetector>>,
    tools: Vec<Arc<dyn Tool>>,
    flow: Option<Arc<dyn Flow>>,
    store: Option<Arc<dyn ConversationStore>>,
    filters: Vec<Box<FilterFactory>>,
    observers: Vec<Box<ObserverFactory>>,
    journals: Option<PathBuf>,
    recordings: Option<(PathBuf, Format)>,
    background: Option<Background>,
}

impl AgentBuilder {
    /// What the agent is and how it behaves, for the language model.
    pub fn instructions(mut self, instructions: impl Into<Arc<str>>) -> Self {
        self.config.instructions = instructions.into();
        self
    }

    /// What the agent says first. Without it the caller speaks first.
    pub fn greeting(mut self, greeting: impl Into<Arc<str>>) -> Self {
        self.config.greeting = Some(greeting.into());
        self
    }

    /// Who writes the agent's side.
    pub fn llm(mut self, llm: Arc<dyn LanguageModel>) -> Self {
        self.llm = Some(llm);
        self
    }

    /// Who hears and speaks by itself, in place of `stt`, `llm` and `tts`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use voiceagent_core::{Agent, Result, realtime::RealtimeModel};
    /// # fn agent(model: Arc<dyn RealtimeModel>) -> Result<Agent> {
    /// Agent::builder()
    ///     .instructions("You answer the phone of a small bakery.")
    ///     .realtime(model)
    ///     .greet_by("Greet the caller, and ask for the name.")
    ///     .build()
    /// # }
    /// ```
    pub fn realtime(mut self, model: Arc<dyn RealtimeModel>) -> Self {
        self.realtime = Some(model);
        self
    }

    /// How a speech-to-speech model greets, in words of its own. Takes the place of a
    /// [`greeting`](Self::greeting).
    pub fn greet_by(mut self, instructions: impl Into<Arc<str>>) -> Self {
        self.model_greeting = Some(instructions.into());
        self
    }

    /// Who recognizes speech. Needed for calls with audio.
    pub fn stt(mut self, stt: Arc<dyn SpeechToText>) -> Self {
        self.stt = Some(stt);
        self
    }

    /// Who speaks. Needed for calls with audio.
    pub fn tts(mut self, tts: Arc<dyn TextToSpeech>) -> Self {
        self.tts = Some(tts);
        self
    }

    /// How texts are put into words for the voice: numbers, dates, addresses, words of a dictionary.
    /// The history keeps what was written. Without it the voice is given what was written.
    pub fn spoken_form(mut self, form: SpokenForm) -> Self {
        self.config.spoken_form = Some(form);
        self
    }

    /// The language of the calls, a BCP 47 tag as `de-AT`: recognizer and voice are told, and unless
    /// it is English, words do not [tell](crate::session::EndpointingConfig::by_words) when a turn is
    /// over. Unless set, it is as each of them is configured, and what the recognizer
    /// [says](crate::stt::SttCapabilities::language) of its own counts.
    pub fn language(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.language = Some(tag.into());
        self
    }

    /// Who detects speech, in place of the embedded detector.
    pub fn vad(mut self, vad: Arc<dyn VadFactory>) -> Self {
        self.vad = Some(vad);
        self
    }

    /// Leaves speech edges to the recognizer.
    pub fn without_vad(mut self) -> Self {
        self.no_vad = true;
        self
    }

    /// Tells the [echo](crate::echo::EchoDetector) of the agent's voice from the caller's, for
    /// callers on speakerphones. It costs two thirds of a millisecond of a core for each second of
    /// the agent's speech, and a caller over the agent's very first sounds may be noticed a moment later.
    pub fn echo_detection(mut self) -> Self {
        self.echo = true;
        self
    }

    /// How scores become speech that starts and stops; unless told, as
    /// [suits the detector](VadFactory::gate).
    pub fn speech_gate(mut self, config: SpeechGateConfig) -> Self {
        self.speech_gate = Some(config);
        self
    }

    /// Who guesses whether the user has finished.
    pub fn turn_detector(mut self, detector: Arc<dyn TurnDetector>) -> Self {
        self.turn_detector = Some(detector);
        self
    }

    /// A function that the model may call.
    pub fn tool(mut self, tool: impl Tool) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// Functions that the model may call.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Who decides what each turn is answered with.
    pub fn flow(mut self, flow: Arc<dyn Flow>) -> Self {
        self.flow = Some(flow);
        self
    }

    /// What is remembered from call to call.
    pub fn store(mut self, store: Arc<dyn ConversationStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds a filter for the caller's audio; each call gets its own. They run in this order.
    pub fn filter<F: AudioFilter>(mut self, make: impl Fn() -> F + Send + Sync + 'static) -> Self {
        self.filters.push(Box::new(move || Box::new(make())));
        self
    }

    /// Adds an observer; each call gets its own.
    pub fn observer<O: Observer>(
        mut self,
        make: impl Fn(&CallInfo) -> O + Send + Sync + 'static,
    ) -> Self {
        self.observers.push(Box::new(move |call| Box::new(make(call))));
        self
    }

    /// Writes the [journal](crate::journal) of each call to a file in this folder, named by the id of
    /// the call: `CA123.journal`. When an id comes again it is `CA123-2.journal`; no journal takes the
    /// place of another. It holds everything that was said.
    pub fn journals(mut self, folder: impl Into<PathBuf>) -> Self {
        self.journals = Some(folder.into());
        self
    }

    /// Records each call with audio to a stereo WAV file in this folder: the caller on the left, as
    /// it arrived, and the agent on the right, as the caller heard it. Where the system knows
    /// owners, only the owner may read it.
    ///
    /// A call that cannot be recorded goes on: it tells [`Event::Failed`](crate::Event::Failed) with
    /// [`Leg::Recorder`](crate::session::Leg::Recorder), and what was recorded before is kept.
    pub fn record(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recordings = Some((folder.into(), Format::Wav));
        self
    }

    /// Records as [`record`](Self::record) does, to an Ogg file of Opus: `CA123.opus`, a fifth of the
    /// size at 8 kHz. Each side is coded by itself, so nothing of one is heard on the other. The work
    /// is done on the threads that write files.
    #[cfg(feature = "opus")]
    pub fn record_opus(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recordings = Some((folder.into(), Format::Opus));
        self
    }

    /// Plays a sound behind the agent, throughout each call with audio. The agent may be heard up to
    /// 60 ms later than without.
    pub fn background(mut self, background: Background) -> Self {
        self.background = Some(background);
        self
    }

    /// Changes how sessions decide.
    pub fn tune(mut self, change: impl FnOnce(&mut SessionConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Makes the agent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when something is missing or does not fit; the message names it.
    pub fn build(mut self) -> Result<Agent> {
        self.config.realtime = self.check_realtime()?;
        self.config.validate()?;
        recipe::check_language(self.language.as_deref(), &self.config)?;
        if let Some(background) = &self.background {
            background.validate()?;
        }
        let mut tools: Vec<EquippedTool> = Vec::with_capacity(self.tools.len());
        for tool in self.tools {
            let tool = EquippedTool::new(tool)?;
            if tools.iter().any(|other| other.spec.name == tool.spec.name) {
                return Err(Error::config(format!("two tools are named `{}`", tool.spec.name)));
            }
            tools.push(tool);
        }
        if let Some(llm) = self.llm.as_ref().filter(|llm| !llm.capabilities().tools)
            && !tools.is_empty()
        {
            return Err(Error::config(format!("the model `{}` cannot call tools", llm.name())));
        }
        self.config.tools = tools.iter().map(|tool| tool.spec.clone()).collect();
        self.config.flow = self.flow.is_some();
        self.config.turn_detector = self.turn_detector.is_some();
        let hears_edges = self.config.realtime.as_ref().is_some_and(|model| model.server_vad);
        let vad = if self.no_vad || hears_edges {
            None
        } else {
            Some(self.vad.unwrap_or_else(|| Arc::new(Telephone::default())))
        };
        let speech_gate =
            self.speech_gate.or_else(|| Some(vad.as_ref()?.gate())).unwrap_or_default();
        speech_gate.validate()?;
        let recipe = Recipe {
            config: self.config,
            speech_gate,
            llm: self.llm,
            realtime: self.realtime,
            stt: self.stt,
            tts: self.tts,
            language: self.language,
            vad,
            echo: self.echo,
            turn_detector: self.turn_detector,
            tools,
            flow: self.flow,
            store: self.store,
            filters: self.filters,
            observers: self.observers,
            journals: self.journals,
            recordings: self.recordings,
            background: self.background,
        };
        Ok(Agent { recipe: Arc::new(recipe) })
    }

    /// What a session has to know of the speech-to-speech model, if that is how the agent talks.
    fn check_realtime(&self) -> Result<Option<RealtimeConfig>> {
        let Some(model) = &self.realtime else {
            if self.model_greeting.is_some() {
                return Err(Error::config("`greet_by` needs `realtime`"));
            }
            let missing = || Error::config("an agent needs `llm`, or `realtime` in place of it");
            return self.llm.as_ref().map(|_| None).ok_or_else(missing);
        };
        let others = [
            ("llm", self.llm.is_some()),
            ("stt", self.stt.is_some()),
            ("tts", self.tts.is_some()),
            // A flow plans by the user's words, which come too late here.
            ("flow", self.flow.is_some()),
        ];
        if let Some((other, _)) = others.iter().find(|(_, is_set)| *is_set) {
            let why = format!("`realtime` takes the place of `{other}`; an agent has one of them");
            return Err(Error::config(why));
        }
        if self.model_greeting.is_some() && self.config.greeting.is_some() {
            return Err(Error::config("an agent has `greeting` or `greet_by`, not both"));
        }
        let capabilities = model.capabilities();
        if capabilities.duplex && capabilities.server_vad && self.vad.is_some() {
            let why = "the duplex model tells when the user speaks; it takes the place of `vad`";
            return Err(Error::config(why));
        }
        if self.no_vad && !capabilities.server_vad && !capabilities.duplex {
            let why = "the model does not tell when the user speaks; the agent needs a detector";
            return Err(Error::config(why));
        }
        Ok(Some(RealtimeConfig {
            duplex: capabilities.duplex,
            // A detector of our own is earlier than a message of the model.
            server_vad: capabilities.server_vad && (capabilities.duplex || self.no_vad),
            truncate: capabilities.truncate,
            greeting: self.model_greeting.clone(),
        }))
    }
}

impl fmt::Debug for AgentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentBuilder")
            .field("config", &self.config)
            .field("tools", &self.tools.len())
            .finish_non_exhaustive()
    }
}
