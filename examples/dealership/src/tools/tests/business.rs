//! Leads, brokers, codes, consent and people.

use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use voiceagent_testkit::{phone::Carrier as House, vendor::CarrierApi};

use super::*;
use crate::{
    config::Config,
    departments::{Department, Departments},
    messages::Messenger,
    server,
    store::Channel,
};

/// Keeps what was sent; a message to nobody fails.
#[derive(Debug, Default)]
struct Outbox(Mutex<Vec<String>>);

#[async_trait]
impl Messenger for Outbox {
    async fn send(
        &self,
        _to: &Phone,
        _channel: Channel,
        text: &str,
    ) -> voiceagent_core::Result<String> {
        self.0.lock().unwrap().push(text.to_owned());
        Ok("SM1".to_owned())
    }

    async fn sent(
        &self,
        _to: &Phone,
        _channel: Channel,
        _since: Timestamp,
    ) -> voiceagent_core::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

async fn agrees(store: &Store, number: &str, channel: &str) {
    let phone = Phone::parse(number).unwrap();
    let how = (channel, "transactional");
    store.note_consent(&phone, how, (true, "counter form"), friday()).await.unwrap();
}

impl Call {
    async fn lead(&mut self) -> Value {
        let met = self.ask("update_lead_info", json!({ "patch": { "first_name": "Ken" } })).await;
        met.data["lead_id"].clone()
    }

    async fn broker(&mut self, lead: &Value) -> Value {
        let ask = json!({ "postal_code": "33609", "lead_id": lead });
        self.ask("find_broker_by_territory", ask).await.data["broker_id"].clone()
    }

    async fn consultation(&mut self, lead: &Value, broker: &Value) -> Envelope {
        let ask = json!({ "broker_id": broker, "date_from": "2026-11-23",
            "date_to": "2026-11-23", "part_of_day": "afternoon" });
        let slots = self.ask("check_broker_availability", ask).await;
        let booking = json!({ "kind": "broker_consult", "slot_id": slots.data["slots"][0]["slot_id"],
            "lead_id": lead, "service_type": "broker_consult", "confirmed": true });
        self.ask("book_appointment", booking).await
    }
}

#[tokio::test]
async fn a_lead_is_met_qualified_and_given_a_time_and_a_number_of_the_broker() {
    let store = seeded().await;
    let mut call = Call::from(STRANGER, &store);
    assert_eq!(code(&call.ask("get_lead_context", json!({})).await), Code::LeadNotFound);
    let lead = call.lead().await;
    let patch = json!({ "budget_monthly_usd": 450, "qualified": true, "objections": ["credit"],
        "vehicle_interest": "a hybrid", "preferred_language": null });
    let told = call.ask("update_lead_info", json!({ "lead_id": lead, "patch": patch })).await;
    assert_eq!(told.data["created"], false);
    assert_eq!(told.data["missing_fields"], json!(["timeframe"]));
    let more = json!({ "objections": ["cost", "credit"] });
    call.ask("update_lead_info", json!({ "lead_id": lead, "patch": more })).await;
    let known = call.ask("get_lead_context", json!({})).await.data;
    assert_eq!(known["objections"], json!(["credit", "cost"]));
    assert_eq!((&known["status"], &known["qualified"]), (&json!("qualified"), &json!(true)));

    let broker = call.broker(&lead).await;
    let booked = call.consultation(&lead, &broker).await;
    assert_eq!(booked.data["start_local"], "2026-11-23T12:00:00-05:00", "on the broker's clocks");
    assert_eq!(booked.data["billing"], "recorded");
    assert!(booked.say.unwrap().contains("phone consultation with Walter Quinn on Monday"));
    assert_eq!(call.ask("get_lead_context", json!({})).await.data["status"], "appointment_set");

    let ask = json!({ "lead_id": lead, "broker_id": broker });
    let given = call.ask("assign_tracking_number", ask.clone()).await.data;
    let again = call.ask("assign_tracking_number", ask).await.data;
    assert_eq!(given["tracking_number"], again["tracking_number"]);
    assert_eq!(
        (&given["already_assigned"], &again["already_assigned"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn the_rule_of_a_template_says_who_is_qualified_whatever_the_model_says() {
    let store = seeded().await;
    let rule = json!({ "budget_at_least": 300, "states": ["IL"], "needs": ["timeframe"] });
    let desk = Call::desk(STRANGER, &store);
    let desk = desk.with_qualification(serde_json::from_value(rule).unwrap());
    let mut call = Call::at(desk);
    let mut told = Vec::new();
    for patch in [
        json!({ "qualified": true, "budget_monthly_usd": 450 }),
        json!({ "state": "il", "timeframe": "next month" }),
        json!({ "budget_monthly_usd": 250, "qualified": true, "disqualify_reason": "none" }),
        json!({ "budget_monthly_usd": 300, "state": "WI" }),
    ] {
        let answer = call.ask("update_lead_info", json!({ "patch": patch })).await;
        let query = "SELECT qualified, disqualify_reason AS why, status FROM lead
                     WHERE phone_e164 = '+16305550188'";
        let row = store.export(query).await.unwrap().remove(0);
        assert_eq!(answer.data["qualified"].as_bool().map(i64::from), row["qualified"].as_i64());
        told.push(format!("{} {} {}", row["qualified"], row["why"], row["status"]));
    }
    assert_eq!(
        told,
        [
            r#"null null "contacted""#,
            r#"1 null "qualified""#,
            r#"0 "budget" "not_qualified""#,
            r#"0 "area" "not_qualified""#,
        ]
    );
}

#[tokio::test]
async fn what_becomes_of_a_lead_is_its_status_and_the_last_word_is_theirs() {
    let store = seeded().await;
    let mut call = Call::from(STRANGER, &store);
    let phone = Phone::parse(STRANGER).unwrap();
    let status = async || store.lead_outcome(&phone).await.unwrap().unwrap().0;
    let lead = call.lead().await;
    assert_eq!(status().await, "contacted");
    for (qualified, expected) in [(false, "not_qualified"), (true, "qualified")] {
        let patch = json!({ "lead_id": lead, "patch": { "qualified": qualified } });
        call.ask("update_lead_info", patch).await;
        assert_eq!(status().await, expected);
    }
    let broker = call.broker(&lead).await;
    call.consultation(&lead, &broker).await;
    assert_eq!(status().await, "appointment_set");
    let patch = json!({ "lead_id": lead, "patch": { "qualified": false } });
    call.ask("update_lead_info", patch).await;
    assert_eq!(status().await, "appointment_set", "they have booked");
    call.ask("record_opt_out", json!({ "phone": STRANGER, "channels": ["all"] })).await;
    assert_eq!(status().await, "dnc");
    let patch = json!({ "lead_id": lead, "patch": { "qualified": true } });
    call.ask("update_lead_info", patch).await;
    assert_eq!(status().await, "dnc");
}

#[tokio::test]
async fn a_broker_is_promised_once_and_the_numbers_run_out() {
    let store = seeded().await;
    let mut seen = Vec::new();
    for caller in ["+16305550181", "+16305550182", "+16305550183"] {
        let mut call = Call::from(caller, &store);
        let lead = call.lead().await;
        let broker = call.broker(&lead).await;
        let booked = call.consultation(&lead, &broker).await;
        assert!(!seen.contains(&booked.data["start_local"]), "{booked:?}");
        seen.push(booked.data["start_local"].clone());
        let ask = json!({ "lead_id": lead, "broker_id": broker });
        let given = call.ask("assign_tracking_number", ask).await;
        assert_eq!(given.code, (seen.len() == 3).then_some(Code::PoolExhausted));
    }
}

#[tokio::test]
async fn what_a_broker_owes_is_taken_back_with_the_appointment() {
    let store = seeded().await;
    let mut call = Call::from(STRANGER, &store);
    let lead = call.lead().await;
    let broker = call.broker(&lead).await;
    let booked = call.consultation(&lead, &broker).await;
    assert_eq!(store.owed().await.unwrap(), 2_500);
    let cancel = json!({ "appointment_id": booked.data["appointment_id"], "confirmed": true });
    assert!(call.ask("cancel_appointment", cancel).await.ok);
    assert_eq!(store.owed().await.unwrap(), 0);
}

#[tokio::test]
async fn a_broker_is_found_by_zip_then_city_then_is_the_desk() {
    let mut call = Call::from(STRANGER, &seeded().await);
    let mut find = async |ask: Value| call.ask("find_broker_by_territory", ask).await;
    let zip = find(json!({ "postal_code": "60563", "city": "Tampa", "state": "FL" })).await.data;
    assert_eq!((&zip["name"], &zip["matched_by"]), (&json!("Rosa Delgado"), &json!("zip")));
    let city = find(json!({ "postal_code": "00000", "city": "tampa", "state": "fl",
        "language": "es-US" }))
    .await
    .data;
    assert_eq!((&city["name"], &city["matched_by"]), (&json!("Ines Fuentes"), &json!("city")));
    let rest = find(json!({ "postal_code": "96801" })).await.data;
    assert_eq!((&rest["name"], &rest["matched_by"]), (&json!("National Desk"), &json!("fallback")));
    assert_eq!(code(&find(json!({ "city": "Tampa" })).await), Code::NeedLocation);
}

#[tokio::test]
async fn an_appointment_is_confirmed_by_the_code_that_was_texted_and_by_no_other() {
    let store = seeded().await;
    let outbox = Arc::new(Outbox::default());
    let mut call = Call::at(Call::desk(STRANGER, &store).with_messenger(outbox.clone()));
    let lead = call.lead().await;
    let broker = call.broker(&lead).await;
    let booked = call.consultation(&lead, &broker).await;
    let send = json!({ "appointment_id": booked.data["appointment_id"], "channel": "sms" });
    let refused = call.ask("send_appointment_confirmation", send.clone()).await;
    assert_eq!(code(&refused), Code::NoConsent);
    agrees(&store, STRANGER, "sms").await;
    // The owner of the appointment is a lead, whom nobody has to verify to be texted.
    let sent = call.ask("send_appointment_confirmation", send.clone()).await;
    assert!(sent.ok, "{sent:?}");
    assert_eq!(sent.data["to_masked"], "••• 88");
    assert_eq!(code(&call.ask("send_appointment_confirmation", send).await), Code::RateLimited);
    let text = outbox.0.lock().unwrap()[0].clone();
    let right = &text[..6];
    assert!(!format!("{sent:?}").contains(right), "the model is not told the code");
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let attempt =
        |code: &str| json!({ "mfa_session_id": sent.data["mfa_session_id"], "code": code });
    let missed = call.ask("verify_appointment_confirmation", attempt(wrong)).await;
    assert_eq!((code(&missed), &missed.data["attempts_left"]), (Code::CodeMismatch, &json!(2)));
    let done = call.ask("verify_appointment_confirmation", attempt(right)).await;
    assert_eq!(done.data, json!({ "verified": true, "appointment_status": "confirmed" }));
}

#[tokio::test]
async fn a_code_goes_out_by_the_account_at_signalwire_and_confirms() {
    let api = CarrierApi::start(House::SignalWire).await;
    let text = format!(
        "[server]\npublic_url = \"https://a.example\"\n\
         [outbound]\nfrom = \"+16305550100\"\n\
         [twilio]\naccount_sid = \"AC2\"\nauth_token = \"t\"\n\
         [signalwire]\nurl = \"{}\"\nproject = \"{}\"\ntoken = \"{}\"\nfrom = \"+16305550199\"\n",
        api.url(),
        CarrierApi::ACCOUNT,
        CarrierApi::SECRET,
    );
    let config = Config::parse(&text, &|_| None).unwrap();
    let messenger = server::messenger(&config).unwrap().unwrap();
    let store = seeded().await;
    agrees(&store, STRANGER, "sms").await;
    let mut call = Call::at(Call::desk(STRANGER, &store).with_messenger(messenger));
    let lead = call.lead().await;
    let broker = call.broker(&lead).await;
    let booked = call.consultation(&lead, &broker).await;
    let send = json!({ "appointment_id": booked.data["appointment_id"], "channel": "sms" });
    let sent = call.ask("send_appointment_confirmation", send).await;
    assert!(sent.ok, "{sent:?}");
    let [request] = api.requests().try_into().unwrap();
    assert_eq!(request.path, "/api/laml/2010-04-01/Accounts/AC1/Messages");
    assert_eq!(request.field("From"), Some("+16305550199"));
    assert_eq!(request.field("To"), Some(STRANGER));
    let code = &request.field("Body").unwrap()[..6];
    let attempt = json!({ "mfa_session_id": sent.data["mfa_session_id"], "code": code });
    let done = call.ask("verify_appointment_confirmation", attempt).await;
    assert_eq!(done.data["verified"], true, "{done:?}");
}

#[tokio::test]
async fn three_wrong_codes_lock_and_the_appointment_stands() {
    let store = seeded().await;
    let outbox = Arc::new(Outbox::default());
    agrees(&store, STRANGER, "sms").await;
    let mut call = Call::at(Call::desk(STRANGER, &store).with_messenger(outbox.clone()));
    let lead = call.lead().await;
    let broker = call.broker(&lead).await;
    let booked = call.consultation(&lead, &broker).await;
    let send = json!({ "appointment_id": booked.data["appointment_id"], "channel": "sms" });
    let sent = call.ask("send_appointment_confirmation", send).await;
    let right = outbox.0.lock().unwrap()[0][..6].to_owned();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let attempt =
        |code: &str| json!({ "mfa_session_id": sent.data["mfa_session_id"], "code": code });
    let mut codes = Vec::new();
    for tried in [wrong, wrong, wrong, &right] {
        codes.push(code(&call.ask("verify_appointment_confirmation", attempt(tried)).await));
    }
    let locked = Code::MfaLocked;
    assert_eq!(codes, [Code::CodeMismatch, Code::CodeMismatch, locked, locked]);
}

#[tokio::test]
async fn consent_do_not_call_and_hours_decide_who_is_contacted() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let ask = json!({ "phone": ANA, "channel": "voice_ai", "purpose": "transactional" });
    let never = call.ask("check_consent_dnc", ask.clone()).await.data;
    assert_eq!((&never["allowed"], &never["reasons"]), (&json!(false), &json!(["no_consent"])));
    agrees(&store, ANA, "voice_ai").await;
    let allowed = call.ask("check_consent_dnc", ask.clone()).await.data;
    assert_eq!(
        (&allowed["allowed"], &allowed["consent"]["status"]),
        (&json!(true), &json!("granted"))
    );
    let out = json!({ "phone": ANA, "channels": ["all"], "reason": "stop it" });
    assert!(call.ask("record_opt_out", out).await.say.unwrap().contains("off our list"));
    let blocked = call.ask("check_consent_dnc", ask).await.data;
    assert_eq!(blocked["reasons"], json!(["do_not_call", "no_consent"]));
    let other = json!({ "phone": "nobody", "channel": "sms", "purpose": "marketing" });
    assert_eq!(code(&call.ask("check_consent_dnc", other).await), Code::InvalidPhone);
}

#[tokio::test]
async fn a_person_is_called_only_while_every_place_where_they_may_be_allows_it() {
    let store = seeded().await;
    // Numbers of Florida, of both zones of Florida, of Illinois, and of nobody knows where.
    let table = [
        ("+18135550131", "2026-11-20T12:59:59Z", false),
        ("+18135550131", "2026-11-20T13:00:00Z", true),
        ("+18135550131", "2026-11-21T00:59:59Z", true),
        ("+18135550131", "2026-11-21T01:00:00Z", false),
        ("+18505550131", "2026-11-20T13:59:59Z", false),
        ("+18505550131", "2026-11-20T14:00:00Z", true),
        ("+18505550131", "2026-11-21T01:00:00Z", false),
        ("+16305550111", "2026-11-21T02:59:59Z", true),
        ("+16305550111", "2026-11-21T03:00:00Z", false),
        ("+12015550111", "2026-11-20T15:59:59Z", false),
        ("+12015550111", "2026-11-20T16:00:00Z", true),
        ("+12015550111", "2026-11-21T02:00:00Z", false),
    ];
    for (number, now, allowed) in table {
        let phone = Phone::parse(number).unwrap();
        let how = ("voice_ai", "marketing");
        let found = store.permission(&phone, how, now.parse().unwrap()).await.unwrap();
        let is_open = !found.reasons.contains(&crate::store::Objection::OutsideHours);
        assert_eq!(is_open, allowed, "{number} at {now}");
    }
}

#[tokio::test]
async fn callers_reach_only_the_departments_of_the_configuration() {
    let store = seeded().await;
    let ask = json!({ "reason": "angry", "department": "manager", "summary": "brakes grind",
        "mode": "warm" });
    let mut call = Call::from(ANA, &store);
    assert_eq!(code(&call.ask("transfer_to_human", ask.clone()).await), Code::NoAgent);
    let numbers = [(Department::Manager, "+16305550102".to_owned())].into();
    let desk = Call::desk(ANA, &store).with_departments(Departments::read(&numbers).unwrap());
    // A tool outside of a call has no line to hand over.
    assert_eq!(code(&Call::at(desk).ask("transfer_to_human", ask).await), Code::TransferFailed);

    let mut back = json!({ "phone": ANA, "department": "service", "when_local": "2026-11-22T10:00",
        "reason": "brakes" });
    assert_eq!(code(&call.ask("schedule_callback", back.clone()).await), Code::OutsideWindow);
    back["when_local"] = json!("2026-11-23T10:00");
    let noted = call.ask("schedule_callback", back).await;
    assert_eq!(noted.data["when_local"], "2026-11-23T10:00");
    let say = "Somebody will call you back on Monday, November 23rd at 10 AM.";
    assert_eq!(noted.say.as_deref(), Some(say));
}

#[tokio::test]
async fn documents_answer_what_they_tell_and_nothing_else() {
    let mut call = Call::from(ANA, &seeded().await);
    let mut search =
        async |query: &str| call.ask("search_knowledge", json!({ "query": query })).await;
    let credit = search("does this hurt my credit, and what do you charge?").await;
    assert_eq!(credit.data["passages"][0]["doc_id"], "financing");
    let oil = search("how much is a synthetic oil change").await;
    assert_eq!(oil.data["passages"][0]["doc_id"], "oil-prices");
    assert_eq!(code(&search("do you sell boats").await), Code::NoAnswer);
}

#[tokio::test]
async fn a_vehicle_is_noted_once_and_what_is_due_is_told_by_its_mileage() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let ana = call.customer().await;
    let civic = json!({ "customer_id": ana, "vin": "2HGFE2F50PH500001", "model": "Civic",
        "mileage": 14800 });
    let added = call.ask("add_vehicle", civic.clone()).await.data;
    assert_eq!(
        (&added["vin_status"], &added["label"]),
        (&json!("decoded"), &json!("2023 Honda Civic"))
    );
    assert_eq!(call.ask("add_vehicle", civic).await.data["vehicle_id"], added["vehicle_id"]);
    let half = json!({ "customer_id": ana, "make": "Honda" });
    assert_eq!(code(&call.ask("add_vehicle", half).await), Code::Incomplete);
    let due = json!({ "vehicle_id": added["vehicle_id"] });
    let due = call.ask("get_vehicle_recommendations", due).await.data;
    let services: Vec<_> = due["items"].as_array().unwrap().iter().map(|one| &one["due"]).collect();
    assert_eq!(services, ["15000 miles", "15000 miles"], "oil and tires, at twice 7500");
}

#[tokio::test]
async fn small_tools_answer_and_refuse_plainly() {
    let store = seeded().await;
    let mut call = Call::from(ANA, &store);
    let time = call.ask("get_time", json!({ "timezone": "Asia/Tokyo" })).await;
    assert_eq!(time.data["iso"], "2026-11-21T03:00:00+09:00");
    let mars = call.ask("get_time", json!({ "timezone": "Mars/Base" })).await;
    assert_eq!(code(&mars), Code::UnknownTimezone);
    let weather = call.ask("get_weather", json!({ "location": "Tampa" })).await;
    assert_eq!(code(&weather), Code::UpstreamUnavailable);
    let spanish = call.ask("set_language", json!({ "locale": "es-US" })).await;
    assert_eq!(code(&spanish), Code::UnsupportedLanguage);
    assert!(call.ask("set_language", json!({ "locale": "en-US" })).await.ok);
    let recording = call.ask("set_recording_consent", json!({ "granted": false })).await;
    assert_eq!(recording.data["recording"], "off");
    let keys = json!({ "purpose": "phone", "max_digits": 10, "terminator": "#" });
    assert_eq!(code(&call.ask("request_keypad_input", keys.clone()).await), Code::DtmfUnsupported);
    let mut typing = Call::at(Call::desk(ANA, &store).with_keypad());
    assert!(typing.ask("request_keypad_input", keys).await.ok);
    let note = json!({ "disposition": "info_given", "summary": "Asked for the time.",
        "topics": ["time"], "commitments": [], "sentiment": "positive", "follow_up": null });
    let first = call.ask("save_interaction", note.clone()).await.data;
    assert_eq!(call.ask("save_interaction", note).await.data, first, "one note per call");
}
