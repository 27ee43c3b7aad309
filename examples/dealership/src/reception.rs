//! Who answers: an agent for each call, made of what all calls share.

mod instructions;

use std::{future::Future, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tracing::{debug, warn};
use voiceagent_core::{
    Agent, Call, CallTime, Error, ErrorKind, Event, Line, Result, Secret, SessionConfig,
    adapt::{FallbackLlm, LlmFailover},
    llm::LanguageModel,
    observer::SpanObserver,
    session::IdlePrompt,
    stt::SpeechToText,
    tool::Tool,
    transport::{CallInfo, Media, Transport},
    tts::TextToSpeech,
};

use crate::{
    brain::RuleBrain,
    clock::Clock,
    config::{DealershipConfig, Endpointing},
    departments::Departments,
    guard::Guard,
    phone::Phone,
    spoken,
    store::Store,
    talk::Visitor,
    templates::{self, INBOUND, Template},
    tools::{self, Desk, Identity},
    vin::Decoder,
    weather::WeatherService,
};

use self::instructions::Instructions;

/// After this much silence a caller is asked whether they are there.
const SILENCE: Duration = Duration::from_secs(10);
/// Longer than any booking.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// The first words, where no template has others.
const GREETING: &str = "Thank you for calling {name}. How can I help you?";
const CLOSING: &str = "I am sorry, I have to end this call now. Please call again soon. Goodbye!";

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
    store: Store,
    clock: Clock,
    zone: TimeZone,
    name: String,
    hours: String,
    address: Option<String>,
    decoder: Decoder,
    weather: Option<WeatherService>,
    departments: Departments,
    identity: Identity,
    endpointing: Endpointing,
    llm: Arc<dyn LanguageModel>,
    stt: Option<Arc<dyn SpeechToText>>,
    tts: Option<Arc<dyn TextToSpeech>>,
    journals: Option<PathBuf>,
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
        Ok(Self {
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
            journals: None,
        })
    }

    /// Lets this model answer, and the rule brain only when the model fails.
    #[must_use]
    pub fn with_model(mut self, model: Arc<dyn LanguageModel>) -> Self {
        let mut settings = LlmFailover::default();
        // Rules cannot go on with the words of a model: they answer anew behind them.
        settings.cue = RuleBrain::CUE.into();
        self.llm = Arc::new(FallbackLlm::with_settings(model, vec![self.llm], settings));
        self
    }

    /// Takes calls with sound too.
    #[must_use]
    pub fn with_voice(mut self, stt: Arc<dyn SpeechToText>, tts: Arc<dyn TextToSpeech>) -> Self {
        (self.stt, self.tts) = (Some(stt), Some(tts));
        self
    }

    /// Tells the end of a spoken turn by this, rather than by [`Endpointing::Adaptive`].
    #[must_use]
    pub fn with_endpointing(mut self, endpointing: Endpointing) -> Self {
        self.endpointing = endpointing;
        self
    }

    /// Decodes VINs with this decoder rather than offline.
    #[must_use]
    pub fn with_decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// Tells the weather.
    #[must_use]
    pub fn with_weather(mut self, weather: WeatherService) -> Self {
        self.weather = Some(weather);
        self
    }

    /// Leaves a journal of each call in this folder.
    #[must_use]
    pub fn with_journals(mut self, folder: impl Into<PathBuf>) -> Self {
        self.journals = Some(folder.into());
        self
    }

    /// Answers a call.
    ///
    /// # Errors
    ///
    /// When a part of the call cannot be opened.
    pub async fn answer(&self, leg: Box<dyn Transport>) -> Result<Call> {
        let template = self.template(leg.call()).await;
        self.agent(leg.call(), &template)?.start(leg).await
    }

    /// Talks with a visitor of the talk page to the end, or until `closing` ends, and shows on the
    /// page what happens.
    pub async fn receive(&self, visitor: Visitor, closing: impl Future<Output = ()>) {
        let Visitor { leg, screen } = visitor;
        match self.answer(Box::new(leg)).await {
            Ok(call) => converse(call, closing, |at, event| screen.show(at, event)).await,
            Err(error) => warn!(%error, "a visitor could not be answered"),
        }
    }

    /// What the database says of how the agent behaves. Where it says nothing, or cannot, the
    /// configuration counts.
    async fn template(&self, call: &CallInfo) -> Template {
        let caller = call.from.as_ref().map_or(call.id.as_str(), |from| from.expose());
        match templates::choose(&self.store, INBOUND, caller).await {
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

    /// The agent for one call. Its tools act for this caller only.
    fn agent(&self, call: &CallInfo, template: &Template) -> Result<Agent> {
        let caller = call.from.as_ref().and_then(|from| Phone::parse(from.expose()));
        let instructions = Instructions {
            name: &self.name,
            now: self.clock.now().to_zoned(self.zone.clone()),
            hours: &self.hours,
            address: self.address.as_deref(),
            caller: caller.as_ref().map(Phone::as_str),
        };
        let guidance = template.guidance.as_deref().unwrap_or_default();
        let greeting = template.greeting.as_deref().unwrap_or(GREETING);
        let mut agent = Agent::builder()
            .instructions(format!("{instructions}{guidance}"))
            .greeting(greeting.replace("{name}", &self.name))
            .llm(Arc::new(Guard::new(Arc::clone(&self.llm))))
            .tools(self.tools(caller, call.media, template)?)
            .tune(|config| {
                config.transfer_targets = Some(self.departments.targets().into());
                config.endpointing = template.endpointing.unwrap_or(self.endpointing).settings();
                settle(config, call.media);
            })
            .observer(|call| SpanObserver::new(&call.id));
        if let Some(stt) = &self.stt {
            agent = agent.stt(Arc::clone(stt));
        }
        if let Some(tts) = &self.tts {
            agent = agent.tts(Arc::clone(tts));
        }
        if let Some(journals) = &self.journals {
            agent = agent.journals(journals);
        }
        agent.build()
    }

    fn tools(
        &self,
        caller: Option<Phone>,
        media: Media,
        template: &Template,
    ) -> Result<Vec<Arc<dyn Tool>>> {
        let mut desk = Desk::new(self.store.clone(), self.clock, caller, call_secret()?)
            .with_decoder(self.decoder.clone())
            .with_identity(template.identity.unwrap_or(self.identity))
            .with_departments(self.departments.clone());
        if let Some(weather) = &self.weather {
            desk = desk.with_weather(weather.clone());
        }
        if media == Media::Text {
            // Who types has keys.
            desk = desk.with_keypad();
        }
        Ok(tools::all(desk))
    }
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

/// Nobody holds a line for ever. Who types is given the time that it takes.
fn settle(config: &mut SessionConfig, media: Media) {
    config.max_call = Some(LONGEST);
    config.farewell.limit = Some(CLOSING.into());
    if media != Media::Text {
        config.idle.prompts = [
            IdlePrompt::new(SILENCE, "Are you still there?"),
            IdlePrompt::new(SILENCE, "I cannot hear you. Is there anything else that I can do?"),
        ]
        .into();
        config.idle.hang_up_after = Some(SILENCE);
        config.idle.farewell = Some("I will hang up now. Please call again. Goodbye!".into());
    }
}

/// 128 random bits, so that no call can use what was offered in another.
fn call_secret() -> Result<Secret> {
    let mut random = [0; 16];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| Error::new(ErrorKind::Overloaded, "answer", "the system has no randomness"))?;
    Ok(Secret::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string(random)))
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
        let store = Store::in_memory().await.unwrap();
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
