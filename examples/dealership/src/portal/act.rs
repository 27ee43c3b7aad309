//! What the pages and the JSON do alike.

use jiff::{Timestamp, Zoned, civil::Date};

use super::{Portal, Trouble};
use crate::store::{Appointment, AppointmentStatus, Broker, Change, Fault, Refusal, SlotSearch};

/// Times of one day; a day has fewer.
const MOST_TIMES: usize = 200;
/// How far it is looked for a broker's next free time.
const DAYS_AHEAD: i64 = 14;

/// The free times of a day.
#[derive(Clone, Debug, Default)]
pub(super) struct Day {
    /// Starts, in order, on the clocks of the visit.
    pub(super) times: Vec<Zoned>,
    /// Why nobody is there that day.
    pub(super) closed: Option<String>,
    /// The first free time after a day without any.
    pub(super) next: Option<Zoned>,
}

impl Portal {
    /// Whether a visit can still be changed.
    pub(super) fn may_change(&self, visit: &Appointment) -> bool {
        visit.status != AppointmentStatus::Cancelled && visit.start.timestamp() > self.clock.now()
    }

    /// The days on which a visit can be.
    pub(super) async fn days(&self, visit: &Appointment) -> Result<(Date, Date), Trouble> {
        let now = self.clock.now();
        let place = self.store.location_at(Some(visit.location_id)).await?;
        let zone = visit.start.time_zone();
        let date = |moment: Timestamp| moment.to_zoned(zone.clone()).date();
        Ok((date(now), date(place.horizon(now))))
    }

    /// The times to which a visit can be moved on a day.
    pub(super) async fn times(&self, visit: &Appointment, day: Date) -> Result<Day, Trouble> {
        let now = self.clock.now();
        let (first, last) = self.days(visit).await?;
        if day < first || day > last {
            return Ok(Day::default());
        }
        if let Some(broker) = self.broker(visit).await? {
            let times = self.store.broker_times(&broker, (day, day), now).await?;
            let later = day.saturating_add(jiff::ToSpan::days(DAYS_AHEAD)).min(last);
            let next = match times.is_empty() && day < later {
                true => self.store.broker_times(&broker, (day, later), now).await?,
                false => Vec::new(),
            };
            return Ok(Day { times, closed: None, next: next.into_iter().next() });
        }
        let search = SlotSearch {
            service: visit.service.clone(),
            from: day,
            to: day,
            earliest: None,
            latest: None,
            advisor: None,
            location: Some(visit.location_id),
            preferred: None,
            limit: MOST_TIMES,
        };
        let found = self.store.find_slots(&search, now).await?;
        Ok(Day {
            times: found.slots.into_iter().map(|slot| slot.start).collect(),
            closed: found.closed.into_iter().next().map(|(_, why)| why),
            next: found.next.map(|slot| slot.start),
        })
    }

    /// Confirms a visit.
    pub(super) async fn confirm(&self, visit: &Appointment) -> Result<Appointment, Trouble> {
        Ok(self.store.confirm(visit.id, self.clock.now()).await?)
    }

    /// Moves a visit to a time that is free, by the rules that calls are bound to.
    pub(super) async fn shift(
        &self,
        visit: &Appointment,
        start: Timestamp,
    ) -> Result<Appointment, Trouble> {
        if !self.may_change(visit) {
            return Err(self.over(visit));
        }
        if visit.start.timestamp() == start {
            // Who presses twice has moved it once.
            return Ok(visit.clone());
        }
        let day = start.to_zoned(visit.start.time_zone().clone()).date();
        let free = self.times(visit, day).await?.times;
        if !free.iter().any(|time| time.timestamp() == start) {
            return Err(Trouble::Taken);
        }
        let advisor = self.broker(visit).await?.map(|broker| broker.no);
        let key = format!("link:{}", start.as_millisecond());
        let change = Change { appointment: visit.id, key };
        Ok(self.store.reschedule(&change, start, advisor, self.clock.now()).await?)
    }

    /// Cancels a visit.
    pub(super) async fn cancel(&self, visit: &Appointment) -> Result<Appointment, Trouble> {
        let change = Change { appointment: visit.id, key: "link:cancel".to_owned() };
        let why = Some("by the link that was sent to the customer");
        Ok(self.store.cancel(&change, why, self.clock.now()).await?)
    }

    pub(super) fn over(&self, visit: &Appointment) -> Trouble {
        match visit.status {
            AppointmentStatus::Cancelled => Trouble::Cancelled,
            AppointmentStatus::Booked | AppointmentStatus::Confirmed => Trouble::Past,
        }
    }

    /// The broker with whom a visit is, whose times are others than those of the house.
    async fn broker(&self, visit: &Appointment) -> Result<Option<Broker>, Trouble> {
        if visit.broker.is_none() {
            return Ok(None);
        }
        let id = self.store.booking(visit.id).await?.broker_id;
        let id = id.ok_or(Fault::Refused(Refusal::NotFound))?;
        Ok(Some(self.store.broker(id).await?))
    }
}
