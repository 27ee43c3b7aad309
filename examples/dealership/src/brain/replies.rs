//! What the agent says.

use super::{
    dialogue::Customer,
    outcome::{Appointment, Outcome, Slot, Vehicle},
    phones,
};
use crate::spoken;

pub(crate) const ANEW: &str = "Sorry, let me begin again.";
pub(crate) const ANYTHING_ELSE: &str = "Is there anything else I can do for you?";
pub(crate) const ASK_BIRTHDAY: &str = "To verify your identity, what is your date of birth?";
pub(crate) const ASK_BUDGET: &str =
    "What monthly budget do you have in mind, and by when would you like the car?";
pub(crate) const ASK_CAR: &str = "Which car is it for? I need its year, make and model.";
pub(crate) const ASK_CODE: &str = "What is the code?";
pub(crate) const ASK_DAY: &str = "What day would you like to come in?";
pub(crate) const ASK_LAST_NAME: &str = "And your last name?";
pub(crate) const ASK_NAME: &str = "May I have your first and last name?";
pub(crate) const ASK_NEW_DAY: &str = "What day and time would you like instead?";
pub(crate) const ASK_PHONE: &str = "What is the best phone number to reach you?";
pub(crate) const ASK_PHONE_OF_VISIT: &str = "What phone number is the appointment under?";
pub(crate) const ASK_SERVICE: &str = "What does your car need?";
pub(crate) const ASK_VIN: &str = "Could you read me the 17 characters of the VIN?";
pub(crate) const ASK_VIN_AGAIN: &str = "Could you read me the VIN once more?";
pub(crate) const ASK_PERSON: &str = "Shall I connect you with a person?";
pub(crate) const ASK_SECOND_ZIP: &str = "And your ZIP code?";
pub(crate) const ASK_ZIP: &str = "For your security, what is your ZIP code?";
/// "The code" is what is texted to them later.
pub(crate) const ASK_ZIP_OF_LEAD: &str = "A finance advisor can go through it with you on the \
    phone. What is your ZIP, so that I find the right one?";
pub(crate) const AREA_CODE: &str = "And the area code of that phone number?";
pub(crate) const BOOK_INSTEAD: &str =
    "I don't see an upcoming appointment. Would you like to book one now?";
pub(crate) const CALL_US_BACK: &str = "All right. They can reach us at this number.";
pub(crate) const CANNOT: &str = "I'm sorry, I can't do that on this line right now.";
pub(crate) const EMERGENCY: &str =
    "If anybody is in danger, please hang up and call 911 right away.";
pub(crate) const GOODBYE: &str = "Thank you for calling. Goodbye!";
pub(crate) const GOODBYE_TO_CALLED: &str = "Thank you for your time. Goodbye!";
pub(crate) const HELP: &str =
    "I can book, move or cancel a visit, or tell you about one you have. How can I help you?";
pub(crate) const MISSED: &str = "I'm sorry, I didn't catch that.";
pub(crate) const MISSED_AGAIN: &str = "I'm sorry, I'm having trouble understanding you.";
pub(crate) const MOVE_OR_CANCEL: &str = "Would you like to move it, or to cancel it?";
pub(crate) const LOCKED: &str = "I can't do that without knowing who you are.";
pub(crate) const NOT_FOUND: &str =
    "I can't find that appointment from this line. Would you like to book a new one?";
pub(crate) const ROBOT: &str = "I'm an automated assistant.";
pub(crate) const SORRY: &str = "I'm sorry about the trouble that you have had.";
pub(crate) const TOO_LITTLE: &str =
    "I'm sorry, for that budget there is nothing that we can finance.";
pub(crate) const UNVERIFIED: &str =
    "I'm sorry, I can't discuss that on this line without checking who you are.";
pub(crate) const WRONG_NUMBER: &str = "I'm sorry to have bothered you.";
pub(crate) const WHICH_CAR: &str = "You have more than one car with us. Which car is it for?";
pub(crate) const WHOLE_PHONE: &str = "What is the whole phone number, with its area code?";

/// Says by which clocks a time is meant, on a day around which they change.
pub(crate) fn by_the_clocks(slot: Option<&Slot>) -> String {
    match slot {
        Some(slot) => format!(
            "{} is local time on {}, whatever the clocks do before.",
            spoken::time(slot.start.time()),
            spoken::weekday(slot.start.date().weekday())
        ),
        None => "All times are local time on the day of the visit, whatever the clocks do before."
            .to_owned(),
    }
}

/// Who the agent takes the caller for. A number says no more than a first name.
pub(crate) fn who(customer: &Customer) -> String {
    match customer {
        Customer::Known { first_name, .. } if !first_name.is_empty() => {
            format!("By the number that you call from, you are {first_name}.")
        }
        Customer::Known { .. } => "You are one of our customers.".to_owned(),
        Customer::Ambiguous | Customer::Stranger | Customer::Unknown => {
            "I don't know the number that you call from.".to_owned()
        }
    }
}

/// Offers times.
pub(crate) fn offer(slots: &[Slot], wished: Option<jiff::civil::Time>) -> String {
    let Some(first) = slots.first() else { return ASK_DAY.to_owned() };
    let missed = wished.filter(|wished| slots.iter().all(|slot| slot.start.time() != *wished));
    let sorry =
        missed.map_or_else(String::new, |time| format!("{} is not free. ", spoken::time(time)));
    let one_day = slots.iter().all(|slot| slot.start.date() == first.start.date());
    let repeated = slots.windows(2).any(|pair| pair[0].start == pair[1].start);
    let day = spoken::date(first.start.date());
    let named: Vec<String> = slots
        .iter()
        .map(|slot| match &slot.spoken {
            // An hour that the clock change repeats is told apart by the tool's words alone.
            Some(words) if repeated => words.clone(),
            _ if one_day => spoken::time(slot.start.time()),
            _ => moment(slot.start),
        })
        .collect();
    let times = match one_day && !repeated {
        true => format!("{} on {day}", any_of(&named)),
        false => any_of(&named),
    };
    let question = match slots.len() {
        1 => "Does that work for you?",
        _ => "Which works best for you?",
    };
    format!("{sorry}I have {times}. {question}")
}

/// Refuses a time at which nobody is there.
pub(crate) fn closed(time: jiff::civil::Time, hours: &str) -> String {
    let time = spoken::time(time);
    format!("We are not open at {time}. {hours} What time would you like to come in?")
}

/// Points out another visit at the time that is about to be taken.
pub(crate) fn clash(other: &Appointment) -> String {
    let what = other.service.map_or("a visit", |service| service.spoken);
    format!("You already have {what} at that time.")
}

/// Refuses a time at which the same car has another visit, and offers others.
pub(crate) fn busy(other: &Appointment, car: &str, others: &[Slot]) -> String {
    let what = other.service.map_or("a visit", |service| service.spoken);
    let instead = match others {
        [] => "What time would you like instead?".to_owned(),
        others => offer(others, None),
    };
    format!("Your {car} already has {what} at that time. {instead}")
}

/// Reads back what is about to be done; `what` ends where the time follows.
pub(crate) fn read_back(
    what: &str,
    slot: &Slot,
    name: Option<&str>,
    phone: Option<&str>,
) -> String {
    let name = name.map_or_else(String::new, |name| format!(", for {name}"));
    let phone =
        phone.map_or_else(String::new, |phone| format!(", phone number {}", phones::spoken(phone)));
    format!("To confirm: {what} {}{name}{phone}. Is that right?", moment(slot.start))
}

/// Asks before cancelling.
pub(crate) fn cancel_it(appointment: &Appointment) -> String {
    format!("Shall I cancel your {}?", visit(appointment))
}

/// Asks which of several visits is meant.
pub(crate) fn which(appointments: &[Appointment]) -> String {
    format!("You have {}. Which appointment do you mean?", visits(appointments))
}

/// Asks which of several cars it is about. Their names are told to nobody who has not shown who they
/// are.
pub(crate) fn which_car(vehicles: &[Vehicle], may_know: bool) -> String {
    if !may_know {
        return WHICH_CAR.to_owned();
    }
    let labels: Vec<String> =
        vehicles.iter().map(|vehicle| format!("the {}", vehicle.label)).collect();
    format!("Which car is it for, {}?", any_of(&labels))
}

/// Names the visits that there are.
pub(crate) fn upcoming(appointments: &[Appointment]) -> String {
    format!("You have {}.", visits(appointments))
}

/// What a tool says about what it committed. Without its words, nothing is claimed but the code.
pub(crate) fn committed(outcome: &Outcome) -> String {
    match (outcome.say(), outcome.text("confirmation_code")) {
        (Some(say), _) => say.to_owned(),
        (None, Some(code)) => format!("Your confirmation code is {code}."),
        (None, None) => "Thank you.".to_owned(),
    }
}

/// What a decoded identification number means, or what is wrong with it.
pub(crate) fn decoded(outcome: &Outcome) -> String {
    if let Some(say) = outcome.say() {
        return say.to_owned();
    }
    if outcome.ok {
        let year = outcome.data.get("year").map(|year| year.to_string().replace('"', ""));
        let words = [year.as_deref(), outcome.text("make"), outcome.text("model")];
        let vehicle = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        return format!("That VIN belongs to a {vehicle}.");
    }
    let wrong = match outcome.code() {
        "VIN_LENGTH" => "A VIN has exactly 17 characters, and I heard another number of them.",
        "VIN_ILLEGAL_CHAR" => "The letters I, O and Q do not occur in a VIN.",
        "VIN_CHECK_DIGIT" => "One of the characters must be wrong, the check digit does not fit.",
        _ => "I could not find that VIN.",
    };
    wrong.to_owned()
}

/// Joins sentences.
pub(crate) fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

fn moment(start: jiff::civil::DateTime) -> String {
    format!("{} at {}", spoken::date(start.date()), spoken::time(start.time()))
}

fn visit(appointment: &Appointment) -> String {
    let what = appointment.service.map_or("visit", super::service::Service::noun);
    format!("{what} on {}", moment(appointment.start))
}

fn visits(appointments: &[Appointment]) -> String {
    let all: Vec<String> = appointments
        .iter()
        .map(|one| {
            let what = one.service.map_or("a visit", |service| service.spoken);
            format!("{what} on {}", moment(one.start))
        })
        .collect();
    match all.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "no upcoming appointment".to_owned(),
    }
}

fn any_of(items: &[String]) -> String {
    match items.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::brain::{question::Question, service::Service};

    fn slot(day: i8, hour: i8) -> Slot {
        Slot {
            id: format!("{day}-{hour}"),
            start: date(2026, 3, day).at(hour, 30, 0, 0),
            end: date(2026, 3, day).at(hour + 1, 0, 0, 0),
            spoken: None,
        }
    }

    #[test]
    fn what_the_agent_asks_is_understood_by_itself() {
        let appointment = Appointment {
            id: "a".into(),
            service: Service::with_code("oil_change"),
            start: date(2026, 3, 4).at(9, 0, 0, 0),
            end: date(2026, 3, 4).at(10, 0, 0, 0),
            vehicle: None,
        };
        let table = [
            (ANYTHING_ELSE.to_owned(), Question::AnythingElse),
            (ASK_BIRTHDAY.to_owned(), Question::Birthday),
            (ASK_BUDGET.to_owned(), Question::Budget),
            (ASK_CAR.to_owned(), Question::Vehicle),
            (ASK_CODE.to_owned(), Question::Code),
            (ASK_ZIP_OF_LEAD.to_owned(), Question::Zip),
            (MOVE_OR_CANCEL.to_owned(), Question::MoveOrCancel),
            (ASK_DAY.to_owned(), Question::Day),
            (ASK_PERSON.to_owned(), Question::Person),
            (ASK_SECOND_ZIP.to_owned(), Question::Zip),
            (ASK_NEW_DAY.to_owned(), Question::Day),
            (ASK_NAME.to_owned(), Question::Name),
            (ASK_LAST_NAME.to_owned(), Question::LastName),
            (ASK_PHONE.to_owned(), Question::Phone),
            (ASK_PHONE_OF_VISIT.to_owned(), Question::Phone),
            (WHOLE_PHONE.to_owned(), Question::Phone),
            (AREA_CODE.to_owned(), Question::Phone),
            (ASK_SERVICE.to_owned(), Question::Service),
            (ASK_VIN.to_owned(), Question::Vin),
            (ASK_ZIP.to_owned(), Question::Zip),
            (ASK_VIN_AGAIN.to_owned(), Question::Vin),
            (busy(&appointment, "2019 Honda CR-V", &[]), Question::Day),
            (busy(&appointment, "2019 Honda CR-V", &[slot(4, 9)]), Question::Offer),
            (closed(jiff::civil::Time::midnight(), "Come by."), Question::Day),
            (BOOK_INSTEAD.to_owned(), Question::BookInstead),
            (HELP.to_owned(), Question::Help),
            (offer(&[slot(4, 9)], None), Question::Offer),
            (offer(&[slot(4, 9), slot(5, 9)], None), Question::Offer),
            (
                read_back("an oil change on", &slot(4, 9), Some("Ana"), Some("+16305550111")),
                Question::ReadBack,
            ),
            (cancel_it(&appointment), Question::CancelIt),
            (
                which_car(&[Vehicle { id: "v".into(), label: "2019 Honda CR-V".into() }], true),
                Question::Vehicle,
            ),
            (WHICH_CAR.to_owned(), Question::Vehicle),
            (NOT_FOUND.to_owned(), Question::BookInstead),
            (which(&[appointment.clone(), appointment]), Question::Which),
        ];
        for (text, question) in table {
            assert_eq!(Question::of(&text), question, "{text}");
        }
    }

    #[test]
    fn offers_name_the_day_once_where_they_can() {
        let offered = offer(&[slot(4, 9), slot(4, 10)], None);
        assert!(offered.starts_with("I have 9:30 AM or 10:30 AM on Wednesday, March 4th."));
        let offered = offer(&[slot(4, 9), slot(5, 9)], Some(jiff::civil::time(8, 0, 0, 0)));
        assert_eq!(
            offered,
            "8 AM is not free. I have Wednesday, March 4th at 9:30 AM or Thursday, March 5th \
             at 9:30 AM. Which works best for you?"
        );
    }

    #[test]
    fn nothing_is_claimed_without_the_tools_words() {
        let silent = Outcome::parse(r#"{"ok":true,"data":{"confirmation_code":"K7"}}"#);
        assert_eq!(committed(&silent), "Your confirmation code is K7.");
        assert_eq!(committed(&Outcome::parse(r#"{"ok":true}"#)), "Thank you.");
    }
}
