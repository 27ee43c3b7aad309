use std::{collections::BTreeMap, sync::Arc};

use jiff::{
    Span, Timestamp, ToSpan, Zoned,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::{
    Appointment, Fault, HOUSE, Hours, Location, LocationId, OpenInterval, Refusal, Service,
    SlotRanker, Store,
    ranking::{Occasion, Resource, choose},
};

/// What is looked for.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "every field narrows the search; callers state all")]
pub struct SlotSearch {
    /// The code of the service.
    pub service: String,
    /// The first local date.
    pub from: Date,
    /// The last local date.
    pub to: Date,
    /// The earliest start on each date.
    pub earliest: Option<Time>,
    /// The latest start on each date.
    pub latest: Option<Time>,
    /// The number of the advisor who must be free.
    pub advisor: Option<i64>,
    /// Where; `None` is the first place.
    pub location: Option<LocationId>,
    /// The number of the advisor whom the customer prefers.
    pub preferred: Option<i64>,
    /// The most slots to return.
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Availability {
    /// Free starts, in order, spread over the dates asked for.
    pub slots: Vec<Slot>,
    /// The first free start after the dates asked for, if there is none in them.
    pub next: Option<Slot>,
    /// The dates asked for that are closed all day, and why.
    pub closed: Vec<(Date, String)>,
    /// Whether all dates asked for are closed.
    pub all_closed: bool,
}

/// A time at which everything that a service needs is free.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Slot {
    /// The start, on the location's clocks.
    pub start: Zoned,
    /// The end.
    pub end: Zoned,
}

impl Store {
    /// Looks for free times.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownService`], [`Refusal::DateInPast`], [`Refusal::OutsideHorizon`], or when
    /// the store cannot be read.
    pub async fn find_slots(
        &self,
        search: &SlotSearch,
        now: Timestamp,
    ) -> Result<Availability, Fault> {
        let location = self.location_at(search.location).await?;
        let wanted = (search.advisor, search.preferred);
        let plan = self.plan(&location, &search.service, wanted, now).await?;
        let today = now.to_zoned(location.zone.clone()).date();
        let last = location.horizon(now).to_zoned(location.zone.clone()).date();
        if search.to < today {
            return Err(Refusal::DateInPast.into());
        }
        if search.from > last {
            return Err(Refusal::OutsideHorizon.into());
        }
        let dates = || days(search.from.max(today), search.to.min(last));
        let closed: Vec<_> = dates()
            .filter_map(|date| plan.hours.closed_on(date).map(|reason| (date, reason)))
            .collect();
        let free: Vec<(Zoned, i64)> =
            dates().flat_map(|date| plan.starts(date, search.earliest, search.latest)).collect();
        let next = if free.is_empty() {
            days(search.to.tomorrow().unwrap_or(last), last)
                .find_map(|date| {
                    plan.starts(date, search.earliest, search.latest).into_iter().next()
                })
                .map(|(start, _)| start)
        } else {
            None
        };
        Ok(Availability {
            all_closed: closed.len() == dates().count(),
            slots: choose(&free, search.limit).into_iter().map(|start| plan.slot(start)).collect(),
            next: next.map(|start| plan.slot(start)),
            closed,
        })
    }

    /// The three free times at a place (`None` is the first) nearest to one that cannot be had, none
    /// of them during `visits`.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownService`], or when the store cannot be read.
    pub async fn alternatives(
        &self,
        (location, service): (Option<LocationId>, &str),
        wanted: Timestamp,
        visits: &[Appointment],
        now: Timestamp,
    ) -> Result<Vec<Slot>, Fault> {
        /// Within a week there is a free time, or the caller wants a person.
        const DAYS_AHEAD: i32 = 7;
        let location = self.location_at(location).await?;
        let plan = self.plan(&location, service, (None, None), now).await?;
        let date = wanted.to_zoned(location.zone.clone()).date();
        let meets =
            |slot: &Slot, visit: &Appointment| slot.start < visit.end && visit.start < slot.end;
        let mut free: Vec<Slot> = days(date, date.saturating_add(DAYS_AHEAD.days()))
            .flat_map(|date| plan.starts(date, None, None))
            .filter(|(start, _)| start.timestamp() != wanted)
            .map(|(start, _)| plan.slot(start))
            .filter(|slot| !visits.iter().any(|visit| meets(slot, visit)))
            .collect();
        free.sort_by_key(|slot| {
            slot.start.timestamp().as_millisecond().abs_diff(wanted.as_millisecond())
        });
        free.truncate(3);
        free.sort_by(|one, other| one.start.cmp(&other.start));
        Ok(free)
    }

    async fn plan(
        &self,
        location: &Location,
        service: &str,
        (advisor, preferred): (Option<i64>, Option<i64>),
        now: Timestamp,
    ) -> Result<Plan, Fault> {
        let service = self.service(service).await?;
        let hours = self.hours(location).await?;
        let window = Window { from: later(now, location.lead), until: location.horizon(now) };
        let resources: Vec<(i64, String, Option<String>, i64)> = sqlx::query_as(
            "SELECT no, kind, skills, buffer_minutes FROM resource
             WHERE location_id = $1 AND active = 1 AND (kind <> 'advisor' OR no = coalesce($2, no))
             ORDER BY no",
        )
        .bind(location.id.to_string())
        .bind(advisor)
        .fetch_all(&self.reader)
        .await?;
        let claims: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT claimable_no, claim.starts_at, claim.ends_at
             FROM claim JOIN resource ON resource.no = claim.claimable_no
             WHERE claim.active = 1 AND claim.ends_at > $1 ORDER BY claim.starts_at",
        )
        .bind(window.from.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let mut busy: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
        let elsewhere = self.busy_times(window.from).await?;
        for (no, starts, ends) in claims.into_iter().chain(elsewhere) {
            busy.entry(no).or_default().push((starts, ends));
        }
        let zone = location.zone.clone();
        let resources = resources
            .into_iter()
            .map(Resource::read)
            .collect::<Result<_, voiceagent_core::Error>>()?;
        let ranker = Arc::clone(&self.ranker);
        let step = location.step;
        Ok(Plan { hours, zone, step, service, resources, busy, window, preferred, ranker })
    }
}

/// Everything that decides whether a start is free.
struct Plan {
    hours: Hours,
    zone: TimeZone,
    step: Span,
    service: Service,
    resources: Vec<Resource>,
    busy: BTreeMap<i64, Vec<(i64, i64)>>,
    window: Window,
    preferred: Option<i64>,
    ranker: Arc<dyn SlotRanker>,
}

struct Window {
    from: Timestamp,
    until: Timestamp,
}

impl Plan {
    fn slot(&self, start: Zoned) -> Slot {
        let end = later(start.timestamp(), self.service.duration);
        Slot { end: end.to_zoned(self.zone.clone()), start }
    }

    /// The free starts of a date, and how well each suits.
    fn starts(
        &self,
        date: Date,
        earliest: Option<Time>,
        latest: Option<Time>,
    ) -> Vec<(Zoned, i64)> {
        self.hours
            .on(date)
            .into_iter()
            .flat_map(|open| self.grid(open))
            .filter(|start| *start >= self.window.from && *start <= self.window.until)
            .filter_map(|start| Some((start.to_zoned(self.zone.clone()), self.score(start)?)))
            .filter(|(start, _)| earliest.is_none_or(|earliest| start.time() >= earliest))
            .filter(|(start, _)| latest.is_none_or(|latest| start.time() <= latest))
            .collect()
    }

    /// Starts in an open interval, in steps of real time, so that no step falls into an hour that
    /// the clocks skip.
    fn grid(&self, open: OpenInterval) -> impl Iterator<Item = Timestamp> {
        let (step, duration) = (self.step, self.service.duration);
        std::iter::successors(Some(open.opens), move |start| Some(later(*start, step)))
            .take_while(move |start| later(*start, duration) <= open.closes)
    }

    /// How well a start suits, by the best of each kind that is free; `None` if it is not free.
    fn score(&self, start: Timestamp) -> Option<i64> {
        let busy = |no: i64| self.busy.get(&no).map(Vec::as_slice).unwrap_or_default();
        let is_idle = |no: i64, end: Timestamp| {
            let (starts, ends) = (start.as_millisecond(), end.as_millisecond());
            !busy(no).iter().any(|(from, until)| *from < ends && *until > starts)
        };
        if !is_idle(HOUSE, later(start, self.service.duration)) {
            return None;
        }
        // Who has the visit is decided when it is booked.
        let occasion =
            Occasion { service: &self.service.code, preferred: self.preferred, counts_load: false };
        let best = self.service.needs.iter().map(|need| {
            let end = later(start, need.duration);
            let able = self.resources.iter().filter(|one| one.kind == need.kind);
            able.filter(|one| is_idle(one.no, end))
                .filter_map(|one| {
                    self.ranker.score(&one.candidate(&occasion, (start, end), busy(one.no)))
                })
                .max()
        });
        best.sum()
    }
}

/// A moment some minutes later.
pub(super) fn later(moment: Timestamp, span: Span) -> Timestamp {
    moment.saturating_add(span).expect("a span of minutes has no unit of the calendar")
}

fn days(from: Date, to: Date) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |date| *date <= to)
}
