use serde_json::Value;

use super::{Customer, Dialogue, Task, task_of, text};
use crate::{
    brain::{
        dates::Days,
        errand::Errand,
        intent::Intent,
        outcome::{Outcome, Slot, Vehicle},
        replies,
        service::Service,
        times::{TimeWish, shifted},
    },
    spoken,
};

impl Dialogue {
    pub(super) fn tool_returned(&mut self, tool: &str, arguments: &Value, outcome: &Outcome) {
        if self.lead_tool_returned(tool, arguments, outcome) {
            return;
        }
        match tool {
            "lookup_customer" => self.looked_up(arguments, outcome),
            "upsert_customer" => self.noted(outcome),
            "get_available_slots" => self.searched(arguments, outcome),
            "book_appointment" => self.committed(Task::Book, outcome),
            "reschedule_appointment" => self.committed(Task::Reschedule, outcome),
            "cancel_appointment" => self.committed(Task::Cancel, outcome),
            "get_upcoming_appointments" => self.listed(outcome),
            "decode_vin" => self.decoded(outcome),
            "verify_identity" => self.verified(outcome),
            "add_vehicle" => self.added(outcome),
            // Where keys do not come, the number is asked for as before.
            "request_keypad_input" => {
                self.wants_keys = outcome.ok;
                self.notices.extend(outcome.say().filter(|_| outcome.ok).map(str::to_owned));
            }
            "get_time" | "get_weather" => {
                let told = self.curious.told(outcome);
                self.notices.push(told);
            }
            // A call that cannot be noted is no worse for the caller.
            "save_interaction" => self.is_noted = true,
            "transfer_to_human" => {
                self.put_through = Some(outcome.ok);
                if self.is_upset {
                    self.notices.push(replies::SORRY.to_owned());
                }
                self.notices.extend(outcome.say().map(str::to_owned));
            }
            "record_opt_out" if outcome.ok => {
                self.opted_out = true;
                self.disposition = "opted_out";
                self.notices.extend(outcome.say().map(str::to_owned));
            }
            "record_opt_out" => {
                self.wants_out = false;
                self.failed(outcome);
            }
            "schedule_callback" => {
                if outcome.ok {
                    self.disposition = "callback_scheduled";
                }
                let say = outcome.say().unwrap_or("I'm sorry, I can't note that right now.");
                self.notices.push(say.to_owned());
                self.finish();
            }
            "set_language" | "set_recording_consent" => {
                self.notices.extend(self.manner.noted(tool, outcome));
            }
            "end_call" if outcome.ok => self.ended = true,
            _ if outcome.ok => {}
            _ => self.failed(outcome),
        }
    }

    fn looked_up(&mut self, arguments: &Value, outcome: &Outcome) {
        if !outcome.ok {
            if outcome.code() == "INVALID_PHONE" {
                self.refuse_phone();
            } else {
                self.failed(outcome);
            }
            return;
        }
        self.looked_up_name |= text(arguments, "name").is_some();
        self.customer = match outcome.text("match") {
            Some("one") => {
                let customer = known(outcome);
                let level = outcome.data.get("identity_level").and_then(Value::as_u64);
                self.is_own = outcome.text("first_name").is_some();
                self.may_know = level.is_none_or(|level| level > 0);
                self.vehicles = outcome.vehicles();
                let said = std::mem::take(&mut self.said);
                self.pick_vehicle(&said);
                self.said = said;
                if let Customer::Known { first_name, .. } = &customer
                    && !first_name.is_empty()
                {
                    self.notices.push(format!("Thank you, {first_name}."));
                }
                customer
            }
            Some("many") => Customer::Ambiguous,
            Some(_) | None => Customer::Stranger,
        };
    }

    fn noted(&mut self, outcome: &Outcome) {
        if outcome.ok {
            self.customer = known(outcome);
            self.is_own = true;
            self.noted = true;
            if outcome.data.get("created") == Some(&Value::Bool(true)) {
                self.appointments = Some(Vec::new());
            }
        } else if outcome.code() == "INVALID_PHONE" || self.phone.is_none() {
            self.refuse_phone();
        } else {
            self.failed(outcome);
        }
    }

    fn refuse_phone(&mut self) {
        if self.phone.take().is_some() {
            self.notices.push("That number does not look complete.".to_owned());
        }
        self.phone_was_said = false;
        self.needs_phone = true;
        self.customer = Customer::Stranger;
    }

    /// Takes over a search, whoever asked for it.
    pub(super) fn searched(&mut self, arguments: &Value, outcome: &Outcome) {
        if self.task.is_none() {
            self.task = task_of(Intent::Book);
        }
        if self.service.is_none() {
            self.service = text(arguments, "service_type").and_then(Service::with_code);
        }
        let day = |field| text(arguments, field).and_then(|day| day.parse().ok());
        if let (None, Some(from), Some(to)) = (self.days, day("date_from"), day("date_to")) {
            self.days = Some(Days { from, to });
        }
        let slots = outcome.slots();
        self.stale = false;
        self.offered.clear();
        self.mentioned.clear();
        if outcome.ok && !slots.is_empty() {
            self.choose_exact(&slots);
            self.slots = Some(slots);
            return;
        }
        self.chosen = None;
        match (outcome.ok, outcome.code()) {
            (true, _) | (_, "NONE_AVAILABLE" | "CLOSED" | "DATE_IN_PAST" | "OUTSIDE_HORIZON") => {
                self.nothing_free(outcome);
            }
            (_, "UNKNOWN_SERVICE") => {
                self.service = None;
                self.slots = None;
                self.notices.push("I can't book that here.".to_owned());
            }
            _ => self.failed(outcome),
        }
    }

    /// Somebody who named a day and a time need not choose again.
    fn choose_exact(&mut self, slots: &[Slot]) {
        let Some(exact) = self.time.exact else { return };
        let one_day = self.days.is_some_and(Days::is_one);
        let mut fits = slots.iter().filter(|slot| slot.start.time() == exact);
        self.chosen = match (fits.next(), fits.next()) {
            (Some(slot), None) if one_day => Some(slot.clone()),
            (_, _) => None,
        };
    }

    fn nothing_free(&mut self, outcome: &Outcome) {
        let (wished, timed) = (self.days, self.time != TimeWish::default());
        self.slots = None;
        let on_day = wished.filter(|days| days.is_one()).map(|days| spoken::date(days.from));
        let again = timed && self.calls < 3;
        self.notices.push(match (outcome.say(), on_day) {
            (Some(say), _) if !again => say.to_owned(),
            (_, Some(day)) if timed => format!("I have nothing free on {day} at that time."),
            (_, Some(day)) => format!("I have nothing free on {day}."),
            (_, None) => "I have nothing free then.".to_owned(),
        });
        self.forget_wish();
        if again {
            // The rest of the day is the nearest thing to offer.
            self.days = wished;
            return;
        }
        // The tool's own next opening is searched for at once, unless that was this search.
        let next = outcome.next_available().map(|next| Days::one(next.date()));
        if next.is_some() && next != wished && self.calls < 4 {
            self.days = next;
        }
    }

    fn committed(&mut self, task: Task, outcome: &Outcome) {
        self.agreed = false;
        if outcome.ok {
            self.disposition = match task {
                Task::Book => "booked",
                Task::Cancel => "cancelled",
                Task::Check => self.disposition,
                Task::Reschedule => "rescheduled",
            };
            self.is_noted = false;
            self.notices.push(replies::committed(outcome));
            let also = self.also.take().filter(|_| task == Task::Book);
            self.booked = self.chosen.as_ref().map(|slot| slot.start);
            let day = self.booked.map(|start| Days::one(start.date()));
            self.finish();
            if let Some(service) = also {
                self.start(Task::Book);
                self.notices.push(format!("Now for {}.", service.spoken));
                (self.service, self.days) = (Some(service), day);
            }
            return;
        }
        match outcome.code() {
            "SLOT_TAKEN" => self.slot_taken(outcome, "I'm sorry, that time was just taken."),
            "VEHICLE_BUSY" => {
                self.slot_taken(outcome, "That vehicle already has a visit at that time.");
            }
            "SLOT_EXPIRED" => {
                self.time.exact = self.chosen.as_ref().map(|slot| slot.start.time());
                self.days = self.chosen.as_ref().map(|slot| Days::one(slot.start.date()));
                self.stale = true;
            }
            // What was read back is read back again.
            "NOT_CONFIRMED" => self.misses += 1,
            "VEHICLE_REQUIRED" if !outcome.vehicles().is_empty() => {
                self.vehicles = outcome.vehicles();
                self.vehicle = None;
            }
            "IDENTITY_REQUIRED" if task != Task::Book => self.wants_identity = true,
            "CUSTOMER_REQUIRED" => self.customer = Customer::Stranger,
            "NOT_FOUND" | "NOT_OWNER" | "ALREADY_CANCELLED" | "IN_PAST" => {
                self.notices.push(outcome.say().unwrap_or("I can't find that appointment.").into());
                self.finish();
            }
            _ => {
                // A retry must not need a second yes: nothing that was agreed has changed.
                self.agreed = outcome.retryable && self.faults == 0;
                self.failed(outcome);
            }
        }
        if task == Task::Cancel && self.task.is_none() {
            self.appointment = None;
        }
    }

    fn slot_taken(&mut self, outcome: &Outcome, sorry: &str) {
        let taken = self.chosen.take();
        self.notices.push(sorry.to_owned());
        self.time = TimeWish::default();
        self.offered.clear();
        self.mentioned.clear();
        let alternatives = outcome.slots();
        if !alternatives.is_empty() {
            self.slots = Some(alternatives);
            return;
        }
        self.stale = true;
        if let Some(taken) = taken {
            self.lost.push(taken.start);
            self.days = Some(Days::one(taken.start.date()));
            self.time.earliest = Some(shifted(taken.start.time(), -90));
            self.time.latest = Some(shifted(taken.start.time(), 90));
        }
    }

    fn listed(&mut self, outcome: &Outcome) {
        if self.task == Some(Task::Book) {
            // Nobody is kept from booking because their visits cannot be told.
            self.appointments = Some(outcome.appointments());
            // What was agreed to without them is read back with them.
            self.agreed &= self.clash().is_none();
            return;
        }
        if outcome.code() == "IDENTITY_REQUIRED" {
            self.wants_identity = true;
            return;
        }
        if !outcome.ok {
            return self.failed(outcome);
        }
        let appointments = outcome.appointments();
        let (days, time) = (self.days, self.time.exact);
        let named =
            |start: jiff::civil::DateTime| days.is_some_and(|days| days.contains(start.date()));
        let wanted = self.service;
        let mut fits = appointments.iter().filter(|appointment| {
            named(appointment.start) || (wanted.is_some() && appointment.service == wanted)
        });
        // What we call about is meant, unless another one is named.
        let called_about = self.errand.as_ref().and_then(|errand| match errand {
            Errand::Reminder { appointment, .. } => Some(appointment),
            Errand::Callback { .. } | Errand::Lead { .. } => None,
        });
        let called_about = called_about
            .and_then(|id| appointments.iter().find(|appointment| appointment.id == *id));
        self.appointment = match (appointments.as_slice(), fits.next(), fits.next()) {
            ([only], ..) => Some(only.clone()),
            _ if called_about.is_some() => called_about.cloned(),
            (_, Some(fit), None) if self.task != Some(Task::Check) => Some(fit.clone()),
            _ => None,
        };
        // "Move my visit tomorrow": tomorrow is when the visit is, not where it goes.
        if let Some(appointment) = &self.appointment
            && self.task == Some(Task::Reschedule)
        {
            self.service = appointment.service;
            let elsewhere = time.is_some_and(|time| time != appointment.start.time());
            if named(appointment.start) && !elsewhere {
                self.forget_wish();
            }
        }
        self.appointments = Some(appointments);
    }

    /// Somebody who has shown who they are hears what they asked for; somebody who has not may try
    /// again as long as the tool lets them.
    fn verified(&mut self, outcome: &Outcome) {
        (self.zip, self.birthday) = (None, None);
        if outcome.ok {
            self.wants_identity = false;
            self.may_know = true;
            if let known @ Customer::Known { .. } = known(outcome) {
                self.customer = known;
            }
            return;
        }
        let left = outcome.data.get("attempts_left").and_then(Value::as_u64);
        self.locked = outcome.code() == "IDENTITY_LOCKED" || left == Some(0);
        self.wants_identity = outcome.code() == "IDENTITY_MISMATCH";
        if self.locked {
            self.disposition = "identity_failed";
        } else if !self.wants_identity {
            return self.failed(outcome);
        }
        let sorry = outcome.say().unwrap_or(if outcome.code() == "IDENTITY_LOCKED" {
            replies::UNVERIFIED
        } else {
            "I'm sorry, I couldn't verify that."
        });
        self.notices.push(sorry.to_owned());
    }

    /// A car that cannot be noted now is noted on arrival.
    fn added(&mut self, outcome: &Outcome) {
        self.car_asked = u32::MAX;
        if let (true, Some(id), Some(label)) =
            (outcome.ok, outcome.text("vehicle_id"), outcome.text("label"))
        {
            let added = Vehicle { id: id.to_owned(), label: label.to_owned() };
            self.vehicles.push(added.clone());
            self.vehicle = Some(added);
        }
    }

    fn decoded(&mut self, outcome: &Outcome) {
        self.vin = None;
        self.wants_vin = !outcome.ok && outcome.code().starts_with("VIN_");
        if outcome.ok || self.wants_vin {
            self.notices.push(replies::decoded(outcome));
        } else {
            self.failed(outcome);
        }
        if self.task.is_none() && !self.wants_vin {
            self.finished = true;
        }
    }

    /// A failure that is nobody's fault here: tried once more in silence, then said.
    pub(super) fn failed(&mut self, outcome: &Outcome) {
        self.faults += 1;
        if outcome.retryable && self.faults == 1 {
            return;
        }
        let nothing_done = "I'm sorry, our system is not responding right now. Nothing has been \
                            changed.";
        let identity = outcome.code().starts_with("IDENTITY");
        let reason = if identity { replies::UNVERIFIED } else { nothing_done };
        self.notices.push(outcome.say().unwrap_or(reason).to_owned());
        self.finish();
    }
}

fn known(outcome: &Outcome) -> Customer {
    match outcome.text("customer_id") {
        Some(id) => Customer::Known {
            id: id.to_owned(),
            first_name: outcome.text("first_name").unwrap_or_default().to_owned(),
        },
        None => Customer::Stranger,
    }
}
