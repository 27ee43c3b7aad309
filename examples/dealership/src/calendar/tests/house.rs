use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::Semaphore;
use voiceagent_core::{Error, ErrorKind};

use super::super::*;

/// What stands in the calendars.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Events by calendar and appointment, with a number that each change makes higher.
    pub(super) events: BTreeMap<(String, AppointmentId), (Event, u64)>,
    /// Times at which others are busy, by calendar.
    pub(super) others: BTreeMap<String, Vec<Busy>>,
    /// Changes so far.
    pub(super) changes: u64,
    /// Answers that get lost from now on: what was asked for is done all the same.
    pub(super) lost: u32,
    /// Whether nobody answers.
    pub(super) is_down: bool,
}

/// Calendars in memory, which may hang, fail and lose answers.
#[derive(Debug)]
pub(super) struct Wall {
    shown: Mutex<Shown>,
    /// Requests that may be answered.
    pub(super) answers: Semaphore,
    /// Requests that have come.
    pub(super) asked: Semaphore,
}

impl Wall {
    pub(super) fn new() -> Self {
        let answers = Semaphore::new(1_000);
        Self { shown: Mutex::default(), answers, asked: Semaphore::new(0) }
    }

    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap()
    }

    /// The events of a calendar: when, what, and whether they take time.
    pub(super) fn events(&self, calendar: &str) -> Vec<String> {
        let shown = self.shown();
        let events = shown.events.iter().filter(|((place, _), _)| place == calendar);
        let told = events.map(|(_, (event, _))| {
            let is_busy = if event.is_busy { "busy" } else { "free" };
            format!("{} {} {is_busy}", event.start.strftime("%a %H:%M"), event.title)
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }

    async fn answer(&self) -> Result<()> {
        self.asked.add_permits(1);
        self.answers.acquire().await.unwrap().forget();
        let mut shown = self.shown();
        if shown.is_down || shown.lost > 0 {
            shown.lost = shown.lost.saturating_sub(1);
            return Err(Error::new(ErrorKind::Timeout, "ask the wall", "no answer"));
        }
        Ok(())
    }
}

#[async_trait]
impl Calendar for Wall {
    async fn put(&self, calendar: &str, event: &Event, last: Option<&Written>) -> Result<Put> {
        let put = {
            let mut shown = self.shown();
            let key = (calendar.to_owned(), event.id);
            let tag = shown.events.get(&key).map(|(_, number)| number.to_string());
            if shown.is_down {
                None
            } else if last.is_some_and(|last| last.tag != tag) {
                Some(Put::Changed)
            } else {
                shown.changes += 1;
                let number = shown.changes;
                shown.events.insert(key, (event.clone(), number));
                let written = Written { name: event.id.to_string(), tag: Some(number.to_string()) };
                Some(Put::Done(written))
            }
        };
        self.answer().await?;
        Ok(put.expect("nobody answers"))
    }

    async fn remove(&self, calendar: &str, event: AppointmentId, _: Option<&str>) -> Result<()> {
        self.shown().events.remove(&(calendar.to_owned(), event));
        self.answer().await
    }

    async fn tag(&self, calendar: &str, name: &str) -> Result<Option<String>> {
        self.answer().await?;
        let key = (calendar.to_owned(), AppointmentId::parse(name).unwrap());
        Ok(self.shown().events.get(&key).map(|(_, number)| number.to_string()))
    }

    async fn busy(&self, calendar: &str, _between: Busy) -> Result<Vec<Busy>> {
        self.answer().await?;
        let shown = self.shown();
        let own = shown.events.iter().filter(|((place, _), _)| place == calendar);
        let own = own.filter(|(_, (event, _))| event.is_busy);
        let own = own.map(|(_, (event, _))| (event.start.timestamp(), event.end.timestamp()));
        Ok(shown.others.get(calendar).into_iter().flatten().copied().chain(own).collect())
    }
}
