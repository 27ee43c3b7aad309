//! How the agent behaves, as versions in the database that change without a restart.

mod arms;
mod command;
pub(crate) mod difference;
mod follow_up;
mod interval;
mod locale;
mod prices;
mod profile;
mod qualification;
mod read;
mod sections;
mod vendors;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Deserialize;
use voiceagent_core::{Error, Result, SessionConfig};

use crate::{
    config::{Endpointing, ProviderConfig},
    graph::{Node, Script},
    summary::Summary,
    tools::{HttpToolSpec, Identity},
};

pub use self::{
    arms::{Chosen, choose, named},
    command::{TemplateAction, TemplateCommand},
    follow_up::FollowUp,
    interval::Interval,
    locale::Locale,
    prices::{Budget, Prices},
    profile::Profile,
    qualification::Qualification,
    read::Way,
    sections::{Interruptions, Limits, Silence, Vad},
    vendors::{Parts, Vendors},
};
pub(crate) use self::{profile::FIRST, qualification::Verdict};
use self::{read::unaccepted, sections::fits};

/// The template that answers calls which come in, and all others that have none of their own.
pub const INBOUND: &str = "inbound";
/// The templates there may be: one for each reason of a call.
pub const SLUGS: [&str; 4] = ["callback", "campaign", INBOUND, "reminder"];

/// What a version of a template sets. What it leaves out is as in the configuration.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Template {
    /// The first words; `{name}` stands for the name of the dealership.
    pub greeting: Option<String>,
    /// The first words to a caller whose number is one customer's; `{first_name}` stands for them.
    pub greeting_by_name: Option<String>,
    /// What a model is told of its work in place of the usual rules; `{name}` as above.
    pub prompt: Option<String>,
    /// What a model is told beside its usual instructions.
    pub guidance: Option<String>,
    /// How a talk finds its way.
    pub graph: Way,
    /// By what callers show who they are.
    pub identity: Option<Identity>,
    /// Who hears.
    pub stt: Option<ProviderConfig>,
    /// Who answers; the rules stand in where it fails.
    pub llm: Option<ProviderConfig>,
    /// Who speaks.
    pub tts: Option<ProviderConfig>,
    /// When a voice counts as speech.
    pub vad: Option<Vad>,
    /// When a caller's turn is over.
    pub endpointing: Option<Endpointing>,
    /// When callers stop the agent.
    pub interruptions: Interruptions,
    /// What is done about callers who say nothing.
    pub silence: Silence,
    /// What is said where a tool takes long.
    pub fillers: Vec<Arc<str>>,
    /// How much of anything a call may take.
    pub limits: Limits,
    /// When a long talk is summed up.
    pub summary: Summary,
    /// What is written to callers after their call; without it, nothing.
    pub follow_up: Option<FollowUp>,
    /// When a lead is worth a consultation; without it, whoever talks with them says so.
    pub qualification: Option<Qualification>,
    /// What its vendors charge; without it, nobody knows what its calls cost.
    pub prices: Option<Prices>,
    /// What its calls may cost.
    pub budget: Option<Budget>,
    /// Tools beside those of the program.
    pub tools: Vec<HttpToolSpec>,
    /// Agents to whom a talk can be handed within a call, by their names.
    pub profiles: BTreeMap<String, Profile>,
    /// What is set anew for callers of other languages, by BCP 47 tags.
    pub locales: BTreeMap<String, Locale>,
}

impl Template {
    /// What the nodes of the graph say; `None` where the model finds its way.
    #[must_use]
    pub fn script(&self) -> Option<Arc<Script>> {
        match &self.graph {
            Way::Free => None,
            Way::Graph(changes) => Some(Arc::new(Script::default().with_changes(changes))),
        }
    }

    /// Settles how sessions decide. Who types is given the time that it takes.
    pub(crate) fn settle(&self, config: &mut SessionConfig, has_sound: bool) {
        self.limits.settle(config);
        self.summary.settle(config);
        self.interruptions.settle(config);
        config.tool_use.fillers = self.fillers.as_slice().into();
        if has_sound {
            self.silence.settle(config);
        }
    }

    /// Whether every field makes sense.
    fn check(&self) -> Result<()> {
        fits("greeting", self.greeting.as_deref().is_none_or(says_something))?;
        let by_name = self.greeting_by_name.as_deref();
        let by_name = by_name.map(|words| words.replace("{first_name}", ""));
        fits("greeting_by_name", by_name.as_deref().is_none_or(says_something))?;
        fits("prompt", self.prompt.as_deref().is_none_or(says_something))?;
        fits("guidance", self.guidance.as_deref().is_none_or(says_something))?;
        fits("fillers", self.fillers.iter().all(|filler| says_something(filler)))?;
        self.vad.unwrap_or_default().check()?;
        self.interruptions.check()?;
        self.silence.check()?;
        self.limits.check()?;
        self.summary.misfit().map_or(Ok(()), |field| fits(field, false))?;
        self.follow_up.as_ref().map_or(Ok(()), FollowUp::check)?;
        self.qualification.as_ref().map_or(Ok(()), Qualification::check)?;
        self.prices.as_ref().map_or(Ok(()), Prices::check)?;
        self.budget.as_ref().map_or(Ok(()), Budget::check)?;
        fits("budget", self.budget.is_none() || self.prices.is_some())?;
        fits("tools", HttpToolSpec::fit(&self.tools))?;
        Profile::check(self.profiles.iter(), matches!(self.graph, Way::Graph(_)))?;
        if let Way::Graph(changes) = &self.graph {
            let script = Script::default();
            for (name, change) in changes {
                let Some(node) = Node::named(name) else {
                    return Err(unaccepted(&format!("graph.{name}")));
                };
                let field = |name: &str| format!("graph.{}.{name}", node.name());
                let sensible =
                    |most: Option<u32>| most.is_none_or(|most| (1..=100).contains(&most));
                let tools: BTreeSet<&String> = script.node(node).tools.iter().collect();
                fits(&field("guidance"), change.guidance.as_deref().is_none_or(says_something))?;
                fits(&field("turns"), sensible(change.turns))?;
                fits(&field("visits"), sensible(change.visits))?;
                fits(&field("without"), change.without.iter().all(|tool| tools.contains(tool)))?;
            }
        }
        for (table, vendor) in self.vendors() {
            fits(&format!("{table}.provider"), !vendor.provider.trim().is_empty())?;
            if let Some(path) = vendor.secret() {
                let variables = vendor.key_variables().join(" or ");
                return Err(Error::config(format!(
                    "field `{table}.{path}`: keys are not kept in templates; put it into {variables}"
                )));
            }
        }
        fits("locales", self.locales.keys().all(|tag| locale::is_tag(tag)))?;
        for (tag, locale) in &self.locales {
            self.with(locale).check().map_err(|wrong| {
                Error::config(format!("in `locales.{tag}`: {}", wrong.message()))
            })?;
        }
        Ok(())
    }

    /// Who does the work, by the table of the configuration that would say so.
    fn vendors(&self) -> impl Iterator<Item = (&'static str, &ProviderConfig)> {
        let all = [("stt", &self.stt), ("llm", &self.llm), ("tts", &self.tts)];
        all.into_iter().filter_map(|(table, vendor)| Some((table, vendor.as_ref()?)))
    }
}

/// Whether words can be said or told, and name nothing that is not known.
fn says_something(words: &str) -> bool {
    !words.trim().is_empty() && !words.replace("{name}", "").contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{Arm, Fault, Refusal, Store};

    fn now() -> jiff::Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    async fn pushed(store: &Store, greeting: &str) -> i64 {
        let config = serde_json::json!({ "greeting": greeting }).to_string();
        store.push_template(INBOUND, (&config, "a test"), now()).await.unwrap()
    }

    fn only(version: i64) -> [Arm; 1] {
        [Arm { version, weight: 1 }]
    }

    async fn greeting(store: &Store) -> Option<String> {
        choose(store, INBOUND, "+16305550111").await.unwrap()?.template.greeting
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_accepted() {
        let table = [
            ("[]", "a template is an object in JSON"),
            ("{", "a template is an object in JSON"),
            (r#"{"voice":"x"}"#, "field `voice` is none of `endpointing`, `fillers`, `graph`"),
            (r#"{"greeting":""}"#, "field `greeting`: write a sentence"),
            (r#"{"greeting":"Hi {who}"}"#, "field `greeting`: write a sentence"),
            (r#"{"greeting":7}"#, "field `greeting`: write a sentence"),
            (r#"{"greeting_by_name":"Hi {last_name}"}"#, "field `greeting_by_name`: write a"),
            (r#"{"prompt":"{lead}"}"#, "field `prompt`: write sentences"),
            (r#"{"fillers":["One moment.",7]}"#, "field `fillers`: write a list of sentences"),
            (r#"{"endpointing":{"silence_ms":5}}"#, "field `endpointing"),
            (r#"{"endpointing":{"between_ms":[900,300]}}"#, "field `endpointing"),
            (r#"{"identity":"voice"}"#, "field `identity`: write `\"number\"` or `\"facts\"`"),
            (r#"{"vad":{"threshold":2}}"#, "field `vad.threshold`: write a number above 0"),
            (r#"{"vad":{"treshold":0.5}}"#, "field `vad.treshold` is none of `vad.min_speech_ms`"),
            (r#"{"vad":"loud"}"#, "field `vad`: write `\"realtime\"`"),
            (r#"{"interruptions":{"min_ms":-1}}"#, "field `interruptions.min_ms`: write a whole"),
            (r#"{"silence":{"ask_after_ms":5}}"#, "field `silence.ask_after_ms`: write a whole"),
            (r#"{"summary":{"above_tokens":9}}"#, "field `summary.above_tokens`: write a whole"),
            (r#"{"summary":{"keep_messages":60}}"#, "field `summary.keep_messages`: write a whole"),
            (r#"{"follow_up":{"text":"{who}"}}"#, "field `follow_up.text`: write a message"),
            (r#"{"follow_up":{}}"#, "field `follow_up.text`: write a message"),
            (
                r#"{"follow_up":{"text":"Hi","after_minutes":-1}}"#,
                "field `follow_up.after_minutes`",
            ),
            (r#"{"limits":{"call_minutes":0}}"#, "field `limits.call_minutes`: write a whole"),
            (
                r#"{"qualification":{"states":["Illinois"]}}"#,
                "field `qualification.states`: write a",
            ),
            (r#"{"qualification":{"needs":["shoes"]}}"#, "field `qualification.needs`: write a"),
            (r#"{"graph":"maze"}"#, "field `graph`: write `\"free\"`"),
            (r#"{"graph":{"colect":{}}}"#, "field `graph.colect` is no node; there are `greet`"),
            (r#"{"graph":{"collect":{"turns":0}}}"#, "field `graph.collect.turns`: write a whole"),
            (r#"{"graph":{"collect":{"color":1}}}"#, "field `graph.collect.color` is none of"),
            (
                r#"{"graph":{"answer":{"without":["book_appointment"]}}}"#,
                "field `graph.answer.without`: write a list of names of tools",
            ),
            (r#"{"stt":{"model":"nova"}}"#, "field `stt.provider`: write the name of a provider"),
            (
                r#"{"stt":{"provider":"deepgram","api_key":"sk-1"}}"#,
                "field `stt.api_key`: keys are not kept in templates; put it into DEEPGRAM_API_KEY",
            ),
            (
                r#"{"llm":{"provider":"x","fallback":[{"provider":"y","api_key":"sk-1"}]}}"#,
                "field `llm.fallback[0].api_key`: keys are not kept in templates",
            ),
        ];
        for (text, told) in table {
            let error = Template::read(text).unwrap_err();
            assert!(error.message().starts_with(told), "{text}: {}", error.message());
            assert!(!error.message().contains("sk-1"));
        }
        let whole = r#"{"greeting":"Hello, {name}.","greeting_by_name":"Hi {first_name}.","guidance":"Be brief.","prompt":"Sell.",
            "endpointing":{"silence_ms":500},"identity":"facts","fillers":["One moment."],
            "stt":{"provider":"deepgram","model":"nova-3"},"vad":"realtime",
            "interruptions":{"allow":false,"min_ms":300,"min_words":2,"pause":false,"drafts":false},
            "silence":{"ask_after_ms":4000},"limits":{"call_minutes":10,"tool_rounds":9},
            "graph":{"collect":{"guidance":"Gather.","turns":9,"without":["add_vehicle"]}}}"#;
        let whole = Template::read(whole).unwrap();
        let half_a_second = Endpointing::Silence(Duration::from_millis(500));
        assert_eq!(
            (whole.endpointing, whole.identity),
            (Some(half_a_second), Some(Identity::Facts))
        );
        let script = whole.script().unwrap();
        let collect = script.node(Node::Collect);
        assert_eq!((&*collect.guidance, collect.turns), ("Gather.", 9));
        assert!(!collect.tools.iter().any(|tool| tool == "add_vehicle"));
        assert!(Template::read(r#"{"graph":"free"}"#).unwrap().script().is_none());
    }

    #[test]
    fn a_template_settles_how_a_session_decides() {
        let template = r#"{"vad":"realtime","interruptions":{"allow":false,"min_words":2,
            "drafts":false,"pause":false},"limits":{"call_minutes":10,"tool_rounds":9},
            "summary":{"above_messages":30,"keep_messages":8},"fillers":["One moment."]}"#;
        let template = Template::read(template).unwrap();
        let mut config = SessionConfig::default();
        template.settle(&mut config, true);
        config.validate().unwrap();
        assert_eq!((config.barge_in.enabled, config.barge_in.min_words), (false, 2));
        assert_eq!((config.barge_in.pause, config.speculation.enabled), (None, false));
        assert_eq!(config.max_call, Some(Duration::from_secs(600)));
        assert_eq!((config.tool_use.max_rounds, config.tool_use.fillers.len()), (9, 1));
        let summary = config.summary.as_ref().unwrap();
        assert_eq!((summary.messages, summary.keep_messages), (Some(30), 8));
        assert_eq!((summary.budget, summary.keep), (6_000, 2_000));
        let off = Template::read(r#"{"summary":{"on":false}}"#).unwrap();
        off.settle(&mut config, true);
        assert!(config.summary.is_none());
        let ladder: Vec<u64> = config.idle.prompts.iter().map(|one| one.after.as_secs()).collect();
        assert_eq!((ladder, config.idle.hang_up_after), (vec![6, 8], Some(Duration::from_secs(8))));
        let gate = template.vad.unwrap().gate();
        gate.validate().unwrap();
        assert_eq!((gate.start_threshold, gate.min_silence), (0.6, Duration::from_millis(400)));
        let mut typed = SessionConfig::default();
        template.settle(&mut typed, false);
        assert!(typed.idle.prompts.is_empty(), "who types is given time");
    }

    #[tokio::test]
    async fn the_active_version_answers_and_going_back_goes_back_step_by_step() {
        let store = Store::fresh().await;
        assert_eq!(greeting(&store).await, None);
        for (version, words) in [(1, "One"), (2, "Two"), (3, "Three")] {
            assert_eq!(pushed(&store, words).await, version);
        }
        assert_eq!(greeting(&store).await, None, "what is written answers nothing yet");
        for version in [1, 2, 3] {
            store.activate_template(INBOUND, &only(version), now()).await.unwrap();
        }
        assert_eq!(greeting(&store).await.as_deref(), Some("Three"));
        assert_eq!(store.roll_back_template(INBOUND, now()).await.unwrap(), only(2));
        assert_eq!(store.roll_back_template(INBOUND, now()).await.unwrap(), only(1));
        assert_eq!(greeting(&store).await.as_deref(), Some("One"));
        let refused = store.roll_back_template(INBOUND, now()).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(Refusal::NotFound)));
        store.activate_template(INBOUND, &only(3), now()).await.unwrap();
        assert_eq!(store.roll_back_template(INBOUND, now()).await.unwrap(), only(1));
        let unknown = store.activate_template(INBOUND, &only(4), now()).await.unwrap_err();
        assert!(matches!(unknown, Fault::Refused(Refusal::NotFound)));
    }
}
