use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;
use voiceagent_testkit::{
    clips::{self, Clip},
    conformance::transport::FarEnd as _,
    phone::SipPhone,
    vendor::chat::{ChatRequest, Reply},
};

use crate::{
    PRIYA, books,
    house::{House, SOON},
};

const SETTINGS: &str =
    "[sip]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.0/8\"]\ncodecs = [\"pcmu\"]\n";

/// A second in packets: whoever is silent for so long has said what there was to say.
const QUIET: usize = 50;

/// Listens from what was heard before until the agent has said something and falls silent; what has
/// been heard then.
async fn listens(phone: &mut SipPhone, before: usize) -> usize {
    let mut seen = phone.sees(|seen| seen.audio.len() > before).await;
    loop {
        let (audio, packets) = (seen.audio.len(), seen.packets);
        seen =
            phone.sees(|seen| seen.audio.len() != audio || seen.packets >= packets + QUIET).await;
        if seen.audio.len() == audio {
            return audio;
        }
    }
}

/// Says something, and falls silent as a phone does: by sound in which nothing is heard.
async fn says(phone: &mut SipPhone, clip: Clip) {
    const SILENCE: [u8; 8_000] = [0xFF; 8_000];
    phone.speak([clip.audio, &SILENCE].concat().into()).await;
}

/// Books as [`books`] does, in fewer words, which name no time that one could agree to.
fn books_briefly(request: &ChatRequest) -> Reply {
    match request.tool_results().len() {
        2 => Reply::text("There are some on Monday morning."),
        _ => books(request),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_sip_books_and_its_record_tells_how_well_it_was_heard() {
    let said = ["I need an oil change", "Monday at eight is fine", "yes", "goodbye"];
    let mut house = House::open_with(SETTINGS, &said, books_briefly).await;
    let caller = format!("P-Asserted-Identity: <sip:{PRIYA}@pbx>\r\n");
    let mut phone = SipPhone::call(house.sip.unwrap(), "sip1", &caller).await;
    phone.message("SIP/2.0 180").await;
    phone.message("SIP/2.0 200").await;
    let mut heard = listens(&mut phone, 0).await;
    for clip in [clips::STOP, clips::HELLO, clips::YES] {
        assert!(house.changes().await.is_empty(), "nothing is booked before the yes");
        says(&mut phone, clip).await;
        heard = listens(&mut phone, heard).await;
    }
    let changes = house.changes().await;
    let [booked] = changes.as_slice() else { panic!("one booking, not {changes:?}") };
    assert_eq!(booked.customer, "Priya Nair");
    assert_eq!(booked.appointment.service, "oil_change");
    assert_eq!(booked.appointment.start.to_string(), "2026-11-23T08:00:00-06:00[America/Chicago]");
    says(&mut phone, clips::GOODBYE).await;
    assert!(phone.closes().await, "the agent hangs up");
    assert!(house.carrier.asked().is_empty(), "no carrier has this call");
    house.stop();
    timeout(SOON, house.has_ended()).await.unwrap();
    let store = house.store().await;
    let quality = store.line_quality("sip1").await.unwrap().unwrap();
    store.close().await;
    assert_eq!((quality.lost, quality.round_trip), (0, None), "{quality:?}");
    let packets = said.len() as u64 * 10;
    assert!(quality.received > packets && quality.estimated_mos > Some(4.0), "{quality:?}");
    assert!(quality.jitter < Duration::from_millis(200), "{quality:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_that_closes_takes_no_more_calls_over_sip() {
    let mut house = House::open_with(SETTINGS, &[], |_| Reply::text("Good day.")).await;
    let mut phone = SipPhone::call(house.sip.unwrap(), "sip2", "").await;
    phone.message("SIP/2.0 200").await;
    phone.sees(|seen| seen.packets > 0).await;
    house.stop();
    while house.get("/readyz").await.status() != 503 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut late = SipPhone::call(house.sip.unwrap(), "sip3", "").await;
    let refused = late.message("SIP/2.0 503").await;
    assert!(refused.contains("\r\nRetry-After: "), "{refused}");
    phone.hang_up().await;
    timeout(SOON, house.has_ended()).await.unwrap();
}

#[tokio::test]
async fn a_house_with_sip_alone_needs_no_carrier() {
    let text = format!(
        "{SETTINGS}[dealership]\ndatabase = {}\n[stt]\nprovider = \"deepgram\"\napi_key = \"k\"\n\
         [tts]\nprovider = \"deepgram\"\napi_key = \"k\"\n",
        json!(std::env::temp_dir().join(format!("sip-alone-{}.db", std::process::id())))
    );
    let config = dealership::config::Config::parse(&text, &|_| None).unwrap();
    let mut registry = voiceagent_core::registry::Registry::default();
    voiceagent_providers::register(&mut registry);
    let clock = dealership::clock::Clock::System;
    let findings = dealership::doctor::examine(&Ok(config.clone()), &registry, clock).await;
    assert!(dealership::doctor::is_ready(&findings), "{findings:?}");
    let server = dealership::server::Server::new(&config, &registry, clock).await.unwrap();
    // Its own port is taken now, as the doctor says.
    let mut taken = config;
    taken.sip.as_mut().unwrap().listen = server.sip_address().unwrap();
    let findings = dealership::doctor::examine(&Ok(taken), &registry, clock).await;
    assert!(!dealership::doctor::is_ready(&findings), "{findings:?}");
    std::fs::remove_file(config_file(&text)).unwrap();
}

fn config_file(text: &str) -> std::path::PathBuf {
    let (_, rest) = text.split_once("database = \"").unwrap();
    rest.split_once('"').unwrap().0.into()
}
