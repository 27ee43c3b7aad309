use serde_json::Value;

use super::{Customer, Dialogue, Met, Task, hear::Heard, task_of, text};
use crate::brain::{
    errand::{Errand, Wish},
    intent::{Answer, Intent},
    lead,
    outcome::Outcome,
    question::Question,
    replies,
    words::Words,
};

/// A call that broke off is spoken of.
const CUT_OFF: [&str; 10] = [
    "cut off",
    "disconnected",
    "got dropped",
    "call dropped",
    "lost you",
    "lost the connection",
    "hung up on",
    "where were we",
    "where we left",
    "calling back",
];

impl Dialogue {
    /// Begins with what the call is about.
    pub(super) fn brief(&mut self, errand: Option<Errand>, wish: Option<Wish>) {
        match &errand {
            Some(Errand::Reminder { customer, first_name, .. }) => {
                self.customer =
                    Customer::Known { id: customer.clone(), first_name: first_name.clone() };
                self.is_own = true;
            }
            Some(Errand::Callback { .. }) => self.met = Met::Right,
            Some(Errand::Lead { .. }) | None => {}
        }
        (self.errand, self.wish) = (errand, wish);
    }

    /// Takes in what is said to the errand. Returns whether that is all that was said.
    pub(super) fn hear_errand(&mut self, heard: &Heard, words: &Words) -> bool {
        let (is_lead, is_reminder) = match &self.errand {
            None | Some(Errand::Callback { .. }) => return false,
            Some(Errand::Lead { .. }) => (true, false),
            Some(Errand::Reminder { .. }) => (false, true),
        };
        let is_aside = matches!(
            heard.intent,
            Some(
                Intent::OptOut
                    | Intent::Human
                    | Intent::Robot
                    | Intent::Hours
                    | Intent::Location
                    | Intent::Repeat
            )
        );
        if is_aside {
            return false;
        }
        if self.met == Met::Unknown {
            let is_heard = self.hear_who(heard, words);
            if is_lead && self.met == Met::Right {
                self.lead.hear(words, false);
            }
            return is_heard;
        }
        (is_lead && self.hear_lead(heard, words))
            || (is_reminder && self.hear_reminder(heard, words))
    }

    /// Whether it is the right person.
    fn hear_who(&mut self, heard: &Heard, words: &Words) -> bool {
        const AWAY: [&str; 9] = [
            "not here",
            "isn't here",
            "not home",
            "isn't home",
            "not available",
            "isn't available",
            "at work",
            "take a message",
            "not in",
        ];
        const WAIT: [&str; 6] =
            ["hold on", "one moment", "just a moment", "one second", "get her", "get him"];
        const WHAT: [&str; 5] =
            ["this about", "who is this", "who's this", "who is calling", "who's calling"];
        let name = self.errand.as_ref().and_then(Errand::first_name).map(str::to_lowercase);
        let is_named = name.is_some_and(|name| words.says(&[&name]));
        if words.says(&AWAY) {
            self.met = Met::Away;
            self.notices.push(replies::CALL_US_BACK.to_owned());
        } else if words.says(&WAIT) {
            self.notices.push("Of course, I'll wait.".to_owned());
        } else if words.says(&WHAT) {
            // They are told what it is about with the question.
        } else if words.says(&["wrong number"]) || heard.answer == Some(Answer::No) {
            self.met = Met::Wrong;
            self.disposition = "wrong_number";
            self.notices.push(replies::WRONG_NUMBER.to_owned());
        } else if is_named
            || heard.answer == Some(Answer::Yes)
            || words.says(&["speaking", "that's me", "that is me", "this is he", "this is she"])
        {
            self.met = Met::Right;
        } else {
            return false;
        }
        true
    }

    /// Whether somebody comes to the visit that they are reminded of.
    fn hear_reminder(&mut self, heard: &Heard, words: &Words) -> bool {
        const CANNOT: [&str; 9] = [
            "can't make it",
            "cannot make it",
            "can't come",
            "cannot come",
            "won't be able",
            "won't be there",
            "can't do it",
            "another time",
            "different time",
        ];
        if self.task.is_some() || self.finished {
            return false;
        }
        let cannot = words.says(&CANNOT);
        let answer = heard.answer;
        let asked = matches!(self.question, Question::Coming | Question::MoveOrCancel);
        if is_task(heard) || !(asked || cannot) {
            return false;
        }
        let moves = self.question == Question::MoveOrCancel
            && (answer == Some(Answer::Yes) || words.any(&["move", "change"]));
        if moves || ((cannot || answer == Some(Answer::No)) && heard.says_when()) {
            self.start(Task::Reschedule);
            // When they would come instead is taken in as in any other talk.
            return !heard.says_when();
        }
        match answer {
            Some(Answer::Yes) if self.question == Question::Coming && !cannot => {
                self.disposition = "confirmed";
                self.is_noted = false;
                self.notices.push("Great, we look forward to seeing you.".to_owned());
                self.finish();
            }
            Some(Answer::No) if self.question == Question::MoveOrCancel => {
                self.notices.push("All right, everything stays as it is.".to_owned());
                self.finish();
            }
            _ if cannot || answer == Some(Answer::No) => self.wants_change = true,
            _ => return false,
        }
        true
    }

    /// What somebody says who may buy a car.
    fn hear_lead(&mut self, heard: &Heard, words: &Words) -> bool {
        const DECLINES: [&str; 5] =
            ["not interested", "no interest", "no longer looking", "don't need", "already bought"];
        match self.question {
            Question::Code => {
                let none = words.says(&["didn't get", "did not get", "no text", "no code"]);
                self.lead.is_settled |= none;
                self.lead.code = lead::code(words);
                return none || self.lead.code.is_some();
            }
            Question::ReadBack | Question::Offer | Question::AnythingElse => return false,
            _ => {}
        }
        if words.says(&DECLINES) || (heard.answer == Some(Answer::No) && self.is_over(heard)) {
            self.lead.hear(words, false);
            self.lead.declined = true;
            self.disposition = match self.lead.is_qualified() {
                Some(true) => "qualified_no_booking",
                Some(false) | None => "not_qualified",
            };
            self.notices.push("All right.".to_owned());
            return true;
        }
        let asked = self.question == Question::Budget;
        let heard_more = self.lead.hear(words, asked);
        heard_more && (asked || heard.days.is_none())
    }

    /// Whether a "no" is to all of it, rather than to a detail.
    fn is_over(&self, heard: &Heard) -> bool {
        matches!(self.question, Question::Zip | Question::Day) && !heard.says_when()
    }

    /// Goes on with what a call was about that broke off, if that is what they mean.
    pub(super) fn hear_of_last_call(&mut self, heard: &Heard, words: &Words) -> bool {
        let is_new = is_task(heard) || heard.service.is_some();
        words.says(&CUT_OFF) && self.task.is_none() && !is_new && self.go_on()
    }

    /// Goes on with what a call was about that broke off.
    pub(super) fn go_on(&mut self) -> bool {
        let Some(wish) = self.wish.take() else { return false };
        self.start(Task::Book);
        (self.service, self.days) = (Some(wish.service), Some(wish.days));
        self.time.part = wish.part;
        self.notices.push(format!("Let us go on where we were, with {}.", wish.service.spoken));
        true
    }

    /// Takes in what the tools for leads have done. Returns whether it was one of them.
    pub(super) fn lead_tool_returned(
        &mut self,
        tool: &str,
        arguments: &Value,
        outcome: &Outcome,
    ) -> bool {
        if !matches!(self.errand, Some(Errand::Lead { .. })) {
            return false;
        }
        let lead = &mut self.lead;
        match tool {
            "get_lead_context" => lead.is_known = true,
            "update_lead_info" => lead.is_changed = false,
            "search_knowledge" => self.answered(outcome),
            "find_broker_by_territory" => match outcome.text("broker_id") {
                Some(id) => {
                    let name = outcome.text("name").unwrap_or("An advisor");
                    lead.broker = Some((id.to_owned(), name.to_owned()));
                }
                None => self.failed(outcome),
            },
            "check_broker_availability" => {
                self.task = Some(Task::Book);
                self.searched(arguments, outcome);
            }
            "book_appointment" if outcome.ok => {
                lead.booked = outcome.text("appointment_id").map(str::to_owned);
                self.disposition = "booked";
                (self.is_noted, self.agreed) = (false, false);
                self.notices.push(replies::committed(outcome));
            }
            // It is for their convenience, and nobody has promised it.
            "assign_tracking_number" => lead.has_number = true,
            "send_appointment_confirmation" => {
                lead.session = outcome.text("mfa_session_id").map(str::to_owned);
                lead.is_settled = lead.session.is_none();
                self.notices.extend(outcome.say().map(str::to_owned));
            }
            "verify_appointment_confirmation" => {
                lead.code = None;
                lead.is_settled = outcome.code() != "CODE_MISMATCH";
                self.notices.extend(outcome.say().map(str::to_owned));
            }
            _ => return false,
        }
        true
    }

    /// What the documents say to a question.
    fn answered(&mut self, outcome: &Outcome) {
        if self.lead.topics.is_empty() {
            return;
        }
        let topic = self.lead.topics.remove(0);
        let passages = outcome.data.get("passages").and_then(Value::as_array);
        let best = passages.into_iter().flatten().find_map(|passage| text(passage, "text"));
        self.notices.push(match best {
            Some(best) => topic.of(best),
            None => "Your advisor will know that.".to_owned(),
        });
    }
}

fn is_task(heard: &Heard) -> bool {
    heard.intent.and_then(task_of).is_some()
}
