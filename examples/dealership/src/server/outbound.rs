use std::sync::Arc;

use voiceagent_core::{Error, Result, Secret};
use voiceagent_telephony::{
    compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
    control::{CallControl, Directory},
    message::Messenger as Carrier,
    vapi::{VapiConfig, VapiRest},
};

use super::{STATUS, VOICE, replies::UNSUBSCRIBE};
use crate::{
    clock::Clock,
    config::{Config, SignalWireTable, VapiTable},
    departments::Departments,
    errand::AllowList,
    jobs::Worker,
    mail::{ImapAccount, ImapInbox, SmtpMailer, SmtpServer},
    messages::{CarrierMessenger, Messenger},
    notices::Notices,
    portal::Links,
    store::Store,
};

/// By what the house reaches people of its own accord.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    pub(crate) line: Arc<dyn CallControl>,
    pub(crate) messenger: Arc<dyn Messenger>,
}

impl Outbound {
    /// What the configuration has for it; `None` where it names no number of ours.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is missing or wrong.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
        let Some(from) = &config.outbound.from else { return Ok(None) };
        let allow = AllowList::read(&config.outbound.allow)?;
        let needed = |field: &str| {
            Error::config(format!("field `{field}` is missing; `outbound.from` needs it"))
        };
        let from = from.parse().map_err(|error: Error| {
            let why = format!("field `outbound.from`: {}", error.message());
            Error::config(why).with_source(error)
        })?;
        let house = Directory::default().with_from(from);
        let client = |directory: Directory| {
            let twilio = config.twilio.as_ref().filter(|twilio| !twilio.account_sid.is_empty());
            let twilio = twilio.ok_or_else(|| needed("twilio.account_sid"))?;
            let token = twilio.auth_token.clone();
            let rest = CompatibleConfig::new(CompatibleApi::Twilio, &*twilio.account_sid, token);
            let rest = match &twilio.api_url {
                Some(url) => rest.with_base_url(url),
                None => rest,
            };
            CompatibleRest::new(rest.with_directory(directory))
        };
        // The client refuses whom the list does not hold, whatever it is asked.
        let called = allow.prefixes().into_iter().fold(house.clone(), Directory::with_prefix);
        // What is heard of a call by the carrier is told to the program that has made it: whoever
        // stands before several goes by the name. One that takes no calls leaves them to any other.
        let to = config.server.replica.as_ref().filter(|_| config.server.roles.media);
        let to = to.map(|name| format!("?replica={name}"));
        let to = to.unwrap_or_default();
        let line = match hosted_line(config, &called)? {
            Some(line) => line,
            None => {
                let url = config.server.public_url.as_deref();
                let url = url.ok_or_else(|| needed("server.public_url"))?.trim_end_matches('/');
                let (voice, status) = (format!("{url}{VOICE}{to}"), format!("{url}{STATUS}{to}"));
                let line: Arc<dyn CallControl> =
                    Arc::new(client(called.with_front_door(voice, status))?);
                line
            }
        };
        // Who asks for a text, or is cut off, gets it: their consent is a row.
        let everybody = house.with_prefix("+");
        let carrier: Arc<dyn Carrier> = match &config.signalwire {
            Some(table) => Arc::new(signalwire(table, everybody)?),
            None => Arc::new(client(everybody)?),
        };
        Ok(Some(Self { line, messenger: Arc::new(CarrierMessenger::new(carrier)) }))
    }
}

/// Vapi, where it makes the calls of the house.
fn hosted_line(config: &Config, called: &Directory) -> Result<Option<Arc<dyn CallControl>>> {
    let Some(VapiTable { assistant, phone_number: Some(number), key, base_url, .. }) = &config.vapi
    else {
        return Ok(None);
    };
    let mut settings =
        VapiConfig::new(key.clone(), assistant, number).with_directory(called.clone());
    if let Some(url) = base_url {
        settings = settings.with_base_url(url);
    }
    let line = VapiRest::new(settings).map_err(|error| in_table("vapi", &error))?;
    Ok(Some(Arc::new(line)))
}

/// SignalWire's account, which writes to these.
fn signalwire(table: &SignalWireTable, mut writes_to: Directory) -> Result<CompatibleRest> {
    if let Some(from) = &table.from {
        writes_to = writes_to.with_from(from.parse().map_err(|error: Error| {
            let why = format!("field `signalwire.from`: {}", error.message());
            Error::config(why).with_source(error)
        })?);
    }
    let token = table.token.clone();
    let settings = CompatibleConfig::new(CompatibleApi::SignalWire, &*table.project, token)
        .with_base_url(&*table.url)
        .with_directory(writes_to);
    CompatibleRest::new(settings).map_err(|error| in_table("signalwire", &error))
}

fn in_table(table: &str, error: &Error) -> Error {
    Error::config(format!("table `[{table}]`: {}", error.message()))
}

/// What sends texts by this configuration, if anything does.
pub(crate) fn messenger(config: &Config) -> Result<Option<Arc<dyn Messenger>>> {
    Ok(Outbound::of(config)?.map(|outbound| outbound.messenger))
}

/// What does the jobs of a store, by this configuration.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is missing or wrong.
pub fn worker(config: &Config, store: Store, clock: Clock) -> Result<Worker> {
    let dealership = &config.dealership;
    let mut worker = Worker::new(store, clock, &*dealership.name)
        .with_allowed(AllowList::read(&config.outbound.allow)?)
        .with_departments(Departments::read(&dealership.departments)?)
        .with_notices(Notices::read(&config.portal)?.with_links(Links::of(config)?));
    if let Some(Outbound { line, messenger }) = Outbound::of(config)? {
        worker = worker.with_line(line).with_messenger(messenger);
    }
    let email = &config.email;
    if let Some(url) = &email.smtp {
        let login = (!email.user.is_empty()).then(|| (email.user.clone(), email.password.clone()));
        let base = config.server.public_url.as_deref().unwrap_or_default();
        let page =
            (!base.is_empty()).then(|| format!("{}{UNSUBSCRIBE}", base.trim_end_matches('/')));
        let server =
            SmtpServer { url: url.clone(), login, from: email.from.clone(), unsubscribe: page };
        worker = worker.with_mailer(Arc::new(SmtpMailer::new(server)?));
    }
    if let Some(url) = &email.imap {
        let or = |own: &str, other: &str| if own.is_empty() { other } else { own }.to_owned();
        let account = ImapAccount {
            url: url.clone(),
            user: or(&email.imap_user, &email.user),
            password: Secret::new(or(email.imap_password.expose(), email.password.expose())),
        };
        worker = worker.with_inbox(Arc::new(ImapInbox::new(account)?));
    }
    Ok(worker)
}
