//! What holds of every connection to a vendor, whatever it is for.

use std::{fmt::Debug, future::Future, time::Duration};

use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result, Retry};

use super::Report;
use crate::vendor::{Refusal, ScriptedVendor};

/// How long a check waits for what must come at once. Only a fault makes it pass.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Messages that no protocol has, and the start of one that many have.
pub(super) const GARBAGE: [&str; 7] = [
    "",
    "nonsense",
    "[1,2",
    "{}",
    r#"{"type":7}"#,
    r#"{"type":"Novelty","x":null}"#,
    r#"{"type":"Re"#,
];

/// A message beyond any sensible size.
pub(super) fn oversized() -> String {
    format!(r#"{{"type":"Novelty","x":"{}"}}"#, "x".repeat(2 << 20))
}

/// Runs the checks. `open` makes a link; `debug` is what the provider's `Debug` prints.
pub(super) async fn opening<V, L, F>(
    report: &mut Report,
    vendor: &V,
    debug: &str,
    open: impl Fn() -> F + Send + Sync,
) where
    V: ScriptedVendor,
    L: Debug + Send,
    F: Future<Output = Result<L>> + Send,
{
    report.note("opens within its deadline", opens(&open).await.map(drop));
    report.note("a dropped link closes its socket", closes(vendor, &open).await);
    report.note("concurrent opens are independent", independent(vendor, &open).await);
    report.note("the key is not in Debug", without(vendor.key(), debug));
    let unauthorized = (ErrorKind::Unauthorized, Retry::Never);
    report.note("401 is Unauthorized", refused(vendor, &open, 401, unauthorized).await);
    let limited = (ErrorKind::RateLimited, Retry::After(WAIT));
    report.note("429 says when to come back", refused(vendor, &open, 429, limited).await);
    let overloaded = (ErrorKind::Overloaded, Retry::After(WAIT));
    report.note("503 is Overloaded", refused(vendor, &open, 503, overloaded).await);
    report.note("a silent handshake is a Timeout", silent(vendor, &open).await);
}

const WAIT: Duration = Duration::from_secs(7);

async fn opens<L: Send, F: Future<Output = Result<L>> + Send>(
    open: &(impl Fn() -> F + Sync),
) -> Result<L, String> {
    let opened = timeout(PATIENCE, open()).await.map_err(|_| "still not open".to_owned())?;
    opened.map_err(|error| error.to_string())
}

async fn closes<V: ScriptedVendor, L: Send, F: Future<Output = Result<L>> + Send>(
    vendor: &V,
    open: &(impl Fn() -> F + Sync),
) -> Result<(), String> {
    until_connections(vendor, 0).await?;
    let link = opens(open).await?;
    until_connections(vendor, 1).await?;
    drop(link);
    until_connections(vendor, 0).await
}

async fn independent<V: ScriptedVendor, L: Send, F: Future<Output = Result<L>> + Send>(
    vendor: &V,
    open: &(impl Fn() -> F + Sync),
) -> Result<(), String> {
    let (one, two, three) = tokio::join!(opens(open), opens(open), opens(open));
    let (one, two, three) = (one?, two?, three?);
    until_connections(vendor, 3).await?;
    drop(two);
    until_connections(vendor, 2).await?;
    drop((one, three));
    until_connections(vendor, 0).await
}

async fn refused<V: ScriptedVendor, L: Debug + Send, F: Future<Output = Result<L>> + Send>(
    vendor: &V,
    open: &(impl Fn() -> F + Sync),
    status: u16,
    expected: (ErrorKind, Retry),
) -> Result<(), String> {
    let mut refusal = Refusal::status(status).retry_after(WAIT);
    refusal.reason = format!("no access with {}", vendor.key());
    vendor.refuse(Some(refusal));
    let result = timeout(PATIENCE, open()).await;
    vendor.refuse(None);
    let error = failed(result)?;
    without(vendor.key(), &format!("{error} {error:?}"))?;
    same((error.kind(), error.retry()), expected)
}

async fn silent<V: ScriptedVendor, L: Debug + Send, F: Future<Output = Result<L>> + Send>(
    vendor: &V,
    open: &(impl Fn() -> F + Sync),
) -> Result<(), String> {
    vendor.ignore_handshakes(true);
    let result = timeout(PATIENCE, open()).await;
    vendor.ignore_handshakes(false);
    same(failed(result)?.kind(), ErrorKind::Timeout)
}

fn failed<L: Debug>(
    result: Result<Result<L>, tokio::time::error::Elapsed>,
) -> Result<Error, String> {
    match result {
        Err(_) => Err("still waiting".to_owned()),
        Ok(Ok(link)) => Err(format!("it opened: {link:?}")),
        Ok(Err(error)) => Ok(error),
    }
}

pub(super) async fn until_connections<V: ScriptedVendor>(
    vendor: &V,
    count: usize,
) -> Result<(), String> {
    let waited = timeout(PATIENCE, vendor.until_connections(count)).await;
    waited.map_err(|_| format!("there are never exactly {count} connections"))
}

pub(super) fn without(secret: &str, text: &str) -> Result<(), String> {
    if text.contains(secret) { Err("the key is in it".to_owned()) } else { Ok(()) }
}

pub(super) fn same<T: Debug + PartialEq>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
