use super::{Aside, Customer, Dialogue, Task, task_of};
use crate::brain::{
    dates::{self, Days},
    intent::{self, Answer, Intent, Shift},
    names::{self, Name},
    outcome::Slot,
    phones::{self, Phone},
    question::Question,
    service::{self, Service},
    times::{self, TimeWish, shifted},
    vin,
    words::Words,
};

/// What one turn of the caller says, before it is known what it changes.
#[derive(Debug)]
struct Heard {
    intent: Option<Intent>,
    answer: Option<Answer>,
    service: Option<Service>,
    days: Option<Days>,
    time: Option<TimeWish>,
    choice: Option<usize>,
    shift: Option<Shift>,
    asks_for_times: bool,
    name: Option<Name>,
    phone: Option<Phone>,
    vin: Option<String>,
    says_bye: bool,
}

impl Heard {
    fn new(text: &str, dialogue: &Dialogue) -> Self {
        let mut words = Words::new(text);
        let question = dialogue.question;
        let (intent, answer) = (intent::find(&words), intent::answer(&words));
        let (shift, asks_for_times) = (intent::shift(&words), intent::asks_for_times(&words));
        let says_bye = words.any(&["bye", "goodbye"]);
        let vin = vin::take(&mut words, question == Question::Vin);
        let service = service::take(&mut words);
        let phone = phones::take(&mut words, question == Question::Phone);
        let days = dates::take(&mut words, dialogue.today);
        let asked_when = matches!(question, Question::Day | Question::Offer | Question::Which)
            || (dialogue.chosen.is_some() && question == Question::ReadBack);
        let time = times::take(&mut words, asked_when);
        let asked_name = matches!(question, Question::Name | Question::LastName);
        let name = names::take(&mut words, asked_name);
        let count = if question == Question::Which {
            dialogue.appointments.as_ref().map_or(0, Vec::len)
        } else if question == Question::Vehicle {
            dialogue.vehicles.len()
        } else {
            dialogue.offered.len()
        };
        let choice = intent::choice(&words, count);
        Self {
            intent,
            answer,
            service,
            days,
            time,
            choice,
            shift,
            asks_for_times,
            name,
            phone,
            vin,
            says_bye,
        }
    }

    fn says_when(&self) -> bool {
        self.days.is_some() || self.time.is_some() || self.shift.is_some()
    }
}

impl Dialogue {
    /// Takes in what the caller said.
    pub(super) fn hear(&mut self, text: &str) {
        let heard = Heard::new(text, self);
        let words = Words::new(text);
        self.said.extend(&words);
        self.aside = None;
        self.calls = 0;
        self.faults = 0;
        self.wants_call_back = false;
        let mut understood = self.hear_task(&heard);
        understood |= self.hear_person(&heard);
        understood |= self.hear_answer(&heard);
        understood |= self.hear_when(&heard);
        understood |= self.hear_vehicle(&heard, &words);
        understood |= self.hear_aside(&heard);
        self.misses = if understood { 0 } else { self.misses + 1 };
    }

    fn hear_task(&mut self, heard: &Heard) -> bool {
        if let Some(vin) = &heard.vin {
            self.vin = Some(vin.clone());
            return true;
        }
        if heard.intent == Some(Intent::Vin) {
            self.wants_vin = true;
            return true;
        }
        let booking = self.task == Some(Task::Book) && self.slots.is_some();
        let task = heard.intent.and_then(task_of);
        let understood = match (task, heard.service) {
            // "Cancel" while nothing is booked yet means: leave it.
            (Some(Task::Cancel), _) if booking => {
                self.notices.push("All right, I won't book anything.".to_owned());
                self.finish();
                true
            }
            (Some(Task::Reschedule), _) if booking => true,
            (Some(task), _) if self.task == Some(task) => true,
            // "I'd like an appointment" says nothing new to somebody who moves one.
            (Some(Task::Book), None) if self.task.is_some() => false,
            (Some(task), _) => {
                self.start(task);
                true
            }
            (None, Some(_)) if self.task.is_none() => {
                self.start(Task::Book);
                true
            }
            (None, _) => false,
        };
        match heard.service {
            Some(service) if self.task == Some(Task::Book) => {
                self.stale |= self.slots.is_some() && self.service != Some(service);
                if self.stale {
                    self.time.exact = self.chosen.take().map(|slot| slot.start.time());
                }
                self.service = Some(service);
                true
            }
            Some(service) if self.appointments.is_none() && self.task.is_some() => {
                self.service = Some(service);
                true
            }
            Some(service) => {
                self.pick_appointment(|one| one.service == Some(service)) || understood
            }
            None => understood,
        }
    }

    fn hear_person(&mut self, heard: &Heard) -> bool {
        let mut understood = false;
        if let Some(phone) = &heard.phone {
            understood = true;
            let phone = match (phone, self.part_of_phone.take()) {
                (Phone::Part(now), Some(earlier)) => phones::joined(&earlier, now),
                (phone, _) => phone.clone(),
            };
            match phone {
                Phone::Whole(number) => {
                    if self.phone.as_ref() != Some(&number) {
                        self.customer = Customer::Unknown;
                        self.looked_up_name = false;
                    }
                    self.phone = Some(number);
                    self.phone_was_said = true;
                }
                Phone::Part(part) => self.part_of_phone = Some(part),
            }
        }
        if let Some(name) = heard.name.clone() {
            understood = true;
            match (self.question, name) {
                (Question::LastName, Name { first: Some(last), last: None }) => {
                    self.name.last = Some(last);
                }
                (_, Name { first, last }) => {
                    self.name.first = first.or(self.name.first.take());
                    self.name.last = last.or(self.name.last.take());
                }
            }
        }
        understood
    }

    fn hear_vehicle(&mut self, heard: &Heard, words: &Words) -> bool {
        if self.question == Question::Vehicle
            && let Some(choice) = heard.choice
        {
            self.vehicle = self.vehicles.get(choice).cloned();
            return true;
        }
        self.pick_vehicle(words)
    }

    fn hear_answer(&mut self, heard: &Heard) -> bool {
        let Some(answer) = heard.answer else { return false };
        let yes = answer == Answer::Yes;
        let named_other = self.corrects(heard);
        match self.question {
            Question::ReadBack if named_other => true,
            Question::ReadBack | Question::CancelIt if yes => {
                self.agreed = true;
                true
            }
            Question::ReadBack => {
                self.forget_wish();
                true
            }
            Question::CancelIt => {
                self.notices.push("All right, I won't cancel it.".to_owned());
                self.finish();
                true
            }
            Question::AnythingElse | Question::Help
                if !yes && heard.intent.and_then(task_of).is_none() && heard.service.is_none() =>
            {
                self.aside = Some(Aside::Goodbye);
                true
            }
            Question::BookInstead if yes && self.task != Some(Task::Book) => {
                self.start(Task::Book);
                true
            }
            Question::BookInstead | Question::CallBack if !yes => {
                self.finish();
                true
            }
            Question::CallBack => {
                self.wants_call_back = true;
                true
            }
            Question::Offer if yes && self.offered.len() == 1 && !heard.says_when() => {
                self.chosen = self.offered.first().cloned();
                true
            }
            Question::Offer if !yes && !heard.says_when() && !heard.asks_for_times => {
                self.forget_wish();
                true
            }
            Question::AnythingElse | Question::Help => {
                // "Yes" to "anything else?" is followed by what it is.
                self.finished &= !yes;
                yes
            }
            Question::BookInstead
            | Question::Day
            | Question::LastName
            | Question::Name
            | Question::Offer
            | Question::Open
            | Question::Phone
            | Question::Service
            | Question::Vehicle
            | Question::Vin
            | Question::Which => false,
        }
    }

    /// Whether something else is named than what was read back ("yes, ten is right" is not).
    fn corrects(&self, heard: &Heard) -> bool {
        let start = self.chosen.as_ref().map(|slot| slot.start);
        let same_day = |days: Days| start.is_some_and(|start| days == Days::one(start.date()));
        let same_time = |time: TimeWish| {
            time.exact.is_none() && time.part.is_some()
                || start.is_some_and(|start| time.exact == Some(start.time()))
        };
        let service = heard.service.is_some_and(|service| self.service != Some(service));
        let days = heard.days.is_some_and(|days| !same_day(days));
        let time = heard.time.is_some_and(|time| !same_time(time));
        service || days || time || heard.shift.is_some() || heard.name.is_some()
    }

    fn hear_when(&mut self, heard: &Heard) -> bool {
        if self.agreed {
            return false;
        }
        if self.question == Question::Which || self.task == Some(Task::Cancel) {
            return self.hear_which(heard);
        }
        if self.question == Question::Phone && heard.days.is_none() {
            return false;
        }
        if let Some(choice) = heard.choice
            && self.question != Question::Vehicle
            && heard.days.is_none()
            && heard.time.is_none()
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

    /// Which of several appointments is meant.
    fn hear_which(&mut self, heard: &Heard) -> bool {
        if let (Some(choice), Some(list)) = (heard.choice, &self.appointments) {
            self.appointment = list.get(choice).cloned();
            return self.appointment.is_some();
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

    fn pick_appointment(&mut self, fits: impl Fn(&super::Appointment) -> bool) -> bool {
        let list = self.appointments.as_deref().unwrap_or_default();
        let mut fitting = list.iter().filter(|appointment| fits(appointment));
        let (Some(found), None) = (fitting.next(), fitting.next()) else { return false };
        self.appointment = Some(found.clone());
        self.service = found.service;
        true
    }

    /// Changes the wish, or picks what fits it among the times that are known.
    fn wish(&mut self, days: Option<Days>, time: Option<TimeWish>) {
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
    fn day_in_talk(&self) -> Option<Days> {
        let named = self.in_talk();
        let first = named.first()?.start.date();
        named.iter().all(|slot| slot.start.date() == first).then_some(Days::one(first))
    }

    fn hear_aside(&mut self, heard: &Heard) -> bool {
        let busy = matches!(self.question, Question::ReadBack | Question::CancelIt);
        let aside = match heard.intent {
            Some(Intent::Hours) => Aside::Hours,
            Some(Intent::Human) => Aside::Human,
            Some(Intent::Location) => Aside::Location,
            Some(Intent::Robot) => Aside::Robot,
            Some(Intent::Greeting) if self.task.is_none() => Aside::Greeting,
            Some(Intent::Goodbye)
                if !self.agreed && (heard.says_bye || (!busy && self.at_rest())) =>
            {
                Aside::Goodbye
            }
            Some(Intent::Repeat) => return true,
            Some(
                Intent::Book
                | Intent::Cancel
                | Intent::Check
                | Intent::Goodbye
                | Intent::Greeting
                | Intent::Reschedule
                | Intent::Vin,
            )
            | None => return false,
        };
        self.aside = Some(aside);
        true
    }

    fn at_rest(&self) -> bool {
        self.task.is_none()
    }
}
