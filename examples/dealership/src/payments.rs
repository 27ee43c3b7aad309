//! Payments on a page of whoever takes them. No card is read out, heard, or seen by this program.

mod pages;
mod stripe;

#[cfg(test)]
mod tests;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use voiceagent_core::{Error, Result};

use crate::config::{Config, PaymentsConfig};

pub(crate) use self::pages::{Till, routes};
pub use self::stripe::{Stripe, StripeSignature};

/// What is to be paid.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct PaymentRequest {
    /// By what we know it. The same request again is the same payment.
    pub id: String,
    /// How much, in cents.
    pub amount_cents: i64,
    /// What for, as people read it: the service and the house, and nobody's name.
    pub what: String,
    /// Where people go when they have paid, or do not want to.
    pub back: String,
}

/// Where something is paid.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "whoever takes payments states every field")]
pub struct PaymentPage {
    /// The name of whoever takes it for this payment.
    pub reference: String,
    /// The page.
    pub url: String,
    /// Until when it is there.
    pub until: Timestamp,
}

/// Takes payments on pages of its own.
#[async_trait]
pub trait PaymentProvider: Debug + Send + Sync + 'static {
    /// Its name, as it stands in the configuration.
    fn name(&self) -> &'static str;

    /// Makes the page of a payment, or finds the one that was made for it.
    ///
    /// # Errors
    ///
    /// When it refuses, cannot be reached, or nobody knows.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped there is a page, or not; asked again for the same payment, there
    /// is one.
    async fn page(&self, request: &PaymentRequest, now: Timestamp) -> Result<PaymentPage>;
}

/// What the tool works with: who takes payments, and where people are sent to them.
#[derive(Clone, Debug)]
pub struct Payments {
    provider: Arc<dyn PaymentProvider>,
    house: Arc<str>,
    base: Arc<str>,
}

impl Payments {
    /// Has payments taken for a house whose pages are below this public address.
    #[must_use]
    pub fn new(
        provider: Arc<dyn PaymentProvider>,
        house: impl Into<Arc<str>>,
        public_url: &str,
    ) -> Self {
        let base = public_url.trim_end_matches('/').into();
        Self { provider, house: house.into(), base }
    }

    /// What a configuration has for it; `None` where it names nobody.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is missing or wrong.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
        if config.payments.provider.is_none() {
            return Ok(None);
        }
        let needed = "field `server.public_url` is missing; `payments.provider` needs it";
        let url = config.server.public_url.as_deref().ok_or_else(|| Error::config(needed))?;
        let PaymentsConfig { key, currency, url: api, .. } = &config.payments;
        let stripe = Stripe::new(key.clone(), currency, api.as_deref())?;
        Ok(Some(Self::new(Arc::new(stripe), config.dealership.name.as_str(), url)))
    }

    /// The page of a payment for a service, and who takes it.
    ///
    /// # Errors
    ///
    /// As [`PaymentProvider::page`].
    pub(crate) async fn page(
        &self,
        (id, service): (&str, &str),
        amount_cents: i64,
        now: Timestamp,
    ) -> Result<(&'static str, PaymentPage)> {
        let request = PaymentRequest {
            id: id.to_owned(),
            amount_cents,
            what: format!("{}: {service}", self.house),
            back: self.link(id),
        };
        Ok((self.provider.name(), self.provider.page(&request, now).await?))
    }

    /// The address that is texted: short, and ours, so that it leads on to the page, or tells that
    /// it is paid.
    pub(crate) fn link(&self, id: &str) -> String {
        format!("{}{}/{id}", self.base, pages::PAY)
    }
}
