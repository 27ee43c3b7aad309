//! Who answers: opens what all calls share, and gives each call an agent of its own.

mod choice;
mod conversation;
mod hosted;
mod parts;
mod patience;

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{Instrument, warn};
use voiceagent_core::{
    Call, CallId, Error, Result,
    adapt::{FallbackLlm, LlmFailover},
    llm::LanguageModel,
    observer::UsageReport,
    stt::SpeechToText,
    transport::{CallInfo, Direction, Transport},
    tts::TextToSpeech,
};
use voiceagent_telephony::front_door::CallStatus;

pub(crate) use self::conversation::converse;
use crate::{
    agent::{Makings, Occasion, Witness, counterpart},
    analysis,
    brain::RuleBrain,
    call_context::CallContext,
    clock::Clock,
    config::{DealershipConfig, Endpointing},
    departments::Departments,
    jobs, keys,
    messages::Messenger,
    metrics::{FAILED, Lookup, Metrics},
    minutes::Minutes,
    mirror::{self, Mirror, Talk},
    phone::Phone,
    record::Record,
    recordings::Recordings,
    shared::Shared,
    spoken,
    store::{Ending, Fault, Store},
    talk::Visitor,
    templates::{FollowUp, Prices, Template, Vendors},
    tools::{KnownCodes, Targets},
    trace::Trace,
    vin::Decoder,
};

/// A caller hears nothing while it is found out who they are.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Answers calls. Without a model the rule brain does; with one, it stands in when the model fails.
///
/// ```
/// # #[tokio::main] async fn main() -> voiceagent_core::Result<()> {
/// use dealership::{clock::Clock, config::Config, reception::Reception, store::Store};
/// use dealership::terminal::Terminal;
///
/// let store = Store::in_memory().await?;
/// let reception = Reception::open(store, Clock::System, &Config::default().dealership).await?;
/// let leg = Terminal::piped("1", "When are you open?\n".as_bytes(), tokio::io::sink());
/// reception.answer(Box::new(leg)).await?.finished().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Reception {
    makings: Makings,
    /// Who stands in for a model.
    rules: Arc<dyn LanguageModel>,
    vendors: Option<Vendors>,
    /// The model of the configuration, without those who stand in for it.
    model: Option<Arc<dyn LanguageModel>>,
    /// Whether templates may name models.
    takes_models: bool,
    shared: Shared,
    /// The calls that go on. Each use of the lock is one step.
    calls: Mutex<BTreeMap<CallId, Papers>>,
    /// Tells whoever watches that something has changed in a call.
    watchers: watch::Sender<()>,
}

/// What is noted of a call while it goes on.
#[derive(Debug)]
struct Papers {
    minutes: Arc<Minutes>,
    record: Arc<Record>,
    used: UsageReport,
    prices: Option<Prices>,
    /// What is written after it, in whose name.
    follow_up: Option<(FollowUp, String)>,
    begun: Instant,
}

impl Reception {
    /// A reception for calls in text. The store gets the name and the time zone of the
    /// configuration, and a whole dealership if it is empty.
    ///
    /// # Errors
    ///
    /// When the store cannot be used, the time zone is unknown, or a department has no number.
    pub async fn open(store: Store, clock: Clock, config: &DealershipConfig) -> Result<Self> {
        let zone = TimeZone::get(&config.timezone).map_err(|cause| {
            Error::config("field `dealership.timezone` is no IANA time zone").with_source(cause)
        })?;
        let departments = Departments::read(&config.departments)?;
        store.establish(&config.name, &config.timezone, clock.now()).await?;
        let hours = match &config.hours {
            Some(hours) => hours.clone(),
            None => spoken::week(&store.hours(&store.location().await?).await?),
        };
        let today = zone.clone();
        let mut brain = RuleBrain::new(move || clock.now().to_zoned(today.clone()).date())
            .with_hours(hours.as_str());
        if let Some(address) = &config.address {
            brain = brain.with_address(address.as_str());
        }
        let rules: Arc<dyn LanguageModel> = Arc::new(brain);
        let makings = Makings {
            decoder: Decoder::new(store.clone(), None),
            weather: None,
            departments,
            identity: config.identity,
            endpointing: Endpointing::default(),
            store,
            clock,
            zone,
            name: config.name.clone(),
            hours,
            address: config.address.clone(),
            llm: Arc::clone(&rules),
            stt: None,
            tts: None,
            messenger: None,
            payments: None,
            codes: None,
            targets: Targets::default(),
            journals: None,
            recordings: None,
            witness: None,
            metrics: Arc::default(),
            spans: None,
            model: None,
        };
        let (calls, watchers) = (Mutex::default(), watch::Sender::new(()));
        let shared = Shared::local();
        Ok(Self {
            makings,
            rules,
            vendors: None,
            model: None,
            takes_models: true,
            shared,
            calls,
            watchers,
        })
    }

    /// What is counted of the calls.
    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.makings.metrics)
    }

    /// Checks that the vendors and the tools can be made that a template names.
    pub(crate) fn check(&self, template: &Template) -> Result<()> {
        self.makings.targets.tools(&template.tools)?;
        self.vendors.as_ref().map_or(Ok(()), |vendors| vendors.check(template))
    }

    /// What makes the vendors that templates name, if they may name any.
    pub(crate) fn vendors(&self) -> Option<&Vendors> {
        self.vendors.as_ref()
    }

    /// Tells each time that something has changed in a call.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.watchers.subscribe()
    }

    /// Lets this model answer, and the rule brain only when the model fails.
    #[must_use]
    pub fn with_model(mut self, model: Arc<dyn LanguageModel>) -> Self {
        self.makings.llm = self.backed(Arc::clone(&model));
        self.model = Some(model);
        self
    }

    /// A model for which the rules stand in.
    fn backed(&self, model: Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel> {
        let mut settings = LlmFailover::default();
        // Rules cannot go on with the words of a model: they answer anew behind them.
        settings.cue = RuleBrain::CUE.into();
        Arc::new(FallbackLlm::with_settings(model, vec![Arc::clone(&self.rules)], settings))
    }

    /// Lets templates name vendors.
    #[must_use]
    pub fn with_vendors(mut self, vendors: Vendors) -> Self {
        self.vendors = Some(vendors);
        self
    }

    /// Has the rules answer, also where a template names a model.
    #[must_use]
    pub fn by_rules_alone(mut self) -> Self {
        self.makings.llm = Arc::clone(&self.rules);
        self.takes_models = false;
        self
    }

    /// Keeps what is said in calls here while they go on, in place of this process alone.
    #[must_use]
    pub fn with_shared(mut self, shared: Shared) -> Self {
        self.shared = shared;
        self
    }

    /// Takes calls with sound too.
    #[must_use]
    pub fn with_voice(mut self, stt: Arc<dyn SpeechToText>, tts: Arc<dyn TextToSpeech>) -> Self {
        (self.makings.stt, self.makings.tts) = (Some(stt), Some(tts));
        self
    }

    /// Tells the end of a spoken turn by this, rather than by [`Endpointing::Adaptive`].
    #[must_use]
    pub fn with_endpointing(mut self, endpointing: Endpointing) -> Self {
        self.makings.endpointing = endpointing;
        self
    }

    /// Sends texts with this.
    #[must_use]
    pub fn with_messenger(mut self, messenger: Arc<dyn Messenger>) -> Self {
        self.makings.messenger = Some(messenger);
        self
    }

    /// Lets tools of templates ask these.
    #[must_use]
    pub fn with_targets(mut self, targets: Targets) -> Self {
        self.makings.targets = targets;
        self
    }

    /// Texts these codes, and when they are used up others.
    #[must_use]
    pub fn with_codes(mut self, codes: KnownCodes) -> Self {
        self.makings.codes = Some(Arc::new(codes));
        self
    }

    /// Leaves a journal of each call in this folder.
    #[must_use]
    pub fn with_journals(mut self, folder: impl Into<PathBuf>) -> Self {
        self.makings.journals = Some(folder.into());
        self
    }

    /// Has the tools of every call watched.
    #[must_use]
    pub fn with_witness(mut self, witness: Arc<dyn Witness>) -> Self {
        self.makings.witness = Some(witness);
        self
    }

    /// Answers a call, whichever side has made it.
    ///
    /// # Errors
    ///
    /// When a part of the call cannot be opened.
    pub async fn answer(&self, leg: Box<dyn Transport>) -> Result<Call> {
        let id = leg.call().id.clone();
        let span = Trace::of(&id).span(&id);
        // The tasks of the call are begun within it, so that all that they log is known by it.
        self.begin(id, leg).instrument(span).await
    }

    async fn begin(&self, id: CallId, leg: Box<dyn Transport>) -> Result<Call> {
        let call = leg.call();
        let begun = Instant::now();
        let mut occasion = self.known_in_time(call).await;
        let Makings { store, metrics, .. } = &self.makings;
        metrics.lookup(Lookup::Context, begun.elapsed());
        let (mirror, said) = Mirror::new(occasion.talk.clone());
        occasion.mirror = Some(mirror);
        let (sender, presses) = keys::listen();
        let watchers = self.watchers.clone();
        let record = Record::new(id.clone(), store.clone(), Arc::clone(metrics), watchers);
        let (agent, minutes, used) = self.makings.agent(call, &occasion, (sender, &record))?;
        let call = agent.start(leg).await?;
        let papers = Papers {
            minutes: Arc::clone(&minutes),
            record: Arc::clone(&record),
            used,
            prices: occasion.template.prices,
            follow_up: occasion.template.follow_up.clone().map(|one| {
                let place = occasion.place.as_ref().map(|place| &place.location.name);
                (one, place.unwrap_or(&self.makings.name).clone())
            }),
            begun,
        };
        self.going_on().insert(id.clone(), papers);
        self.watchers.send_replace(());
        // They end with the call, whose observers hold the other ends.
        tokio::spawn(mirror::keep(id.clone(), said, self.shared.clone()).in_current_span());
        tokio::spawn(keys::serve(presses, (id, call.line().clone()), minutes).in_current_span());
        tokio::spawn(record.write_along().in_current_span());
        Ok(call)
    }

    /// Talks with a visitor of the talk page to the end, or until `closing` ends, and shows on the
    /// page what happens.
    pub async fn receive(&self, visitor: Visitor, closing: impl Future<Output = ()>) {
        let Visitor { leg, screen } = visitor;
        let id = leg.call().id.clone();
        match self.answer(Box::new(leg)).await {
            Ok(call) => converse(call, closing, |at, event| screen.show(at, event)).await,
            Err(error) => warn!(%error, "a visitor could not be answered"),
        }
        self.conclude(&id).await;
    }

    /// Notes how a call went that is over, if nobody has: a caller may hang up, and a line may break.
    /// What follows from its end is begun.
    pub async fn conclude(&self, call: &CallId) {
        let span = Trace::of(call).span(call);
        self.end(call).instrument(span).await;
    }

    async fn end(&self, call: &CallId) {
        let papers = self.going_on().remove(call);
        let ending = match &papers {
            Some(Papers { minutes, record, used, prices, begun, .. }) => {
                record.write().await;
                let used = used.snapshot();
                let cost = prices.map(|prices| prices.cost(&used, begun.elapsed()));
                let noted = self.makings.store.note_usage(
                    call.as_str(),
                    (&used, cost),
                    self.makings.clock.now(),
                );
                known(noted.await, "nobody will know what a call has cost");
                let ending = minutes.ending();
                if ending.message_left {
                    minutes.note_message(call).await;
                }
                ending
            }
            // Nobody could answer it.
            None => Ending { failed: true, ..Ending::default() },
        };
        self.over(call, ending).await;
        if let Some((follow_up, house)) = papers.and_then(|papers| papers.follow_up)
            && !ending.failed
            && !ending.by_machine
        {
            let Makings { store, clock, .. } = &self.makings;
            let planned =
                store.plan_follow_up(call.as_str(), (&follow_up, &house), clock.now()).await;
            known(planned, "nobody is written to after a call");
        }
        // What is long goes last, and is done later where the program ends before it.
        if let Some(recordings) = &self.makings.recordings {
            recordings.settle(&self.makings.store, call).await;
        }
    }

    /// Notes and counts a call that is over, and begins what follows from its end.
    async fn over(&self, call: &CallId, ending: Ending) {
        let Makings { store, clock, .. } = &self.makings;
        if let Err(fault) = store.conclude(call.as_str(), ending, clock.now()).await {
            warn!(error = %Error::from(fault), "a call that is over is not noted");
        }
        self.count(call, ending).await;
        self.watchers.send_replace(());
        analysis::conclude(store, call, self.makings.spans.as_ref(), clock.now()).await;
    }

    /// Counts a call that is over, by what came of it.
    async fn count(&self, call: &CallId, ending: Ending) {
        let Makings { store, metrics, .. } = &self.makings;
        let noted = known(store.call(call.as_str()).await, "a call is counted as failed").flatten();
        let outcome = noted.as_ref().and_then(|call| call.disposition.as_deref());
        let outcome = outcome.filter(|_| !ending.failed).unwrap_or(FAILED);
        let is_outbound = noted.as_ref().is_some_and(|call| call.direction == "outbound");
        let way = if is_outbound { Direction::Outbound } else { Direction::Inbound };
        metrics.call_over(way, outcome);
    }

    /// Takes in what the carrier reports of a call.
    pub async fn note_status(&self, call: &CallId, status: CallStatus) {
        let Makings { store, clock, .. } = &self.makings;
        if let Err(error) = jobs::note_status(store, call, status, clock.now()).await {
            warn!(%error, "a report of the carrier is not noted");
        }
    }

    /// What there is to know of a call before it is answered. Where the store cannot tell, it is
    /// answered without.
    async fn occasion(&self, call: &CallInfo) -> Occasion {
        let Makings { store, clock, name, .. } = &self.makings;
        let (phone, now) = (counterpart(call), clock.now());
        let mut occasion = Occasion { context: CallContext::of(call), ..Occasion::default() };
        let back = store.back(call.id.as_str()).await;
        occasion.back = known(back, "nobody knows whether a call is back").flatten();
        if occasion.back.is_some() {
            occasion.talk = Talk::of(&call.id, &self.shared).await;
        }
        occasion.wish = match call.direction {
            Direction::Inbound => patience::soon(self.begin_call(call)).await,
            // What it is about is noted with it.
            Direction::Outbound => self.begin_call(call).await,
        };
        let steps = known(store.steps(call.id.as_str()).await, "a call begins at the beginning");
        occasion.steps = steps.unwrap_or_default();
        if self.makings.recordings.is_some() {
            let noted = known(store.call(call.id.as_str()).await, "nobody knows who was recorded");
            // Where it cannot be read, nobody is.
            let said = noted.map(|call| call.map_or_else(String::new, |call| call.recording));
            occasion.is_private = said.is_none_or(|said| !Recordings::may_record(&said));
        }
        if let Some(phone) = &phone {
            let kept = known(store.conversation(phone).await, "a number is not remembered");
            let memory = kept.flatten().map(|kept| kept.memory);
            occasion.memory =
                memory.filter(|memory| memory.as_object().is_some_and(|all| !all.is_empty()));
        }
        if call.direction == Direction::Inbound {
            occasion.place =
                known(self.called(call).await, "nobody knows which place was called").flatten();
        }
        if call.direction == Direction::Outbound {
            let taken = store.take_up(call.id.as_str(), phone.as_ref(), now).await;
            occasion.errand = known(taken, "nobody knows what a call is about").flatten();
            let place = known(store.location().await, "nobody knows where the house is");
            occasion.voicemail = occasion
                .errand
                .as_ref()
                .zip(place)
                .map(|(errand, place)| errand.voicemail(name, &place));
        }
        self.apply_template(call, phone.as_ref(), &mut occasion).await;
        if occasion.template.greeting_by_name.is_some() && occasion.errand.is_none() {
            occasion.first_name = self.first_name(phone.as_ref()).await;
        }
        occasion
    }

    /// The first name of the one customer with this number. Nobody waits for it for long: who
    /// calls is greeted without it then.
    async fn first_name(&self, phone: Option<&Phone>) -> Option<String> {
        let begun = Instant::now();
        let found = self.makings.store.customers_by_phone(phone?);
        let found = timeout(LOOK_UP, found).await;
        self.makings.metrics.lookup(Lookup::Caller, begun.elapsed());
        let customers = found.ok()?;
        match known(customers, "nobody knows who calls")?.as_slice() {
            [only] => Some(only.first_name.clone()),
            _ => None,
        }
    }

    fn going_on(&self) -> MutexGuard<'_, BTreeMap<CallId, Papers>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the store says, or nothing, with a warning.
fn known<T>(told: Result<T, Fault>, otherwise: &str) -> Option<T> {
    told.map_err(|fault| warn!(error = %Error::from(fault), "{otherwise}")).ok()
}

#[cfg(test)]
mod tests;
