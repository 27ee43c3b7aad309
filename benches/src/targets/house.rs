//! The dealership under test: the program, as a process of its own, behind its signed webhook.

use std::{
    env,
    error::Error,
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::Client;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use voiceagent_core::Secret;
use voiceagent_telephony::signature::TwilioSignature;
use voiceagent_testkit::phone::Dial;

use super::{
    database::{Database, number},
    lookups::millis,
};
use crate::e2e_latency::{call, vendors::Vendors};

/// The package of the program, and its binary.
const PROGRAM: &str = "dealership";

const TOKEN: &str = "0123456789abcdef";

/// For the program to start.
const START: Duration = Duration::from_secs(60);

/// Between two questions whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// The program of the dealership.
#[derive(Clone, Debug)]
pub(super) struct Program(PathBuf);

impl Program {
    /// The program at `binary`; without one, it is built in the profile of this bench.
    pub(super) async fn find(binary: Option<PathBuf>) -> io::Result<Self> {
        if let Some(binary) = binary {
            return Ok(Self(binary));
        }
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", PROGRAM]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        if cfg!(feature = "redis") {
            command.args(["--features", "redis"]);
        }
        if !command.status().await?.success() {
            return Err(io::Error::other("the dealership cannot be built"));
        }
        Ok(Self(env::current_exe()?.with_file_name(PROGRAM)))
    }
}

/// A dealership that takes calls. Dropping it kills it.
#[derive(Debug)]
pub(super) struct House {
    url: String,
    client: Client,
    configuration: PathBuf,
    process: Child,
}

impl House {
    /// Starts it against the vendors, on the database.
    pub(super) async fn open(
        Program(program): &Program,
        vendors: &Vendors,
        (database, redis): (&Database, Option<&str>),
    ) -> Result<Self, Box<dyn Error>> {
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let redis = redis.map(|url| format!("[redis]\nurl = {url:?}\n")).unwrap_or_default();
        let text = format!(
            "[server]\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\n\
             drain_seconds = 0\n\
             [dealership]\ndatabase = {:?}\n{redis}\
             [twilio]\nauth_token = \"{TOKEN}\"\n\
             [stt]\nprovider = \"deepgram\"\napi_key = \"nobody\"\nbase_url = \"{speech}\"\n\
             [tts]\nprovider = \"deepgram\"\napi_key = \"nobody\"\nbase_url = \"{speech}\"\n\
             [llm]\nprovider = \"openai\"\napi_key = \"nobody\"\nbase_url = \"{}\"\n",
            database.place,
            vendors.model_url(),
            speech = vendors.speech_url(),
        );
        let name = format!("targets-{}-{}.toml", std::process::id(), address.port());
        let configuration = env::temp_dir().join(name);
        fs::write(&configuration, text)?;
        let process = serve(program, &configuration)?;
        // Whoever installed a provider before has the same one; a second installation changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().pool_max_idle_per_host(0).build()?;
        let url = format!("http://{address}");
        let house = Self { url, client, configuration, process };
        timeout(START, house.until_ready()).await.map_err(|_| "the dealership does not start")?;
        Ok(house)
    }

    async fn until_ready(&self) {
        let url = format!("{}/readyz", self.url);
        while !self.client.get(&url).send().await.is_ok_and(|it| it.status().is_success()) {
            sleep(LOOK).await;
        }
    }

    /// The most memory that it had so far, in mebibytes. `None` where the system does not tell.
    pub(super) fn memory(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        // proc_pid_status(5)
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1_024.0)
    }

    /// Rings at the webhook as the carrier does, and follows its answer to the media socket. Tells
    /// how long the webhook took too, in milliseconds.
    pub(super) async fn ring(
        &self,
        call: u32,
    ) -> Result<(Dial, f64), Box<dyn Error + Send + Sync>> {
        let (id, from, url) = (call::id(call), number(call), format!("{}/twilio/voice", self.url));
        let fields = [
            ("CallSid", id.as_str()),
            ("From", from.as_str()),
            ("To", "+16305550100"),
            ("Direction", "inbound"),
        ];
        let token = Secret::new(TOKEN);
        let signature = TwilioSignature::sign(&token, &url, &fields);
        let request = self.client.post(&url).header("X-Twilio-Signature", signature);
        let begun = Instant::now();
        let answer = request.form(&fields).send().await?.error_for_status()?.text().await?;
        let took = millis(begun);
        let attribute =
            |element: &str, name: &str| attribute(element, name).ok_or("the webhook leads nowhere");
        let (_, stream) = answer.split_once("<Stream ").ok_or("the webhook leads nowhere")?;
        let media = attribute(stream, "url")?;
        let signature = TwilioSignature::sign::<&str, &str>(&token, &media, &[]);
        let mut dial = Dial::to(media).call_id(id).header("x-twilio-signature", signature);
        for parameter in answer.split("<Parameter ").skip(1) {
            dial = dial.parameter(attribute(parameter, "name")?, attribute(parameter, "value")?);
        }
        Ok((dial, took))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // It is in the folder for what is temporary.
        let _ = fs::remove_file(&self.configuration);
    }
}

fn serve(program: &Path, configuration: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(configuration).env("RUST_LOG", "error");
    // What is set for another dealership is none of ours.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("DEALERSHIP_")) {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true).spawn()
}

/// The value of an attribute, in text that begins with those of its element.
fn attribute(element: &str, name: &str) -> Option<String> {
    let (_, value) = element.split_once(&format!("{name}=\""))?;
    Some(value.split_once('"')?.0.to_owned())
}
