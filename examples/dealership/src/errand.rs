//! What the house says to people whom it calls and writes to of its own accord.
//!
//! Until they have shown who they are, they hear their first name, the name of the house, and when
//! they are expected; machines hear no more than that either.

use jiff::Zoned;
use serde_json::{Value, json};

use crate::{
    departments::Department,
    phone::Phone,
    spoken,
    store::{Appointment, Errand, Location},
    tools::word,
};

impl Errand {
    /// The first words to a person: who calls, that it is no person, and why.
    #[must_use]
    pub fn greeting(&self, house: &str) -> String {
        let hello = format!(
            "Hello, this is the automated assistant of {house}, and this call may be recorded."
        );
        match self {
            Self::Callback { department } => format!(
                "{hello} You asked us to call you back. Shall I connect you with {} now?",
                department.label()
            ),
            Self::Lead { first_name, .. } => format!(
                "{hello} I am calling because you asked us about a car. If you do not want such \
                 calls, just say so. {}",
                is_it(first_name.as_deref())
            ),
            Self::Reminder { first_name, .. } => {
                let is_it = is_it(Some(first_name));
                format!("{hello} I am calling with a reminder about an appointment. {is_it}")
            }
        }
    }

    /// What a machine is told; it takes less than half a minute to say.
    #[must_use]
    pub fn voicemail(&self, house: &str, place: &Location) -> String {
        let number = spelled(&place.phone);
        match self {
            Self::Callback { .. } => format!(
                "Hello, this is the automated assistant of {house}. You asked us to call you back. \
                 We will try once more; or call us at {number}. Goodbye!"
            ),
            Self::Lead { first_name, .. } => format!(
                "Hello{}, this is the automated assistant of {house}. You asked us about a car. To \
                 talk about it, or to get no more calls, please call us at {number}. Goodbye!",
                named(first_name.as_deref())
            ),
            Self::Reminder { first_name, start, .. } => format!(
                "Hello{}, this is the automated assistant of {house}, with a reminder of your \
                 appointment on {}. To change it, please call us at {number}. Goodbye!",
                named(Some(first_name)),
                spoken::moment(start)
            ),
        }
    }

    /// What a model is told of it, as data.
    #[must_use]
    pub fn brief(&self) -> Value {
        match self {
            Self::Callback { department } => {
                json!({ "reason": "callback", "department": word(department) })
            }
            Self::Lead { lead, first_name } => {
                json!({ "reason": "campaign", "lead_id": lead, "first_name": first_name })
            }
            Self::Reminder { appointment, customer, first_name, start } => json!({
                "reason": "reminder",
                "appointment_id": appointment,
                "customer_id": customer,
                "first_name": first_name,
                "start_local": start.strftime("%Y-%m-%dT%H:%M").to_string(),
            }),
        }
    }

    /// The identifiers in it, which a model may use.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        match self {
            Self::Callback { .. } => Vec::new(),
            Self::Lead { lead, .. } => vec![lead.to_string()],
            Self::Reminder { appointment, customer, .. } => {
                vec![appointment.to_string(), customer.to_string()]
            }
        }
    }

    /// Who is called, as far as the first question to them goes.
    #[must_use]
    pub fn department(&self) -> Option<Department> {
        match self {
            Self::Callback { department } => Some(*department),
            Self::Lead { .. } | Self::Reminder { .. } => None,
        }
    }
}

/// The text of a reminder.
#[must_use]
pub fn reminder_text(house: &str, place: &Location, start: &Zoned) -> String {
    let number = written(&place.phone);
    format!(
        "{house}: a reminder of your appointment on {}. To change it, call {number}.",
        spoken::moment(start)
    )
}

/// The text of what somebody has booked, or moved.
#[must_use]
pub fn confirmation_text(house: &str, place: &Location, visit: &Appointment) -> String {
    let done = if visit.moved_from.is_some() { "is now" } else { "is booked for" };
    let place_name = match visit.is_elsewhere {
        true => format!(" at {}", visit.location),
        false => String::new(),
    };
    format!(
        "{house}: your {} {done} {}{place_name}. Your code is {}. To change it, call {}.",
        visit.service_name,
        spoken::moment(&visit.start),
        visit.confirmation_code,
        written(&place.phone)
    )
}

/// The text to somebody whose call broke off.
#[must_use]
pub fn recovery_text(house: &str, place: &Location) -> String {
    let number = written(&place.phone);
    format!("{house}: sorry, our call broke off. Call {number} and we go on where we were.")
}

/// The message to somebody whom calls did not reach.
#[must_use]
pub fn campaign_text(house: &str, place: &Location) -> String {
    let number = written(&place.phone);
    format!(
        "{house}: you asked us about a car. To talk about it, or to hear no more of us, call {number}."
    )
}

fn is_it(first_name: Option<&str>) -> String {
    match first_name {
        Some(name) => format!("Am I speaking with {name}?"),
        None => "Am I speaking with the right person?".to_owned(),
    }
}

fn named(first_name: Option<&str>) -> String {
    first_name.map_or_else(String::new, |name| format!(" {name}"))
}

/// The ten digits of a number of North America; other numbers as they are.
fn digits(number: &str) -> Option<(&str, &str, &str)> {
    let digits = number.strip_prefix("+1").filter(|digits| digits.len() == 10)?;
    Some((&digits[..3], &digits[3..6], &digits[6..]))
}

/// "6 3 0, 5 5 5, 0 1 0 0", as somebody writes it down who listens.
fn spelled(number: &str) -> String {
    let apart = |digits: &str| digits.chars().map(String::from).collect::<Vec<_>>().join(" ");
    match digits(number) {
        Some((area, office, line)) => {
            format!("{}, {}, {}", apart(area), apart(office), apart(line))
        }
        None => apart(number.trim_start_matches('+')),
    }
}

/// "630-555-0100".
pub(crate) fn written(number: &str) -> String {
    match digits(number) {
        Some((area, office, line)) => format!("{area}-{office}-{line}"),
        None => number.to_owned(),
    }
}

/// Whom the house may call of its own accord, and write to: nobody, those who are listed, or with
/// `"*"` everybody who has agreed to it.
///
/// ```
/// use dealership::{errand::AllowList, phone::Phone};
///
/// let ana = Phone::parse("+16305550111").unwrap();
/// assert!(!AllowList::default().permits(&ana));
/// assert!(AllowList::read(&["(630) 555-0111".to_owned()]).unwrap().permits(&ana));
/// assert!(AllowList::read(&["*".to_owned()]).unwrap().permits(&ana));
/// ```
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    everybody: bool,
    phones: Vec<Phone>,
}

impl AllowList {
    /// Reads a list of numbers.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) for what is no number; the message names the
    /// field.
    pub fn read(list: &[String]) -> voiceagent_core::Result<Self> {
        let mut allowed = Self::default();
        for one in list {
            match (one.as_str(), Phone::parse(one)) {
                ("*", _) => allowed.everybody = true,
                (_, Some(phone)) => allowed.phones.push(phone),
                (_, None) => {
                    return Err(voiceagent_core::Error::config(
                        "field `outbound.allow` holds what is no phone number; write them like \
                         `+16305550111`, or `*` for everybody who has agreed",
                    ));
                }
            }
        }
        Ok(allowed)
    }

    /// Whether this person may be reached.
    #[must_use]
    pub fn permits(&self, phone: &Phone) -> bool {
        self.everybody || self.phones.contains(phone)
    }

    /// What the numbers begin with that the carrier may be asked to call.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        if self.everybody {
            return vec!["+".to_owned()];
        }
        self.phones.iter().map(|phone| phone.as_str().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AppointmentId, CustomerId, Store};

    #[tokio::test]
    async fn a_machine_hears_no_more_than_a_first_name_the_house_and_the_time() {
        let now = "2026-06-17T18:02:00-05:00".parse().unwrap();
        let store = Store::fresh().await;
        store.seed(now).await.unwrap();
        let place = store.location().await.unwrap();
        let errand = Errand::Reminder {
            appointment: AppointmentId::new(now),
            customer: CustomerId::new(now),
            first_name: "Greg".to_owned(),
            start: "2026-06-18T08:00:00[America/Chicago]".parse().unwrap(),
        };
        let message = errand.voicemail("Bart's Automotive", &place);
        assert_eq!(
            message,
            "Hello Greg, this is the automated assistant of Bart's Automotive, with a reminder of \
             your appointment on Thursday, June 18th at 8 AM. To change it, please call us at \
             6 3 0, 5 5 5, 0 1 0 0. Goodbye!"
        );
        // At 150 words a minute it is over in 25 s.
        assert!(message.split_whitespace().count() <= 62);
        assert!(errand.greeting("Bart's Automotive").ends_with("Am I speaking with Greg?"));
        let wrong = AllowList::read(&["the boss".to_owned()]).unwrap_err();
        assert!(wrong.message().starts_with("field `outbound.allow`"), "{wrong}");
    }
}
