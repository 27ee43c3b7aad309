use std::future::Future;

use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

/// Runs work of the SIP stack without its logs: it writes down each message as a whole, at INFO,
/// and so who calls whom.
pub(super) fn quiet<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    work.with_subscriber(NoSubscriber::default())
}
