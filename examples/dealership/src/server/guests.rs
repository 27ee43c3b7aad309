//! What customers ask for with a link that they were texted.

use axum::Router;
use voiceagent_core::Result;

use crate::{
    config::Config,
    payments::{self, StripeSignature, Till},
    portal::{self, Links, Portal},
    reception::Reception,
    replicas::Replica,
};

/// The pages of appointments and payments; what the configuration has nothing for is not there.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is missing.
pub(super) fn routes(config: &Config, replica: &Replica, reception: &Reception) -> Result<Router> {
    let Replica { store, clock, shared, .. } = replica;
    let house = &config.dealership.name;
    let mut router = Router::new();
    if let Some(links) = Links::of(config)? {
        router = router.merge(portal::routes(Portal {
            store: store.clone(),
            clock: *clock,
            shared: shared.clone(),
            metrics: reception.metrics(),
            house: house.clone(),
            links,
        }));
    }
    if config.payments.provider.is_some() {
        let secret = config.payments.webhook_secret.clone();
        router = router.merge(payments::routes(Till {
            store: store.clone(),
            clock: *clock,
            house: house.clone(),
            metrics: reception.metrics(),
            signature: StripeSignature::new(secret),
        }));
    }
    Ok(router)
}
