//! iCalendar, as far as a mirror needs it: events are written, and busy times are read (RFC 5545).

use std::fmt::Write as _;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{Busy, Event};

/// The longest line, in octets, without its end (section 3.1).
const LONGEST: usize = 75;

/// An event as the body of a request.
pub(super) fn event(event: &Event, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| fold(&mut text, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//voiceagent//dealership//EN");
    line("BEGIN", "VEVENT");
    line("UID", &event.id.to_string());
    line("DTSTAMP", &instant(now));
    line("DTSTART", &instant(event.start.timestamp()));
    line("DTEND", &instant(event.end.timestamp()));
    line("SUMMARY", &escaped(&event.title));
    line("DESCRIPTION", &escaped(&event.details));
    line("TRANSP", if event.is_busy { "OPAQUE" } else { "TRANSPARENT" });
    line("END", "VEVENT");
    line("END", "VCALENDAR");
    text
}

/// A moment: `20261123T160000Z`.
pub(super) fn instant(moment: Timestamp) -> String {
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The busy times in an answer. `None` if one of them cannot be read: whoever is busy then must not
/// be thought to be free.
pub(super) fn busy(text: &str) -> Option<Vec<Busy>> {
    let whole = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let mut found = Vec::new();
    for line in whole.lines() {
        let Some((head, periods)) = line.split_once(':') else { continue };
        let mut parameters = head.split(';');
        let is_busy_time =
            parameters.next().is_some_and(|name| name.eq_ignore_ascii_case("FREEBUSY"))
                && !parameters.any(|parameter| parameter.eq_ignore_ascii_case("FBTYPE=FREE"));
        if is_busy_time {
            for period in periods.split(',') {
                found.push(read_period(period.trim())?);
            }
        }
    }
    Some(found)
}

/// A start and an end, or a start and a length such as `PT1H` (section 3.3.9). Both are UTC here
/// (section 3.6.4).
fn read_period(period: &str) -> Option<Busy> {
    let (start, end) = period.split_once('/')?;
    let start = read_instant(start)?;
    let end = match read_instant(end) {
        Some(end) => end,
        None => {
            let length: jiff::Span = end.parse().ok()?;
            start.to_zoned(TimeZone::UTC).checked_add(length).ok()?.timestamp()
        }
    };
    Some((start, end))
}

fn read_instant(text: &str) -> Option<Timestamp> {
    let local = DateTime::strptime("%Y%m%dT%H%M%S", text.strip_suffix('Z')?).ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|moment| moment.timestamp())
}

/// Section 3.3.11.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\\' | ';' | ',' => {
                let _ = write!(escaped, "\\{c}");
            }
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Writes a line in pieces that servers take.
fn fold(text: &mut String, line: &str) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LONGEST {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(c);
        length += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::AppointmentId;

    #[test]
    fn an_event_is_written_in_folded_lines_without_what_could_begin_another() {
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let start: jiff::Zoned = "2026-11-23T10:00:00[America/Chicago]".parse().unwrap();
        let long = "Ölwechsel; ".repeat(12);
        let text = event(
            &Event {
                id: AppointmentId::new(now),
                end: start.clone(),
                start,
                title: format!("{long}\r\nEND:VEVENT"),
                details: "a\\b, c".to_owned(),
                is_busy: false,
            },
            now,
        );
        assert!(text.split("\r\n").all(|line| line.len() <= LONGEST), "{text}");
        assert!(text.contains("DTSTART:20261123T160000Z\r\n"), "{text}");
        assert!(text.contains("DESCRIPTION:a\\\\b\\, c\r\n"), "{text}");
        assert!(text.contains("TRANSP:TRANSPARENT\r\n"), "{text}");
        let whole = text.replace("\r\n ", "");
        assert!(whole.contains("Ölwechsel\\; \\nEND:VEVENT\r\n"), "{whole}");
        assert_eq!(whole.matches("\r\nEND:VEVENT").count(), 1);
    }

    #[test]
    fn busy_times_are_read_by_end_and_by_length_and_free_ones_are_not() {
        let text = "BEGIN:VFREEBUSY\r\nFREEBUSY;FBTYPE=BUSY:20261123T160000Z/20261123T170000Z,2026\r\n \
                    1123T200000Z/PT30M\r\nFREEBUSY;FBTYPE=FREE:20261124T160000Z/20261124T170000Z\r\n\
                    FREEBUSY:20261125T160000Z/20261125T170000Z\r\nEND:VFREEBUSY\r\n";
        let times: Vec<String> =
            busy(text).unwrap().iter().map(|(from, to)| format!("{from} {to}")).collect();
        assert_eq!(
            times,
            [
                "2026-11-23T16:00:00Z 2026-11-23T17:00:00Z",
                "2026-11-23T20:00:00Z 2026-11-23T20:30:00Z",
                "2026-11-25T16:00:00Z 2026-11-25T17:00:00Z",
            ]
        );
        assert_eq!(busy("FREEBUSY:20261125T160000Z/soon"), None);
    }
}
