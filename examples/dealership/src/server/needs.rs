use std::sync::Arc;

use serde_json::Value;
use voiceagent_core::{
    Error, Result, Secret,
    llm::LanguageModel,
    registry::{Catalog, Registry},
    stt::SpeechToText,
    tts::TextToSpeech,
};
use voiceagent_telephony::{
    media_stream::CallControl,
    twilio::{TwilioRest, TwilioRestConfig},
};

use crate::config::{Config, ProviderConfig};

/// What phone calls need, taken from the configuration.
#[derive(Debug)]
pub(super) struct Needs {
    pub(super) auth_token: Secret,
    pub(super) public_url: String,
    pub(super) control: Option<Arc<dyn CallControl>>,
    pub(super) stt: Arc<dyn SpeechToText>,
    pub(super) tts: Arc<dyn TextToSpeech>,
    /// `None` where the rule brain answers alone.
    pub(super) llm: Option<Arc<dyn LanguageModel>>,
}

impl Needs {
    /// Takes what is needed, and complains about the first thing that is not there.
    pub(super) fn of(config: &Config, registry: &Registry) -> Result<Self> {
        let public_url = config.server.public_url.clone().ok_or_else(|| {
            missing("server.public_url", "the address under which the carrier reaches this machine, such as `https://agent.example.com`")
        })?;
        let twilio = config.twilio.as_ref();
        let twilio = twilio.filter(|twilio| !twilio.auth_token.is_empty()).ok_or_else(|| {
            missing(
                "twilio.auth_token",
                "the token of console.twilio.com, or put it into TWILIO_AUTH_TOKEN",
            )
        })?;
        let control = match twilio.account_sid.as_str() {
            "" => None,
            account => {
                let mut rest = TwilioRestConfig::new(account, twilio.auth_token.clone());
                if let Some(url) = &twilio.api_url {
                    rest = rest.with_base_url(url);
                }
                let rest = TwilioRest::new(rest).map_err(|error| within("twilio", &error))?;
                Some(Arc::new(rest) as Arc<dyn CallControl>)
            }
        };
        if let Some(folder) = &config.server.journals {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::config(format!("field `server.journals`: {}: {error}", folder.display()))
            })?;
        }
        Ok(Self {
            auth_token: twilio.auth_token.clone(),
            public_url,
            control,
            stt: provider("stt", config.stt.as_ref(), &registry.stt)?,
            tts: provider("tts", config.tts.as_ref(), &registry.tts)?,
            llm: match &config.llm {
                None => None,
                llm => Some(provider("llm", llm.as_ref(), &registry.llm)?),
            },
        })
    }
}

fn provider<T: ?Sized + 'static>(
    table: &str,
    config: Option<&ProviderConfig>,
    catalog: &Catalog<T>,
) -> Result<Arc<T>> {
    // Without a table, the catalog says itself what may stand in it.
    let settings =
        config.map_or_else(|| Value::Object(serde_json::Map::new()), ProviderConfig::to_value);
    catalog.build(settings).map_err(|error| within(table, &error))
}

fn missing(field: &str, accepted: &str) -> Error {
    Error::config(format!("field `{field}` is missing; set it to {accepted}"))
}

/// An error of a part, with the table of the file that it is about.
fn within(table: &str, error: &Error) -> Error {
    Error::config(format!("table `[{table}]`: {}", error.message()))
}
