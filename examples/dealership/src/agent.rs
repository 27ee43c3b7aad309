//! How the agent of a call is put together. Read this file first.
//!
//! A caller speaks; a recognizer, `Makings::stt`, hears. A language model, `Makings::llm`,
//! answers: a vendor's, or the rules of [`brain`](crate::brain), which need none. The
//! [`graph`](crate::graph) tells it turn by turn what to find out and which tools it may use, by what
//! the database says. It acts through [`tools`] alone, and these through the
//! [`store`](crate::store), where the truth is. What it says passes the [`guard`](crate::guard),
//! which lets nothing be claimed that no tool has done, and then a voice, `Makings::tts`. A
//! [`Template`] in the database sets how it behaves, and [`reception`](crate::reception) starts it
//! for each call.
//!
//! To give the agent another tool, write `src/tools/<name>.rs` with a function `tool`, and add its
//! name to the list in `src/tools.rs`.

mod hosted;
mod instructions;
mod team;

use std::{
    fmt::Debug,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::sync::mpsc;
use voiceagent_core::{
    Agent, Error, ErrorKind, Result, Secret, SessionConfig,
    llm::LanguageModel,
    observer::{SpanObserver, UsageObserver, UsageReport},
    stt::SpeechToText,
    tool::Tool,
    transport::{CallInfo, Direction, Media},
    tts::TextToSpeech,
};

use crate::{
    call_context::CallContext,
    clock::Clock,
    config::Endpointing,
    departments::Departments,
    events::Events,
    graph::{Guide, Journey},
    guard::Guard,
    keys::{Keys, Press},
    messages::Messenger,
    metrics::Metrics,
    minutes::{Clerk, Minutes},
    mirror::{Mirror, Talk},
    payments::Payments,
    phone::Phone,
    record::Record,
    recordings::Recordings,
    store::{Appointment, CallStep, Errand, Location, Store},
    team::Team,
    templates::{Parts, Template},
    tools::{self, Desk, Identity, KnownCodes, Targets},
    trace::{CallTrace, Spans, Trace, TracedMessenger},
    vin::Decoder,
    weather::WeatherService,
};

use self::instructions::Instructions;

/// The first words, where no template has others.
const GREETING: &str = "Thank you for calling {name}. How can I help you?";
/// What is said where a call is recorded and the greeting does not tell.
const RECORDED: &str = "This call may be recorded.";
/// The first words to a caller whose call is back.
const BACK: &str = "I am sorry, we were cut off.";
const ANYTHING_ELSE: &str = "Is there anything else I can do for you?";
/// The last words to a caller for whom there is no more time.
pub(crate) const CLOSING: &str =
    "I am sorry, I have to end this call now. Please call again soon. Goodbye!";
/// A call that we make waits so long to be told whether a machine has answered.
const VERDICT: Duration = Duration::from_secs(5);
/// Longer than any booking, where no template says how long a call may be.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// What the agents of all calls are made of.
#[derive(Debug)]
pub(crate) struct Makings {
    pub(crate) llm: Arc<dyn LanguageModel>,
    /// Without it, and without a voice, calls are in text.
    pub(crate) stt: Option<Arc<dyn SpeechToText>>,
    pub(crate) tts: Option<Arc<dyn TextToSpeech>>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) zone: TimeZone,
    pub(crate) name: String,
    pub(crate) hours: String,
    pub(crate) address: Option<String>,
    pub(crate) departments: Departments,
    pub(crate) identity: Identity,
    pub(crate) decoder: Decoder,
    pub(crate) weather: Option<WeatherService>,
    /// Without it, no texts are sent.
    pub(crate) messenger: Option<Arc<dyn Messenger>>,
    /// Without it, people pay at the counter.
    pub(crate) payments: Option<Payments>,
    pub(crate) codes: Option<Arc<KnownCodes>>,
    /// What the tools of templates may ask.
    pub(crate) targets: Targets,
    pub(crate) endpointing: Endpointing,
    pub(crate) journals: Option<PathBuf>,
    pub(crate) recordings: Option<Recordings>,
    pub(crate) witness: Option<Arc<dyn Witness>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Without them, no collector is told of calls.
    pub(crate) spans: Option<Spans>,
    /// The name of the model at its vendor, where one is configured.
    pub(crate) model: Option<String>,
}

/// Watches what an agent does.
pub trait Witness: Debug + Send + Sync {
    /// Takes the place of a tool, to see its calls and their results.
    fn watch(&self, tool: Arc<dyn Tool>) -> Arc<dyn Tool>;
}

/// What one call is about, beside what all are.
#[derive(Debug, Default)]
pub(crate) struct Occasion {
    pub(crate) template: Template,
    /// The vendors that the template names.
    pub(crate) parts: Parts,
    /// What whoever has sent the call on says of it.
    pub(crate) context: CallContext,
    /// Why we call, if we do.
    pub(crate) errand: Option<Errand>,
    /// Whose number calls, if it is one customer's.
    pub(crate) first_name: Option<String>,
    /// What was booked in it, if it broke off and is back.
    pub(crate) back: Option<Vec<Appointment>>,
    /// Where it went before that.
    pub(crate) steps: Vec<CallStep>,
    /// What was said in it before that.
    pub(crate) talk: Talk,
    /// Where it is written down what is said.
    pub(crate) mirror: Option<Mirror>,
    /// What the last call of the number was about to book when it broke off.
    pub(crate) wish: Option<Value>,
    /// Whether the caller has said before that they are not to be recorded.
    pub(crate) is_private: bool,
    /// What a machine is told that answers.
    pub(crate) voicemail: Option<String>,
    /// The place that was called, where that is not the first.
    pub(crate) place: Option<Premises>,
    /// What is remembered of the number.
    pub(crate) memory: Option<Value>,
    /// The language of the call, where its template has another than that of all, a BCP 47 tag.
    pub(crate) language: Option<Arc<str>>,
}

/// What a talk is led by that somebody else leads.
#[derive(Debug)]
pub(crate) struct HostedTalk {
    pub(crate) greeting: String,
    pub(crate) instructions: String,
    pub(crate) tools: Vec<Arc<dyn Tool>>,
}

/// A place of business that was called.
#[derive(Clone, Debug)]
pub(crate) struct Premises {
    pub(crate) location: Location,
    /// When it is open, as a whole sentence.
    pub(crate) hours: String,
}

/// The number of the other side: the line's, else the one that the call was sent on with.
pub(crate) fn counterpart(call: &CallInfo) -> Option<Phone> {
    number_of_line(call).or_else(|| CallContext::of(call).phone)
}

fn number_of_line(call: &CallInfo) -> Option<Phone> {
    let number = match call.direction {
        Direction::Inbound => call.from.as_ref(),
        Direction::Outbound => call.to.as_ref(),
    };
    Phone::parse(number?.expose())
}

impl Makings {
    /// The agent for one call, and what is noted of it. Its tools act for this caller only; what the
    /// caller's keys ask for goes to `presses`, what is said to the record.
    pub(crate) fn agent(
        &self,
        call: &CallInfo,
        occasion: &Occasion,
        (presses, record): (mpsc::Sender<Press>, &Arc<Record>),
    ) -> Result<(Agent, Arc<Minutes>, UsageReport)> {
        let (template, parts) = (&occasion.template, &occasion.parts);
        let mut tools = self.tools(call, occasion)?;
        let (team, voices) = self.team(call, occasion).unzip();
        tools.extend(team.iter().flat_map(Team::tools));
        let minutes = Minutes::new(tools.clone());
        let (clerk, record) = (Arc::clone(&minutes), Arc::clone(record));
        let instructions = self.instructions(call, occasion);
        let mut llm = Arc::clone(parts.llm.as_ref().unwrap_or(&self.llm));
        let traced = self.spans.as_ref().map(|spans| {
            let traced = CallTrace::begin(call, &self.name, (spans, self.clock));
            llm = traced.model(Arc::clone(&llm), self.model_name(template));
            traced
        });
        let (meter, used) = UsageObserver::new();
        let meter = Mutex::new(Some(meter));
        let mut agent = Agent::builder()
            .greeting(self.greeting(occasion))
            .instructions(instructions.as_str())
            .llm(Arc::new(Guard::new(llm)))
            .tune(|config| self.settle(config, call, occasion))
            .observer(move |_| Clerk(Arc::clone(&clerk)))
            .observer(move |_| Keys::new(presses.clone()))
            .observer(|call| Events::new(call, counterpart(call).as_ref()))
            .observer(|call| SpanObserver::new(&call.id))
            .observer(move |_| record.scribe())
            // There is one call, and so one meter.
            .observer(move |_| {
                let mine = meter.lock().unwrap_or_else(PoisonError::into_inner).take();
                mine.unwrap_or_else(|| UsageObserver::new().0)
            })
            // People call from their cars.
            .echo_detection();
        agent = match self.journey(call, occasion, (&instructions, &minutes), team) {
            Some(journey) => {
                let guide = Guide::new(journey, &occasion.steps, &tools);
                agent.tools(guide.watch(tools)).flow(guide)
            }
            None => agent.tools(tools),
        };
        if let Some(stt) = parts.stt.as_ref().or(self.stt.as_ref()) {
            agent = agent.stt(Arc::clone(stt));
        }
        if let Some(tts) = voices.flatten().or_else(|| self.voice(occasion)) {
            agent = agent.tts(tts);
        }
        if let Some(vad) = template.vad {
            agent = agent.speech_gate(vad.gate());
        }
        if let Some(traced) = traced {
            agent = agent.observer(move |_| traced.observer());
        }
        if let Some(language) = &occasion.language {
            agent = agent.language(Arc::clone(language));
        }
        if let Some(mirror) = occasion.mirror.clone() {
            agent = agent.observer(move |_| mirror.clone());
        }
        if let Some(journals) = &self.journals {
            agent = agent.journals(journals);
        }
        if let Some(recordings) = self.recordings(occasion) {
            agent = agent.record(recordings.folder());
        }
        Ok((agent.build()?, minutes, used))
    }

    /// What the vendor calls the model that answers.
    fn model_name(&self, template: &Template) -> Option<String> {
        match &template.llm {
            Some(vendor) => vendor.to_value()["model"].as_str().map(str::to_owned),
            None => self.model.clone(),
        }
    }

    /// The recordings, if this call is to be one of them.
    fn recordings(&self, occasion: &Occasion) -> Option<&Recordings> {
        self.recordings.as_ref().filter(|_| !occasion.is_private)
    }

    /// The first words. Nobody is recorded without having been told.
    fn greeting(&self, occasion: &Occasion) -> String {
        let words = self.first_words(occasion);
        let tells = words.to_lowercase().contains("record");
        if self.recordings(occasion).is_none() || tells {
            return words;
        }
        // The question is what is answered, so it comes last.
        let (before, question) = words.rsplit_once(". ").unwrap_or(("", words.as_str()));
        let before = if before.is_empty() { String::new() } else { format!("{before}. ") };
        format!("{before}{RECORDED} {question}")
    }

    fn first_words(&self, occasion: &Occasion) -> String {
        let Occasion { template, errand, first_name, back, .. } = occasion;
        if let (None, Some(booked)) = (errand, back) {
            // Who has not heard it would book it again.
            let done: String =
                booked.iter().map(|booked| format!(" {}", tools::booked(booked))).collect();
            let rest = if booked.is_empty() { "How can I help you?" } else { ANYTHING_ELSE };
            return format!("{BACK}{done} {rest}");
        }
        let name = self.name(occasion);
        match (errand, &template.greeting_by_name, first_name) {
            (Some(errand), ..) => errand.greeting(&self.name),
            (None, Some(greeting), Some(caller)) => {
                greeting.replace("{name}", name).replace("{first_name}", caller)
            }
            (None, ..) => {
                let greeting = template.greeting.as_deref().unwrap_or(GREETING);
                greeting.replace("{name}", name)
            }
        }
    }

    /// The name under which a call is answered.
    fn name<'a>(&'a self, occasion: &'a Occasion) -> &'a str {
        occasion.place.as_ref().map_or(&self.name, |place| &place.location.name)
    }

    /// What the model is told. The rules need no more of it than who is on the line, and why.
    fn instructions(&self, call: &CallInfo, occasion: &Occasion) -> String {
        let template = &occasion.template;
        let own = (template.prompt.as_deref(), template.guidance.as_deref());
        self.instructions_by(call, occasion, own)
    }

    fn instructions_by(
        &self,
        call: &CallInfo,
        occasion: &Occasion,
        (prompt, guidance): (Option<&str>, Option<&str>),
    ) -> String {
        let caller = counterpart(call);
        let usual = Instructions {
            name: self.name(occasion),
            now: self.clock.now().to_zoned(self.zone(occasion)),
            hours: occasion.place.as_ref().map_or(&self.hours, |place| &place.hours),
            address: self.address.as_deref().filter(|_| occasion.place.is_none()),
            caller: caller.as_ref().map(Phone::as_str),
            errand: occasion.errand.as_ref().map(Errand::brief),
            context: occasion.context.brief(),
            wish: occasion.wish.as_ref(),
            memory: occasion.memory.as_ref(),
            prompt,
        };
        let before = occasion.talk.brief().unwrap_or_default();
        format!("{usual}{before}{}", guidance.unwrap_or_default())
    }

    fn zone(&self, occasion: &Occasion) -> TimeZone {
        let place = occasion.place.as_ref();
        place.map_or_else(|| self.zone.clone(), |place| place.location.zone.clone())
    }

    /// What the call is led through the graph by; `None` if its template lets the model find its way.
    fn journey(
        &self,
        call: &CallInfo,
        occasion: &Occasion,
        (instructions, minutes): (&str, &Arc<Minutes>),
        team: Option<Arc<Team>>,
    ) -> Option<Journey> {
        Some(Journey {
            script: occasion.template.script()?,
            store: self.store.clone(),
            clock: self.clock,
            zone: self.zone(occasion),
            place: occasion.place.as_ref().map(|place| place.location.id),
            call: call.id.as_str().into(),
            phone: counterpart(call),
            identity: self.identity(call, occasion),
            is_for_lead: matches!(occasion.errand, Some(Errand::Lead { .. })),
            instructions: instructions.into(),
            minutes: Arc::clone(minutes),
            team,
        })
    }

    /// By what the other side shows who they are.
    fn identity(&self, call: &CallInfo, occasion: &Occasion) -> Identity {
        match occasion.errand {
            // Whoever takes a phone is not yet who it belongs to.
            Some(_) => Identity::Facts,
            // Nor is a number shown that only metadata tells.
            None if number_of_line(call).is_none() && occasion.context.phone.is_some() => {
                Identity::Facts
            }
            None => occasion.template.identity.unwrap_or(self.identity),
        }
    }

    /// All tools, at a desk of this call's own.
    fn tools(&self, call: &CallInfo, occasion: &Occasion) -> Result<Vec<Arc<dyn Tool>>> {
        let mut desk = Desk::new(self.store.clone(), self.clock, counterpart(call), call_secret()?)
            .with_decoder(self.decoder.clone())
            .with_identity(self.identity(call, occasion))
            .with_departments(self.departments.clone());
        if let Some(rule) = &occasion.template.qualification {
            desk = desk.with_qualification(rule.clone());
        }
        if let Some(weather) = &self.weather {
            desk = desk.with_weather(weather.clone());
        }
        if let Some(recordings) = self.recordings(occasion) {
            desk = desk.with_recordings(recordings.clone());
        }
        if let Some(messenger) = &self.messenger {
            let messenger = Arc::clone(messenger);
            desk = desk.with_messenger(match &self.spans {
                Some(spans) => Arc::new(TracedMessenger {
                    messenger,
                    spans: spans.clone(),
                    clock: self.clock,
                    call: Some(Trace::of(&call.id)),
                }),
                None => messenger,
            });
        }
        if let Some(payments) = &self.payments {
            desk = desk.with_payments(payments.clone());
        }
        if let Some(codes) = &self.codes {
            desk = desk.with_codes(Arc::clone(codes));
        }
        if let Some(place) = &occasion.place {
            desk = desk.called_at(place.location.id);
        }
        desk = desk.with_tools(self.targets.tools(&occasion.template.tools)?);
        if call.media == Media::Text {
            // Who types has keys.
            desk = desk.with_keypad();
        }
        let ledger = desk.ledger();
        occasion.errand.iter().flat_map(Errand::ids).for_each(|id| ledger.hand_out(id));
        occasion.context.lead.iter().for_each(|lead| ledger.hand_out(lead.to_string()));
        occasion.wish.iter().for_each(|wish| ledger.recall(wish.clone()));
        let tools = tools::all(desk);
        Ok(match &self.witness {
            Some(witness) => tools.into_iter().map(|tool| witness.watch(tool)).collect(),
            None => tools,
        })
    }

    /// When a turn ends, where a call may go, and how it ends: nobody holds a line for ever.
    fn settle(&self, config: &mut SessionConfig, call: &CallInfo, occasion: &Occasion) {
        config.endpointing = occasion.template.endpointing.unwrap_or(self.endpointing).settings();
        config.transfer_targets = Some(self.departments.targets().into());
        config.max_call = Some(LONGEST);
        config.farewell.limit = Some(CLOSING.into());
        if call.direction == Direction::Outbound {
            config.greeting_waits = Some(VERDICT);
            config.farewell.voicemail = occasion.voicemail.as_deref().map(Into::into);
        }
        occasion.template.settle(config, call.media != Media::Text);
    }
}

/// 128 random bits, so that no call can use what was offered in another.
pub(crate) fn call_secret() -> Result<Secret> {
    let mut random = [0; 16];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| Error::new(ErrorKind::Overloaded, "answer", "the system has no randomness"))?;
    Ok(Secret::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string(random)))
}
