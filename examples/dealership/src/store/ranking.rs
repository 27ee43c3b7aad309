use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};

/// Somebody or something that could have a visit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// When the visit would begin.
    pub start: Timestamp,
    /// The code of the service.
    pub service: &'a str,
    /// The number in the claims.
    pub no: i64,
    /// `bay`, `advisor` or `salesperson`.
    pub kind: &'a str,
    /// What they are good for; `None` is good for everything.
    pub skills: Option<&'a [String]>,
    /// How much time around a visit they want free, in minutes.
    pub buffer_minutes: i64,
    /// The time to the nearest other visit of theirs, in minutes; `None` if there is none.
    pub gap_minutes: Option<i64>,
    /// How long they have visits around that day, in minutes; 0 where times are compared.
    pub load_minutes: i64,
    /// Whether it is the advisor whom the customer prefers.
    pub is_preferred: bool,
}

/// Decides which of several that are free has a visit, and which of several free times are offered
/// first.
pub trait SlotRanker: Debug + Send + Sync + 'static {
    /// How well it fits, more is better; `None` if it does not do at all.
    fn score(&self, candidate: &Candidate<'_>) -> Option<i64>;
}

/// Who is preferred goes first, then who has time around the visit, then who has the least to do.
/// What somebody has not learnt they do not do.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every weight")]
pub struct Balanced {
    /// What the preferred advisor is worth.
    pub preferred: i64,
    /// What each minute of a buffer costs that is missing.
    pub buffer: i64,
    /// What each hour costs that somebody has to do already.
    pub load: i64,
}

impl Default for Balanced {
    fn default() -> Self {
        // No buffer and no day of work outweighs a preference.
        Self { preferred: 10_000, buffer: 10, load: 1 }
    }
}

impl SlotRanker for Balanced {
    fn score(&self, candidate: &Candidate<'_>) -> Option<i64> {
        let is_able = |skills: &[String]| skills.iter().any(|skill| skill == candidate.service);
        if !candidate.skills.is_none_or(is_able) {
            return None;
        }
        let missing = candidate
            .gap_minutes
            .map_or(0, |gap| candidate.buffer_minutes.saturating_sub(gap).max(0));
        let preferred = if candidate.is_preferred { self.preferred } else { 0 };
        Some(preferred - missing * self.buffer - candidate.load_minutes / 60 * self.load)
    }
}

/// A bay or a person of a place.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) no: i64,
    pub(super) kind: String,
    pub(super) skills: Option<Vec<String>>,
    pub(super) buffer_minutes: i64,
}

/// What a ranking looks at beside the candidates.
pub(super) struct Occasion<'a> {
    pub(super) service: &'a str,
    /// The number of the advisor whom the customer prefers.
    pub(super) preferred: Option<i64>,
    /// Whether what somebody has to do that day counts.
    pub(super) counts_load: bool,
}

impl Resource {
    /// Takes what was read of a resource.
    pub(super) fn read(
        (no, kind, skills, buffer_minutes): (i64, String, Option<String>, i64),
    ) -> voiceagent_core::Result<Self> {
        let skills = skills.map(|skills| super::list("resource", &skills)).transpose()?;
        Ok(Self { no, kind, skills, buffer_minutes })
    }

    /// It as a candidate for a visit, beside its other visits.
    pub(super) fn candidate<'a>(
        &'a self,
        occasion: &Occasion<'a>,
        (start, end): (Timestamp, Timestamp),
        visits: &[(i64, i64)],
    ) -> Candidate<'a> {
        let (from, to) = (start.as_millisecond(), end.as_millisecond());
        let gap = visits.iter().map(|(starts, ends)| (starts - to).max(from - ends).max(0)).min();
        let half_a_day = SignedDuration::from_hours(12).as_millis();
        let day = (i128::from(from) - half_a_day, i128::from(to) + half_a_day);
        let load: i64 = visits
            .iter()
            .filter(|(starts, ends)| i128::from(*ends) > day.0 && i128::from(*starts) < day.1)
            .map(|(starts, ends)| ends - starts)
            .sum();
        Candidate {
            start,
            service: occasion.service,
            no: self.no,
            kind: &self.kind,
            skills: self.skills.as_deref(),
            buffer_minutes: self.buffer_minutes,
            gap_minutes: gap.map(|gap| gap / 60_000),
            load_minutes: if occasion.counts_load { load / 60_000 } else { 0 },
            is_preferred: self.kind == "advisor" && occasion.preferred == Some(self.no),
        }
    }
}

/// At most `limit` of the free times with their scores, evenly spread, the best near each place
/// first; in order.
pub(super) fn choose<T: Clone>(free: &[(T, i64)], limit: usize) -> Vec<T> {
    if free.len() <= limit {
        return free.iter().map(|(time, _)| time.clone()).collect();
    }
    let place = |rank: usize| rank * (free.len() - 1) / (limit - 1).max(1);
    let between = |rank: usize| (place(rank - 1) + place(rank)) / 2 + 1;
    (0..limit)
        .map(|rank| {
            let from = if rank == 0 { 0 } else { between(rank) };
            let to = if rank + 1 == limit { free.len() } else { between(rank + 1) };
            let best = (from..to).max_by_key(|at| {
                let is_far = at.abs_diff(place(rank));
                (free[*at].1, std::cmp::Reverse(is_far))
            });
            free[best.unwrap_or_else(|| place(rank))].0.clone()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn at(hour: i8) -> Timestamp {
        date(2026, 11, 23).at(hour, 0, 0, 0).in_tz("UTC").unwrap().timestamp()
    }

    fn bay(skills: Option<&[&str]>, buffer_minutes: i64) -> Resource {
        let skills = skills.map(|skills| skills.iter().map(|&skill| skill.to_owned()).collect());
        Resource { no: 1, kind: "bay".to_owned(), skills, buffer_minutes }
    }

    fn score(resource: &Resource, preferred: Option<i64>, visits: &[(i8, i8)]) -> Option<i64> {
        let visits: Vec<(i64, i64)> = visits
            .iter()
            .map(|(from, to)| (at(*from).as_millisecond(), at(*to).as_millisecond()))
            .collect();
        let occasion = Occasion { service: "oil_change", preferred, counts_load: true };
        let candidate = resource.candidate(&occasion, (at(10), at(11)), &visits);
        Balanced::default().score(&candidate)
    }

    #[test]
    fn who_has_less_to_do_that_day_goes_first() {
        let idle = score(&bay(None, 0), None, &[]).unwrap();
        let busy = score(&bay(None, 0), None, &[(13, 16)]).unwrap();
        let tomorrow = date(2026, 11, 24).at(10, 0, 0, 0).in_tz("UTC").unwrap().timestamp();
        let occasion = Occasion { service: "oil_change", preferred: None, counts_load: true };
        let far = [(tomorrow.as_millisecond(), tomorrow.as_millisecond() + 3_600_000)];
        let resource = bay(None, 0);
        let other_day = resource.candidate(&occasion, (at(10), at(11)), &far);
        assert_eq!((idle - busy, other_day.load_minutes), (3, 0));
    }

    #[test]
    fn a_buffer_around_a_visit_is_kept_where_it_can_be() {
        let wide = score(&bay(None, 30), None, &[(8, 9)]).unwrap();
        let tight = score(&bay(None, 30), None, &[(8, 10)]).unwrap();
        let behind = score(&bay(None, 30), None, &[(11, 13)]).unwrap();
        assert!(wide > tight, "{wide} {tight}");
        assert_eq!(tight, behind);
        assert_eq!(score(&bay(None, 0), None, &[(8, 10)]), Some(-2), "who wants none needs none");
    }

    #[test]
    fn what_somebody_has_not_learnt_they_do_not_do() {
        assert_eq!(score(&bay(Some(&["recall"]), 0), None, &[]), None);
        assert_eq!(score(&bay(Some(&["recall", "oil_change"]), 0), None, &[]), Some(0));
    }

    #[test]
    fn whom_a_customer_prefers_goes_before_all_others_and_a_bay_is_nobody() {
        let kim = Resource { kind: "advisor".to_owned(), ..bay(None, 60) };
        let busy = score(&kim, Some(1), &[(0, 10), (11, 23)]).unwrap();
        assert!(busy > score(&kim, None, &[]).unwrap());
        assert_eq!(score(&bay(None, 0), Some(1), &[]), Some(0));
    }

    #[test]
    fn times_are_spread_and_the_best_near_each_place_is_taken() {
        let even: Vec<(u32, i64)> = (0..10).map(|time| (time, 0)).collect();
        assert_eq!(choose(&even, 3), [0, 4, 9]);
        assert_eq!(choose(&even, 10).len(), 10);
        assert_eq!(choose(&even, 1), [0]);
        let mut ranked = even;
        (ranked[1].1, ranked[5].1) = (5, 5);
        assert_eq!(choose(&ranked, 3), [1, 5, 9]);
    }

    /// Whoever has the highest number, and nobody before ten.
    #[derive(Debug)]
    struct Highest;

    impl SlotRanker for Highest {
        fn score(&self, candidate: &Candidate<'_>) -> Option<i64> {
            let hour = candidate.start.to_zoned(jiff::tz::TimeZone::UTC).hour();
            (hour >= 16).then_some(candidate.no)
        }
    }

    async fn claimed(store: &crate::store::Store, key: &str, kind: &str) -> Vec<String> {
        let rows = store
            .export(
                "SELECT idempotency_key AS key, kind, name FROM claim
                 JOIN resource ON resource.no = claimable_no
                 JOIN appointment ON appointment.id = appointment_id
                 WHERE claim.active = 1",
            )
            .await
            .unwrap();
        let own = rows.iter().filter(|row| row["key"] == key && row["kind"] == kind);
        own.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn visits_are_given_as_the_ranker_says_and_another_can_take_its_place() {
        use crate::store::{
            Fault, Refusal, SlotSearch, Store,
            tests::{customer, friday, request},
        };
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let monday = |hour: i8| {
            date(2026, 11, 23).at(hour, 0, 0, 0).in_tz("America/Chicago").unwrap().timestamp()
        };
        let zoe = customer(&store, "Zoe").await;
        // The seeded visit of Monday at 10 is in Bay 1, with Kim.
        store.book(&request(zoe, monday(13), "zoe"), friday()).await.unwrap();
        assert_eq!(claimed(&store, "zoe", "bay").await, ["Bay 2"], "who has less to do");
        let location = store.location().await.unwrap().id;
        let advisors = store.advisors(location).await.unwrap();
        let rey = advisors.iter().find(|one| one.name == "Rey Castillo").unwrap();
        let prefers = serde_json::json!({ "preferred_advisor_id": rey.id });
        store.update_profile(zoe, prefers.as_object().unwrap(), friday()).await.unwrap();
        store.book(&request(zoe, monday(15), "rey"), friday()).await.unwrap();
        assert_eq!(claimed(&store, "rey", "advisor").await, ["Rey Castillo"], "who is preferred");
        store
            .run("UPDATE resource SET skills = '[\"recall\"]' WHERE name IN ('Bay 1', 'Bay 2')")
            .await;
        let max = customer(&store, "Max").await;
        store.book(&request(max, monday(16), "max"), friday()).await.unwrap();
        assert_eq!(claimed(&store, "max", "bay").await, ["Bay 3"], "who can do it");
        let full = request(customer(&store, "Moe").await, monday(16), "moe");
        let refused = store.book(&full, friday()).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(Refusal::SlotTaken)));

        store.run("UPDATE resource SET skills = NULL").await;
        let store = store.ranking(std::sync::Arc::new(Highest));
        let ask = SlotSearch {
            service: "brake_inspection".to_owned(),
            from: date(2026, 11, 24),
            to: date(2026, 11, 24),
            earliest: None,
            latest: None,
            advisor: None,
            location: None,
            preferred: None,
            limit: 100,
        };
        let found = store.find_slots(&ask, friday()).await.unwrap();
        assert_eq!(found.slots[0].start.hour(), 10, "nothing else suits");
        let tuesday = found.slots[0].start.timestamp();
        store.book(&request(max, tuesday, "last"), friday()).await.unwrap();
        assert_eq!(claimed(&store, "last", "bay").await, ["Bay 3"], "the highest number");
    }
}
