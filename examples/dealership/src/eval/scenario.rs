use std::{collections::BTreeMap, fmt, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};
use voiceagent_core::{Error, Result};

use super::acts::Acts;

/// A call as it should go: who calls what about, and what must be so at its end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    /// `s` and two digits.
    pub id: String,
    /// What it tries.
    pub title: String,
    #[serde(rename = "tags")]
    pub(super) _tags: Vec<String>,
    #[serde(deserialize_with = "moment")]
    pub(super) now: Timestamp,
    /// General rules that do not hold here.
    #[serde(default)]
    pub(super) global_off: Vec<String>,
    pub(super) call: CallPlan,
    pub(super) fixture: Fixture,
    pub(super) caller: Caller,
    pub(super) second_call: Option<SecondCall>,
    pub(super) expect: Expect,
    pub(super) forbid: Vec<Forbid>,
    pub(super) limits: Limits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallPlan {
    pub(super) direction: Direction,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) location: String,
    pub(super) locale: String,
    #[serde(rename = "template")]
    pub(super) _template: String,
    #[serde(default, rename = "purpose")]
    pub(super) _purpose: Option<String>,
    #[serde(default, rename = "appointment_id")]
    pub(super) _appointment_id: Option<String>,
    #[serde(default, rename = "lead_id")]
    pub(super) _lead_id: Option<String>,
    pub(super) answered_by: Option<Answerer>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answerer {
    Human,
    Machine,
}

/// What is in the database, and what goes wrong.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fixture {
    pub(super) add: BTreeMap<String, Vec<Map<String, Value>>>,
    /// By table and id.
    pub(super) patch: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    pub(super) inject: Vec<Injection>,
    pub(super) faults: Vec<Map<String, Value>>,
    pub(super) agents: Vec<Person>,
    pub(super) mfa: Option<Value>,
    pub(super) config: Map<String, Value>,
    pub(super) stt: Option<Recognizer>,
    pub(super) before: Vec<Run>,
}

/// Jobs that are run before the call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) run: Vec<String>,
}

/// Jobs that are run when the calls are over, and what must be so then.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Later {
    #[serde(deserialize_with = "moment")]
    pub(super) at: Timestamp,
    pub(super) run: Vec<String>,
    pub(super) expect: Vec<RowWant>,
}

/// Rows that appear behind a tool's back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Injection {
    pub(super) when: Moment,
    pub(super) insert: BTreeMap<String, Vec<Map<String, Value>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moment {
    pub(super) tool: String,
    pub(super) nth: usize,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    After,
}

/// Somebody of the house who may take a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) department: crate::departments::Department,
    #[serde(rename = "label")]
    pub(super) _label: String,
    pub(super) available: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recognizer {
    pub(super) garble: Garble,
}

/// What the recognizer makes of the answer to some questions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Garble {
    pub(super) acts: Vec<String>,
    #[serde(rename = "as")]
    pub(super) heard: String,
}

/// Who calls. Of what is said here, the agent knows nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Caller {
    #[serde(rename = "persona")]
    pub(super) _persona: String,
    #[serde(rename = "goal")]
    pub(super) _goal: String,
    /// How they speak, for calls with sound.
    #[serde(rename = "speech")]
    pub(super) _speech: Value,
    #[serde(rename = "facts")]
    pub(super) _facts: Value,
    /// By the act that asks.
    pub(super) answers: BTreeMap<String, String>,
    pub(super) script: Vec<Beat>,
}

/// Something that the caller does when its moment has come, once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Beat {
    pub(super) id: String,
    pub(super) when: When,
    pub(super) say: Option<String>,
    /// Other words for the same.
    #[serde(default)]
    pub(super) alt: Vec<String>,
    pub(super) dtmf: Option<String>,
    #[serde(default, rename = "digit_ms")]
    pub(super) _digit_ms: Option<u64>,
    #[serde(default, rename = "gap_ms")]
    pub(super) _gap_ms: Option<u64>,
    pub(super) barge_in: Option<Value>,
    pub(super) silence_ms: Option<u64>,
    #[serde(default, rename = "noise")]
    pub(super) _noise: Option<String>,
    pub(super) tone: Option<Value>,
    #[serde(default)]
    pub(super) hangup: bool,
    #[serde(default)]
    pub(super) line_drop: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct When {
    pub(super) start: bool,
    pub(super) after: Option<String>,
    pub(super) act: Option<String>,
    pub(super) any_act: Vec<String>,
    pub(super) matches: Option<Pattern>,
    pub(super) nth: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondCall {
    #[serde(deserialize_with = "moment")]
    pub(super) at: Timestamp,
    #[serde(rename = "from")]
    pub(super) _from: String,
    pub(super) script: Vec<Beat>,
}

/// What must be so at the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) tools: Vec<ToolWant>,
    #[serde(default)]
    pub(super) tools_never: Vec<String>,
    pub(super) db: Vec<RowWant>,
    pub(super) says: Vec<SayWant>,
    pub(super) call: Map<String, Value>,
    #[serde(default)]
    pub(super) later: Vec<Later>,
    #[serde(default)]
    pub(super) audio: Map<String, Value>,
    #[serde(default)]
    pub(super) timing: Map<String, Value>,
    #[serde(default)]
    pub(super) order: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolWant {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) any_of: Vec<String>,
    #[serde(default)]
    pub(super) args: Map<String, Value>,
    /// By path, `data.match`.
    #[serde(default)]
    pub(super) result: Map<String, Value>,
    pub(super) before: Option<String>,
    pub(super) count: Option<usize>,
    pub(super) count_min: Option<usize>,
    pub(super) count_max: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowWant {
    pub(super) invariant: Option<Invariant>,
    #[serde(default)]
    pub(super) any_table: Vec<String>,
    pub(super) table: Option<String>,
    #[serde(default, rename = "where")]
    pub(super) filter: Map<String, Value>,
    pub(super) count: Option<usize>,
    pub(super) count_min: Option<usize>,
    #[serde(default)]
    pub(super) set: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Invariant {
    NoOverlap,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SayWant {
    pub(super) act: Option<String>,
    #[serde(default)]
    pub(super) any_act: Vec<String>,
    pub(super) matches: Option<Pattern>,
    pub(super) language: Option<String>,
    pub(super) by_turn: Option<usize>,
    pub(super) call: Option<usize>,
    pub(super) before_tool: Option<String>,
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forbid {
    pub(super) id: String,
    pub(super) rule: Option<Rule>,
    pub(super) tool: Option<String>,
    pub(super) act: Option<String>,
    pub(super) matches: Option<Pattern>,
    pub(super) unless_matches: Option<Pattern>,
    pub(super) until_tool: Option<String>,
    pub(super) after_tool: Option<String>,
    pub(super) after_caller: Option<String>,
    pub(super) call: Option<usize>,
    pub(super) max: Option<usize>,
}

/// What is not about single sentences.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    ConfirmedTrueRequiresFullReadback,
    DtmfNotInStt,
    MaxToolCalls,
    NoSpeechBeforeBeep,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) max_agent_turns: usize,
    /// Of calls with sound.
    #[serde(rename = "max_call_s")]
    pub(super) _max_call_s: u64,
}

impl Scenario {
    /// Reads a scenario in YAML.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config); the message names the file, and what is
    /// wrong with which field.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::config(format!("{}: {error}", path.display())).with_source(error)
        })?;
        Self::parse(&text)
            .map_err(|error| Error::config(format!("{}: {}", path.display(), error.message())))
    }

    /// Reads a scenario from its text.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config); the message says what is wrong with which
    /// field.
    pub fn parse(text: &str) -> Result<Self> {
        let scenario: Self = serde_saphyr::from_str(text).map_err(|error| {
            let told = error.to_string();
            Error::config(told.lines().next().unwrap_or("it is no scenario").to_owned())
        })?;
        match scenario.unknown_act(&Acts::load()) {
            Some(act) => Err(Error::config(format!("there is no act `{act}`"))),
            None => Ok(scenario),
        }
    }

    /// The same call in other words, as far as the script has any: one for each place at which
    /// something else may be said.
    #[must_use]
    pub fn in_other_words(&self) -> Vec<Self> {
        let most = self.caller.script.iter().map(|beat| beat.alt.len()).max().unwrap_or_default();
        let nth = |nth: usize| {
            let mut other = self.clone();
            for beat in &mut other.caller.script {
                if let Some(words) = beat.alt.get(nth) {
                    beat.say = Some(words.clone());
                }
            }
            other
        };
        (0..most).map(nth).collect()
    }

    /// The first act that the scenario names and nobody knows.
    fn unknown_act(&self, acts: &Acts) -> Option<&str> {
        let second = self.second_call.iter().flat_map(|call| &call.script);
        let whens = self.caller.script.iter().chain(second).map(|beat| &beat.when);
        let triggers = whens.flat_map(|when| when.act.iter().chain(&when.any_act));
        let says = self.expect.says.iter().flat_map(|want| want.act.iter().chain(&want.any_act));
        let forbidden = self.forbid.iter().filter_map(|forbid| forbid.act.as_ref());
        let named = triggers.chain(says).chain(forbidden).chain(self.caller.answers.keys());
        named.map(String::as_str).find(|act| !acts.knows(act))
    }

    /// The number of the other side.
    pub(super) fn counterpart(&self) -> &str {
        match self.call.direction {
            Direction::Inbound => &self.call.from,
            Direction::Outbound => &self.call.to,
        }
    }
}

/// A regular expression, in any case of letters.
#[derive(Clone)]
pub(super) struct Pattern(fancy_regex::Regex);

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        fancy_regex::Regex::new(&format!("(?is){text}"))
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Where it is found last.
    pub(super) fn last(&self, text: &str) -> Option<usize> {
        self.0.find_iter(text).filter_map(Result::ok).last().map(|found| found.start())
    }

    /// An expression that takes too long finds nothing.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(D::Error::custom)
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}
