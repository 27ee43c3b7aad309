//! Configuration: one TOML file, overridden by the environment.

mod calendar;
mod email;
mod evaluation;
mod hosted;
mod knowledge;
mod leads;
mod payments;
mod portal;
mod read;
mod recordings;

mod roles;
mod switches;
mod targets;
mod tracing;
mod turns;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use voiceagent_core::Secret;
use voiceagent_telephony::sip::SipConfig;

use crate::{departments::Department, store::Place, tools::Identity};

pub use self::{
    calendar::{CalendarConfig, CalendarProvider},
    email::EmailConfig,
    evaluation::EvaluationConfig,
    hosted::{SignalWireTable, VapiTable},
    knowledge::KnowledgeConfig,
    leads::LeadsConfig,
    payments::{PaymentsConfig, PaymentsProvider},
    portal::PortalConfig,
    recordings::{BucketConfig, RecordingConsent, RecordingsConfig},
    roles::Roles,
    switches::SwitchesConfig,
    targets::TargetConfig,
    tracing::TracingConfig,
    turns::{Endpointing, TurnsConfig},
};

/// Everything that can be set. Without a file all of it has a default, and the rule brain answers.
///
/// ```toml
/// [server]
/// listen = "127.0.0.1:8080"
/// public_url = "https://agent.example.com"
///
/// [dealership]
/// name = "Bart's Automotive"
/// timezone = "America/Chicago"
/// database = "dealership.db"
///
/// [twilio]
/// account_sid = "AC00000000000000000000000000000000"
///
/// [turns]
/// endpointing = "adaptive"
///
/// [llm]
/// provider = "openai"
/// model = "gpt-6-luna"
/// ```
///
/// The environment wins: `DEALERSHIP_LISTEN`, `DEALERSHIP_PUBLIC_URL`, `DEALERSHIP_REPLICA`,
/// `DEALERSHIP_ROLES`, `DEALERSHIP_MOST_CALLS`, `DEALERSHIP_MODEL`, `DEALERSHIP_OBSERVABILITY`,
/// `DEALERSHIP_NAME`, `DEALERSHIP_TIMEZONE`, `DEALERSHIP_DATABASE`, `DEALERSHIP_REDIS`,
/// `DEALERSHIP_OPERATOR_KEY`, `DEALERSHIP_METRICS_KEY`, `DEALERSHIP_PORTAL_KEY`, `DEALERSHIP_S3_KEY`,
/// `DEALERSHIP_S3_SECRET`, `DEALERSHIP_STRIPE_KEY`, `DEALERSHIP_STRIPE_WEBHOOK_SECRET`,
/// `DEALERSHIP_TARGET_<NAME>_TOKEN`, `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`,
/// `DEALERSHIP_SIP_PASSWORD` (of the trunk, and of accounts that have none), `TWILIO_ACCOUNT_SID`,
/// `TWILIO_AUTH_TOKEN`, `SIGNALWIRE_API_TOKEN`, `VAPI_API_KEY`, `VAPI_SERVER_SECRET`, and for each provider its key: [`ProviderConfig::key_variables`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where the program answers.
    pub server: ServerConfig,
    /// The business.
    pub dealership: DealershipConfig,
    /// Whom the house calls and writes to of its own accord.
    pub outbound: OutboundConfig,
    /// Calendars outside.
    pub calendar: CalendarConfig,
    /// E-mail.
    pub email: EmailConfig,
    /// Scenarios that are played week by week.
    pub evaluation: EvaluationConfig,
    /// How documents are found.
    pub knowledge: KnowledgeConfig,
    /// A table with leads.
    pub leads: LeadsConfig,
    /// Services that the tools of templates may ask, by name.
    pub targets: BTreeMap<String, TargetConfig>,
    /// What programs share beside the database; without it, each has its own.
    pub redis: Option<RedisConfig>,
    /// The keys of the operator's side; from the environment alone.
    #[serde(skip)]
    pub operator: OperatorConfig,
    /// Who takes payments.
    pub payments: PaymentsConfig,
    /// Links by which customers see and change their appointments.
    pub portal: PortalConfig,
    /// Recordings of calls.
    pub recordings: RecordingsConfig,
    /// For how long what is kept.
    pub retention: RetentionConfig,
    /// A collector of spans.
    pub tracing: TracingConfig,
    /// What can be turned off without taking its settings away.
    pub switches: SwitchesConfig,
    /// When a caller's turn is over.
    pub turns: TurnsConfig,
    /// The carrier's account; without it and without `sip` no phone call comes in.
    pub twilio: Option<TwilioConfig>,
    /// An account at SignalWire, by which texts go out.
    pub signalwire: Option<SignalWireTable>,
    /// A platform that hosts the talk.
    pub vapi: Option<VapiTable>,
    /// Calls from SIP trunks and PBXs, beside those of the carrier.
    pub sip: Option<SipConfig>,
    /// The recognizer.
    pub stt: Option<ProviderConfig>,
    /// The language model; without it the rule brain answers.
    pub llm: Option<ProviderConfig>,
    /// The voice.
    pub tts: Option<ProviderConfig>,
}

/// Where the program answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[server]`")]
#[non_exhaustive]
pub struct ServerConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// How the carrier reaches it, `https://` and without a path. `http://` is for this machine.
    pub public_url: Option<String>,
    /// The name of this program, where several answer at the public address; `None` names it by
    /// machine and port.
    pub replica: Option<String>,
    /// Whether requests for other replicas are sent back to Fly's proxy, which brings them there. So
    /// on a machine of Fly, whose name is the replica's then.
    #[serde(skip)]
    pub on_fly: bool,
    /// What this program does, of all that there is to do.
    pub roles: Roles,
    /// Calls at the same time. From nine tenths of them on `/readyz` sends new ones elsewhere, and
    /// whoever comes when there is no room hears so. `None` is 100 by the carrier, and no bound that
    /// `/readyz` knows.
    pub most_calls: Option<NonZeroUsize>,
    /// How late the program may be woken, in milliseconds, before no call is let in: the median of
    /// three seconds. More is heard in the talk of those who are there.
    pub most_late_ms: NonZeroU64,
    /// Memory that the process may have before no call is let in, in mebibytes. `None` is nine tenths
    /// of what the container or the service may have, where that is bounded (Linux).
    pub most_memory_mib: Option<NonZeroU64>,
    /// Whether to serve the talk page too, to browsers on this machine only.
    pub talk_page: bool,
    /// A folder in which each call leaves its journal, with all that was said; `None` keeps none.
    pub journals: Option<PathBuf>,
    /// How long calls in progress may go on when the program is told to stop, in seconds. Then the
    /// agent takes its leave.
    pub drain_seconds: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            replica: None,
            on_fly: false,
            roles: Roles::ALL,
            most_calls: None,
            most_late_ms: const { NonZeroU64::new(250).unwrap() },
            most_memory_mib: None,
            talk_page: false,
            journals: None,
            drain_seconds: 30,
        }
    }
}

/// The business that the agent speaks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[dealership]`")]
#[non_exhaustive]
pub struct DealershipConfig {
    /// Its name, as callers hear it.
    pub name: String,
    /// IANA time zone of its clocks.
    pub timezone: String,
    /// The database: a file of SQLite, or the address of a PostgreSQL server.
    pub database: Place,
    /// When it is open, as a whole sentence; `None` leaves the answer to the program.
    pub hours: Option<String>,
    /// Where it is, as a whole sentence.
    pub address: Option<String>,
    /// By what callers show that a customer's visits are theirs.
    pub identity: Identity,
    /// The phone numbers of those to whom callers can be handed.
    pub departments: BTreeMap<Department, String>,
}

impl Default for DealershipConfig {
    fn default() -> Self {
        Self {
            name: "Bart's Automotive".to_owned(),
            timezone: "America/Chicago".to_owned(),
            database: Place::from("dealership.db"),
            hours: None,
            address: None,
            identity: Identity::default(),
            departments: BTreeMap::new(),
        }
    }
}

/// Whom the house calls and writes to of its own accord.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[outbound]`")]
#[non_exhaustive]
pub struct OutboundConfig {
    /// Our number at the carrier, E.164: people see it. Without it, nobody is called or written to.
    pub from: Option<String>,
    /// Who may be called. Nobody else is, and nobody at all if it is empty; `*` stands for everybody
    /// who has agreed to it.
    pub allow: Vec<String>,
    /// How many calls and texts all programs begin within a second at most; `None` sets no limit.
    pub most_per_second: Option<NonZeroU32>,
}

/// A Redis server, for what is shared for a while.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[redis]`")]
#[non_exhaustive]
pub struct RedisConfig {
    /// Its address; with a password, better kept in `DEALERSHIP_REDIS`.
    pub url: Secret,
}

/// The keys of the operator's side.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct OperatorConfig {
    /// Opens the API, the dashboard and the metrics, `DEALERSHIP_OPERATOR_KEY`; `None` leaves them
    /// out.
    pub key: Option<Secret>,
    /// Opens the metrics alone, `DEALERSHIP_METRICS_KEY`.
    pub metrics_key: Option<Secret>,
}

/// For how many days what is kept.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[retention]`")]
#[non_exhaustive]
pub struct RetentionConfig {
    /// What was said in calls, and what was noted of them.
    pub transcript_days: u32,
    /// The journals of calls.
    pub journal_days: u32,
    /// The recordings of calls.
    pub recording_days: u32,
    /// Who has failed to show who they are.
    pub identity_days: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { transcript_days: 730, journal_days: 90, recording_days: 90, identity_days: 30 }
    }
}

/// The carrier's account.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[twilio]`")]
#[non_exhaustive]
pub struct TwilioConfig {
    /// The account, `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The token that signs the carrier's requests. Better kept in `TWILIO_AUTH_TOKEN`.
    pub auth_token: Secret,
    /// Where the carrier's REST API is; `None` is the United States.
    pub api_url: Option<String>,
}

/// A provider by name, with settings of its own that the registry checks.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[serde(expecting = "a table, such as `[stt]`, with a `provider`")]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The provider's name in the registry. Where it is empty, the registry says which there are.
    #[serde(default)]
    pub provider: String,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

impl ProviderConfig {
    /// The names of the variables that may hold the key, such as `DEEPGRAM_API_KEY`; the first that
    /// is set wins.
    #[must_use]
    pub fn key_variables(&self) -> Vec<String> {
        key_variables(&self.provider)
    }

    /// Whether a key is known.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.settings.get("api_key").and_then(Value::as_str).is_some_and(|key| !key.is_empty())
    }

    /// The providers that step in when this one fails, in order. What is no provider is left to the
    /// registry, which complains about it.
    pub(crate) fn fallback(&self) -> impl Iterator<Item = Self> {
        let list = self.settings.get("fallback").and_then(Value::as_array);
        list.into_iter().flatten().map(|one| Self {
            provider: one["provider"].as_str().unwrap_or_default().to_owned(),
            settings: one.as_object().cloned().unwrap_or_default(),
        })
    }

    /// The provider of the chain that a complaint of the registry is about.
    pub(crate) fn meant_by(&self, complaint: &str) -> Self {
        let number = complaint.split("fallback[").nth(1).and_then(|rest| rest.split(']').next());
        let number = number.and_then(|number| number.parse().ok());
        number.and_then(|number| self.fallback().nth(number)).unwrap_or_else(|| self.clone())
    }

    /// Where the provider is asked, where that is set.
    pub(crate) fn base_url(&self) -> Option<&str> {
        self.settings.get("base_url").and_then(Value::as_str)
    }

    /// Where a key stands in the settings, if one does.
    pub(crate) fn secret(&self) -> Option<String> {
        let is_secret = |name: &&String| {
            name.ends_with("key") || name.contains("token") || name.contains("secret")
        };
        let own = self.settings.keys().find(is_secret).cloned();
        own.or_else(|| {
            let mut others = self.fallback().enumerate();
            others.find_map(|(at, one)| Some(format!("fallback[{at}].{}", one.secret()?)))
        })
    }

    /// The table that a [`Catalog`](voiceagent_core::registry::Catalog) builds from.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut table = self.settings.clone();
        if !self.provider.is_empty() {
            table.insert("provider".to_owned(), self.provider.clone().into());
        }
        Value::Object(table)
    }
}

fn key_variables(provider: &str) -> Vec<String> {
    let name = provider.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let mut variables = vec![format!("{name}_API_KEY")];
    // The same account. A compatible server is somebody else, who must not see the vendor's key.
    if provider == "deepgram-flux" {
        variables.push("DEEPGRAM_API_KEY".to_owned());
    }
    variables
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings may hold keys under names that only the provider knows.
        let names: Vec<&String> = self.settings.keys().collect();
        f.debug_struct("ProviderConfig")
            .field("provider", &self.provider)
            .field("settings", &names)
            .finish()
    }
}

#[cfg(test)]
mod tests;
