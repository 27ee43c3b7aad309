//! The dealership with all its vendors on loopback.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State};
use dealership::{
    clock::Clock,
    config::Config,
    server::Server,
    store::{AgendaEntry, Store},
};
use jiff::Timestamp;
use reqwest::{Client, Response};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use voiceagent_core::{Secret, registry::Registry};
use voiceagent_telephony::{server, signature::TwilioSignature};
use voiceagent_testkit::{
    phone::{Dial, PhoneCall},
    vendor::{
        ListenScript, ScriptedVendor, SpeakScript, SpeechVendor,
        chat::{ChatRequest, ChatVendor, Dialect, Reply},
    },
};

/// For anything that should happen at once; test machines are busy.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Between two looks at something that another process does.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// How fast the scripted voice speaks: a character lasts from one mark to the next, so that every
/// word ends at a mark.
pub(crate) const PER_CHARACTER: Duration = Duration::from_millis(100);

/// A Friday noon in Chicago.
pub(crate) const NOW: &str = "2026-11-20T18:00:00Z";

/// The program, its listener, its signs of life, its log of what the carrier reports, what looks for
/// what is too old, and what looks whether the machine is short of anything.
const OWN_TASKS: usize = 6;

const TOKEN: &str = "0123456789abcdef";
const OPERATOR: &str = "the operator's key in these tests";

/// The scripted vendors, the program on a runtime of its own, and a customer's phone.
pub(crate) struct House {
    pub(crate) listen: SpeechVendor,
    pub(crate) speak: SpeechVendor,
    pub(crate) openai: ChatVendor,
    pub(crate) carrier: Carrier,
    /// Of the program alone, so that its tasks can be counted.
    runtime: Option<Runtime>,
    running: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    address: SocketAddr,
    /// Where it takes calls over SIP, if it does.
    pub(crate) sip: Option<SocketAddr>,
    client: Client,
    database: Database,
}

impl House {
    /// Opens the dealership. The recognizer understands `said`, one after the other.
    pub(crate) async fn open(
        said: &[&str],
        model: impl Fn(&ChatRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::open_with("", said, model).await
    }

    /// The same, with more lines in the `[server]` table.
    pub(crate) async fn open_with(
        settings: &str,
        said: &[&str],
        model: impl Fn(&ChatRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listen = SpeechVendor::listen(ListenScript::utterances(said.to_vec())).await;
        let voice = SpeakScript::new().per_character(PER_CHARACTER);
        let speak = SpeechVendor::speak(voice).await;
        let openai = ChatVendor::start(Dialect::OpenAi, model).await;
        let carrier = Carrier::start().await;
        let database = Database::seeded().await;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = {
            let _inside = runtime.enter();
            server::bind("127.0.0.1:0".parse().unwrap()).unwrap()
        };
        let address = listener.local_addr().unwrap();
        let text = format!(
            "[server]\npublic_url = \"http://{address}\"\n{settings}\n\
             [dealership]\ndatabase = {:?}\n\
             [twilio]\naccount_sid = \"AC1\"\nauth_token = \"{TOKEN}\"\napi_url = \"{}\"\n\
             [stt]\nprovider = \"deepgram\"\napi_key = \"{key}\"\nbase_url = \"{}\"\n\
             [tts]\nprovider = \"deepgram\"\napi_key = \"{key}\"\nbase_url = \"{}\"\n\
             [llm]\nprovider = \"openai\"\napi_key = \"sk-1\"\nbase_url = \"{}\"\n",
            database.path,
            carrier.url,
            listen.url(),
            speak.url(),
            openai.url(),
            key = SpeechVendor::KEY,
        );
        let operator = |name: &str| (name == "DEALERSHIP_OPERATOR_KEY").then(|| OPERATOR.into());
        let config = Config::parse(&text, &operator).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let running = runtime.spawn(async move {
            let mut registry = Registry::default();
            voiceagent_providers::register(&mut registry);
            let server = Server::new(&config, &registry, clock()).await.unwrap();
            ready.send(server.sip_address()).unwrap();
            server.run(listener, async { drop(stopped.await) }).await.unwrap();
        });
        let sip = is_ready.await.unwrap();
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let house = Self {
            listen,
            speak,
            openai,
            carrier,
            runtime: Some(runtime),
            running,
            stop: Some(stop),
            address,
            sip,
            client,
            database,
        };
        assert_eq!(house.get("/readyz").await.status(), 200);
        house
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// What the program counts.
    pub(crate) async fn metrics(&self) -> String {
        let request = self.client.get(self.url("/metrics")).bearer_auth(OPERATOR);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Asks the webhook to take a call, as the carrier does.
    pub(crate) async fn ring(&self, call: &str, from: &str) -> Response {
        self.ring_signed(call, from, &Secret::new(TOKEN)).await
    }

    pub(crate) async fn ring_signed(&self, call: &str, from: &str, token: &Secret) -> Response {
        self.post("/twilio/voice", call, from, token).await
    }

    /// Asks how to go on after the media stream, where the answer to the webhook says, as the
    /// carrier does.
    pub(crate) async fn after(&self, twiml: &str, call: &str, from: &str) -> String {
        let (_, rest) = twiml.split_once("<Redirect").unwrap();
        let (path, _) = rest.split_once("</Redirect>").unwrap();
        let path = &path[path.find("/twilio").unwrap()..];
        let answer = self.post(path, call, from, &Secret::new(TOKEN)).await;
        answer.text().await.unwrap()
    }

    async fn post(&self, path: &str, call: &str, from: &str, token: &Secret) -> Response {
        let fields =
            [("CallSid", call), ("From", from), ("To", "+16305550100"), ("Direction", "inbound")];
        self.send(path, &fields, token).await
    }

    /// Tells what a call that the dealership makes has come to, as the carrier does.
    pub(crate) async fn tell(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(path, fields, &Secret::new(TOKEN)).await
    }

    /// The same, signed by somebody else.
    pub(crate) async fn tell_signed(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        token: &Secret,
    ) -> Response {
        self.send(path, fields, token).await
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)], token: &Secret) -> Response {
        let url = self.url(path);
        let signature = TwilioSignature::sign(token, &url, fields);
        let request = self.client.post(url).header("X-Twilio-Signature", signature);
        request.form(fields).send().await.unwrap()
    }

    /// The database, beside the program.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.database.path).await.unwrap()
    }

    /// Follows the webhook's answer to the media socket.
    pub(crate) async fn dial(&self, call: &str, twiml: &str) -> voiceagent_core::Result<PhoneCall> {
        let url = attribute(twiml, "<Stream ", "url");
        let signature = TwilioSignature::sign::<&str, &str>(&Secret::new(TOKEN), &url, &[]);
        let mut dial = Dial::to(url).call_id(call).header("x-twilio-signature", signature);
        for parameter in twiml.split("<Parameter ").skip(1) {
            let parameter = format!("<Parameter {parameter}");
            let name = attribute(&parameter, "<Parameter ", "name");
            dial = dial.parameter(name, attribute(&parameter, "<Parameter ", "value"));
        }
        dial.connect().await
    }

    /// Calls the dealership, through the front door.
    pub(crate) async fn call(&self, call: &str, from: &str) -> PhoneCall {
        let answer = self.ring(call, from).await;
        assert_eq!(answer.status(), 200);
        self.dial(call, &answer.text().await.unwrap()).await.unwrap()
    }

    /// What was booked, moved or cancelled, as the database tells it.
    pub(crate) async fn changes(&self) -> Vec<AgendaEntry> {
        let store = Store::open(&self.database.path).await.unwrap();
        // Appointments of the seed were made at the very moment at which the clock stands.
        let entries = store.agenda(moment()).await.unwrap();
        store.close().await;
        entries.into_iter().filter(|entry| !self.database.seed.contains(&code(entry))).collect()
    }

    /// Waits until nothing is left of a call: no socket to a vendor of speech, no seat in the
    /// lobby, no task but those of the program. What it keeps of the model and the carrier for the
    /// next call is a pooled connection each, and the task that will close it.
    pub(crate) async fn is_quiet(&self) {
        let quiet = async {
            self.listen.until_connections(0).await;
            self.speak.until_connections(0).await;
            let pooled = || self.openai.open().min(1) + self.carrier.pooled();
            while self.tasks() > OWN_TASKS + 2 * pooled() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(Duration::from_secs(2), quiet).await;
        let left = (self.tasks(), self.listen.connections(), self.speak.connections());
        let pooled = (self.openai.open(), self.carrier.pooled());
        assert!(waited.is_ok(), "left are {left:?} (tasks, ears, voices); pooled {pooled:?}");
        let health: serde_json::Value = self.get("/health").await.json().await.unwrap();
        assert_eq!(health["calls"], 0);
    }

    fn tasks(&self) -> usize {
        self.runtime.as_ref().unwrap().metrics().num_alive_tasks()
    }

    /// Asks the program to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the program has stopped.
    pub(crate) async fn has_ended(&mut self) {
        (&mut self.running).await.unwrap();
    }

    /// Waits until the program has stopped, and checks that it left nothing behind.
    pub(crate) async fn has_stopped(mut self) {
        timeout(SOON, &mut self.running).await.expect("it to stop in time").unwrap();
        let all_gone = async {
            self.openai.until(|openai| openai.open() == 0).await;
            while self.tasks() > 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(Duration::from_secs(2), all_gone).await;
        assert!(waited.is_ok(), "{} tasks outlive the program", self.tasks());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn moment() -> Timestamp {
    NOW.parse().unwrap()
}

fn clock() -> Clock {
    Clock::Fixed(moment())
}

fn code(entry: &AgendaEntry) -> String {
    entry.appointment.confirmation_code.clone()
}

fn attribute(xml: &str, element: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(element).unwrap();
    let (_, value) = rest.split_once(&format!("{name}=\"")).unwrap();
    value.split_once('"').unwrap().0.to_owned()
}

/// The carrier's REST API, which notes what it is asked.
#[derive(Clone)]
pub(crate) struct Carrier {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Carrier {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let carrier = Self { url, asked };
        let router = Router::new().fallback(note).with_state(carrier.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        carrier
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Connections that a client may have kept.
    fn pooled(&self) -> usize {
        self.asked().len().min(1)
    }

    pub(crate) async fn until_asked(&self) {
        let asked = async {
            while self.asked().is_empty() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, asked).await.expect("the carrier to be asked in time");
    }
}

async fn note(State(carrier): State<Carrier>, request: axum::extract::Request) -> &'static str {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    let noted = format!("{} {}", parts.uri, str::from_utf8(&body).unwrap());
    carrier.asked.lock().unwrap().push(noted);
    // The name of a call that is made; nobody reads it of anything else.
    r#"{"sid":"CA7"}"#
}

/// A database in a file that goes with its test.
struct Database {
    path: PathBuf,
    /// Confirmation codes of the appointments that it began with.
    seed: Vec<String>,
}

impl Database {
    async fn seeded() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dealership-phone-call-{}-{number}.db", std::process::id());
        let path = std::env::temp_dir().join(name);
        let store = Store::open(&path).await.unwrap();
        store.seed(moment()).await.unwrap();
        let seed = store.agenda(moment()).await.unwrap().iter().map(code).collect();
        store.close().await;
        Self { path, seed }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            // The last two are usually gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}
