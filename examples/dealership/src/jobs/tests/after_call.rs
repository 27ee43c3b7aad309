//! What is written after a call, and what is answered to it.

use serde_json::json;
use voiceagent_core::transport::Direction;

use super::*;
use crate::{
    store::{Ending, Interaction, Reply, ReplyKind},
    templates::{FollowUp, Template},
};

fn follow_up(fields: serde_json::Value) -> FollowUp {
    Template::read(&json!({ "follow_up": fields }).to_string()).unwrap().follow_up.unwrap()
}

impl House {
    /// A call that is over, of which this came. Whether somebody will be written to.
    async fn had_call(
        &self,
        call: &str,
        (outcome, then): (&str, &FollowUp),
        at: Timestamp,
    ) -> bool {
        self.store.begin_call(call, Some(&ana()), Direction::Inbound, at).await.unwrap();
        let noted = Interaction {
            disposition: outcome.to_owned(),
            summary: String::new(),
            topics: Vec::new(),
            commitments: Vec::new(),
            sentiment: None,
            follow_up: None,
        };
        self.store.note_interaction((call, Some(&ana())), &noted, at).await.unwrap();
        self.store.conclude(call, Ending::default(), at).await.unwrap();
        self.store.plan_follow_up(call, (then, "Nair Motors"), at).await.unwrap()
    }

    async fn answers(&self, key: &str, stars: Option<u8>, at: Timestamp) {
        let reply = Reply {
            key: key.to_owned(),
            phone: Some(ana()),
            kind: ReplyKind::Answer,
            stars,
            ..Reply::default()
        };
        self.store.note_reply((&reply, Channel::Sms), at).await.unwrap();
    }
}

#[tokio::test]
async fn who_was_in_a_call_is_written_to_once_as_its_template_says() {
    let house = House::open().await;
    let thanks = follow_up(json!({ "text": "{name} thanks you.", "after_minutes": 5 }));
    assert!(!house.had_call("none", ("abandoned", &thanks), evening()).await);
    assert!(house.had_call("first", ("booked", &thanks), evening()).await);
    assert!(!house.had_call("first", ("booked", &thanks), evening()).await, "it is told twice");
    let soon = evening() + minutes(30);
    assert!(!house.had_call("second", ("booked", &thanks), soon).await, "once in a day");
    house.worker(evening() + minutes(4)).run_due().await.unwrap();
    assert!(house.vendor.texts().is_empty(), "not before its time");
    for minute in [5, 6] {
        let worker = house.worker(evening() + minutes(minute));
        worker.with_allowed(AllowList::default()).run_due().await.unwrap();
    }
    let said = (Channel::Sms, "Nair Motors thanks you.".to_owned());
    assert_eq!(house.vendor.texts(), [said]);
    assert_eq!(house.texts("SELECT template AS told FROM message").await, ["call_follow_up"]);
    let only = follow_up(json!({ "text": "Hi.", "outcomes": ["cancelled"] }));
    let tomorrow = evening() + minutes(25 * 60);
    assert!(!house.had_call("third", ("booked", &only), tomorrow).await);
    assert!(house.had_call("fourth", ("cancelled", &only), tomorrow).await);
}

#[tokio::test]
async fn who_has_not_agreed_to_texts_is_not_written_to_after_a_call() {
    let house = House::open().await;
    let thanks = follow_up(json!({ "text": "Thank you." }));
    assert!(house.had_call("first", ("booked", &thanks), evening()).await);
    house.store.opt_out(&ana(), &["sms", "whatsapp"], None, evening()).await.unwrap();
    house.worker(evening() + minutes(10)).run_due().await.unwrap();
    assert!(house.vendor.texts().is_empty(), "they said no after the call");
    house.store.run("DELETE FROM consent").await;
    let later = evening() + minutes(48 * 60);
    assert!(!house.had_call("second", ("booked", &thanks), later).await);
    assert_eq!(house.jobs().await, ["follow_up done"]);
}

#[tokio::test]
async fn a_number_that_is_answered_rates_the_call_that_was_asked_about_and_counts_once() {
    let house = House::open().await;
    let asks = follow_up(json!({ "rating": true, "after_minutes": 0 }));
    let ratings = async || house.store.ratings(evening()).await.unwrap();
    house.answers("early", Some(5), evening()).await;
    assert!(house.had_call("first", ("booked", &asks), evening()).await);
    house.answers("unasked", Some(5), evening()).await;
    assert!(ratings().await.is_empty(), "nobody has asked yet");
    house.worker(evening()).run_due().await.unwrap();
    assert!(house.vendor.texts()[0].1.contains("Answer with a number from 1"));
    house.answers("chat", None, evening() + minutes(1)).await;
    assert!(ratings().await.is_empty());
    for key in ["SM1", "SM1", "SM2"] {
        house.answers(key, Some(4), evening() + minutes(2)).await;
    }
    assert_eq!(ratings().await, [(4, 1)].into());
    let statistics = house.store.call_statistics(evening()).await.unwrap();
    assert_eq!(statistics.rating(), Some(4.0));
    // Another call, that nobody was asked about.
    let tomorrow = evening() + minutes(25 * 60);
    let thanks = follow_up(json!({ "text": "Thank you.", "after_minutes": 0 }));
    assert!(house.had_call("second", ("booked", &thanks), tomorrow).await);
    house.worker(tomorrow).run_due().await.unwrap();
    house.answers("SM3", Some(1), tomorrow + minutes(1)).await;
    assert_eq!(ratings().await, [(4, 1)].into());
    // After a week a number is a number.
    let week = evening() + minutes(9 * 24 * 60);
    assert!(house.had_call("third", ("booked", &asks), week).await);
    house.worker(week).run_due().await.unwrap();
    house.answers("SM4", Some(1), week + minutes(8 * 24 * 60)).await;
    assert_eq!(ratings().await, [(4, 1)].into());
}

#[tokio::test]
async fn a_job_that_nobody_does_is_late() {
    let house = House::open().await;
    let thanks = follow_up(json!({ "text": "Thank you.", "after_minutes": 5 }));
    house.had_call("first", ("booked", &thanks), evening()).await;
    let late = async |after| house.store.late_jobs(minutes(10), evening() + after).await.unwrap();
    assert_eq!((late(minutes(15)).await, late(minutes(16)).await), (0, 1));
    house.worker(evening() + minutes(16)).run_due().await.unwrap();
    assert_eq!(late(minutes(17)).await, 0);
}
