/// So few reports may all have been late.
const FEW: u32 = 10;

/// How late the reports about a stream have been lately: the least of the last one to two periods,
/// or of more, where reports are few.
///
/// A report may be late by any time and is never early, so the least late one is nearest the truth.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lateness {
    /// When the present period began.
    since: Option<i64>,
    reports: u32,
    present: Option<i64>,
    before: Option<i64>,
}

impl Lateness {
    /// Notes a report that came at `now` and was `late` samples late. Periods last `period`, which is
    /// longer than lines stall.
    pub(crate) fn note(&mut self, now: i64, late: i64, period: i64) {
        let since = *self.since.get_or_insert(now);
        if now - since >= period && self.reports >= FEW {
            self.before = self.present.take();
            self.since = Some(now);
            self.reports = 0;
        }
        self.reports += 1;
        self.present = Some(self.present.map_or(late, |least| least.min(late)));
    }

    /// The least; `None` while nothing was reported.
    pub(crate) fn least(&self) -> Option<i64> {
        match (self.present, self.before) {
            (Some(present), Some(before)) => Some(present.min(before)),
            (present, before) => present.or(before),
        }
    }

    /// What is reported on was found to lie so much later.
    pub(crate) fn moved(&mut self, by: i64) {
        self.present = self.present.map(|late| late - by);
        self.before = self.before.map(|late| late - by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prompt_report_outweighs_any_number_of_late_ones() {
        let mut lateness = Lateness::default();
        for now in 0..10 {
            lateness.note(now, if now == 4 { 3 } else { 400 }, 100);
        }
        assert_eq!(lateness.least(), Some(3));
    }

    #[test]
    fn what_is_late_for_good_is_late() {
        let mut lateness = Lateness::default();
        lateness.note(0, 3, 100);
        for now in 0..20 {
            assert_eq!(lateness.least(), Some(3));
            lateness.note(now * 10 + 10, 50, 100);
        }
        assert_eq!(lateness.least(), Some(50));
        lateness.moved(50);
        assert_eq!(lateness.least(), Some(0));
    }
}
