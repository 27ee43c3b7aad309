//! Who answers: opens what all calls share, and gives each call an agent of its own.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::tz::TimeZone;
use tracing::{debug, warn};
use voiceagent_core::{
    Call, CallId, CallTime, Error, Event, Line, Result,
    adapt::{FallbackLlm, LlmFailover},
    llm::LanguageModel,
    stt::SpeechToText,
    transport::{CallInfo, Direction, Transport},
    tts::TextToSpeech,
};
use voiceagent_telephony::front_door::CallStatus;

use crate::{
    agent::{CLOSING, Makings, Occasion, Witness, counterpart},
    brain::RuleBrain,
    clock::Clock,
    config::{DealershipConfig, Endpointing},
    departments::Departments,
    jobs,
    messages::Messenger,
    minutes::Minutes,
    spoken,
    store::{Fault, Store},
    talk::Visitor,
    templates::{self, INBOUND, Template},
    tools::KnownCodes,
    vin::Decoder,
    weather::WeatherService,
};

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
    /// The minutes of the calls that go on. Each use of the lock is one step.
    minutes: Mutex<BTreeMap<CallId, Arc<Minutes>>>,
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
            llm: Arc::new(brain),
            stt: None,
            tts: None,
            messenger: None,
            codes: None,
            journals: None,
            witness: None,
        };
        Ok(Self { makings, minutes: Mutex::default() })
    }

    /// Lets this model answer, and the rule brain only when the model fails.
    #[must_use]
    pub fn with_model(mut self, model: Arc<dyn LanguageModel>) -> Self {
        let mut settings = LlmFailover::default();
        // Rules cannot go on with the words of a model: they answer anew behind them.
        settings.cue = RuleBrain::CUE.into();
        let rules = vec![self.makings.llm];
        self.makings.llm = Arc::new(FallbackLlm::with_settings(model, rules, settings));
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

    /// Decodes VINs with this decoder rather than offline.
    #[must_use]
    pub fn with_decoder(mut self, decoder: Decoder) -> Self {
        self.makings.decoder = decoder;
        self
    }

    /// Tells the weather.
    #[must_use]
    pub fn with_weather(mut self, weather: WeatherService) -> Self {
        self.makings.weather = Some(weather);
        self
    }

    /// Sends texts with this.
    #[must_use]
    pub fn with_messenger(mut self, messenger: Arc<dyn Messenger>) -> Self {
        self.makings.messenger = Some(messenger);
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
        let call = leg.call();
        let occasion = self.occasion(call).await;
        let (agent, minutes) = self.makings.agent(call, &occasion)?;
        self.going_on().insert(call.id.clone(), minutes);
        agent.start(leg).await
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
        let minutes = self.going_on().remove(call);
        let ending = minutes.as_ref().map(|minutes| minutes.ending()).unwrap_or_default();
        if let Some(minutes) = minutes.filter(|_| ending.message_left) {
            minutes.note_message(call).await;
        }
        let Makings { store, clock, .. } = &self.makings;
        if let Err(fault) = store.conclude(call.as_str(), ending, clock.now()).await {
            warn!(error = %Error::from(fault), "a call that is over is not noted");
        }
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
        let mut occasion = Occasion { template: self.template(call).await, ..Occasion::default() };
        let begun = store.begin_call(call.id.as_str(), phone.as_ref(), call.direction, now).await;
        occasion.wish = known(begun, "a call is not noted").flatten();
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
        occasion
    }

    fn going_on(&self) -> MutexGuard<'_, BTreeMap<CallId, Arc<Minutes>>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the database says of how the agent behaves. Where it says nothing, or cannot, the
    /// configuration counts.
    async fn template(&self, call: &CallInfo) -> Template {
        let caller = call.from.as_ref().map_or(call.id.as_str(), |from| from.expose());
        match templates::choose(&self.makings.store, INBOUND, caller).await {
            Ok(None) => Template::default(),
            Ok(Some((version, template))) => {
                debug!(version, "a template answers");
                template
            }
            Err(error) => {
                warn!(%error, "a call is answered without its template");
                Template::default()
            }
        }
    }
}

/// What the store says, or nothing, with a warning.
fn known<T>(told: Result<T, Fault>, otherwise: &str) -> Option<T> {
    told.map_err(|fault| warn!(error = %Error::from(fault), "{otherwise}")).ok()
}

/// Lets a call run to its end, and shows what happens in it. When `closing` ends, the caller is told
/// goodbye.
pub(crate) async fn converse(
    mut call: Call,
    closing: impl Future<Output = ()>,
    mut show: impl FnMut(CallTime, &Event),
) {
    let mut closing = pin!(closing);
    let mut is_open = true;
    loop {
        tokio::select! {
            event = call.next_event() => match event {
                Some((at, event)) => show(at, &event),
                None => return,
            },
            () = &mut closing, if is_open => {
                is_open = false;
                if let Err(error) = take_leave(call.line()) {
                    debug!(%error, "a call ended before its goodbye");
                }
            }
        }
    }
}

/// There is no time to finish what is being said.
fn take_leave(line: &Line) -> Result<()> {
    line.interrupt()?;
    line.announce(CLOSING)?;
    line.hang_up()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;
    use crate::{store::Arm, terminal::Terminal};

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

    #[tokio::test]
    async fn the_next_call_is_greeted_as_the_active_template_says() {
        let store = Store::fresh().await;
        let config = DealershipConfig::default();
        let now = Clock::System.now();
        let reception = Reception::open(store.clone(), Clock::System, &config).await.unwrap();
        let usual = "Agent: Thank you for calling Bart's Automotive. How can I help you?";
        let first = read(&reception, "1").await;
        assert!(first.starts_with(usual), "{first}");
        let text = r#"{ "greeting": "{name}, good day." }"#;
        let version = store.push_template(INBOUND, (text, ""), now).await.unwrap();
        let arms = [Arm { version, weight: 1 }];
        store.activate_template(INBOUND, &arms, now).await.unwrap();
        let next = read(&reception, "2").await;
        assert!(next.starts_with("Agent: Bart's Automotive, good day."), "{next}");
        // What no program of this version can have written.
        let version = store.push_template(INBOUND, ("{}}", ""), now).await.unwrap();
        let arms = [Arm { version, weight: 1 }];
        store.activate_template(INBOUND, &arms, now).await.unwrap();
        let plain = read(&reception, "3").await;
        assert!(plain.starts_with(usual), "{plain}");
    }
}
