use jiff::civil::Weekday;

use super::{Dialogue, Task, hear::Heard};
use crate::brain::{
    dates::{Days, Doubt},
    intent::Shift,
    outcome::Slot,
    question::Question,
    times::{TimeWish, shifted},
};

impl Dialogue {
    /// Takes in when the caller would come, or which visit is meant by its time.
    pub(super) fn hear_when(&mut self, heard: &Heard) -> bool {
        if self.agreed {
            return false;
        }
        if self.question == Question::Which || self.task == Some(Task::Cancel) {
            return self.hear_which(heard);
        }
        if self.question == Question::Phone && heard.days.is_none() {
            return false;
        }
        if let Some(doubt) = heard.doubt {
            self.doubt(doubt, heard.time);
            return true;
        }
        if heard.indifferent && heard.time.is_none() && !heard.asks_for_times {
            return self.hear_indifference(heard.days, heard.refused);
        }
        if heard.asks_for_last
            && self.question == Question::Offer
            && heard.days.is_none()
            && heard.time.is_none()
            && self.tell_last()
        {
            return true;
        }
        if let Some(choice) = heard.choice
            && self.question != Question::Vehicle
            && heard.days.is_none()
            && heard.time.is_none()
            && !heard.asks_for_times
            && let Some(slot) = self.offered.get(choice).cloned()
        {
            self.chosen = Some(slot);
            return true;
        }
        if let Some(shift) = heard.shift
            && heard.time.is_none()
            && self.shift(shift, heard.days)
        {
            return true;
        }
        if heard.days.is_some() || heard.time.is_some() {
            self.wish(heard.days, heard.time);
            return true;
        }
        if heard.asks_for_times && self.task.is_some() {
            self.ask_for_more();
            return true;
        }
        false
    }

    /// A day on which nobody can come: another one is asked for, of the same time.
    fn doubt(&mut self, doubt: Doubt, time: Option<TimeWish>) {
        self.notices.push(doubt.sentence(self.today));
        let chosen = self.chosen.as_ref().map(|slot| slot.start.time());
        let kept = chosen.map(|time| TimeWish { exact: Some(time), ..TimeWish::default() });
        let time = time.or(kept).unwrap_or(self.time);
        self.forget_wish();
        self.time = time;
    }

    /// "Any time is fine": the first that was offered, or whatever is free.
    fn hear_indifference(&mut self, days: Option<Days>, refused: Option<Weekday>) -> bool {
        let asked_when = matches!(
            self.question,
            Question::AnythingElse
                | Question::Day
                | Question::Help
                | Question::Offer
                | Question::Open
                | Question::Service
        );
        if self.task.is_none() || !asked_when {
            return false;
        }
        let fits = |slot: &&Slot| Some(slot.start.date().weekday()) != refused;
        if let (None, Some(first)) = (days, self.offered.iter().find(fits)) {
            self.chosen = Some(first.clone());
        } else {
            let left = |days: Days| days.without(refused);
            let days = days.or(self.days).and_then(left);
            let days = days.or_else(|| left(Days::soon(self.today)));
            self.wish(days, Some(TimeWish::default()));
        }
        self.refused = refused;
        true
    }

    /// Which of several appointments is meant.
    fn hear_which(&mut self, heard: &Heard) -> bool {
        if let (Some(choice), Some(list)) = (heard.choice, &self.appointments) {
            self.appointment = list.get(choice).cloned();
            return self.appointment.is_some();
        }
        if let Some(doubt) = heard.doubt {
            self.notices.push(doubt.sentence(self.today));
            return true;
        }
        let time = heard.time.and_then(|time| time.exact);
        if heard.days.is_none() && time.is_none() {
            return false;
        }
        if self.appointments.is_none() {
            self.days = heard.days;
            return true;
        }
        let days = heard.days;
        self.pick_appointment(|appointment| {
            let start = appointment.start;
            days.is_none_or(|days| days.contains(start.date()))
                && time.is_none_or(|time| start.time() == time)
        })
    }

    pub(super) fn pick_appointment(&mut self, fits: impl Fn(&super::Appointment) -> bool) -> bool {
        let list = self.appointments.as_deref().unwrap_or_default();
        let mut fitting = list.iter().filter(|appointment| fits(appointment));
        let (Some(found), None) = (fitting.next(), fitting.next()) else { return false };
        self.appointment = Some(found.clone());
        self.service = found.service;
        true
    }

    /// Changes the wish, or picks what fits it among the times that are known.
    fn wish(&mut self, days: Option<Days>, time: Option<TimeWish>) {
        self.refused = None;
        let near = self.day_in_talk();
        let slots = self.slots.as_deref().unwrap_or_default();
        let on = days.or(near).or(self.days);
        if let Some(exact) = time.and_then(|time| time.exact).filter(|_| !self.stale) {
            let fits = |slot: &&Slot| {
                slot.start.time() == exact && on.is_none_or(|on| on.contains(slot.start.date()))
            };
            if let Some(slot) = self.offered.iter().chain(slots).find(fits).cloned() {
                self.chosen = Some(slot);
                self.agreed = false;
                return;
            }
        }
        match (days, time) {
            // Another day, the same time, as in "no, Tuesday instead".
            (Some(_), None) => {
                let kept = self.chosen.as_ref().map(|slot| slot.start.time());
                if kept.is_some() {
                    self.time = TimeWish { exact: kept, ..TimeWish::default() };
                }
            }
            (_, Some(time)) => self.time = time,
            (None, None) => {}
        }
        self.days = on;
        self.search_again();
    }

    fn shift(&mut self, shift: Shift, days: Option<Days>) -> bool {
        let named = self.in_talk();
        let times = || named.iter().map(|slot| slot.start.time());
        let bounds = match shift {
            Shift::Earlier => times()
                .min()
                .map(|time| TimeWish { latest: Some(shifted(time, -15)), ..TimeWish::default() }),
            Shift::Later => times()
                .max()
                .map(|time| TimeWish { earliest: Some(shifted(time, 15)), ..TimeWish::default() }),
        };
        let Some(bounds) = bounds else { return false };
        self.days = days.or(self.day_in_talk()).or(self.days);
        self.time = bounds;
        self.search_again();
        true
    }

    /// Offers the last time of the day in talk; where later ones may be free, they are looked for.
    fn tell_last(&mut self) -> bool {
        let Some(days) = self.day_in_talk().or(self.days) else { return false };
        let known = self.slots.iter().flatten().filter(|slot| days.contains(slot.start.date()));
        let Some(last) = known.max_by_key(|slot| slot.start).cloned() else { return false };
        if self.time == TimeWish::default() {
            self.chosen = None;
            self.offered = vec![last];
            self.more = false;
        } else {
            self.days = Some(days);
            self.time = TimeWish { earliest: Some(last.start.time()), ..TimeWish::default() };
            self.search_again();
        }
        true
    }

    fn ask_for_more(&mut self) {
        let all_named = self
            .slots
            .as_ref()
            .is_some_and(|slots| slots.iter().all(|slot| self.mentioned.contains(&slot.id)));
        if self.days.is_none() || all_named {
            let after = self.slots.as_ref().and_then(|slots| slots.last());
            let from = after.map_or(self.today, |slot| Days::after(slot.start.date()));
            self.days = Some(Days::soon(from));
            self.time = TimeWish::default();
            self.search_again();
        } else {
            self.more = true;
            self.chosen = None;
        }
    }

    fn search_again(&mut self) {
        self.stale = self.slots.is_some();
        self.chosen = None;
        self.agreed = false;
        self.offered.clear();
    }

    /// The chosen time, or else what was offered.
    fn in_talk(&self) -> &[Slot] {
        self.chosen.as_ref().map_or(&self.offered, std::slice::from_ref)
    }

    /// The day that is being talked about: of the chosen time, or of all that were offered.
    pub(super) fn day_in_talk(&self) -> Option<Days> {
        let named = self.in_talk();
        let first = named.first()?.start.date();
        named.iter().all(|slot| slot.start.date() == first).then_some(Days::one(first))
    }
}
