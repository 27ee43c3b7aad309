//! What the application is asked before a call is answered, in virtual time and without a socket.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, yield_now},
    time::{Instant, advance},
};
use tower_service::Service;
use voiceagent_core::Secret;
use voiceagent_telephony::{front_door::FrontDoor, signature::TwilioSignature};

use crate::front_door::Gate;

/// A door whose application never answers.
struct Stuck {
    gate: Gate,
    door: Router,
    asked: Arc<AtomicUsize>,
    begun: mpsc::UnboundedReceiver<()>,
}

impl Stuck {
    fn new() -> Self {
        let gate = Gate::default();
        let hold = gate.hold();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let (tell, begun) = mpsc::unbounded_channel();
        let door = FrontDoor::twilio()
            .auth_token(Secret::new("12345"))
            .public_url("https://agent.example")
            .max_calls(1_000)
            .on_call(|_| async {})
            .parameters(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                tell.send(()).unwrap();
                hold();
                BTreeMap::new()
            });
        Self { gate, door: door.build().unwrap(), asked, begun }
    }

    fn ring(&self, call: &str) -> JoinHandle<String> {
        let url = "https://agent.example/twilio/voice";
        let signature = TwilioSignature::sign(&Secret::new("12345"), url, &[("CallSid", call)]);
        let request = Request::post("/twilio/voice")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature)
            .body(Body::from(format!("CallSid={call}")))
            .unwrap();
        let mut door = self.door.clone();
        tokio::spawn(async move {
            let answer = door.call(request).await.unwrap();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        })
    }
}

/// Lets all tasks do what they can without time passing.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn cp27_a_webhook_is_answered_within_200_ms_while_the_database_hangs() {
    let mut stuck = Stuck::new();
    let begun = Instant::now();
    let answer = stuck.ring("CA1");
    stuck.begun.recv().await.unwrap();
    // While a thread is blocked, virtual time stands unless it is told to pass.
    while !answer.is_finished() && begun.elapsed() < Duration::from_secs(10) {
        advance(Duration::from_millis(1)).await;
        settle().await;
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert!(answer.await.unwrap().contains("<Stream"));
    drop(stuck.gate);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_takes_32_threads_and_holds_up_nobody_else() {
    let mut stuck = Stuck::new();
    let held: Vec<_> = (0..32).map(|call| stuck.ring(&format!("CA{call}"))).collect();
    for _ in &held {
        stuck.begun.recv().await.unwrap();
    }
    for call in 32..100 {
        let answer = stuck.ring(&format!("CA{call}"));
        settle().await;
        assert!(answer.is_finished(), "CA{call}: at once");
        assert!(answer.await.unwrap().contains("<Stream"), "CA{call}");
    }
    advance(Duration::from_millis(200)).await;
    settle().await;
    for answer in held {
        assert!(answer.is_finished());
        assert!(answer.await.unwrap().contains("<Stream"));
    }
    let late = stuck.ring("CA100");
    settle().await;
    assert!(late.is_finished(), "who waits no longer still has the thread");
    assert_eq!(stuck.asked.load(Ordering::Relaxed), 32);
    drop(stuck.gate);
}
