use jiff::Timestamp;

use super::{AppointmentId, Fault, Refusal, Store};

/// How many came to appointments that were confirmed in one way, of those of whom somebody has said.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Attendance {
    /// `code` that was texted, `person` who said so by the link of their appointment, or `none`.
    pub confirmation: String,
    /// Those who came.
    pub came: i64,
    /// Those who did not.
    pub missed: i64,
}

impl Attendance {
    /// The share of those who did not come.
    #[must_use]
    pub fn no_show_rate(&self) -> f64 {
        // Of nobody there is no row, so there is no division by zero.
        self.missed as f64 / (self.came + self.missed) as f64
    }
}

impl Store {
    /// Notes whether somebody came to the appointment with a confirmation code; of several, the one
    /// that began last. What was said of it before counts no more.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when none with this code has begun and stands, or when the store cannot be
    /// written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future notes it or does not.
    pub async fn note_attendance(
        &self,
        code: &str,
        came: bool,
        now: Timestamp,
    ) -> Result<AppointmentId, Fault> {
        let mut writes = self.begin().await?;
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM appointment
             WHERE confirmation_code = $1 AND status <> 'cancelled' AND starts_at <= $2
             ORDER BY starts_at DESC, id DESC LIMIT 1",
        )
        .bind(code)
        .bind(now.as_millisecond())
        .fetch_optional(&mut *writes)
        .await?;
        let found = found.ok_or(Refusal::NotFound)?;
        // What the customer and their calendar see of it stays as it is, and so does its version.
        sqlx::query("UPDATE appointment SET came = $2 WHERE id = $1")
            .bind(&found)
            .bind(i64::from(came))
            .execute(&mut *writes)
            .await?;
        writes.commit().await?;
        Ok(AppointmentId::stored(&found)?)
    }

    /// How many came since a moment, by how their appointments were confirmed.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn attendance(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Attendance>, Fault> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT coalesce(confirmation_method, 'none'), CAST(sum(came) AS BIGINT),
                    CAST(sum(1 - came) AS BIGINT)
             FROM appointment
             WHERE came IS NOT NULL AND status <> 'cancelled' AND starts_at BETWEEN $1 AND $2
             GROUP BY coalesce(confirmation_method, 'none')
             ORDER BY coalesce(confirmation_method, 'none')",
        )
        .bind(since.as_millisecond())
        .bind(now.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let attendance = |(confirmation, came, missed)| Attendance { confirmation, came, missed };
        Ok(rows.into_iter().map(attendance).collect())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};

    use super::*;
    use crate::store::tests::{customer, friday, request};

    /// Books a visit on Monday, so many half hours after ten, and returns its code.
    async fn booked(store: &Store, name: &str, nth: i64) -> (AppointmentId, String) {
        let start = friday() + (70 * 60 + 30 * nth).minutes();
        let who = customer(store, name).await;
        let booked = store.book(&request(who, start, name), friday()).await.unwrap();
        (booked.id, booked.confirmation_code)
    }

    #[tokio::test]
    async fn who_does_not_come_is_counted_by_how_their_appointment_was_confirmed() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let mut codes = Vec::new();
        for (nth, name) in (0..).zip(["Ann", "Bob", "Cid", "Dan", "Eve"]) {
            codes.push(booked(&store, name, 2 * nth).await);
        }
        // Ann and Bob say that they will come, Cid and Dan do not, and of Eve nobody says anything.
        for (id, _) in &codes[..2] {
            store.confirm(*id, friday()).await.unwrap();
        }
        let early = store.note_attendance(&codes[0].1, true, friday()).await;
        assert!(matches!(early, Err(Fault::Refused(Refusal::NotFound))), "nobody came to it yet");
        let tuesday = friday() + SignedDuration::from_hours(4 * 24);
        for ((_, code), came) in codes.iter().zip([true, true, true, false]) {
            store.note_attendance(code, came, tuesday).await.unwrap();
        }
        // Whoever was at the desk has looked again.
        store.note_attendance(&codes[1].1, false, tuesday).await.unwrap();
        store.note_attendance(&codes[2].1, false, tuesday).await.unwrap();
        let told = store.attendance(friday(), tuesday).await.unwrap();
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.confirmation.as_str(), one.came, one.missed, one.no_show_rate()))
            .collect();
        assert_eq!(told, [("none", 0, 2, 1.0), ("person", 1, 1, 0.5)]);
        assert!(store.attendance(tuesday, tuesday).await.unwrap().is_empty());
        let nobody = store.note_attendance("NOCODE", true, tuesday).await;
        assert!(matches!(nobody, Err(Fault::Refused(Refusal::NotFound))));
    }
}
