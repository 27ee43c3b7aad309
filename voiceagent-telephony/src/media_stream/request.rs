use std::{future::Future, time::Duration};

use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result};

/// For the carrier to do what it was asked beside the socket, all attempts included.
pub(super) const CONTROL: Duration = Duration::from_secs(15);

/// What came of a request to the carrier; a [`Timeout`](ErrorKind::Timeout) when it does not
/// answer in time.
pub(super) async fn bounded(
    time: Duration,
    request: impl Future<Output = Result<()>> + Send,
) -> Result<()> {
    timeout(time, request).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Timeout, "control", "the carrier did not answer in time"))
    })
}
