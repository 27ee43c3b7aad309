//! Sends each request that a client knows to a mock of its carrier's API, and fails unless the mock
//! takes them all. `.ci/specs` starts mocks from the carriers' own descriptions of their APIs.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::{collections::BTreeMap, env};

use voiceagent_core::{CallId, Error, Result, Secret};
use voiceagent_telephony::{
    DtmfKey,
    compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
    control::{Answer, CallControl, Callee, Directory, NewCall},
    document::{Response, Say, Shelf},
    message::{Channel, Messenger, TextMessage},
    vapi::{VapiConfig, VapiRest},
    verify::{CodeChannel, Verification, Verifier},
    vonage::{VonageConfig, VonageRest},
};
use voiceagent_testkit::vendor::CarrierApi;

/// Names as the carriers write them.
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const CALL: &str = "CA0123456789abcdef0123456789abcdef";
const SERVICE: &str = "VA0123456789abcdef0123456789abcdef";
const UUID: &str = "63f61863-4a51-4f6b-86e1-46edebcf9356";

/// What was asked, and what came of it.
struct Told(Vec<(&'static str, Result<()>)>);

impl Told {
    fn note<T>(&mut self, what: &'static str, outcome: Result<T>) -> Option<T> {
        let (value, outcome) = match outcome {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.0.push((what, outcome));
        value
    }
}

fn directory() -> Result<Directory> {
    Ok(Directory::default()
        .with_from("+14155550199".parse()?)
        .with_target("desk", "+14155550100".parse()?)
        .with_front_door("https://agent.example.com/voice", "https://agent.example.com/status"))
}

fn desk() -> Callee {
    Callee::Target("desk".to_owned())
}

/// Everything that a client of calls can be asked, as far as it says that it can.
async fn control(told: &mut Told, control: &dyn CallControl, call: &CallId) {
    let capabilities = control.capabilities();
    let document = Response::new().with(Say::new("One moment, please."));
    told.note("dial", control.dial(&NewCall::to(desk()).with_machine_detection(true)).await);
    let said = NewCall::to(desk()).with_answer(Answer::Document(document.clone()));
    told.note("dial with a document", control.dial(&said).await);
    told.note("redirect", control.redirect(call, &document).await);
    told.note("transfer", control.transfer(call, "desk").await);
    told.note("join a conference", control.join_conference(call, "room").await);
    told.note("status", control.status(call).await);
    told.note("hang up", control.hang_up(call).await);
    if capabilities.live {
        told.note("list", control.live().await);
    }
    if capabilities.keys {
        let keys: Vec<_> = "12#".chars().filter_map(DtmfKey::new).collect();
        told.note("send keys", control.send_keys(call, &keys).await);
    }
    if capabilities.recording
        && let Some(name) = told.note("start a recording", control.start_recording(call).await)
    {
        told.note("stop a recording", control.stop_recording(call, &name).await);
    }
    if capabilities.hold {
        told.note("hold", control.hold(call, "https://agent.example.com/music.mp3").await);
        told.note("resume", control.resume(call).await);
    }
}

async fn messages(told: &mut Told, messenger: &dyn Messenger) -> Result<()> {
    let message = TextMessage::new(desk(), "Your car is ready.")?;
    told.note("send an SMS", messenger.send(&message).await);
    if messenger.has(Channel::WhatsApp) {
        told.note("send by WhatsApp", messenger.send(&message.by(Channel::WhatsApp)).await);
    }
    Ok(())
}

async fn codes(told: &mut Told, verifier: &dyn Verifier, name: &str) {
    told.note("send a code", verifier.send_code(&desk(), CodeChannel::Sms).await);
    told.note("say a code", verifier.send_code(&desk(), CodeChannel::Call).await);
    let code = Secret::new("123456");
    told.note("check a code", verifier.check_code(&Verification::new(name), &code).await);
}

fn compatible(api: CompatibleApi, account: &str, url: &str) -> Result<CompatibleRest> {
    let mut config = CompatibleConfig::new(api, account, Secret::new("secret"))
        .with_directory(directory()?)
        .with_base_url(url);
    config.verify_url = Some(url.to_owned());
    let is_telnyx = api == CompatibleApi::Telnyx;
    config.verify_service = Some(if is_telnyx { UUID } else { SERVICE }.to_owned());
    config.application = is_telnyx.then(|| "1494404757140276705".to_owned());
    Ok(CompatibleRest::new(config)?
        .with_shelf(Shelf::new("https://agent.example.com", "/documents")?))
}

async fn ask(carrier: &str, url: &str) -> Result<Told> {
    let mut told = Told(Vec::new());
    match carrier {
        "twilio" => {
            let client = compatible(CompatibleApi::Twilio, ACCOUNT, url)?;
            control(&mut told, &client, &CallId::new(CALL)).await;
            messages(&mut told, &client).await?;
        }
        "twilio-verify" => {
            let client = compatible(CompatibleApi::Twilio, ACCOUNT, url)?;
            codes(&mut told, &client, "VE0123456789abcdef0123456789abcdef").await;
        }
        "signalwire" => {
            let client = compatible(CompatibleApi::SignalWire, UUID, url)?;
            control(&mut told, &client, &CallId::new(UUID)).await;
            messages(&mut told, &client).await?;
        }
        "signalwire-rest" => {
            codes(&mut told, &compatible(CompatibleApi::SignalWire, UUID, url)?, UUID).await;
        }
        "vonage" => {
            let config = VonageConfig::new(UUID, Secret::new(CarrierApi::application_key()));
            let config = config.with_directory(directory()?).with_base_url(url);
            control(&mut told, &VonageRest::new(config)?, &CallId::new(UUID)).await;
        }
        "telnyx" => {
            let client = compatible(CompatibleApi::Telnyx, UUID, url)?;
            control(&mut told, &client, &CallId::new("v3:call-1")).await;
            messages(&mut told, &client).await?;
            codes(&mut told, &client, UUID).await;
        }
        "vapi" => {
            let config = VapiConfig::new(Secret::new("secret"), UUID, UUID);
            let client = VapiRest::new(config.with_directory(directory()?).with_base_url(url))?;
            let variables = BTreeMap::from([("name".to_owned(), "Ann".to_owned())]);
            let call = told.note("call", client.call(&desk(), &variables).await);
            let call = call.unwrap_or_else(|| CallId::new(UUID));
            told.note("status", client.status(&call).await);
        }
        _ => return Err(Error::config("CARRIER: one that has a description")),
    }
    Ok(told)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [carrier, url] = &arguments[..] else { return Err("api_requests CARRIER URL".into()) };
    let Told(told) = ask(carrier, url).await?;
    let failed = told.iter().filter(|(_, outcome)| outcome.is_err()).count();
    for (what, outcome) in &told {
        if let Err(error) = outcome {
            eprintln!("{carrier}, {what}: {error}");
        }
    }
    println!("{carrier}: {} of {} requests taken", told.len() - failed, told.len());
    if failed > 0 { Err("some were refused".into()) } else { Ok(()) }
}
