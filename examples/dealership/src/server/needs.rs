use std::{fmt, sync::Arc};

use serde_json::Value;
use voiceagent_core::{
    Error, Result, Secret,
    llm::LanguageModel,
    registry::{Catalog, Registry},
    stt::SpeechToText,
    tts::TextToSpeech,
};
use voiceagent_telephony::{
    compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
    control::CallControl,
};

use crate::{
    config::{Config, ProviderConfig},
    departments::Departments,
};

/// What phone calls need of the configuration: each part is made, or says why it cannot be.
#[derive(Debug)]
pub(crate) struct Needs {
    pub(crate) public_url: Result<String>,
    pub(crate) account: Result<Account>,
    pub(crate) stt: Result<Arc<dyn SpeechToText>>,
    pub(crate) tts: Result<Arc<dyn TextToSpeech>>,
    /// `None` where the rule brain answers alone.
    pub(crate) llm: Result<Option<Arc<dyn LanguageModel>>>,
    /// What calls can do without, and had better not.
    pub(crate) warnings: Vec<Warning>,
}

/// The carrier's account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) auth_token: Secret,
    /// `None` where calls cannot be asked to end.
    pub(crate) control: Option<Arc<dyn CallControl>>,
}

/// A setting with which calls are answered, and something else goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Warning {
    /// No carrier reaches the public address.
    LocalAddress,
    /// The carrier cannot be asked to end a call.
    NoAccount,
    /// The carrier will refuse to end a call.
    OddAccount,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LocalAddress => {
                "`server.public_url` is an address of this machine, and no carrier reaches it"
            }
            Self::NoAccount => {
                "`twilio.account_sid` is not set; the end of a call is left to the closing of its \
                 media stream"
            }
            Self::OddAccount => {
                "`twilio.account_sid` is not `AC` and 32 hexadecimal digits; Twilio will refuse to \
                 end calls"
            }
        })
    }
}

impl Needs {
    /// Whether calls come by a carrier. Those that come over SIP need neither its account nor an
    /// address on the web; where one of the two is set, both are meant. A program that does the jobs
    /// alone is asked for nothing by a carrier.
    pub(crate) fn has_carrier(config: &Config) -> bool {
        let roles = config.server.roles;
        if !roles.web && !roles.media {
            return false;
        }
        config.sip.is_none() || config.twilio.is_some() || config.server.public_url.is_some()
    }

    /// Makes every part that can be made. Nobody is connected to.
    pub(crate) fn of(config: &Config, registry: &Registry) -> Self {
        let account_sid = config.twilio.as_ref().map_or("", |twilio| twilio.account_sid.as_str());
        let warnings = [
            (config.server.public_url.is_some() && config.server.is_local())
                .then_some(Warning::LocalAddress),
            (account_sid.is_empty() && Self::has_carrier(config)).then_some(Warning::NoAccount),
            (!account_sid.is_empty() && !is_account(account_sid)).then_some(Warning::OddAccount),
        ];
        Self {
            public_url: config.server.public_url.clone().ok_or_else(|| {
                missing(
                    "server.public_url",
                    "the address under which the carrier reaches this machine, such as \
                     `https://agent.example.com`",
                )
            }),
            account: account(config),
            stt: provider("stt", config.stt.as_ref(), &registry.stt),
            tts: provider("tts", config.tts.as_ref(), &registry.tts),
            llm: match config.model() {
                None => Ok(None),
                llm => provider("llm", llm, &registry.llm).map(Some),
            },
            warnings: warnings.into_iter().flatten().collect(),
        }
    }
}

/// Makes what the carrier's account can be asked with.
pub(crate) fn account(config: &Config) -> Result<Account> {
    let twilio =
        config.twilio.as_ref().filter(|twilio| !twilio.auth_token.is_empty()).ok_or_else(|| {
            missing(
                "twilio.auth_token",
                "the token of console.twilio.com, or put it into TWILIO_AUTH_TOKEN",
            )
        })?;
    let auth_token = twilio.auth_token.clone();
    let account = twilio.account_sid.as_str();
    if account.is_empty() {
        return Ok(Account { auth_token, control: None });
    }
    if !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::config(
            "field `twilio.account_sid`: expected `AC` and 32 hexadecimal digits",
        ));
    }
    let mut rest = CompatibleConfig::new(CompatibleApi::Twilio, account, auth_token.clone());
    if let Some(url) = &twilio.api_url {
        rest = rest.with_base_url(url);
    }
    let directory = Departments::read(&config.dealership.departments)?.directory()?;
    let rest = CompatibleRest::new(rest.with_directory(directory)).map_err(|error| {
        // The account and the token are right by now.
        let why = error.message().replace("base_url", "field `twilio.api_url`");
        Error::config(why).with_source(error)
    })?;
    Ok(Account { auth_token, control: Some(Arc::new(rest)) })
}

fn is_account(account: &str) -> bool {
    let digits = account.strip_prefix("AC").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Makes a provider of a table of the configuration.
pub(crate) fn provider<T: ?Sized + 'static>(
    table: &str,
    config: Option<&ProviderConfig>,
    catalog: &Catalog<T>,
) -> Result<Arc<T>> {
    // Without a table, the catalog says itself what may stand in it.
    let settings =
        config.map_or_else(|| Value::Object(serde_json::Map::new()), ProviderConfig::to_value);
    catalog.build(settings).map_err(|error| {
        let why = error.message();
        let field = why.strip_prefix("field `").filter(|rest| !rest.starts_with("provider`"));
        let why = match field {
            Some(rest) => format!("field `{table}.{rest}"),
            None => format!("table `[{table}]`: {why}"),
        };
        match config {
            Some(config) if why.contains("api_key` is missing") => {
                let variables = config.meant_by(&why).key_variables();
                Error::config(format!("{why}; put it into {}", variables.join(" or ")))
            }
            Some(_) | None => Error::config(why),
        }
    })
}

fn missing(field: &str, accepted: &str) -> Error {
    Error::config(format!("field `{field}` is missing; set it to {accepted}"))
}
