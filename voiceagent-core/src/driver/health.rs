//! How the call's own machinery fares.

use std::time::Duration;

use super::Driver;
use crate::{CallTime, Event, transport::LineQuality};

/// Between two reports: seldom enough for any log, and often enough to tell when it was.
const INTERVAL: Duration = Duration::from_secs(10);
/// A frame of a phone line. What is sent later than this may be heard as a gap.
const FRAME: Duration = Duration::from_millis(20);

/// What was seen since the last report, and counts of the whole call.
#[derive(Debug, Default)]
pub(super) struct Health {
    late: Duration,
    late_wakes: u64,
    line_queue: usize,
    events_queue: usize,
    reported: CallTime,
    /// What the line told last, if it has since the last report.
    pub(super) line: Option<LineQuality>,
}

impl Health {
    /// Notes that a deadline is looked at.
    pub(super) fn woken(&mut self, now: CallTime, deadline: Option<CallTime>) {
        let Some(deadline) = deadline else { return };
        let late = now - deadline;
        self.late = self.late.max(late);
        self.late_wakes += u64::from(late > FRAME);
    }

    /// Notes how much of what the line sent waits.
    fn queued_on_line(&mut self, waiting: usize) {
        self.line_queue = self.line_queue.max(waiting);
    }

    /// Notes how many events wait for the owner of the call.
    pub(super) fn queued_events(&mut self, waiting: usize) {
        self.events_queue = self.events_queue.max(waiting);
    }

    fn report(&mut self, now: CallTime, frames_dropped: u64, events_lost: u64) -> Event {
        let Self { late, late_wakes, line_queue, events_queue, .. } = std::mem::replace(
            self,
            Self { reported: now, late_wakes: self.late_wakes, line: self.line, ..Self::default() },
        );
        let count = |queue: usize| u32::try_from(queue).unwrap_or(u32::MAX);
        Event::Health {
            late,
            late_wakes,
            line_queue: count(line_queue),
            events_queue: count(events_queue),
            frames_dropped,
            events_lost,
        }
    }
}

impl Driver {
    /// Looks at the queues, and reports when it is time. Wakes nobody for it.
    pub(super) fn note_health(&mut self) {
        self.health.queued_on_line(self.legs.line.waiting());
        if self.now() >= self.health.reported + INTERVAL {
            self.report_health();
        }
    }

    /// Tells how the call fares and what it has used.
    pub(super) fn report_health(&mut self) {
        self.meter.read(&self.legs);
        let now = self.now();
        let event = self.health.report(now, self.meter.frames_dropped(), self.events_lost);
        self.emit(event);
        if let Some(event) = self.meter.report() {
            self.emit(event);
        }
        if let Some(quality) = self.health.line.take() {
            self.emit(Event::LineQuality { quality });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    #[test]
    fn m17_the_worst_of_an_interval_is_told_and_forgotten() {
        let mut health = Health::default();
        health.woken(at(1_000), Some(at(998)));
        health.woken(at(2_030), Some(at(2_000)));
        health.woken(at(2_505), Some(at(2_500)));
        health.woken(at(3_000), None);
        health.queued_on_line(3);
        health.queued_on_line(1);
        health.queued_events(2);
        let first = health.report(at(10_000), 4, 5);
        assert_eq!(
            first,
            Event::Health {
                late: Duration::from_millis(30),
                late_wakes: 1,
                line_queue: 3,
                events_queue: 2,
                frames_dropped: 4,
                events_lost: 5,
            }
        );
        let second = health.report(at(20_000), 4, 5);
        let quiet = Event::Health {
            late: Duration::ZERO,
            late_wakes: 1,
            line_queue: 0,
            events_queue: 0,
            frames_dropped: 4,
            events_lost: 5,
        };
        assert_eq!((second, health.reported), (quiet, at(20_000)));
    }
}
