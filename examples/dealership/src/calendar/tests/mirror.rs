use std::sync::Arc;

use jiff::{SignedDuration, civil::date};

use super::{super::*, friday, house::Wall, monday};
use crate::{
    clock::Clock,
    phone::Phone,
    store::{
        Appointment, BookingRequest, Change, ConsultRequest, Erasure, Fault, Refusal, SlotSearch,
        Store,
    },
};

/// A dealership with a calendar on the wall, and a broker who has one too.
struct House {
    store: Store,
    wall: Arc<Wall>,
}

impl House {
    async fn open() -> Self {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        // What others have booked is none of these tests'.
        store.run("DELETE FROM calendar_entry").await;
        Self { store, wall: Arc::new(Wall::new()) }
    }

    /// A mirror so many minutes after noon.
    async fn mirror(&self, minutes: i64) -> Mirror {
        let clock = Clock::Fixed(friday() + SignedDuration::from_mins(minutes));
        Mirror::new(self.store.clone(), clock, self.wall.clone(), "house")
            .with_person("Rosa Delgado", "rosa")
            .await
            .unwrap()
    }

    async fn write_after(&self, minutes: i64) -> usize {
        self.mirror(minutes).await.write_due().await.unwrap()
    }

    async fn book(&self, hour: i8, key: &str) -> Result<Appointment, Fault> {
        let ana = Phone::parse("+16305550111").unwrap();
        let request = BookingRequest {
            service: "brake_inspection".to_owned(),
            start: monday(hour).timestamp(),
            advisor: None,
            location: None,
            customer: self.store.customers_by_phone(&ana).await?[0].id,
            vehicle: None,
            notes: None,
            call: None,
            key: key.to_owned(),
        };
        self.store.book(&request, friday()).await
    }

    async fn consult(&self, hour: i8) -> Result<Appointment, Fault> {
        let ken = Phone::parse("+16305550188").unwrap();
        let lead = self.store.meet_lead(&ken, friday()).await?.0;
        let broker = self.store.broker_for(Some("60540"), None, None).await?.broker;
        assert_eq!(broker.name, "Rosa Delgado");
        let request = ConsultRequest {
            broker: broker.id,
            lead,
            start: monday(hour).timestamp(),
            notes: None,
            call: "c".to_owned(),
            key: format!("consult {hour}"),
        };
        self.store.book_broker(&request, friday()).await
    }

    /// The starts on Monday that are offered.
    async fn offered(&self) -> Vec<String> {
        let search = SlotSearch {
            service: "brake_inspection".to_owned(),
            from: date(2026, 11, 23),
            to: date(2026, 11, 23),
            earliest: None,
            latest: None,
            advisor: None,
            location: None,
            preferred: None,
            limit: 100,
        };
        let found = self.store.find_slots(&search, friday()).await.unwrap();
        found.slots.iter().map(|slot| slot.start.strftime("%H:%M").to_string()).collect()
    }

    /// The starts of the broker on Monday that are offered.
    async fn broker_offers(&self) -> Vec<String> {
        let broker = self.store.broker_for(Some("60540"), None, None).await.unwrap().broker;
        let day = (date(2026, 11, 23), date(2026, 11, 23));
        let found = self.store.broker_times(&broker, day, friday()).await.unwrap();
        found.iter().map(|start| start.strftime("%H:%M").to_string()).collect()
    }
}

fn change(visit: &Appointment, key: &str) -> Change {
    Change { appointment: visit.id, key: key.to_owned() }
}

fn refusal<T: Debug>(result: Result<T, Fault>) -> Refusal {
    match result {
        Err(Fault::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_calendar_shows_what_is_booked_moved_and_cancelled() {
    let house = House::open().await;
    let visit = house.book(10, "a").await.unwrap();
    assert_eq!(house.write_after(0).await, 1);
    assert_eq!(house.wall.events("house"), ["Mon 10:00 brake inspection: Ana Morales free"]);
    assert_eq!(house.write_after(1).await, 0, "there is nothing new");

    let later = monday(13).timestamp();
    house.store.reschedule(&change(&visit, "b"), later, None, friday()).await.unwrap();
    assert_eq!(house.write_after(2).await, 1);
    assert_eq!(house.wall.events("house"), ["Mon 13:00 brake inspection: Ana Morales free"]);

    house.store.cancel(&change(&visit, "c"), None, friday()).await.unwrap();
    assert_eq!(house.write_after(3).await, 1);
    assert!(house.wall.events("house").is_empty());
    assert_eq!(house.write_after(4).await, 0);
}

#[tokio::test]
async fn the_calendar_names_an_erased_person_no_more_though_the_visit_is_over() {
    let house = House::open().await;
    house.book(10, "a").await.unwrap();
    house.write_after(0).await;
    assert!(house.wall.events("house")[0].contains("Ana Morales"));

    // Nobody is erased before what they have booked is over; four days later it is.
    let ana = Phone::parse("+16305550111").unwrap();
    let over = friday() + SignedDuration::from_hours(96);
    let erased = house.store.erase_person(&ana, over).await.unwrap();
    assert!(matches!(erased, Erasure::Done { .. }), "{erased:?}");
    // It is tried until the calendar answers.
    house.wall.shown().is_down = true;
    assert_eq!(house.write_after(96 * 60).await, 1);
    assert!(house.wall.events("house")[0].contains("Ana Morales"));
    house.wall.shown().is_down = false;
    assert_eq!(house.write_after(96 * 60 + 5).await, 1);
    let events = house.wall.events("house");
    assert_eq!(events.len(), 1);
    assert!(!events[0].contains("Ana") && !events[0].contains("Morales"), "{events:?}");
    assert_eq!(house.write_after(97 * 60).await, 0, "it is left alone again");
}

#[tokio::test]
async fn a_booking_does_not_wait_for_a_calendar_that_hangs() {
    let house = House::open().await;
    house.book(10, "a").await.unwrap();
    // From now on nobody gets an answer.
    house.wall.answers.forget_permits(1_000);
    let mirror = house.mirror(0).await;
    let writing = tokio::spawn(async move { mirror.write_due().await });
    house.wall.asked.acquire().await.unwrap().forget();
    let visit = house.book(11, "b").await.unwrap();
    assert!(house.offered().await.contains(&"13:00".to_owned()));
    house.store.cancel(&change(&visit, "c"), None, friday()).await.unwrap();
    assert!(!writing.is_finished(), "the calendar hangs all the while");
    house.wall.answers.add_permits(10);
    writing.await.unwrap().unwrap();
    assert_eq!(house.wall.events("house").len(), 1);
}

#[tokio::test]
async fn a_calendar_that_is_down_is_written_later_and_a_lost_answer_makes_no_second_event() {
    let house = House::open().await;
    house.book(10, "a").await.unwrap();
    house.wall.shown().is_down = true;
    assert_eq!(house.write_after(0).await, 1);
    assert_eq!(house.write_after(0).await, 0, "it is not asked again at once");
    house.wall.shown().is_down = false;
    house.wall.shown().lost = 1;
    assert_eq!(house.write_after(1).await, 1);
    assert_eq!(house.wall.events("house").len(), 1, "it was written, and nobody knows");
    assert_eq!(house.write_after(5).await, 1);
    assert_eq!(house.wall.events("house").len(), 1);
    assert_eq!(house.write_after(60).await, 0);
}

#[tokio::test]
async fn a_mirror_that_dies_at_its_work_is_replaced_when_its_lease_is_over() {
    let house = House::open().await;
    house.book(10, "a").await.unwrap();
    house.wall.answers.forget_permits(1_000);
    let mirror = house.mirror(0).await;
    let writing = tokio::spawn(async move { mirror.write_due().await });
    house.wall.asked.acquire().await.unwrap().forget();
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    house.wall.answers.add_permits(10);
    assert_eq!(house.write_after(1).await, 0, "it is somebody's yet");
    assert_eq!(house.write_after(2).await, 1);
    assert_eq!(house.wall.events("house").len(), 1);
}

#[tokio::test]
async fn what_somebody_changes_in_a_calendar_is_put_right_by_the_database() {
    let house = House::open().await;
    let visit = house.book(10, "a").await.unwrap();
    house.write_after(0).await;
    let key = ("house".to_owned(), visit.id);
    let meddle = |title: &str| {
        let mut shown = house.wall.shown();
        shown.changes += 1;
        let number = shown.changes;
        let (event, last) = shown.events.get_mut(&key).unwrap();
        (event.title, *last) = (title.to_owned(), number);
    };
    let expected = ["Mon 13:00 brake inspection: Ana Morales free"];

    // It is noticed when the appointment is moved.
    meddle("lunch");
    let later = monday(13).timestamp();
    house.store.reschedule(&change(&visit, "b"), later, None, friday()).await.unwrap();
    house.write_after(1).await;
    assert_eq!(house.wall.events("house"), expected);

    // It is noticed without that, in a quarter of an hour.
    meddle("lunch");
    assert_eq!(house.mirror(2).await.look_at_events().await.unwrap(), 0, "it was looked at");
    assert_eq!(house.mirror(17).await.look_at_events().await.unwrap(), 1);
    house.write_after(17).await;
    assert_eq!(house.wall.events("house"), expected);

    house.wall.shown().events.clear();
    assert_eq!(house.mirror(40).await.look_at_events().await.unwrap(), 1);
    house.write_after(40).await;
    assert_eq!(house.wall.events("house"), expected);
    assert_eq!(house.mirror(60).await.look_at_events().await.unwrap(), 0, "nobody was there");
}

#[tokio::test]
async fn times_at_which_a_calendar_is_busy_are_neither_offered_nor_booked() {
    let house = House::open().await;
    assert!(house.offered().await.contains(&"10:00".to_owned()));
    let training = (monday(10).timestamp(), monday(12).timestamp());
    house.wall.shown().others.insert("house".to_owned(), vec![training]);
    assert_eq!(house.mirror(0).await.read_busy().await.unwrap(), 2);
    let offered = house.offered().await;
    for start in ["09:30", "10:00", "11:30"] {
        assert!(!offered.contains(&start.to_owned()), "{start}: {offered:?}");
    }
    assert!(offered.contains(&"12:00".to_owned()), "{offered:?}");
    assert_eq!(refusal(house.book(10, "a").await), Refusal::SlotTaken);
    let visit = house.book(13, "b").await.unwrap();
    house.write_after(1).await;
    assert_eq!(house.mirror(2).await.read_busy().await.unwrap(), 2);
    assert!(house.offered().await.contains(&"13:00".to_owned()), "there is another bay");

    // What is said last counts until it says something else.
    house.wall.shown().is_down = true;
    assert_eq!(house.mirror(4).await.read_busy().await.unwrap(), 0);
    let (move_it, to) = (change(&visit, "c"), monday(11).timestamp());
    let moved = house.store.reschedule(&move_it, to, None, friday()).await;
    assert_eq!(refusal(moved), Refusal::SlotTaken);
    house.wall.shown().is_down = false;
    house.wall.shown().others.clear();
    house.mirror(6).await.read_busy().await.unwrap();
    assert!(house.offered().await.contains(&"10:00".to_owned()));
    house.book(10, "d").await.unwrap();
}

#[tokio::test]
async fn a_brokers_calendar_has_their_appointments_and_keeps_others_out_but_not_their_own() {
    let house = House::open().await;
    let lunch = (monday(12).timestamp(), monday(13).timestamp());
    house.wall.shown().others.insert("rosa".to_owned(), vec![lunch]);
    house.mirror(0).await.read_busy().await.unwrap();
    let offers = house.broker_offers().await;
    assert!(offers.contains(&"10:00".to_owned()) && !offers.contains(&"12:00".to_owned()));
    assert_eq!(refusal(house.consult(12).await), Refusal::SlotTaken);

    let visit = house.consult(10).await.unwrap();
    house.write_after(1).await;
    assert_eq!(house.wall.events("rosa").len(), 1);
    assert!(house.wall.events("rosa")[0].ends_with("busy"), "{:?}", house.wall.events("rosa"));
    assert!(house.wall.events("house").is_empty());
    // The calendar says that the broker is busy then; that is the appointment itself.
    house.mirror(3).await.read_busy().await.unwrap();
    house.store.cancel(&change(&visit, "b"), None, friday()).await.unwrap();
    assert!(house.broker_offers().await.contains(&"10:00".to_owned()));
    house.write_after(4).await;
    assert!(house.wall.events("rosa").is_empty());
}

#[tokio::test]
async fn a_name_that_nobody_has_is_told() {
    let house = House::open().await;
    let mirror = Mirror::new(house.store.clone(), Clock::System, house.wall.clone(), "house");
    let error = mirror.with_person("Nobody", "x").await.unwrap_err();
    assert!(error.message().contains("`calendar.people`"), "{error}");
    assert!(error.message().contains("Nobody"), "{error}");
}
