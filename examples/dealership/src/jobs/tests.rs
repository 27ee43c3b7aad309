//! Nobody is called twice, nobody is forgotten, and nobody is called who may not be.

mod after_call;
mod clocks;
mod confirm;
mod crash;
mod follow;
mod journey;
mod policy;
mod vendor;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::vendor::Vendor;
use super::*;
use crate::store::{Appointment, BookingRequest, CustomerId};

/// Friday, 6 PM in Chicago.
fn evening() -> Timestamp {
    "2026-11-20T18:00:00-06:00".parse().unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn ana() -> Phone {
    Phone::parse("+16305550111").unwrap()
}

/// A dealership with a customer who has agreed to everything, and a carrier.
struct House {
    store: Store,
    vendor: Arc<Vendor>,
}

impl House {
    async fn open() -> Self {
        Self::at(Store::fresh().await).await
    }

    async fn at(store: Store) -> Self {
        store.seed(evening()).await.unwrap();
        for channel in ["voice_ai", "sms", "whatsapp"] {
            for purpose in ["transactional", "marketing"] {
                let form = (true, "a form");
                store.note_consent(&ana(), (channel, purpose), form, evening()).await.unwrap();
            }
        }
        let house = Self { store, vendor: Arc::default() };
        house.forget_jobs().await;
        house
    }

    /// Leaves all jobs to the test.
    async fn forget_jobs(&self) {
        self.store.run("DELETE FROM job").await;
    }

    fn worker(&self, now: Timestamp) -> Worker {
        Worker::new(self.store.clone(), Clock::Fixed(now), "Nair Motors")
            .with_line(self.vendor.clone())
            .with_messenger(self.vendor.clone())
            .with_allowed(AllowList::read(&[ana().as_str().to_owned()]).unwrap())
    }

    /// Does what is due so long after the evening began.
    async fn run_after(&self, period: SignedDuration) {
        self.worker(evening() + period).run_due().await.unwrap();
    }

    async fn customer(&self) -> CustomerId {
        self.store.customers_by_phone(&ana()).await.unwrap()[0].id
    }

    /// A visit on Tuesday.
    async fn booked(&self) -> Appointment {
        let request = BookingRequest {
            service: "state_inspection".to_owned(),
            start: "2026-11-24T15:00:00Z".parse().unwrap(),
            advisor: None,
            location: None,
            customer: self.customer().await,
            vehicle: None,
            notes: None,
            call: None,
            key: "k".to_owned(),
        };
        self.store.book(&request, evening()).await.unwrap()
    }

    /// A visit on Tuesday, and somebody who is to be reminded of it now.
    async fn reminded(&self, kind: JobKind) -> AppointmentId {
        let id = self.booked().await.id;
        self.forget_jobs().await;
        self.store.schedule_job((kind, &id.to_string()), evening(), evening()).await.unwrap();
        id
    }

    /// The attempts to reach somebody: channel, state and outcome or reason.
    async fn attempts(&self) -> Vec<String> {
        let query =
            "SELECT channel || ' ' || state || ' ' || coalesce(outcome, reason, '-') AS told
                     FROM contact_attempt ORDER BY created_at, channel DESC, id";
        self.texts(query).await
    }

    /// The jobs, by when they were made: what and how they stand.
    async fn jobs(&self) -> Vec<String> {
        self.texts("SELECT kind || ' ' || state AS told FROM job ORDER BY created_at, id").await
    }

    async fn texts(&self, query: &'static str) -> Vec<String> {
        let rows = self.store.export(query).await.unwrap();
        rows.iter().map(|row| row["told"].as_str().unwrap().to_owned()).collect()
    }

    /// When the next job is due, after the evening began.
    async fn next(&self) -> SignedDuration {
        let jobs = self.store.jobs(false).await.unwrap();
        jobs[0].run_at.duration_since(evening())
    }

    /// What the carrier says of the last call.
    async fn report(&self, status: CallStatus, after: SignedDuration) {
        let call = self.vendor.calls().pop().unwrap();
        note_status(&self.store, &call, status, evening() + after).await.unwrap();
    }
}
