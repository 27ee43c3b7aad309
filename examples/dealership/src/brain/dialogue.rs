//! Where a conversation stands, as far as its messages tell.

mod errand;
mod hear;
mod results;
mod when;

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Weekday};
use serde_json::Value;
use voiceagent_core::llm::{Message, ToolCall};

use super::{
    car::Car,
    curious::Curious,
    dates::{self, Days},
    errand::{Errand, Wish},
    intent::Intent,
    lead::Lead,
    manner::Manner,
    names::Name,
    outcome::{Appointment, Outcome, Slot, Vehicle},
    phones,
    question::Question,
    service::{self, Service},
    times::{self, TimeWish},
    words::Words,
};

/// What the caller wants done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    Book,
    Cancel,
    Check,
    Reschedule,
}

/// Who the caller is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Customer {
    /// Several people share the number.
    Ambiguous,
    Known {
        id: String,
        first_name: String,
    },
    /// There is nobody of that number.
    Stranger,
    /// Nobody has looked.
    #[default]
    Unknown,
}

/// Whether whoever took our call is whom we want to talk with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Met {
    /// They are not there.
    Away,
    Right,
    #[default]
    Unknown,
    /// There is nobody of that name.
    Wrong,
}

/// What an answer is worked out from, beside the conversation.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    /// E.164.
    pub(crate) caller: Option<String>,
    pub(crate) errand: Option<Errand>,
    pub(crate) wish: Option<Wish>,
}

/// What is asked of the agent beside the task, in this turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aside {
    Clocks,
    Goodbye,
    Greeting,
    Hours,
    Human,
    Location,
    Robot,
    /// Who the agent takes the caller for.
    Who,
}

/// The state of a conversation.
///
/// It is folded from the messages anew for each answer, and nothing of it is kept. So it does not
/// matter which model spoke before.
#[derive(Debug)]
pub(crate) struct Dialogue {
    pub(crate) today: Date,
    pub(crate) task: Option<Task>,
    pub(crate) service: Option<Service>,
    /// What is to be booked after it.
    also: Option<Service>,
    /// When the visit begins that was booked last.
    booked: Option<DateTime>,
    pub(crate) days: Option<Days>,
    pub(crate) time: TimeWish,
    /// The weekday on which no time is to be offered.
    refused: Option<Weekday>,
    pub(crate) name: Name,
    /// E.164; said by the caller, or the number of the call.
    pub(crate) phone: Option<String>,
    pub(crate) phone_was_said: bool,
    /// Whether a number must be said, because the call does not tell one that is good.
    pub(crate) needs_phone: bool,
    pub(crate) customer: Customer,
    pub(crate) looked_up_name: bool,
    /// Whether the customer was written down under the name that was said.
    noted: bool,
    pub(crate) vehicles: Vec<Vehicle>,
    pub(crate) vehicle: Option<Vehicle>,
    pub(crate) slots: Option<Vec<Slot>>,
    /// Whether the wish changed since the search.
    pub(crate) stale: bool,
    /// What the agent offered last, in its order.
    pub(crate) offered: Vec<Slot>,
    /// Whether other times were asked for than those.
    pub(crate) more: bool,
    pub(crate) chosen: Option<Slot>,
    /// Times that a tool has refused.
    lost: Vec<DateTime>,
    /// Whether the caller agreed to what was read back.
    pub(crate) agreed: bool,
    pub(crate) appointments: Option<Vec<Appointment>>,
    pub(crate) appointment: Option<Appointment>,
    pub(crate) aside: Option<Aside>,
    /// A number to be decoded.
    pub(crate) vin: Option<String>,
    pub(crate) wants_vin: bool,
    /// What the caller must be told, and has not heard.
    pub(crate) notices: Vec<String>,
    /// Whether a task came to its end and no other has begun.
    pub(crate) finished: bool,
    pub(crate) ended: bool,
    pub(crate) question: Question,
    /// Turns of the caller in a row that were not understood.
    pub(crate) misses: u32,
    /// Tools called since the caller spoke.
    pub(crate) calls: u32,
    faults: u32,
    /// All words of the caller, for what they mentioned before it was asked.
    pub(crate) said: Words,
    mentioned: Vec<String>,
    pub(crate) part_of_phone: Option<String>,
    /// Whether the caller has to show who they are before more is told.
    pub(crate) wants_identity: bool,
    pub(crate) zip: Option<String>,
    pub(crate) birthday: Option<Date>,
    /// Whether the call comes from a number of the customer.
    pub(crate) is_own: bool,
    /// Whether the caller may hear what is known of the customer.
    pub(crate) may_know: bool,
    /// Whether nobody may try again to show who they are.
    pub(crate) locked: bool,
    /// The car that a customer of whom none is known comes with, and how often it was asked for.
    pub(crate) car: Car,
    pub(crate) car_asked: u32,
    /// How often the agent asked for a phone number in a row, and whether it wants keys.
    pub(crate) phone_asked: u32,
    pub(crate) wants_keys: bool,
    pub(crate) is_upset: bool,
    pub(crate) wants_manager: bool,
    /// Whether somebody is in danger.
    pub(crate) in_danger: bool,
    /// The words with which the caller asked for a person.
    pub(crate) plea: Option<String>,
    /// What came of the call so far, as `save_interaction` names it, and whether it was noted.
    pub(crate) disposition: &'static str,
    pub(crate) is_noted: bool,
    /// Whether the caller was put through to a person, if that was tried in this turn.
    pub(crate) put_through: Option<bool>,
    pub(crate) wants_callback: bool,
    /// How the call is to be held, where that is not noted yet.
    pub(crate) manner: Manner,
    pub(crate) curious: Curious,
    /// Whether the caller wants never to be contacted, and whether that is noted.
    pub(crate) wants_out: bool,
    pub(crate) opted_out: bool,
    /// Why we call, if we do.
    pub(crate) errand: Option<Errand>,
    pub(crate) met: Met,
    /// Whether somebody cannot come, and has not said what is to become of the visit.
    pub(crate) wants_change: bool,
    pub(crate) lead: Lead,
    /// What the last call was about to book, until it is clear what this one is about.
    wish: Option<Wish>,
    pending: BTreeMap<String, ToolCall>,
}

impl Dialogue {
    /// The state after `messages`.
    pub(crate) fn after(messages: &[Message], today: Date, setting: Setting) -> Self {
        let mut dialogue = Self::begin(today, setting.caller);
        dialogue.brief(setting.errand, setting.wish);
        for message in messages {
            match message {
                Message::Assistant { text, .. } => dialogue.agent_said(text),
                Message::ToolCall(call) => {
                    dialogue.calls += 1;
                    dialogue.pending.insert(call.id.as_str().to_owned(), call.clone());
                }
                Message::ToolResult { id, output } => {
                    if let Some(call) = dialogue.pending.remove(id.as_str()) {
                        let arguments = serde_json::from_str(&call.arguments).unwrap_or_default();
                        dialogue.tool_returned(&call.name, &arguments, &Outcome::parse(output));
                    }
                }
                Message::User { text } => dialogue.hear(text),
                // A kind of message that this brain does not know tells it nothing.
                _ => {}
            }
        }
        dialogue
    }

    /// The times to offer now, at most three.
    pub(crate) fn offers(&self) -> Vec<Slot> {
        const AT_MOST: usize = 3;
        let slots = self.slots.as_deref().unwrap_or_default();
        let is_free =
            |slot: &&Slot| !self.lost.contains(&slot.start) && self.occupation(slot).is_none();
        let left: Vec<Slot> = self.offered.iter().filter(is_free).cloned().collect();
        if !self.more && !left.is_empty() {
            return left;
        }
        let fits = |slot: &&Slot| {
            is_free(slot)
                && !self.mentioned.contains(&slot.id)
                && Some(slot.start.date().weekday()) != self.refused
        };
        let mut rest: Vec<&Slot> = slots.iter().filter(fits).collect();
        if let Some(exact) = self.time.exact {
            rest.sort_by_key(|slot| slot.start.time().duration_since(exact).abs());
            rest.truncate(AT_MOST);
        } else {
            // Spread over what is free, so that mornings and afternoons are both offered.
            let step = rest.len().div_ceil(AT_MOST).max(1);
            rest = rest.into_iter().step_by(step).collect();
        }
        let mut offers: Vec<Slot> = rest.into_iter().cloned().collect();
        offers.sort_by_key(|slot| slot.start);
        offers
    }

    /// Another visit of the customer at the chosen time.
    pub(crate) fn clash(&self) -> Option<&Appointment> {
        self.others_at(self.chosen.as_ref()?).next()
    }

    /// Another visit at this time of the car that would come, and the car.
    pub(crate) fn occupation(&self, slot: &Slot) -> Option<(&Appointment, &str)> {
        let car = match (&self.appointment, self.service) {
            (Some(moved), _) => moved.vehicle.as_deref()?,
            (None, Some(service)) if service.kind() == "service" => self.car()?.label.as_str(),
            (None, _) => return None,
        };
        let other = self.others_at(slot).find(|other| other.vehicle.as_deref() == Some(car))?;
        Some((other, car))
    }

    fn others_at(&self, slot: &Slot) -> impl Iterator<Item = &Appointment> {
        let moved = self.appointment.as_ref().map(|appointment| &appointment.id);
        let others = self.appointments.iter().flatten();
        others.filter(move |other| slot.meets(other) && Some(&other.id) != moved)
    }

    /// The customer's car that the visit is for, when it is known which.
    fn car(&self) -> Option<&Vehicle> {
        match self.vehicles.as_slice() {
            [only] => Some(only),
            _ => self.vehicle.as_ref(),
        }
    }

    /// The person's name, when both parts are known.
    pub(crate) fn full_name(&self) -> Option<(&str, &str)> {
        Some((self.name.first.as_deref()?, self.name.last.as_deref()?))
    }

    fn begin(today: Date, caller: Option<String>) -> Self {
        Self {
            today,
            task: None,
            service: None,
            also: None,
            booked: None,
            days: None,
            time: TimeWish::default(),
            refused: None,
            name: Name::default(),
            phone: caller,
            phone_was_said: false,
            needs_phone: false,
            customer: Customer::Unknown,
            looked_up_name: false,
            noted: false,
            vehicles: Vec::new(),
            vehicle: None,
            said: Words::default(),
            slots: None,
            stale: false,
            offered: Vec::new(),
            more: false,
            chosen: None,
            lost: Vec::new(),
            agreed: false,
            appointments: None,
            appointment: None,
            aside: None,
            vin: None,
            wants_vin: false,
            notices: Vec::new(),
            finished: false,
            ended: false,
            question: Question::Open,
            misses: 0,
            calls: 0,
            faults: 0,
            mentioned: Vec::new(),
            part_of_phone: None,
            wants_identity: false,
            zip: None,
            birthday: None,
            is_own: false,
            may_know: false,
            locked: false,
            car: Car::default(),
            car_asked: 0,
            phone_asked: 0,
            wants_keys: false,
            is_upset: false,
            wants_manager: false,
            in_danger: false,
            plea: None,
            disposition: "info_given",
            is_noted: false,
            put_through: None,
            wants_callback: false,
            manner: Manner::default(),
            curious: Curious::default(),
            wants_out: false,
            opted_out: false,
            errand: None,
            met: Met::default(),
            wants_change: false,
            lead: Lead::default(),
            wish: None,
            pending: BTreeMap::new(),
        }
    }

    fn start(&mut self, task: Task) {
        // A wish that was said before it was clear what for is kept.
        if self.task.is_some() || self.finished {
            self.forget_wish();
            self.service = None;
        }
        self.task = Some(task);
        self.wish = None;
        self.wants_change = false;
        self.appointment = None;
        self.appointments = None;
        self.wants_identity = false;
        self.finished = false;
        self.misses = 0;
    }

    fn finish(&mut self) {
        self.task = None;
        self.also = None;
        self.wants_identity = false;
        self.wants_callback = false;
        self.forget_wish();
        self.finished = true;
    }

    fn forget_wish(&mut self) {
        self.days = None;
        self.time = TimeWish::default();
        self.refused = None;
        self.slots = None;
        self.offered.clear();
        self.mentioned.clear();
        self.chosen = None;
        self.lost.clear();
        self.agreed = false;
        self.stale = false;
        self.more = false;
    }

    /// Reads what the caller heard: the question, and which times were named.
    fn agent_said(&mut self, text: &str) {
        self.notices.clear();
        self.question = Question::of(text);
        self.aside = None;
        self.wants_keys = false;
        let asks_for_car = self.question == Question::Vehicle && self.vehicles.is_empty();
        self.car_asked += u32::from(asks_for_car);
        self.phone_asked += u32::from(self.question == Question::Phone);
        self.lead.budget_asked += u32::from(self.question == Question::Budget);
        self.agreed = false;
        let words = Words::new(text);
        let named = self.named_slots(&words);
        if self.question == Question::ReadBack {
            if let [slot] = named.as_slice() {
                self.chosen = Some(slot.clone());
            }
            self.service = self.service.or_else(|| service::take(&mut words.clone()));
        } else if !named.is_empty() {
            self.mentioned.extend(named.iter().map(|slot| slot.id.clone()));
            self.offered = named;
            self.more = false;
        }
    }

    /// The known slots whose times a text of the agent names, in its order.
    fn named_slots(&self, words: &Words) -> Vec<Slot> {
        let mut words = words.clone();
        phones::take(&mut words, false);
        let days = dates::all(&mut words, self.today);
        let slots = self.slots.as_deref().unwrap_or_default();
        let mut named: Vec<Slot> = Vec::new();
        for (at, time) in times::all(&words) {
            // "On Friday at nine": the day stands before its times; else "nine on Friday".
            let before = days.iter().rev().find(|(day, _)| *day < at);
            let day = before.or(days.first()).map(|(_, days)| *days);
            let slot = slots.iter().find(|slot| {
                slot.start.time() == time
                    && day.is_none_or(|days| days.contains(slot.start.date()))
                    && !named.contains(slot)
            });
            named.extend(slot.cloned());
        }
        named
    }
}

impl Dialogue {
    /// Finds out which car is meant, from any word that belongs to one of them alone.
    fn pick_vehicle(&mut self, words: &Words) -> bool {
        let mut meant = self.vehicles.iter().filter(|vehicle| {
            let others = || self.vehicles.iter().filter(|other| other.id != vehicle.id);
            vehicle.words().iter().any(|word| {
                words.iter().any(|said| said == word)
                    && others().all(|other| !other.words().iter().any(|own| own == word))
            })
        });
        let (Some(found), None) = (meant.next(), meant.next()) else { return false };
        self.vehicle = Some(found.clone());
        true
    }
}

fn task_of(intent: Intent) -> Option<Task> {
    match intent {
        Intent::Book => Some(Task::Book),
        Intent::Cancel => Some(Task::Cancel),
        Intent::Check => Some(Task::Check),
        Intent::Reschedule => Some(Task::Reschedule),
        Intent::Goodbye
        | Intent::Greeting
        | Intent::Hours
        | Intent::Human
        | Intent::Location
        | Intent::OptOut
        | Intent::Repeat
        | Intent::Robot
        | Intent::Vin => None,
    }
}

fn text<'a>(arguments: &'a Value, field: &str) -> Option<&'a str> {
    arguments.get(field)?.as_str()
}
