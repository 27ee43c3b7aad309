//! What a call is about that we have made, or that goes on where another broke off.

use jiff::civil::{Date, DateTime};
use serde_json::Value;

use super::{dates::Days, service::Service, times::PartOfDay};

/// Why we call somebody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Errand {
    Callback { department: String },
    Lead { id: String, first_name: Option<String> },
    Reminder { appointment: String, customer: String, first_name: String, start: DateTime },
}

impl Errand {
    /// Reads what stands behind the line of the instructions that tells it.
    pub(crate) fn read(instructions: &str) -> Option<Self> {
        let told = behind(instructions, LINE)?;
        let text = |field: &str| told[field].as_str().map(str::to_owned);
        match told["reason"].as_str()? {
            "callback" => Some(Self::Callback { department: text("department")? }),
            "campaign" => Some(Self::Lead { id: text("lead_id")?, first_name: text("first_name") }),
            "reminder" => Some(Self::Reminder {
                appointment: text("appointment_id")?,
                customer: text("customer_id")?,
                first_name: text("first_name")?,
                start: told["start_local"].as_str()?.parse().ok()?,
            }),
            _ => None,
        }
    }

    /// The first name of whom we want to talk with.
    pub(crate) fn first_name(&self) -> Option<&str> {
        match self {
            Self::Callback { .. } => None,
            Self::Lead { first_name, .. } => first_name.as_deref(),
            Self::Reminder { first_name, .. } => Some(first_name),
        }
    }
}

/// What a call that broke off was about to book.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wish {
    pub(crate) service: Service,
    pub(crate) days: Days,
    pub(crate) part: Option<PartOfDay>,
}

impl Wish {
    /// Reads what stands behind the line of the instructions that tells it. Days that are over are
    /// none.
    pub(crate) fn read(instructions: &str, today: Date) -> Option<Self> {
        let told = behind(instructions, WISH_LINE)?;
        let text = |field: &str| told[field].as_str();
        let day = |field: &str| text(field)?.parse::<Date>().ok();
        let (from, to) = (day("date_from")?.max(today), day("date_to")?);
        let parts =
            [PartOfDay::Morning, PartOfDay::Midday, PartOfDay::Afternoon, PartOfDay::Evening];
        (from <= to).then_some(Self {
            service: Service::with_code(text("service_type")?)?,
            days: Days { from, to },
            part: parts.into_iter().find(|part| Some(part.code()) == text("part_of_day")),
        })
    }
}

/// The beginning of the line that tells why we call.
pub(crate) const LINE: &str = "You have called them. The errand, as data:";
/// The beginning of the line that tells what a call that broke off was about.
pub(crate) const WISH_LINE: &str = "Their last call broke off. What it was about to book, as data:";

fn behind(instructions: &str, line: &str) -> Option<Value> {
    let (_, rest) = instructions.split_once(line)?;
    serde_json::from_str(rest.lines().next()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_errand_is_read_from_what_a_model_is_told() {
        let told = json!({ "reason": "reminder", "appointment_id": "a", "customer_id": "c",
            "first_name": "Ana", "start_local": "2026-06-18T08:00" });
        let text = format!("You are the assistant.\n{LINE} {told}\nBe brief.");
        let read = Errand::read(&text).unwrap();
        assert_eq!(read.first_name(), Some("Ana"));
        assert!(matches!(read, Errand::Reminder { start, .. } if start.hour() == 8));
        assert_eq!(Errand::read("You are the assistant."), None);
    }

    #[test]
    fn a_wish_whose_days_are_over_is_none() {
        let told = json!({ "service_type": "oil_change", "date_from": "2026-06-17",
            "date_to": "2026-06-18", "part_of_day": "morning" });
        let text = format!("{WISH_LINE} {told}\n");
        let read = Wish::read(&text, date(2026, 6, 18)).unwrap();
        assert_eq!(read.days, Days::one(date(2026, 6, 18)));
        assert_eq!(read.part, Some(PartOfDay::Morning));
        assert_eq!(Wish::read(&text, date(2026, 6, 19)), None);
    }
}
