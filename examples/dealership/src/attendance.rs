//! Who came to their appointment, as the desk says.

use clap::Args;
use jiff::Timestamp;
use voiceagent_core::{Error, Result};

use crate::store::{Attendance, Fault, Refusal, Store};

/// Notes whether somebody came to their appointment.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct AttendanceCommand {
    /// The confirmation code of the appointment.
    pub code: String,
    /// They did not come.
    #[arg(long)]
    pub missed: bool,
}

impl AttendanceCommand {
    /// Notes it, and tells what was noted.
    ///
    /// # Errors
    ///
    /// `Config` when no appointment with this code has begun and stands, and whatever the store says.
    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<String> {
        let code = self.code.trim().to_uppercase();
        match store.note_attendance(&code, !self.missed, now).await {
            Ok(_) if self.missed => Ok(format!("{code}: did not come.\n")),
            Ok(_) => Ok(format!("{code}: came.\n")),
            Err(Fault::Refused(Refusal::NotFound)) => Err(Error::config(format!(
                "no appointment with the code {code} has begun and was not cancelled"
            ))),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// How many did not come, a line for each way in which appointments are confirmed.
pub(crate) fn told(attendance: &[Attendance]) -> String {
    let line = |one: &Attendance| {
        let how = match one.confirmation.as_str() {
            "code" => "confirmed by a code",
            "person" => "confirmed by their link",
            _ => "not confirmed",
        };
        let (missed, all) = (one.missed, one.came + one.missed);
        format!("{how}: {missed} of {all} did not come, {:.0} %\n", 100.0 * one.no_show_rate())
    };
    attendance.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{customer, friday, request};

    #[tokio::test]
    async fn the_desk_says_who_came_by_the_code_that_they_quote() {
        use jiff::{SignedDuration, ToSpan};

        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let start = friday() + 70.hours();
        let zoe = customer(&store, "Zoe").await;
        let booked = store.book(&request(zoe, start, "zoe"), friday()).await.unwrap();
        let code = booked.confirmation_code;
        let later = start + SignedDuration::from_hours(1);
        let command = |missed| AttendanceCommand { code: code.to_lowercase(), missed };
        assert_eq!(command(false).run(&store, later).await.unwrap(), format!("{code}: came.\n"));
        let told_of = store.attendance(friday(), later).await.unwrap();
        assert_eq!(told(&told_of), "not confirmed: 0 of 1 did not come, 0 %\n");
        command(true).run(&store, later).await.unwrap();
        let told_of = store.attendance(friday(), later).await.unwrap();
        assert_eq!(told(&told_of), "not confirmed: 1 of 1 did not come, 100 %\n");
        let early = command(false).run(&store, friday()).await.unwrap_err();
        assert!(early.message().contains("has begun"), "{early}");
    }
}
