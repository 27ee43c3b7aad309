use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use dealership::store::Store;
use reqwest::{Client, Response};
use tokio::time::{sleep, timeout};
use voiceagent_core::Secret;
use voiceagent_telephony::signature::TwilioSignature;
use voiceagent_testkit::{
    phone::{Dial, PhoneCall},
    vendor::{ListenScript, ScriptedVendor, SpeakScript, SpeechVendor},
};

/// For anything that should happen at once; test machines are busy.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How fast the scripted voice speaks.
pub(crate) const PER_CHARACTER: Duration = Duration::from_millis(20);
const TOKEN: &str = "0123456789abcdef";
const LOOK: Duration = Duration::from_millis(50);

/// Two programs behind HAProxy on one database, with the vendors of speech.
pub(crate) struct Pair {
    pub(crate) a: Child,
    pub(crate) b: Child,
    pub(crate) database: String,
    proxy: Child,
    client: Client,
    address: SocketAddr,
    direct: [SocketAddr; 2],
    folder: PathBuf,
    _vendors: [SpeechVendor; 2],
}

impl Pair {
    /// Starts them. The recognizer understands `said` in each call, one after the other.
    pub(crate) async fn open(test: &str, said: &[&str]) -> Self {
        // Whoever comes second finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listen = SpeechVendor::listen(ListenScript::utterances(said.to_vec())).await;
        let speak = SpeechVendor::speak(SpeakScript::new().per_character(PER_CHARACTER)).await;
        let folder = std::env::temp_dir().join(format!("dealership-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let database = folder.join("dealership.db").to_str().unwrap().to_owned();
        let [address, a, b] = free();
        let start = |name: &str, listen_at: SocketAddr| {
            let config = format!(
                "[server]\nlisten = \"{listen_at}\"\npublic_url = \"http://{address}\"\n\
                 replica = \"{name}\"\ndrain_seconds = 120\n\
                 [dealership]\ndatabase = {database:?}\n[twilio]\nauth_token = \"{TOKEN}\"\n\
                 [stt]\nprovider = \"deepgram\"\napi_key = \"{key}\"\nbase_url = \"{}\"\n\
                 [tts]\nprovider = \"deepgram\"\napi_key = \"{key}\"\nbase_url = \"{}\"\n",
                listen.url(),
                speak.url(),
                key = SpeechVendor::KEY,
            );
            let file = folder.join(format!("{name}.toml"));
            fs::write(&file, config).unwrap();
            let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
            Command::new(env!("CARGO_BIN_EXE_dealership"))
                .args(["serve", "--config"])
                .arg(file)
                .env("RUST_LOG", "info")
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        let (started_a, started_b) = (start("a", a), start("b", b));
        let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/haproxy/haproxy.cfg");
        let proxy = Command::new("haproxy")
            .arg("-q")
            .arg("-f")
            .arg(settings)
            .envs([("BIND", address), ("REPLICA_A", a), ("REPLICA_B", b)].map(of))
            .spawn()
            .expect("HAProxy is installed: .ci/replicas sees to it");
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let pair = Self {
            a: started_a,
            b: started_b,
            database,
            proxy,
            client,
            address,
            direct: [a, b],
            folder,
            _vendors: [listen, speak],
        };
        for replica in [0, 1] {
            pair.until_ready(replica, 200).await;
        }
        timeout(SOON, pair.until_both_are_found()).await.expect("HAProxy to find them");
        pair
    }

    /// Waits until HAProxy leads to both.
    async fn until_both_are_found(&self) {
        let mut found = BTreeSet::new();
        while found.len() < 2 {
            let url = format!("http://{}/readyz", self.address);
            if let Ok(answer) = self.client.get(url).send().await
                && answer.status() == 200
            {
                let health: serde_json::Value = answer.json().await.unwrap();
                found.insert(health["replica"].to_string());
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until a program answers so whether it takes calls.
    pub(crate) async fn until_ready(&self, replica: usize, status: u16) {
        let ready = async {
            while self.get(self.direct[replica], "/readyz").await != Some(status) {
                sleep(LOOK).await;
            }
        };
        timeout(SOON, ready).await.unwrap_or_else(|_| panic!("{}", self.logs()));
    }

    async fn get(&self, at: SocketAddr, path: &str) -> Option<u16> {
        let answer = self.client.get(format!("http://{at}{path}")).send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// The calls that a program has.
    pub(crate) async fn calls(&self, replica: usize) -> u64 {
        let url = format!("http://{}/readyz", self.direct[replica]);
        let health: serde_json::Value =
            self.client.get(url).send().await.unwrap().json().await.unwrap();
        health["calls"].as_u64().unwrap()
    }

    /// Asks something as the carrier does: at a path, or at the whole address.
    pub(crate) async fn ask(&self, at: &str, call: &str, from: &str) -> Response {
        let url = match at.starts_with("http") {
            true => at.to_owned(),
            false => format!("http://{}{at}", self.address),
        };
        let fields =
            [("CallSid", call), ("From", from), ("To", "+16305550100"), ("Direction", "inbound")];
        let signature = TwilioSignature::sign(&Secret::new(TOKEN), &url, &fields);
        let request = self.client.post(url).header("X-Twilio-Signature", signature);
        request.form(&fields).send().await.unwrap()
    }

    /// Calls the house, and returns the call with what its webhook was answered with.
    pub(crate) async fn call(&self, call: &str, from: &str) -> (PhoneCall, String) {
        let answer = self.ask("/twilio/voice", call, from).await;
        assert_eq!(answer.status(), 200, "{}", self.logs());
        let twiml = answer.text().await.unwrap();
        (self.connect(call, &twiml).await, twiml)
    }

    /// Follows an answer to the media socket.
    pub(crate) async fn connect(&self, call: &str, twiml: &str) -> PhoneCall {
        let url = attribute(twiml, "<Stream ", "url");
        let signature = TwilioSignature::sign::<&str, &str>(&Secret::new(TOKEN), &url, &[]);
        let mut dial = Dial::to(url).call_id(call).header("x-twilio-signature", signature);
        for parameter in twiml.split("<Parameter ").skip(1) {
            let parameter = format!("<Parameter {parameter}");
            let name = attribute(&parameter, "<Parameter ", "name");
            dial = dial.parameter(name, attribute(&parameter, "<Parameter ", "value"));
        }
        dial.connect().await.unwrap()
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(self.database.as_str()).await.unwrap()
    }

    /// What the programs have logged last.
    pub(crate) fn logs(&self) -> String {
        let log = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("a:\n{}\nb:\n{}", log("a.log"), log("b.log"))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for process in [&mut self.a, &mut self.b, &mut self.proxy] {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks a program to stop, as the system does.
pub(crate) fn terminate(process: &Child) {
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn of((name, address): (&'static str, SocketAddr)) -> (&'static str, String) {
    (name, address.to_string())
}

/// Addresses at which nobody listens.
fn free() -> [SocketAddr; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// What stands in an element: `<Redirect>` leads on.
pub(crate) fn redirect(twiml: &str) -> String {
    let (_, rest) = twiml.split_once("<Redirect").unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split_once("</Redirect>").unwrap().0.to_owned()
}

fn attribute(xml: &str, element: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(element).unwrap();
    let (_, value) = rest.split_once(&format!("{name}=\"")).unwrap();
    value.split_once('"').unwrap().0.to_owned()
}
