use jiff::Timestamp;
use serde::Serialize;

use crate::store::Store;

use super::{Decoded, Vin, Vpic};

/// Finds out what a number stands for: from memory, else from the service, else from the number.
#[derive(Clone, Debug)]
pub struct Decoder {
    store: Store,
    service: Option<Vpic>,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "memory, service, the number itself")]
pub enum Source {
    /// An answer of the service, at most seven days old.
    Cache,
    /// The number itself.
    Local,
    /// The service.
    Service,
}

/// Why nothing is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "asked and not known, or could not ask")]
pub enum DecodeFault {
    /// Neither the service nor the table knows the maker.
    NotFound,
    /// The service does not answer, and the table does not know the maker.
    Unavailable,
}

impl Decoder {
    /// A decoder that remembers in `store`; without a service it works offline.
    #[must_use]
    pub fn new(store: Store, service: Option<Vpic>) -> Self {
        Self { store, service }
    }

    /// Finds out what a number stands for.
    ///
    /// # Errors
    ///
    /// When not even the maker is known.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request; at worst an answer is not remembered.
    pub async fn decode(
        &self,
        vin: &Vin,
        now: Timestamp,
    ) -> Result<(Decoded, Source), DecodeFault> {
        match self.store.cached_vin(vin, now).await {
            Ok(Some(cached)) => return Ok((cached, Source::Cache)),
            Ok(None) => {}
            Err(fault) => tracing::warn!(%fault, "remembered VINs cannot be read"),
        }
        let mut unavailable = false;
        if let Some(service) = &self.service {
            match service.decode(vin).await {
                Ok(Some(decoded)) => {
                    if let Err(fault) = self.store.cache_vin(vin, &decoded, now).await {
                        tracing::warn!(%fault, "a decoded VIN cannot be remembered");
                    }
                    return Ok((decoded, Source::Service));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "VIN decoding falls back to the offline table");
                    unavailable = true;
                }
            }
        }
        let local = vin.decode();
        match (local.make.is_some(), unavailable) {
            (true, _) => Ok((local, Source::Local)),
            (false, true) => Err(DecodeFault::Unavailable),
            (false, false) => Err(DecodeFault::NotFound),
        }
    }
}
