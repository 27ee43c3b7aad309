use reqwest::{Client, Response, redirect::Policy};
use voiceagent_core::transport::Direction;
use voiceagent_telephony::server;

use super::*;
use crate::phone::Phone;

const URL: &str = "https://agent.example.com";

/// A program that lives, and one that does not.
struct Scene {
    store: Store,
    dead: Life,
    address: std::net::SocketAddr,
}

impl Scene {
    async fn open(on_fly: bool) -> Self {
        // Whoever comes second finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, clock) = (Store::fresh().await, Clock::System);
        let [life, dead] = ["b", "a"].map(|name| Life::new(name, clock.now()));
        let replica = Replica { store: store.clone(), clock, life, shared: Shared::local() };
        let heirs =
            Heirs::new(&replica, (Secret::new("token"), URL), "/twilio/voice", "We regret.");
        let router = heirs.unwrap().on_fly(on_fly).router();
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server::serve(listener, router));
        Self { store, dead, address }
    }

    /// A call of the dead one.
    async fn call(&self, call: &str) {
        let caller = Phone::parse("+16305550111").unwrap();
        let store = self.store.clone().living(self.dead.clone());
        let now = Clock::System.now();
        store.begin_call(call, Some(&caller), Direction::Inbound, now).await.unwrap();
    }

    /// Asks how to go on with a call of the dead one, with this token.
    async fn after(&self, call: &str, token: &str) -> Response {
        let path = Paths::of(&self.dead).after;
        let fields = [("CallSid", call)];
        let url = format!("{URL}{path}");
        let signature = TwilioSignature::sign(&Secret::new(token), &url, &fields);
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let request = client.post(format!("http://{}{path}", self.address));
        request.header("x-twilio-signature", signature).form(&fields).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_call_of_a_dead_program_is_led_to_a_program_that_lives() {
    let scene = Scene::open(false).await;
    scene.call("1").await;
    assert_eq!(scene.after("1", "guess").await.status(), 403, "the carrier signs");
    let answer = scene.after("1", "token").await.text().await.unwrap();
    assert!(answer.contains(">https://agent.example.com/twilio/voice</Redirect>"), "{answer}");
}

#[tokio::test]
async fn a_call_that_came_to_its_end_is_hung_up() {
    let scene = Scene::open(false).await;
    scene.call("1").await;
    scene.store.conclude("1", Default::default(), Clock::System.now()).await.unwrap();
    let answer = scene.after("1", "token").await.text().await.unwrap();
    assert!(answer.contains("<Hangup") && !answer.contains("<Redirect"), "{answer}");
}

#[tokio::test]
async fn a_caller_whose_call_nobody_can_look_up_hears_so() {
    let scene = Scene::open(false).await;
    scene.store.close().await;
    let answer = scene.after("1", "token").await.text().await.unwrap();
    assert!(answer.contains("<Say>We regret.</Say>"), "{answer}");
}

#[tokio::test]
async fn on_fly_a_request_is_brought_to_its_machine_once() {
    let scene = Scene::open(true).await;
    let client = Client::new();
    let media = format!("http://{}/twilio/media/17811953f9e789", scene.address);
    let answer = client.get(&media).send().await.unwrap();
    assert_eq!(answer.headers()["fly-replay"], "prefer_instance=17811953f9e789");
    let again = client.get(&media).header("fly-replay-src", "instance=b").send().await.unwrap();
    assert_eq!(again.status(), 404, "the machine is gone");
}

#[test]
fn each_program_has_a_name_and_each_life_a_path() {
    let mut config = ServerConfig::default();
    assert!(name(&config).ends_with("-8080"));
    config.replica = Some("a".to_owned());
    assert_eq!(name(&config), "a");
    let now = Clock::System.now();
    let lives = [Life::new("a", now), Life::new("a", now)];
    let [one, other] = lives.map(|life| Paths::of(&life));
    assert_eq!(one.media, "/twilio/media/a");
    assert_eq!(one.media, other.media, "a proxy knows it");
    assert_ne!(one.after, other.after, "a call is known by the life that it was in");
}
