use std::time::SystemTime;

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};
use serde_json::Value;
use voiceagent_core::transport::Direction;

use crate::{
    control::{LiveCall, live_call::masked},
    front_door::CallStatus,
};

/// Where an entry in a carrier's list of calls tells what, as JSON pointers (RFC 6901). Of several
/// the first that is there counts.
#[derive(Debug)]
pub(crate) struct CallFields {
    pub(crate) id: &'static str,
    pub(crate) from: &'static [&'static str],
    pub(crate) to: &'static [&'static str],
    pub(crate) since: &'static [&'static str],
}

impl CallFields {
    /// The call of an entry; `None` without a name.
    pub(super) fn read(&self, entry: &Value) -> Option<LiveCall> {
        let text = |pointers: &[&str]| {
            pointers.iter().find_map(|pointer| entry.pointer(pointer)?.as_str())
        };
        let mut call = LiveCall::named(text(&[self.id]).filter(|name| super::is_name(name))?);
        call.direction = text(&["/direction"]).and_then(|word| match word {
            "inbound" => Some(Direction::Inbound),
            // Twilio's and SignalWire's have more behind it: who asked for the call.
            word if word.starts_with("outbound") => Some(Direction::Outbound),
            _ => None,
        });
        call.number = match call.direction {
            Some(Direction::Inbound) => text(self.from).and_then(masked),
            Some(Direction::Outbound) => text(self.to).and_then(masked),
            None => None,
        };
        call.since = text(self.since).and_then(time);
        call.status = text(&["/status"]).and_then(CallStatus::parse).unwrap_or(call.status);
        Some(call)
    }
}

/// A time as RFC 2822 and RFC 3339 write it, or without its zone, which is UTC then.
fn time(text: &str) -> Option<SystemTime> {
    let here = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let told = text.parse::<Timestamp>().ok();
    let told = told.or_else(|| rfc2822::parse(text).ok().map(|at| at.timestamp()));
    told.or_else(|| here().map(|at| at.timestamp())).map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_are_read_as_carriers_write_them() {
        let expected = UNIX_EPOCH + Duration::from_secs(1_577_880_000);
        for text in [
            "Wed, 01 Jan 2020 12:00:00 +0000",
            "2020-01-01T12:00:00Z",
            "2020-01-01T13:00:00.000+01:00",
            "2020-01-01 12:00:00",
        ] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn strange_entries_tell_what_can_be_read() {
        let fields = CallFields {
            id: "/uuid",
            from: &["/from/number"],
            to: &["/to/number", "/to/0/number"],
            since: &["/start_time"],
        };
        let read = |text: &str| fields.read(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"uuid":"a","status":7,"direction":"up"}"#), Some(LiveCall::named("a")));
        assert_eq!(read(r#"{"uuid":"a/../b"}"#), None);
        assert_eq!(read("7"), None);
        let out = r#"{"uuid":"a","direction":"outbound","to":[{"number":"4155550123"}]}"#;
        let out = read(out).unwrap();
        assert_eq!(out.direction, Some(Direction::Outbound));
        assert_eq!(out.number.as_deref(), Some("********23"));
    }
}
