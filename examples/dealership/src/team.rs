//! The agents of one call: a talk is handed from one to another within it, and each has words, tools
//! and a voice of its own. What was said before stays with all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tracing::{debug, info};
use voiceagent_core::{
    Error, Result,
    adapt::VoiceSwitch,
    tool::{Effect, Tool, ToolContext, ToolSpec},
};

use crate::{templates::FIRST, tools::Envelope};

/// What the name of a tool begins with that hands the talk to somebody.
pub(crate) const HAND_OVER: &str = "hand_over_to_";

/// One of the agents.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// What they are for.
    pub(crate) about: String,
    /// What a model is told in every node.
    pub(crate) instructions: Arc<str>,
    /// The tools that they do not have.
    pub(crate) without: Vec<String>,
    /// Their first words, when they are handed the talk.
    pub(crate) greeting: Option<String>,
}

/// The agents of a call, and who of them talks.
///
/// The guide of the call reads it while tools change it; each takes the lock for a moment.
#[derive(Debug)]
pub(crate) struct Team {
    members: BTreeMap<String, Member>,
    switch: Option<VoiceSwitch>,
    talks: Mutex<String>,
}

impl Team {
    /// A team whose first member, under the name [`FIRST`], begins. Whoever has no voice of their own
    /// in the switch speaks with the first one's.
    pub(crate) fn new(members: BTreeMap<String, Member>, switch: Option<VoiceSwitch>) -> Arc<Self> {
        Arc::new(Self { members, switch, talks: Mutex::new(FIRST.to_owned()) })
    }

    /// Who talks.
    pub(crate) fn member(&self) -> Option<Member> {
        let name = self.talks().clone();
        self.members.get(&name).cloned()
    }

    /// Whether whoever talks may use a tool. Nobody hands a talk to themselves.
    pub(crate) fn may_use(&self, tool: &str) -> bool {
        let name = self.talks().clone();
        let is_denied =
            |member: &Member| member.without.iter().any(|denied| denied.as_str() == tool);
        tool.strip_prefix(HAND_OVER) != Some(name.as_str())
            && !self.members.get(&name).is_some_and(is_denied)
    }

    /// The tools by which the talk is handed over.
    pub(crate) fn tools(self: &Arc<Self>) -> Vec<Arc<dyn Tool>> {
        let hand_over = |name: &String| -> Arc<dyn Tool> {
            Arc::new(HandOver { team: Arc::clone(self), to: name.clone() })
        };
        self.members.keys().map(hand_over).collect()
    }

    fn hand_to(&self, name: &str) {
        name.clone_into(&mut self.talks());
        if let Some(switch) = &self.switch
            && !switch.choose(name)
            && !switch.choose(FIRST)
        {
            debug!(name, "the voice stays as it is");
        }
    }

    fn talks(&self) -> MutexGuard<'_, String> {
        self.talks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands the talk to one of the agents.
#[derive(Debug)]
struct HandOver {
    team: Arc<Team>,
    to: String,
}

#[async_trait]
impl Tool for HandOver {
    fn spec(&self) -> ToolSpec {
        let about = self.team.members.get(&self.to).map_or("", |member| member.about.as_str());
        let about = format!(
            "Hands the conversation to the agent for {about}, who knows all that was said. Say \
             nothing more in this turn: the next words are theirs."
        );
        let none = json!({ "type": "object", "properties": {}, "required": [],
            "additionalProperties": false });
        let mut spec = ToolSpec::new(format!("{HAND_OVER}{}", self.to), about, none);
        spec.effect = Effect::Once;
        spec.timeout = Duration::from_millis(500);
        spec
    }

    async fn call(&self, _arguments: Value, context: ToolContext) -> Result<Value> {
        let from = self.team.talks().clone();
        self.team.hand_to(&self.to);
        info!(call = %context.call, from, to = self.to, "agent.handed_over");
        let greeting = self.team.member().and_then(|member| member.greeting);
        if let Some(greeting) = greeting
            && let Err(error) = context.line.say(greeting)
        {
            debug!(%error, "the call ended with a hand-over");
        }
        serde_json::to_value(Envelope::done(json!({ "from": from, "to": self.to })))
            .map_err(|why| Error::config("an answer cannot be written").with_source(why))
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{
        Link,
        adapt::Voices,
        audio::AudioFormat,
        tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
    };

    use super::*;

    #[derive(Debug)]
    struct Mute;

    #[async_trait]
    impl TextToSpeech for Mute {
        fn name(&self) -> &str {
            "mute"
        }

        fn capabilities(&self) -> TtsCapabilities {
            TtsCapabilities::new(vec![AudioFormat::MULAW_8K])
        }

        async fn open(&self, _: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
            Ok(Link::spawn(1, |_| async { Ok(()) }))
        }
    }

    #[tokio::test]
    async fn who_is_handed_the_talk_has_tools_and_a_voice_of_their_own() {
        let voices = Voices::new(FIRST, Arc::new(Mute)).with_voice("sales", Arc::new(Mute));
        let switch = voices.switch();
        let member = |without: &[&str]| Member {
            about: "cars".to_owned(),
            instructions: "Be brief.".into(),
            without: without.iter().map(|tool| (*tool).to_owned()).collect(),
            greeting: None,
        };
        let members = BTreeMap::from([
            (FIRST.to_owned(), member(&[])),
            ("broker".to_owned(), member(&[])),
            ("sales".to_owned(), member(&["cancel_appointment"])),
        ]);
        let team = Team::new(members, Some(switch.clone()));
        let allowed = |tool: &str| team.may_use(tool);
        assert!(allowed("cancel_appointment") && allowed("hand_over_to_sales"));
        assert!(!allowed("hand_over_to_reception"), "who talks has the talk");
        let hand_over = async |name: &str| {
            let tools = team.tools();
            let tool = tools.iter().find(|tool| tool.spec().name.ends_with(name)).unwrap();
            tool.call(json!({}), ToolContext::detached("1")).await.unwrap()
        };
        let told = hand_over("sales").await;
        assert_eq!(told["data"], json!({ "from": "reception", "to": "sales" }));
        assert!(!allowed("cancel_appointment") && !allowed("hand_over_to_sales"));
        assert!(allowed("hand_over_to_reception"));
        assert_eq!(&*switch.chosen(), "sales");
        hand_over("broker").await;
        assert_eq!(&*switch.chosen(), FIRST, "who has no voice speaks with the first one's");
        assert!(allowed("cancel_appointment"));
    }
}
