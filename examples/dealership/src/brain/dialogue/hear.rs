use jiff::civil::{Date, Weekday};

use super::{Aside, Customer, Dialogue, Task, task_of};
use crate::brain::{
    birthday,
    car::{self, Car},
    clocks,
    curious::Curious,
    dates::{self, Days, Doubt},
    intent::{self, Answer, Intent, Shift},
    manner::Manner,
    mood::Mood,
    names::{self, Asked, Name},
    phones::{self, Phone},
    question::Question,
    replies,
    service::{self, Service},
    temper,
    times::{self, Bare, TimeWish},
    vin,
    words::Words,
};

/// What one turn of the caller says, before it is known what it changes.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) intent: Option<Intent>,
    pub(super) answer: Option<Answer>,
    pub(super) service: Option<Service>,
    pub(super) days: Option<Days>,
    /// What is wrong with the day that was named.
    pub(super) doubt: Option<Doubt>,
    pub(super) time: Option<TimeWish>,
    /// Whether any time will do.
    pub(super) indifferent: bool,
    /// On which weekday none will do.
    pub(super) refused: Option<Weekday>,
    pub(super) choice: Option<usize>,
    pub(super) shift: Option<Shift>,
    pub(super) asks_for_times: bool,
    pub(super) asks_for_last: bool,
    /// Whether the service comes on top of the one that is talked about.
    adds: bool,
    at_same_time: bool,
    name: Option<Name>,
    phone: Option<Phone>,
    vin: Option<String>,
    zip: Option<String>,
    birthday: Option<Date>,
    car: Option<Car>,
    clocks: bool,
    asks_who: bool,
    says_bye: bool,
}

impl Heard {
    fn new(text: &str, dialogue: &Dialogue) -> Self {
        let mut words = Words::new(text);
        let question = dialogue.question;
        let (intent, answer) = (intent::find(&words), intent::answer(&words));
        let indifferent = intent::is_indifferent(&words);
        // "I don't care" refuses nothing.
        let answer = answer.filter(|_| !(indifferent && question == Question::Offer));
        let (shift, asks_for_times) = (intent::shift(&words), intent::asks_for_times(&words));
        let (asks_for_last, adds) = (intent::asks_for_last(&words), intent::adds(&words));
        let at_same_time = words.says(&["same time"]);
        let says_bye = words.any(&["bye", "goodbye"]);
        let vin = vin::take(&mut words, question == Question::Vin);
        let asks_who = words.says(&["who am i", "do you know who i am"]);
        let clocks = clocks::take(&mut words);
        let birthday = (question == Question::Birthday)
            .then(|| birthday::take(&mut words, dialogue.today))
            .flatten();
        let asks_for_car = question == Question::Vehicle && dialogue.vehicles.is_empty();
        let car = dialogue
            .vehicles
            .is_empty()
            .then(|| car::take(&mut words, asks_for_car, dialogue.today))
            .flatten();
        let service = service::take(&mut words);
        let zip = (question == Question::Zip).then(|| phones::take_zip(&mut words)).flatten();
        let phone = phones::take(&mut words, question == Question::Phone);
        let earliest = question == Question::Offer && intent::takes_earliest(&mut words);
        let anchor = dialogue.day_in_talk().or(dialogue.days).map(|days| days.from);
        let relative = anchor.and_then(|anchor| dates::take_relative(&mut words, anchor));
        let refused = dates::refused(&words, dialogue.today);
        let said = dates::take(&mut words, dialogue.today);
        let said = relative.map(Ok).or(said);
        let (days, doubt) = (said.and_then(Result::ok), said.and_then(Result::err));
        let bare = match question {
            Question::Day | Question::Offer | Question::Which => Bare::Asked,
            Question::ReadBack if dialogue.chosen.is_some() => Bare::Alone,
            _ => Bare::Never,
        };
        let time = times::take(&mut words, bare);
        let name = names::take(&mut words, asked_name(question));
        let count = if question == Question::Which {
            dialogue.appointments.as_ref().map_or(0, Vec::len)
        } else if question == Question::Vehicle {
            dialogue.vehicles.len()
        } else {
            dialogue.offered.len()
        };
        let choice = if earliest { Some(0) } else { intent::choice(&words, count) };
        Self {
            intent,
            answer,
            service,
            days,
            doubt,
            time,
            indifferent,
            refused,
            choice,
            shift,
            asks_for_times,
            asks_for_last,
            adds,
            at_same_time,
            name,
            phone,
            vin,
            zip,
            birthday,
            car,
            clocks,
            asks_who,
            says_bye,
        }
    }

    pub(super) fn says_when(&self) -> bool {
        let day = self.days.is_some() || self.doubt.is_some();
        day || self.time.is_some() || self.shift.is_some()
    }
}

fn asked_name(question: Question) -> Asked {
    match question {
        Question::LastName => Asked::LastName,
        Question::Name => Asked::Whole,
        _ => Asked::Nothing,
    }
}

impl Dialogue {
    /// Takes in what the caller said.
    pub(crate) fn hear(&mut self, text: &str) {
        let heard = Heard::new(text, self);
        let words = Words::new(text);
        self.said.extend(&words);
        self.aside = None;
        self.calls = 0;
        self.faults = 0;
        self.put_through = None;
        self.is_upset |= Mood::of(&words) == Mood::Angry;
        if self.hear_errand(&heard, &words) {
            self.misses = 0;
            return;
        }
        let mut understood = self.hear_of_last_call(&heard, &words);
        understood |= self.hear_task(&heard);
        understood |= self.hear_person(&heard);
        understood |= self.hear_answer(&heard);
        understood |= self.hear_when(&heard);
        understood |= self.hear_vehicle(&heard, &words);
        understood |= self.hear_proof(&heard);
        // Whoever talks about something else does not look for that number any more.
        self.wants_vin &= !understood || heard.intent == Some(Intent::Vin);
        understood |= self.hear_aside(&heard);
        self.manner = Manner::of(&words);
        self.curious = Curious::of(&words, self.task.is_some());
        understood |= self.manner.is_wanted() || self.curious.is_any();
        self.in_danger = temper::is_emergency(&words);
        if self.in_danger {
            self.aside = Some(Aside::Human);
            self.notices.push(replies::EMERGENCY.to_owned());
            understood = true;
        }
        if self.aside == Some(Aside::Human) {
            self.plea = Some(text.trim().to_owned());
            self.wants_manager = temper::wants_manager(&words);
        }
        // Who calls again and says nothing else goes on, most likely, with what was cut off.
        understood |= !understood && self.task.is_none() && self.go_on();
        self.misses = if understood { 0 } else { self.misses + 1 };
    }

    /// Takes in what the caller says to show who they are, and of the car that comes.
    fn hear_proof(&mut self, heard: &Heard) -> bool {
        self.zip = heard.zip.clone().or(self.zip.take());
        self.birthday = heard.birthday.or(self.birthday);
        if let Some(car) = heard.car.clone() {
            self.car.join(car);
        }
        heard.zip.is_some() || heard.birthday.is_some() || heard.car.is_some()
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
        self.join_booked(heard);
        if heard.adds && heard.service.is_some_and(|service| self.keep_for_later(service)) {
            return true;
        }
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

    /// What comes on top of a visit that is booked is wished for its day, and perhaps its time.
    fn join_booked(&mut self, heard: &Heard) {
        let is_open = self.days.is_none() && heard.days.is_none() && self.task == Some(Task::Book);
        if let Some(booked) = self.booked.filter(|_| heard.adds && is_open) {
            self.days = Some(Days::one(booked.date()));
            self.time.exact = heard.at_same_time.then(|| booked.time());
        }
    }

    /// Keeps another service until the one that is talked about is booked.
    fn keep_for_later(&mut self, service: Service) -> bool {
        let first = self.service.filter(|_| self.task == Some(Task::Book));
        let Some(first) = first.filter(|first| *first != service) else { return false };
        self.also = Some(service);
        self.notices.push(format!(
            "I book one visit at a time: first {}, then {}.",
            first.spoken, service.spoken
        ));
        true
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
                    // Who is asked for a number, or hears it read back, knows that it was heard.
                    if matches!(self.question, Question::Day | Question::Offer) {
                        let number = phones::spoken(&number);
                        self.notices.push(format!("I have {number} as your phone number."));
                    }
                    if self.phone.as_ref() != Some(&number) {
                        self.customer = Customer::Unknown;
                        self.looked_up_name = false;
                    }
                    self.phone = Some(number);
                    self.phone_was_said = true;
                    self.phone_asked = 0;
                }
                Phone::Part(part) => self.part_of_phone = Some(part),
            }
        }
        if let Some(name) = heard.name.clone() {
            understood = true;
            if std::mem::take(&mut self.noted) {
                self.customer = Customer::Stranger;
            }
            match (self.question, name) {
                (Question::LastName, Name { first: Some(said), last: None }) => {
                    // "Nina Kowalski" to "and your last name?"
                    let known = self.name.first.as_deref().unwrap_or_default();
                    let last = said.strip_prefix(known).map(str::trim_start);
                    let last = last.filter(|last| !last.is_empty()).unwrap_or(&said);
                    self.name.last = Some(last.to_owned());
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
            // "No, make it ten" of what is at ten already.
            Question::ReadBack if heard.says_when() => true,
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
            Question::BookInstead if !yes => {
                self.finish();
                true
            }
            Question::Offer if yes && self.offered.len() == 1 && !heard.says_when() => {
                self.chosen = self.offered.first().cloned();
                true
            }
            // "No, the number is another" refuses no time.
            Question::Offer if !yes && heard.phone.is_some() => true,
            Question::Offer if !yes && !heard.says_when() && !heard.asks_for_times => {
                self.forget_wish();
                true
            }
            Question::Callback | Question::Person => self.hear_whether_to_help(yes),
            Question::Birthday | Question::Zip if !yes => {
                self.finish();
                true
            }
            Question::Vin if !yes => {
                self.wants_vin = false;
                true
            }
            Question::AnythingElse | Question::Help => {
                // "Yes" to "anything else?" is followed by what it is.
                self.finished &= !yes;
                yes
            }
            Question::Birthday
            | Question::BookInstead
            | Question::Budget
            | Question::Code
            | Question::Coming
            | Question::Day
            | Question::IsIt
            | Question::LastName
            | Question::MoveOrCancel
            | Question::Name
            | Question::Offer
            | Question::Open
            | Question::Phone
            | Question::Service
            | Question::Vehicle
            | Question::Vin
            | Question::Which
            | Question::Zip => false,
        }
    }

    /// Takes in whether somebody is to be had who can help.
    fn hear_whether_to_help(&mut self, yes: bool) -> bool {
        match self.question {
            _ if !yes => self.finish(),
            Question::Person => self.aside = Some(Aside::Human),
            _ => self.wants_callback = true,
        }
        true
    }

    /// Whether something else is named than what was read back ("yes, ten is right" is not).
    fn corrects(&self, heard: &Heard) -> bool {
        let start = self.chosen.as_ref().map(|slot| slot.start);
        let fits_day = |days: Days| start.is_some_and(|start| days.contains(start.date()));
        let fits_time = |wish: TimeWish| {
            start.map(|start| start.time()).is_some_and(|time| {
                wish.exact.is_none_or(|exact| exact == time)
                    && wish.earliest.is_none_or(|earliest| earliest <= time)
                    && wish.latest.is_none_or(|latest| time <= latest)
            })
        };
        let day = heard.doubt.is_some() || heard.days.is_some_and(|days| !fits_day(days));
        let time = heard.shift.is_some() || heard.time.is_some_and(|time| !fits_time(time));
        let service = heard.service.filter(|service| self.also != Some(*service));
        let service = service.is_some_and(|service| self.service != Some(service));
        // Another number makes it unknown who calls.
        let phone = heard.phone.is_some() && self.customer == Customer::Unknown;
        day || time || service || phone || heard.name.is_some()
    }

    fn hear_aside(&mut self, heard: &Heard) -> bool {
        if self.aside == Some(Aside::Human) {
            return true;
        }
        let busy = matches!(self.question, Question::ReadBack | Question::CancelIt);
        if heard.asks_who {
            self.aside = Some(Aside::Who);
            return true;
        }
        if heard.clocks {
            self.aside = Some(Aside::Clocks);
            return true;
        }
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
            Some(Intent::OptOut) => {
                self.wants_out = true;
                return true;
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
