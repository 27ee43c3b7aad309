//! Whole phone calls: through the signed webhook to the media socket, with scripted vendors, to
//! the booking in the database, and to the last socket and task.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

mod house;
mod program;
mod quick_start;
mod recordings;
mod roles;
mod sip;

use std::time::Duration;

use dealership::{phone::Phone, store::JobKind};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use voiceagent_core::{ErrorKind, Secret};
use voiceagent_testkit::{
    clips,
    phone::{PhoneCall, Recording, Wire},
    vendor::{
        Refusal, ScriptedVendor,
        chat::{ChatRequest, Reply},
    },
};

use crate::house::{House, PER_CHARACTER, SOON};

const PRIYA: &str = "+16305550113";
/// Bytes of audio of a character.
const CHARACTER: usize = PER_CHARACTER.as_millis() as usize * 8;
const LONGEST_ANSWER: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_millis(600);

const OFFER: &str = "The first appointment that I could give you on Monday morning begins at \
     eight and there are several others throughout the remainder of that morning";
const GOODBYE: &str = "Thank you for calling. Goodbye!";

/// A model that books as it should: it takes every identifier from the results of the tools.
fn books(request: &ChatRequest) -> Reply {
    let said = request.last_user_text().unwrap_or_default();
    let results = results(request);
    match request.tool_results().len() {
        0 if said.contains("goodbye") => {
            Reply::text(GOODBYE).and_tool_call("end_call", &json!({ "reason": "done" }))
        }
        // It asks for a booking before anybody has agreed to one, which the guard takes for a question.
        0 if said.contains("eight") || said == "yes" => book(&results),
        0 => look(),
        1 => Reply::text(results.last().unwrap()["say"].as_str().unwrap()),
        _ => Reply::text(OFFER),
    }
}

fn look() -> Reply {
    let search = json!({
        "service_type": "oil_change", "date_from": "2026-11-23", "date_to": "2026-11-23",
        "part_of_day": "morning", "earliest_time": null, "latest_time": null,
        "advisor_id": null, "limit": 3,
    });
    Reply::tool_call("lookup_customer", &json!({ "phone": null, "name": null }))
        .and_tool_call("get_available_slots", &search)
}

fn book(results: &[Value]) -> Reply {
    let slots = results.iter().find(|result| result["data"]["slots"].is_array()).unwrap();
    let customer = results.iter().find(|result| result["data"]["match"] == "one").unwrap();
    let arguments = json!({
        "slot_id": slots["data"]["slots"][0]["slot_id"], "service_type": "oil_change",
        "customer_id": customer["data"]["customer_id"], "vehicle_id": null, "notes": null,
        "confirmed": true,
    });
    Reply::tool_call("book_appointment", &arguments)
}

/// The results of all tools so far.
fn results(request: &ChatRequest) -> Vec<Value> {
    let results = request.messages.iter().filter(|message| message.role == "tool");
    results.map(|message| serde_json::from_str(&message.content).unwrap()).collect()
}

async fn listens(phone: &PhoneCall) {
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    phone.wait_until_agent_quiet(QUIET, LONGEST_ANSWER).await.unwrap();
}

/// Bytes of audio that arrived.
fn arrived(recording: &Recording) -> usize {
    let audio = recording.wire.iter().map(|(_, wire)| match wire {
        Wire::Audio(bytes) => *bytes,
        _ => 0,
    });
    audio.sum()
}

/// The words of `text` that are spoken completely within so many bytes of audio.
fn words_within(text: &str, bytes: usize) -> &str {
    let end = (bytes / CHARACTER).min(text.len());
    let end = match text[end..].starts_with(char::is_alphanumeric) {
        true => text[..end].rfind(' ').unwrap_or(0),
        false => end,
    };
    text[..end].trim_end()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_called_and_greeted_when_it_is_known_that_somebody_answered() {
    const ANA: &str = "+16305550111";
    let settings = format!("[outbound]\nfrom = \"+16305550100\"\nallow = [\"{ANA}\"]\n");
    let house = House::open_with(&settings, &[], |_| Reply::text(GOODBYE)).await;
    let store = house.store().await;
    let (ana, now) = (Phone::parse(ANA).unwrap(), house::moment());
    let agreed = (true, "a form");
    store.note_consent(&ana, ("voice_ai", "transactional"), agreed, now).await.unwrap();
    let customer = store.customers_by_phone(&ana).await.unwrap()[0].id;
    let visit = store.upcoming(customer, now).await.unwrap()[0].id.to_string();
    store.schedule_job((JobKind::Reminder, &visit), now, now).await.unwrap();
    house.carrier.until_asked().await;
    let asked = house.carrier.asked().remove(0);
    for part in ["Calls.json", "To=%2B16305550111", "AsyncAmd=true", "StatusCallback="] {
        assert!(asked.contains(part), "{asked}");
    }
    let call = [("CallSid", "CA7"), ("From", "+16305550100"), ("To", ANA)];
    let made = [&call[..], &[("Direction", "outbound-api")]].concat();
    let answer = house.tell("/twilio/voice", &made).await;
    assert_eq!(answer.status(), 200);
    let phone = house.dial("CA7", &answer.text().await.unwrap()).await.unwrap();
    phone.silence(Duration::from_secs(1)).await.unwrap();
    assert_eq!(arrived(&phone.heard().await.unwrap()), 0, "nobody knows who answered");
    let verdict = [&call[..], &[("AnsweredBy", "human")]].concat();
    assert_eq!(house.tell("/twilio/status", &verdict).await.status(), 204);
    listens(&phone).await;
    let greeting = "Hello, this is the automated assistant of Bart's Automotive, and this call may \
                    be recorded. I am calling with a reminder about an appointment. Am I speaking \
                    with Ana?";
    let heard = arrived(&phone.heard().await.unwrap());
    assert_eq!(heard, (greeting.len() * CHARACTER).next_multiple_of(160), "{heard} bytes");
    phone.hang_up().await.unwrap();
    let jobs = store.jobs(true).await.unwrap();
    let reminder = jobs.iter().find(|job| job.about == visit && job.state == "done").unwrap();
    assert_eq!(reminder.note.as_deref(), Some("called"));
    store.close().await;
    assert_eq!(house.carrier.asked().iter().filter(|asked| asked.contains("To=")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_books_interrupts_and_says_goodbye() {
    let said = ["I need an oil change", "on Monday", "wait eight is fine", "yes", "goodbye"];
    let mut house = House::open(&said, books).await;
    let phone = house.call("CA1", PRIYA).await;
    listens(&phone).await;
    let greeted = arrived(&phone.heard().await.unwrap());
    let greeting = "Thank you for calling Bart's Automotive. How can I help you?";
    let expected = greeting.len() * CHARACTER;
    assert_eq!(greeted, expected.next_multiple_of(160), "the greeting is heard to its end");

    phone.speak(clips::APPOINTMENT).await.unwrap();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    // The caller listens to some words, and then speaks over the others.
    phone.silence(Duration::from_millis(2_400)).await.unwrap();
    phone.speak(clips::STOP).await.unwrap();
    let next = |openai: &voiceagent_testkit::vendor::chat::ChatVendor| {
        openai.requests().iter().any(|request| request.last_user_text() == Some(said[2]))
    };
    timeout(SOON, house.openai.until(next)).await.expect("the model to be asked in time");
    listens(&phone).await;
    check_what_was_heard(&house, &phone.heard().await.unwrap(), greeted, said[2]);
    assert!(house.changes().await.is_empty(), "nothing is booked before the yes to a read-back");
    phone.speak(clips::YES).await.unwrap();
    listens(&phone).await;

    let changes = house.changes().await;
    let [booked] = changes.as_slice() else { panic!("one booking, not {changes:?}") };
    assert_eq!(booked.customer, "Priya Nair");
    assert_eq!(booked.appointment.service, "oil_change");
    assert_eq!(booked.appointment.start.to_string(), "2026-11-23T08:00:00-06:00[America/Chicago]");

    let before = arrived(&phone.heard().await.unwrap());
    phone.speak(clips::GOODBYE).await.unwrap();
    house.carrier.until_asked().await;
    let recording = phone.heard().await.unwrap();
    let last = recording.heard.last().unwrap().audio.len();
    let expected = GOODBYE.len() * CHARACTER;
    assert_eq!(arrived(&recording) - before, expected.next_multiple_of(160));
    assert_eq!(last, expected.next_multiple_of(160), "the goodbye is heard to its end");
    assert_eq!(house.carrier.asked(), ["/2010-04-01/Accounts/AC1/Calls/CA1.json Status=completed"]);
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    assert_eq!(house.openai.refused(), 0, "the real server would understand every request");
    house.stop();
    house.has_stopped().await;
}

/// The next request to the model holds just the words whose marks came back.
fn check_what_was_heard(house: &House, recording: &Recording, greeted: usize, said: &str) {
    let clear = recording.clears.first().expect("the carrier was told to drop the rest");
    assert!(clear.dropped > 0, "the agent was stopped in the middle");
    let came_back =
        |name: &str| recording.marks.iter().any(|mark| mark.name == name && mark.played);
    let (mut sent, mut marked) = (0, 0);
    for (_, wire) in recording.wire.iter().take_while(|(_, wire)| !matches!(wire, Wire::Clear)) {
        match wire {
            Wire::Audio(bytes) => sent += bytes,
            Wire::Mark(name) if sent > greeted => {
                let is_after_a_character = (sent - greeted).is_multiple_of(CHARACTER);
                assert!(is_after_a_character, "words end at marks, so that none is between two");
                if came_back(name) {
                    marked = sent - greeted;
                }
            }
            _ => {}
        }
    }
    let words = words_within(OFFER, marked);
    assert!(!words.is_empty() && words.len() < OFFER.len(), "{words}");
    let requests = house.openai.requests();
    let after = requests.iter().filter(|request| request.last_user_text() == Some(said));
    let mut asked = 0;
    for request in after {
        let spoken = request.messages.iter().rposition(|message| message.role == "user").unwrap();
        let heard = &request.messages[..spoken].last().unwrap();
        assert_eq!((heard.role.as_str(), heard.content.as_str()), ("assistant", words));
        asked += 1;
    }
    assert!(asked > 0, "the model was asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rule_brain_takes_over_when_the_model_goes_down() {
    let said = ["I need an oil change", "on Monday", "the first one please", "yes", "goodbye"];
    let mut house = House::open(&said, |request| match request.tool_results().len() {
        0 if request.last_user_text().is_some_and(|said| said.contains("oil")) => look(),
        2 => Reply::text("I have 8 AM or 10 AM on Monday. Which works best for you?"),
        _ => Reply::refuse(503, r#"{"error":{"message":"down","type":"server_error"}}"#),
    })
    .await;
    let phone = house.call("CA2", PRIYA).await;
    listens(&phone).await;
    for clip in [clips::APPOINTMENT, clips::HELLO, clips::YES] {
        phone.speak(clip).await.unwrap();
        listens(&phone).await;
    }
    let changes = house.changes().await;
    let [booked] = changes.as_slice() else { panic!("one booking, not {changes:?}") };
    assert_eq!(booked.customer, "Priya Nair");
    assert_eq!(booked.appointment.service, "oil_change");
    phone.speak(clips::GOODBYE).await.unwrap();
    house.carrier.until_asked().await;
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_is_gone_leaves_nothing_behind() {
    let mut house = House::open(&["hello there"], |_| Reply::text(OFFER)).await;
    let phone = house.call("CA3", PRIYA).await;
    listens(&phone).await;
    phone.speak(clips::HELLO).await.unwrap();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    phone.drop_connection().await.unwrap();
    house.is_quiet().await;
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_the_carrier_gets_no_further() {
    let mut house = House::open(&[], |_| Reply::silence()).await;
    let forged = house.ring_signed("CA4", PRIYA, &Secret::new("guess")).await;
    assert_eq!(forged.status(), 403);
    let metrics = house.metrics().await;
    assert!(
        metrics.contains("va_security_rejections_total{reason=\"signature\"} 1\n"),
        "{metrics}"
    );
    assert_eq!((house.listen.accepted(), house.speak.accepted()), (0, 0));

    let twiml = house.ring("CA4", PRIYA).await.text().await.unwrap();
    assert!(twiml.contains("name=\"traceparent\" value=\"00-"), "{twiml}");
    let phone = house.dial("CA4", &twiml).await.unwrap();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    let dialled = (house.listen.accepted(), house.speak.accepted());
    let again = house.dial("CA4", &twiml).await.unwrap();
    let (_, closed) = again.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, voiceagent_testkit::phone::Closed::ByServer(1008));
    assert_eq!((house.listen.accepted(), house.speak.accepted()), dialled);
    assert_eq!(house.openai.accepted(), 0);
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_in_at_the_addresses_that_numbers_had_before() {
    let mut house = House::open(&[], |_| Reply::silence()).await;
    let fields =
        [("CallSid", "CA20"), ("From", PRIYA), ("To", "+16305550100"), ("Direction", "inbound")];
    let reminder = "/api/v1/webhooks/outbound-reminder?appointment_id=a1";
    for path in ["/webhook", "/api/v1/webhooks/inbound-call", reminder] {
        let forged = house.tell_signed(path, &fields, &Secret::new("guess")).await;
        assert_eq!(forged.status(), 403, "{path}");
        let answer = house.tell(path, &fields).await;
        assert_eq!(answer.status(), 200, "{path}");
        let twiml = answer.text().await.unwrap();
        assert!(twiml.contains("<Connect>") && twiml.contains("<Stream "), "{path}: {twiml}");
    }
    // The socket has an address of before as well; it takes who brings the token.
    let twiml = house.tell("/webhook", &fields).await.text().await.unwrap();
    let (before, rest) = twiml.split_once("/twilio/media/").unwrap();
    let (_, behind) = rest.split_once('"').unwrap();
    let phone = house.dial("CA20", &format!("{before}/stream\"{behind}")).await.unwrap();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    assert_eq!(house.get("/health").await.status(), 200);
    // Callbacks come in at one address for everything too, signed for that address.
    let report = [("CallSid", "CA20"), ("CallStatus", "completed"), ("CallDuration", "3")];
    let forged = house.tell_signed("/action", &report, &Secret::new("guess")).await;
    assert_eq!(forged.status(), 403);
    assert_eq!(house.tell("/action", &report).await.status(), 204);
    let text = [("MessageSid", "SM1"), ("From", PRIYA), ("Body", "Stop")];
    let forged = house.tell_signed("/action", &text, &Secret::new("guess")).await;
    assert_eq!(forged.status(), 403);
    assert_eq!(house.tell("/action", &text).await.status(), 200);
    assert_eq!(house.tell("/action", &[("Hello", "world")]).await.status(), 400);
    // What the address says of a call, and a header that a trunk has put in, go with it.
    let sent_on = [
        ("CallSid", "CA23"),
        ("From", PRIYA),
        ("Direction", "inbound"),
        ("SipHeader_X-Call-Type", "inbound-qualified"),
        ("SipHeader_X-Template-Id", "campaign"),
    ];
    let twiml = house.tell("/twilio/voice?template_id=inbound%402", &sent_on).await;
    let twiml = twiml.text().await.unwrap();
    for parameter in
        [r#"name="template_id" value="inbound@2""#, r#"name="call_type" value="inbound-qualified""#]
    {
        assert!(twiml.contains(parameter), "{twiml}");
    }
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_when_there_is_no_room_hears_so_and_others_are_sent_elsewhere() {
    let mut house = House::open_with("most_calls = 1", &[], |_| Reply::silence()).await;
    let phone = house.call("CA21", PRIYA).await;
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    let health = house.get("/readyz").await;
    assert_eq!(health.status(), 503);
    let health: Value = health.json().await.unwrap();
    assert_eq!((&health["has_room"], &health["takes_calls"]), (&json!(false), &json!(false)));
    let refused = house.ring("CA22", "+16305550199").await;
    assert_eq!(refused.status(), 200);
    let told = refused.text().await.unwrap();
    assert!(told.contains("<Say>Thank you for calling. All our lines are busy"), "{told}");
    assert!(!told.contains("<Stream"), "{told}");
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    assert_eq!(house.get("/readyz").await.status(), 200, "there is room again");
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rg7_a_program_without_memory_lets_nobody_in_and_says_what_is_short() {
    let mut house = House::open_with("most_memory_mib = 1", &[], |_| Reply::silence()).await;
    let health = loop {
        let health: Value = house.get("/readyz").await.json().await.unwrap();
        if !health["short_of"].is_null() {
            break health;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((&health["short_of"], &health["ready"]), (&json!("memory"), &json!(false)));
    let told = house.ring("CA24", PRIYA).await.text().await.unwrap();
    assert!(told.contains("<Say>Thank you for calling. All our lines are busy"), "{told}");
    let metrics = house.metrics().await;
    assert!(metrics.contains("va_short_of{what=\"memory\"} 1"), "{metrics}");
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_switched_off_is_not_there_and_the_rules_answer() {
    let off = "[switches]\nmodel = false\nobservability = false";
    let mut house = House::open_with(off, &["what are your hours"], |_| Reply::silence()).await;
    assert_eq!(house.get("/metrics").await.status(), 404);
    assert_eq!(house.get("/api/jobs").await.status(), 401, "the rest of the operator's side is");
    let phone = house.call("CA23", PRIYA).await;
    listens(&phone).await;
    let before = arrived(&phone.heard().await.unwrap());
    phone.speak(clips::HELLO).await.unwrap();
    listens(&phone).await;
    assert!(arrived(&phone.heard().await.unwrap()) > before, "the rules have answered");
    assert_eq!(house.openai.accepted(), 0, "nobody has asked the model");
    phone.hang_up().await.unwrap();
    house.is_quiet().await;
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whom_no_voice_can_answer_hears_so_from_the_carrier() {
    let mut house = House::open(&[], |_| Reply::silence()).await;
    house.speak.refuse(Some(Refusal::status(503)));
    let twiml = house.ring("CA8", PRIYA).await.text().await.unwrap();
    let phone = house.dial("CA8", &twiml).await.unwrap();
    phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(house.carrier.asked(), [] as [&str; 0], "the call is not cut off");
    let told = house.after(&twiml, "CA8", PRIYA).await;
    assert!(told.contains("<Say>We are sorry, nobody can answer"), "{told}");
    house.stop();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_calls_in_progress_end_in_peace_when_the_program_stops() {
    let mut house = House::open(&["hello there"], |_| Reply::text("Good day.")).await;
    let phone = house.call("CA5", PRIYA).await;
    listens(&phone).await;
    house.stop();
    while house.get("/readyz").await.status() != 503 {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.ring("CA6", PRIYA).await.status(), 503, "new calls are refused");
    assert_eq!(house.get("/livez").await.status(), 200);
    phone.speak(clips::HELLO).await.unwrap();
    listens(&phone).await;
    assert_eq!(house.openai.requests().len(), 1, "the call in progress is answered");
    phone.hang_up().await.unwrap();
    house.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_call_that_outlasts_the_limit_hears_a_goodbye() {
    let settings = "drain_seconds = 1";
    let mut house = House::open_with(settings, &[], |_| Reply::text("Good day.")).await;
    let phone = house.call("CA7", PRIYA).await;
    listens(&phone).await;
    let greeted = arrived(&phone.heard().await.unwrap());
    house.stop();
    phone.wait_until_agent_speaks(SOON).await.unwrap();
    house.carrier.until_asked().await;
    let heard = arrived(&phone.heard().await.unwrap()) - greeted;
    let goodbye = "I am sorry, I have to end this call now. Please call again soon. Goodbye!";
    let expected = goodbye.len() * CHARACTER;
    assert!(heard >= expected * 9 / 10, "{heard} of {expected}");
    let asked = house.carrier.asked();
    assert!(asked[0].ends_with("Status=completed"), "a hang-up: {asked:?}");
    phone.hang_up().await.unwrap();
    house.has_stopped().await;
}

#[tokio::test]
async fn a_wrong_setting_is_named_before_anything_is_opened() {
    let text = "[server]\npublic_url = \"https://a.example\"\n[twilio]\nauth_token = \"t\"\n\
                [dealership]\ndatabase = \"/nowhere/at/all.db\"\n\
                [stt]\nprovider = \"deepgram\"\napi_key = \"k\"\nendpointting = 3\n";
    let config = dealership::config::Config::parse(text, &|_| None).unwrap();
    let mut registry = voiceagent_core::registry::Registry::default();
    voiceagent_providers::register(&mut registry);
    let clock = dealership::clock::Clock::System;
    let error = dealership::server::Server::new(&config, &registry, clock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let message = error.message();
    assert!(message.contains("`[stt]`") && message.contains("`endpointting`"), "{message}");
    assert!(message.contains("`endpointing`"), "{message}");
}
