//! What was booked is confirmed in writing, once, to those who want that.

use super::*;
use crate::{config::PortalConfig, notices::Notices, portal::Links, store::Change};

impl House {
    /// Nobody is on the list of those who may be called.
    async fn confirm_after(&self, period: SignedDuration) {
        let worker = self.worker(evening() + period).with_allowed(AllowList::default());
        worker.run_due().await.unwrap();
    }

    fn texts_sent(&self) -> Vec<(Channel, String)> {
        self.vendor.texts()
    }
}

#[tokio::test]
async fn who_has_agreed_to_texts_has_each_booking_and_each_move_in_writing_once() {
    let house = House::open().await;
    let visit = house.booked().await;
    house.booked().await;
    for minute in 0..3 {
        house.confirm_after(minutes(minute)).await;
    }
    let code = &visit.confirmation_code;
    let said = format!(
        "Nair Motors: your state inspection is booked for Tuesday, November 24th at 9 AM. Your \
         code is {code}. To change it, call 630-555-0100."
    );
    assert_eq!(house.texts_sent(), [(Channel::Sms, said)]);
    let change = Change { appointment: visit.id, key: "m".to_owned() };
    let later = "2026-11-24T21:00:00Z".parse().unwrap();
    house.store.reschedule(&change, later, None, evening()).await.unwrap();
    house.confirm_after(minutes(4)).await;
    let texts = house.texts_sent();
    assert_eq!(texts.len(), 2);
    assert!(texts[1].1.contains("is now Tuesday, November 24th at 3 PM"), "{texts:?}");
    let noted = house.texts("SELECT template AS told FROM message").await;
    assert_eq!(noted, ["appointment_confirmation"; 2]);
}

#[tokio::test]
async fn who_has_not_agreed_or_has_cancelled_is_not_written_to() {
    let house = House::open().await;
    let visit = house.booked().await;
    house.store.opt_out(&ana(), &["sms"], None, evening()).await.unwrap();
    house.confirm_after(minutes(1)).await;
    assert_eq!(house.attempts().await, ["sms skipped do_not_call"]);
    let cancel = Change { appointment: visit.id, key: "c".to_owned() };
    house.store.cancel(&cancel, None, evening()).await.unwrap();
    house.store.run("DELETE FROM consent").await;
    house.forget_jobs().await;
    let again = BookingRequest {
        service: "state_inspection".to_owned(),
        start: "2026-11-25T15:00:00Z".parse().unwrap(),
        advisor: None,
        location: None,
        customer: house.customer().await,
        vehicle: None,
        notes: None,
        call: None,
        key: "again".to_owned(),
    };
    house.store.book(&again, evening()).await.unwrap();
    assert_eq!(house.jobs().await, ["reminder ready"], "nobody is asked to be written to");
    assert!(house.texts_sent().is_empty());
}

#[tokio::test]
async fn who_prefers_whatsapp_is_written_to_there_where_free_text_is_taken() {
    let house = House::open().await;
    let prefers = serde_json::json!({ "preferred_channel": "whatsapp" });
    let customer = house.customer().await;
    let prefers = prefers.as_object().unwrap();
    house.store.update_profile(customer, prefers, evening()).await.unwrap();
    house.booked().await;
    house.confirm_after(minutes(1)).await;
    let channels: Vec<Channel> = house.texts_sent().iter().map(|(channel, _)| *channel).collect();
    assert_eq!(channels, [Channel::Sms], "they have not written to us within a day");
}

#[tokio::test]
async fn a_message_brings_the_link_of_its_visit_in_the_words_of_the_house() {
    let house = House::open().await;
    let visit = house.booked().await;
    let links = Links::new(voiceagent_core::Secret::new("key"), "https://agent.example.com");
    let config = PortalConfig {
        confirmation: Some("{name} {service} {when} {place} {code} {phone}: {link}".to_owned()),
        key: Some(voiceagent_core::Secret::new("key")),
        ..PortalConfig::default()
    };
    let notices = Notices::read(&config).unwrap().with_links(Some(links.clone()));
    let worker = house.worker(evening() + minutes(1)).with_notices(notices);
    worker.run_due().await.unwrap();
    let link = links.to(&visit, evening() + minutes(1));
    let said = format!(
        "Nair Motors state inspection Tuesday, November 24th at 9 AM {} {} 630-555-0100: {link}",
        visit.location, visit.confirmation_code
    );
    assert_eq!(house.texts_sent(), [(Channel::Sms, said)]);
    let bare = Notices::default().with_links(Some(links.clone()));
    let place = house.store.location().await.unwrap();
    for text in [
        bare.confirmation("Nair Motors", (&place, &visit), evening()),
        bare.reminder("Nair Motors", (&place, &visit), evening()),
    ] {
        let link = links.to(&visit, evening());
        assert!(text.ends_with(&format!("call 630-555-0100, or go to {link}")), "{text}");
    }
}
