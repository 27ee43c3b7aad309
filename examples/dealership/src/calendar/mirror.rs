use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use voiceagent_core::{Error, Result};

use super::{Calendar, Event, Put};
use crate::{
    clock::Clock,
    store::{Fault, HOUSE, MirrorEnd, MirrorTask, Refusal, Store},
};

/// How long a task is somebody's before others may take it: longer than its longest run, which is a
/// few requests.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
/// How often it is looked for what is to be written.
const PACE: Duration = Duration::from_secs(2);
/// How often calendars are read.
const READING: SignedDuration = SignedDuration::from_secs(60);
/// An event is looked after so often.
const LOOKING: SignedDuration = SignedDuration::from_mins(15);
/// Events that are looked after in one round. What is left has its turn in the next.
const MOST_LOOKS: i64 = 20;
/// Tasks of one round.
const MOST_TASKS: usize = 1_000;
/// The longest wait after a task that failed.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(60);

/// Keeps calendars as the database has it, and the database informed of when people are busy. Any
/// number of mirrors may share a store.
#[derive(Debug)]
pub struct Mirror {
    store: Store,
    clock: Clock,
    calendar: Arc<dyn Calendar>,
    house: String,
    /// Whose number has which calendar.
    people: Vec<(i64, String)>,
}

impl Mirror {
    /// A mirror in a calendar of the house. Where that is busy, nothing is offered.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        calendar: Arc<dyn Calendar>,
        house: impl Into<String>,
    ) -> Self {
        Self { store, clock, calendar, house: house.into(), people: Vec::new() }
    }

    /// Keeps the calendar of an advisor, a salesperson or a broker too. It has the appointments with
    /// a broker; where it is busy, they are not offered.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when nobody has this name, or when the store
    /// cannot be read.
    pub async fn with_person(mut self, name: &str, calendar: impl Into<String>) -> Result<Self> {
        let no = self.store.number_named(name).await?.ok_or_else(|| {
            Error::config(format!(
                "field `calendar.people`: nobody here is called `{name}`; write the name of an \
                 advisor, a salesperson or a broker as the database has it"
            ))
        })?;
        self.people.push((no, calendar.into()));
        Ok(self)
    }

    /// Writes and reads until `stop` ends, and then what has begun.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut looked_at: Option<Instant> = None;
        loop {
            if let Err(error) = self.write_due().await {
                warn!(%error, "calendars are not written");
            }
            let pause = READING.unsigned_abs();
            if looked_at.is_none_or(|at| at.elapsed() >= pause) {
                looked_at = Some(Instant::now());
                if let Err(error) = self.look_after().await {
                    warn!(%error, "calendars are not read");
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = sleep(PACE) => {}
            }
        }
    }

    /// Reads when people are busy, and looks whether events are as they were left.
    async fn look_after(&self) -> Result<()> {
        self.read_busy().await?;
        self.look_at_events().await.map(drop)
    }

    /// Writes what is not in the calendars as it is. Returns how many appointments that were. A
    /// calendar that does not answer is asked again later.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is as a crash: whoever comes next writes it.
    pub async fn write_due(&self) -> Result<usize> {
        for run in 0..MOST_TASKS {
            let Some(task) = self.store.claim_mirror(LEASE, self.clock.now()).await? else {
                return Ok(run);
            };
            let end = match self.write(&task).await {
                Ok(end) => end,
                // Somebody else has it by now.
                Err(Fault::Refused(Refusal::NotFound)) => continue,
                Err(fault) => {
                    let error = Error::from(fault);
                    warn!(appointment = %task.visit.id, %error, "a calendar was not written");
                    MirrorEnd::Fault(pause_after(task.faults, self.clock.now()), error.to_string())
                }
            };
            self.store.end_mirror(&task, &end, self.clock.now()).await?;
        }
        Ok(MOST_TASKS)
    }

    async fn write(&self, task: &MirrorTask) -> Result<MirrorEnd, Fault> {
        let (calendar, event) = self.event(task);
        let last = task.written.as_ref();
        if let Some((old, written)) = last
            && (old != calendar || !task.is_standing())
        {
            self.calendar.remove(old, event.id, Some(&written.name)).await?;
        }
        if !task.is_standing() {
            if last.is_none() {
                // It may be there all the same: an answer got lost.
                self.calendar.remove(calendar, event.id, None).await?;
            }
            return Ok(MirrorEnd::Removed);
        }
        let last = last.filter(|(old, _)| old == calendar).map(|(_, written)| written);
        if let Put::Done(written) = self.calendar.put(calendar, &event, last).await? {
            return Ok(MirrorEnd::Written(calendar.to_owned(), written));
        }
        info!(appointment = %event.id, "an event was changed by somebody; the database decides");
        let again = self.store.mirror_again(task).await?;
        if !again.is_standing() {
            self.calendar.remove(calendar, event.id, None).await?;
            return Ok(MirrorEnd::Removed);
        }
        match self.calendar.put(calendar, &self.event(&again).1, None).await? {
            Put::Done(written) => Ok(MirrorEnd::Written(calendar.to_owned(), written)),
            Put::Changed => {
                let at = pause_after(task.faults, self.clock.now());
                Ok(MirrorEnd::Fault(at, "somebody changes it at the same time".to_owned()))
            }
        }
    }

    /// What a calendar shows of an appointment, and which calendar.
    fn event(&self, task: &MirrorTask) -> (&str, Event) {
        let visit = &task.visit;
        let own = self.people.iter().find(|(no, _)| task.broker == Some(*no));
        let title = match &task.person {
            Some(person) => format!("{}: {person}", visit.service_name),
            None => visit.service_name.clone(),
        };
        let details = [visit.vehicle.clone(), Some(visit.confirmation_code.clone())];
        let event = Event {
            id: visit.id,
            start: visit.start.clone(),
            end: visit.end.clone(),
            title,
            details: details.into_iter().flatten().collect::<Vec<_>>().join("\n"),
            is_busy: own.is_some(),
        };
        (own.map_or(self.house.as_str(), |(_, calendar)| calendar), event)
    }

    /// Reads when people are busy from the calendars that were not read for a minute. Returns how
    /// many those were. Of one that does not answer, what it said last goes on to count.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves what was read before.
    pub async fn read_busy(&self) -> Result<usize> {
        let now = self.clock.now();
        let horizon = self.store.location().await?.horizon(now);
        let house = (HOUSE, self.house.as_str());
        let people = self.people.iter().map(|(no, calendar)| (*no, calendar.as_str()));
        let mut read = 0;
        for (no, calendar) in std::iter::once(house).chain(people) {
            if !self.store.claim_reading(calendar, READING, now).await? {
                continue;
            }
            match self.calendar.busy(calendar, (now, horizon)).await {
                Ok(busy) => {
                    let kept = self.store.keep_busy((calendar, no), busy).await?;
                    debug!(no, kept, "busy times are read");
                    read += 1;
                }
                Err(error) => warn!(no, %error, "busy times are not read"),
            }
        }
        Ok(read)
    }

    /// Looks whether events are as they were left, each once in a while; what somebody has changed
    /// or deleted is written anew. Returns how many that were.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest for the next time.
    pub async fn look_at_events(&self) -> Result<usize> {
        let now = self.clock.now();
        let since = now.saturating_sub(LOOKING).unwrap_or(now);
        let mut strange = 0;
        for event in self.store.unseen_events(since, MOST_LOOKS, now).await? {
            let tag = match self.calendar.tag(&event.calendar, &event.written.name).await {
                Ok(tag) => tag,
                Err(error) => {
                    debug!(%error, "an event cannot be looked at");
                    continue;
                }
            };
            let is_same = match &event.written.tag {
                Some(last) => tag.as_ref() == Some(last),
                None => tag.is_some(),
            };
            strange += usize::from(!is_same);
            self.store.note_seen(&event, is_same, now).await?;
        }
        Ok(strange)
    }
}

/// When a task is tried again that failed: later each time.
fn pause_after(faults: i64, now: Timestamp) -> Timestamp {
    let doubled = 1_i64 << faults.clamp(0, 10);
    let pause = SignedDuration::from_secs(30 * doubled).min(LONGEST_PAUSE);
    now.saturating_add(pause).unwrap_or(now)
}
