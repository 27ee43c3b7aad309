//! Campaigns go by their steps, and end with whatever people answer.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use super::*;
use crate::{
    campaign::Steps,
    mail::{Inbox, Mail, Mailer},
    store::{Channel, Reply},
};

/// A post office: keeps what is sent, and has what came in.
#[derive(Debug, Default)]
struct Post {
    out: Mutex<Vec<String>>,
    tokens: Mutex<Vec<String>>,
    unread: Mutex<BTreeMap<u32, String>>,
}

impl Post {
    fn out(&self) -> Vec<String> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn last_token(&self) -> String {
        self.tokens.lock().unwrap().last().unwrap().clone()
    }

    fn arrive(&self, letter: String) {
        let mut unread = self.unread.lock().unwrap();
        let number = unread.len() as u32 + 1;
        unread.insert(number, letter);
    }
}

#[async_trait]
impl Mailer for Post {
    async fn send(&self, mail: &Mail<'_>) -> Result<String> {
        self.out.lock().unwrap().push(format!("{} | {} | {}", mail.to, mail.subject, mail.text));
        self.tokens.lock().unwrap().push(mail.token.to_owned());
        Ok(format!("<{}@nair.example>", mail.token))
    }
}

#[async_trait]
impl Inbox for Post {
    async fn unread(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let unread = self.unread.lock().unwrap();
        Ok(unread.iter().map(|(number, text)| (*number, text.clone().into_bytes())).collect())
    }

    async fn mark_read(&self, numbers: &[u32]) -> Result<()> {
        self.unread.lock().unwrap().retain(|number, _| !numbers.contains(number));
        Ok(())
    }
}

/// A house with a post office, and somebody who asked about a car.
struct Journey {
    house: House,
    post: Arc<Post>,
    place: String,
}

impl Journey {
    async fn begin(steps: &str) -> Self {
        let house = House::open().await;
        let store = &house.store;
        let email = ("email", "marketing");
        store.note_consent(&ana(), email, (true, "a form"), evening()).await.unwrap();
        let (lead, _) = store.meet_lead(&ana(), evening()).await.unwrap();
        let known = serde_json::json!({ "email": "ana@example.com", "first_name": "Ana" });
        store.update_lead(lead, known.as_object().unwrap(), evening()).await.unwrap();
        store.set_steps("spring", &Steps::read(steps).unwrap(), evening()).await.unwrap();
        let place = store.enroll("spring", &ana(), evening()).await.unwrap();
        Self { house, post: Arc::default(), place }
    }

    async fn run_after(&self, period: SignedDuration) {
        let worker = self.worker(period);
        worker.poll_replies().await.unwrap();
        worker.run_due().await.unwrap();
    }

    fn worker(&self, period: SignedDuration) -> Worker {
        let worker = self.house.worker(evening() + period);
        worker.with_mailer(self.post.clone()).with_inbox(self.post.clone())
    }

    /// Calls, texts and letters so far.
    fn made(&self) -> [usize; 3] {
        let vendor = &self.house.vendor;
        [vendor.calls().len(), vendor.texts().len(), self.post.out().len()]
    }

    async fn node(&self) -> String {
        self.house.store.enrollment(&self.place).await.unwrap().node
    }
}

const DAY: i64 = 24 * 60;

#[tokio::test]
async fn a_campaign_goes_from_calls_to_whatsapp_to_a_letter_and_ends() {
    let journey = Journey::begin(
        r#"[{ "do": "call", "most": 2, "again_minutes": 1680 },
            { "do": "whatsapp", "text": "-", "template": "HX1", "variables": { "1": "{first_name}" } },
            { "do": "wait", "minutes": 1440 },
            { "do": "email", "subject": "Your car", "text": "Hello {first_name}, this is {name}." }]"#,
    )
    .await;
    journey.run_after(minutes(0)).await;
    assert_eq!(journey.made(), [1, 0, 0]);
    journey.house.report(CallStatus::NoAnswer, minutes(1)).await;
    journey.run_after(minutes(60)).await;
    assert_eq!(journey.made(), [1, 0, 0], "28 hours are not over");
    journey.run_after(minutes(40 * 60)).await;
    assert_eq!(journey.made(), [2, 0, 0]);
    journey.house.report(CallStatus::Busy, minutes(40 * 60 + 1)).await;
    journey.run_after(minutes(90 * 60)).await;
    assert_eq!(journey.made(), [2, 1, 0], "two calls are enough");
    let (channel, text) = journey.house.vendor.texts().pop().unwrap();
    assert_eq!((channel, text.as_str()), (Channel::WhatsApp, r#"HX1 {"1": "Ana"}"#));
    journey.run_after(minutes(90 * 60 + DAY - 1)).await;
    assert_eq!(journey.made(), [2, 1, 0]);
    assert_eq!(journey.node().await, "message");
    journey.run_after(minutes(90 * 60 + DAY)).await;
    assert_eq!(journey.made(), [2, 1, 1]);
    assert_eq!(
        journey.post.out(),
        ["ana@example.com | Your car | Hello Ana, this is Nair Motors."]
    );
    assert_eq!(journey.node().await, "ended");
    journey.run_after(minutes(30 * DAY)).await;
    assert_eq!(journey.made(), [2, 1, 1]);
}

#[tokio::test]
async fn the_outcome_of_a_call_leads_elsewhere_where_the_steps_say_so() {
    let journey = Journey::begin(
        r#"[{ "do": "call", "most": 3, "again_minutes": 60, "when": { "no_answer": "letter" } },
            { "do": "sms", "text": "We called you." },
            { "do": "email", "id": "letter", "subject": "a", "text": "b" }]"#,
    )
    .await;
    journey.run_after(minutes(0)).await;
    journey.house.report(CallStatus::NoAnswer, minutes(1)).await;
    journey.run_after(minutes(1)).await;
    assert_eq!(journey.made(), [1, 0, 1], "past the text");
    assert_eq!(journey.node().await, "ended");
}

const LETTER_THEN_TEXT: &str = r#"[{ "do": "email", "subject": "Your car", "text": "Hello" },
    { "do": "wait", "minutes": 60 }, { "do": "sms", "text": "Hello again" }]"#;

#[tokio::test]
async fn whoever_answers_a_letter_hears_from_a_person_and_from_no_campaign() {
    for (answers, texts, node) in [(false, 1, "ended"), (true, 0, "talked")] {
        let journey = Journey::begin(LETTER_THEN_TEXT).await;
        journey.run_after(minutes(0)).await;
        assert_eq!(journey.made(), [0, 0, 1]);
        if answers {
            let token = journey.post.last_token();
            journey.post.arrive(format!(
                "From: Ana <else@example.com>\r\nMessage-ID: <9@x>\r\n\
                 In-Reply-To: <{token}@nair.example>\r\n\r\nMonday is fine."
            ));
            assert_eq!(journey.worker(minutes(1)).poll_replies().await.unwrap(), Some(1));
            assert_eq!(journey.worker(minutes(1)).poll_replies().await.unwrap(), Some(0));
        }
        journey.run_after(minutes(61)).await;
        assert_eq!((journey.made(), journey.node().await.as_str()), ([0, texts, 1], node));
    }
}

#[tokio::test]
async fn a_letter_that_comes_back_is_the_last_and_the_campaign_goes_on_by_other_ways() {
    let journey = Journey::begin(
        r#"[{ "do": "email", "subject": "a", "text": "b" }, { "do": "wait", "minutes": 60 },
            { "do": "email", "subject": "c", "text": "d" }, { "do": "sms", "text": "Hello" }]"#,
    )
    .await;
    journey.run_after(minutes(0)).await;
    let token = journey.post.last_token();
    journey.post.arrive(format!(
        "From: mailer-daemon@mx\r\nMessage-ID: <8@mx>\r\n\
         Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{token}@nair.example>\r\n--b--\r\n"
    ));
    journey.run_after(minutes(61)).await;
    assert_eq!(journey.made(), [0, 1, 1]);
    assert_eq!(journey.node().await, "ended");
}

#[tokio::test]
async fn who_wants_no_more_letters_gets_none_and_leaves_the_campaign() {
    let journey = Journey::begin(LETTER_THEN_TEXT).await;
    journey.run_after(minutes(0)).await;
    let store = &journey.house.store;
    assert!(!store.unsubscribe("another", evening()).await.unwrap());
    assert_eq!(journey.node().await, "message");
    assert!(store.unsubscribe(&journey.post.last_token(), evening()).await.unwrap());
    journey.run_after(minutes(61)).await;
    assert_eq!((journey.made(), journey.node().await.as_str()), ([0, 0, 1], "ended"));
    assert!(store.is_blocked(&ana(), "email").await.unwrap());
    assert!(!store.is_blocked(&ana(), "voice_ai").await.unwrap(), "nobody said so");
}

#[tokio::test]
async fn free_text_on_whatsapp_goes_out_within_a_day_of_theirs_and_a_template_at_any_time() {
    let free = r#"[{ "do": "whatsapp", "text": "Hello {first_name}" }]"#;
    let template = r#"[{ "do": "whatsapp", "text": "-", "template": "HX1" }]"#;
    for (steps, wrote_before, expected) in [
        (free, None, None),
        (free, Some(23 * 60), Some("Hello Ana")),
        (free, Some(25 * 60), None),
        (template, None, Some("HX1 {}")),
    ] {
        let journey = Journey::begin(steps).await;
        if let Some(before) = wrote_before {
            // They wrote before they were taken into the campaign.
            let reply = Reply { key: "SM1".to_owned(), phone: Some(ana()), ..Reply::default() };
            let at = evening() - minutes(before);
            journey.house.store.note_reply((&reply, Channel::WhatsApp), at).await.unwrap();
            journey.house.store.run("UPDATE enrollment SET node = 'message'").await;
        }
        journey.run_after(minutes(0)).await;
        let texts = journey.house.vendor.texts();
        let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, expected.into_iter().collect::<Vec<_>>(), "{wrote_before:?}");
        assert_eq!(journey.node().await, "ended");
    }
}

#[tokio::test]
async fn who_is_in_a_campaign_keeps_its_steps_when_it_gets_others() {
    let journey = Journey::begin(LETTER_THEN_TEXT).await;
    let others = Steps::read(r#"[{ "do": "sms", "text": "Others" }]"#).unwrap();
    journey.house.store.set_steps("spring", &others, evening()).await.unwrap();
    journey.run_after(minutes(0)).await;
    assert_eq!(journey.made(), [0, 0, 1]);
}
