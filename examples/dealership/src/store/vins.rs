use jiff::{Timestamp, ToSpan};

use crate::vin::{Decoded, Vin};

use super::{Fault, Store, slots::later};

impl Store {
    /// What the decoding service said about a number within the last seven days.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn cached_vin(&self, vin: &Vin, now: Timestamp) -> Result<Option<Decoded>, Fault> {
        let fresh = later(now, (-7 * 24).hours());
        let decoded: Option<String> =
            sqlx::query_scalar("SELECT decoded FROM vin_cache WHERE vin = $1 AND fetched_at > $2")
                .bind(vin.as_str())
                .bind(fresh.as_millisecond())
                .fetch_optional(&self.reader)
                .await?;
        // An entry of another version of the application is no entry.
        Ok(decoded.and_then(|decoded| serde_json::from_str(&decoded).ok()))
    }

    /// Remembers what the decoding service said about a number.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn cache_vin(
        &self,
        vin: &Vin,
        decoded: &Decoded,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let decoded = serde_json::to_string(decoded).expect("strings and numbers are valid JSON");
        self.write(
            sqlx::query(
                "INSERT INTO vin_cache (vin, decoded, fetched_at) VALUES ($1, $2, $3)
             ON CONFLICT (vin) DO UPDATE SET decoded = excluded.decoded,
                                             fetched_at = excluded.fetched_at",
            )
            .bind(vin.as_str())
            .bind(decoded)
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }
}
