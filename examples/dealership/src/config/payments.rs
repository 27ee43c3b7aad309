use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// Who takes payments for links that are texted.
///
/// ```toml
/// [payments]              # DEALERSHIP_STRIPE_KEY, DEALERSHIP_STRIPE_WEBHOOK_SECRET
/// provider = "stripe"
/// currency = "usd"
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[payments]`")]
#[non_exhaustive]
pub struct PaymentsConfig {
    /// Who; `None` takes none, and callers are told to pay at the counter.
    pub provider: Option<PaymentsProvider>,
    /// ISO 4217, in small letters.
    pub currency: String,
    /// Another address of the provider's API.
    pub url: Option<String>,
    /// The key of the account; from the environment alone.
    #[serde(skip)]
    pub key: Secret,
    /// What signs what the provider tells; from the environment alone.
    #[serde(skip)]
    pub webhook_secret: Secret,
}

/// Those who take payments.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaymentsProvider {
    /// Stripe's hosted Checkout.
    Stripe,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        Self {
            provider: None,
            currency: "usd".to_owned(),
            url: None,
            key: Secret::default(),
            webhook_secret: Secret::default(),
        }
    }
}

impl PaymentsConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        for (name, secret) in [
            ("DEALERSHIP_STRIPE_KEY", &mut self.key),
            ("DEALERSHIP_STRIPE_WEBHOOK_SECRET", &mut self.webhook_secret),
        ] {
            if let Some(set) = env(name) {
                *secret = Secret::new(set.trim());
            }
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.provider.is_none() {
            return Ok(());
        }
        for (name, secret) in [
            ("DEALERSHIP_STRIPE_KEY", &self.key),
            ("DEALERSHIP_STRIPE_WEBHOOK_SECRET", &self.webhook_secret),
        ] {
            if secret.is_empty() {
                return Err(Error::config(format!(
                    "{name} is missing; field `payments.provider` needs it"
                )));
            }
        }
        Ok(())
    }
}
