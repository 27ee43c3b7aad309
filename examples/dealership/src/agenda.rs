//! Appointments as a table for a terminal.

use crate::{
    spoken,
    store::{AgendaEntry, AppointmentStatus},
    table,
};

/// A table of what, when, who, the confirmation code and how it stands; or that there is none.
#[must_use]
pub fn table(entries: &[AgendaEntry]) -> String {
    if entries.is_empty() {
        return "No appointments.\n".to_owned();
    }
    let mut rows = vec![["WHAT", "WHEN", "WHO", "CODE", "STATUS"].map(str::to_owned)];
    rows.extend(entries.iter().map(row));
    table::write(&rows)
}

fn row(entry: &AgendaEntry) -> [String; 5] {
    let appointment = &entry.appointment;
    let status = match (appointment.status, &appointment.moved_from) {
        (AppointmentStatus::Cancelled, _) => "cancelled",
        (AppointmentStatus::Confirmed, _) => "confirmed",
        (AppointmentStatus::Booked, Some(_)) => "moved",
        (AppointmentStatus::Booked, None) => "booked",
    };
    [
        appointment.service_name.clone(),
        spoken::moment(&appointment.start),
        entry.customer.clone(),
        appointment.confirmation_code.clone(),
        status.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn each_appointment_is_a_line_of_the_table() {
        let now = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::fresh().await;
        store.seed(now).await.unwrap();
        let shown = table(&store.agenda(now).await.unwrap());
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        assert!(lines[0].starts_with("WHAT              WHEN"), "{shown}");
        assert!(
            lines[2].starts_with("brake inspection  Monday, November 23rd at 10 AM    Ana Morales"),
            "{shown}"
        );
        assert!(lines[2].ends_with("booked"), "{shown}");
        assert_eq!(table(&store.changed_after(now).await.unwrap()), "No appointments.\n");
    }
}
