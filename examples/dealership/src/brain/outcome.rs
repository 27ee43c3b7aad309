//! Results of tools, as this program's tools write them.

use jiff::{ToSpan, civil::DateTime};
use serde::Deserialize;
use serde_json::Value;

use super::{service::Service, words::Words};

/// What a tool returned: the envelope that all tools of this program share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    code: Option<String>,
    pub(crate) data: Value,
    say: Option<String>,
    pub(crate) retryable: bool,
}

impl Outcome {
    /// Reads a result. What is no envelope (the session's own "the tool failed") is a failure.
    pub(crate) fn parse(output: &str) -> Self {
        serde_json::from_str(output).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// The sentence that the tool made of what it committed.
    pub(crate) fn say(&self) -> Option<&str> {
        self.say.as_deref().filter(|say| !say.is_empty())
    }

    /// A text among the data.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    /// The slots of a search, or the alternatives of a refused booking.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let list = ["slots", "alternatives"].iter().find_map(|field| self.data.get(*field));
        list.and_then(Value::as_array).into_iter().flatten().filter_map(Slot::read).collect()
    }

    pub(crate) fn appointments(&self) -> Vec<Appointment> {
        let list = self.data.get("appointments").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Appointment::read).collect()
    }

    /// The customer's cars.
    pub(crate) fn vehicles(&self) -> Vec<Vehicle> {
        let list = self.data.get("vehicles").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Vehicle::read).collect()
    }

    /// The next opening, when nothing is free in the days that were asked for.
    pub(crate) fn next_available(&self) -> Option<DateTime> {
        let next = self.data.get("next_available")?;
        start(next).or_else(|| moment(next.as_str()?))
    }
}

/// A time that can be booked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Slot {
    pub(crate) id: String,
    pub(crate) start: DateTime,
    pub(crate) end: DateTime,
    /// The tool's own wording; it tells the two readings of a repeated hour apart.
    pub(crate) spoken: Option<String>,
}

impl Slot {
    /// Whether nobody can come to both.
    pub(crate) fn meets(&self, visit: &Appointment) -> bool {
        self.start < visit.end && visit.start < self.end
    }

    fn read(value: &Value) -> Option<Self> {
        let (start, end) = span(value)?;
        Some(Self {
            id: value.get("slot_id")?.as_str()?.to_owned(),
            start,
            end,
            spoken: value.get("spoken").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// A visit that the customer has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Appointment {
    pub(crate) id: String,
    pub(crate) service: Option<Service>,
    pub(crate) start: DateTime,
    pub(crate) end: DateTime,
    /// The label of the car that comes.
    pub(crate) vehicle: Option<String>,
}

impl Appointment {
    fn read(value: &Value) -> Option<Self> {
        let cancelled = value.get("status").and_then(Value::as_str) == Some("cancelled");
        let code = value.get("service_type").and_then(Value::as_str).unwrap_or_default();
        let (start, end) = span(value)?;
        let appointment = Self {
            id: value.get("appointment_id")?.as_str()?.to_owned(),
            service: Service::with_code(code),
            start,
            end,
            vehicle: value.get("vehicle_label").and_then(Value::as_str).map(str::to_owned),
        };
        (!cancelled).then_some(appointment)
    }
}

/// A car of the customer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Vehicle {
    pub(crate) id: String,
    /// Year, make and model.
    pub(crate) label: String,
}

impl Vehicle {
    /// The words of its label, as a caller would say them.
    pub(crate) fn words(&self) -> Vec<String> {
        Words::new(&self.label).iter().map(str::to_owned).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
        Some(Self { id: text("vehicle_id")?, label: text("label")? })
    }
}

/// When it begins and ends. What has no end has begun and is over a minute later.
fn span(value: &Value) -> Option<(DateTime, DateTime)> {
    let start = start(value)?;
    let end = value.get("end_local").and_then(Value::as_str).and_then(moment);
    let end = end.filter(|end| *end > start);
    Some((start, end.unwrap_or_else(|| start.saturating_add(1.minute()))))
}

fn start(value: &Value) -> Option<DateTime> {
    moment(value.get("start_local")?.as_str()?)
}

/// Wall-clock time; an offset behind it is left out, as speech leaves it out.
fn moment(text: &str) -> Option<DateTime> {
    text.get(..16)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn slots_are_read_with_and_without_an_offset() {
        let outcome = Outcome::parse(
            r#"{"ok":true,"code":null,"say":null,"retryable":false,"data":{"slots":[
                {"slot_id":"a","start_local":"2026-03-04T09:30","spoken":"nine thirty","with":"Bay 1"},
                {"slot_id":"b","start_local":"2026-03-04T10:00:00-06:00"},
                {"slot_id":"c"}]}}"#,
        );
        let starts: Vec<_> = outcome.slots().into_iter().map(|slot| slot.start).collect();
        let day = date(2026, 3, 4);
        assert_eq!(starts, [day.at(9, 30, 0, 0), day.at(10, 0, 0, 0)]);
    }

    #[test]
    fn what_is_no_envelope_is_a_failure() {
        assert!(!Outcome::parse("oops").ok);
        let failed = Outcome::parse(r#"{"error":"the tool failed"}"#);
        assert!(!failed.ok && failed.say().is_none() && failed.code().is_empty());
    }
}
