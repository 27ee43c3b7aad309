use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use voiceagent_core::{
    Error, ErrorKind, Retry,
    embedding::{Embedder, Embedding, Purpose},
};

use super::{
    Report,
    opening::{PATIENCE, ensure, same, without},
};
use crate::vendor::{Refusal, ScriptedVendor};

const WAIT: Duration = Duration::from_secs(7);

/// The words of a long paragraph.
const PARAGRAPH: usize = 200;

/// Texts that are alike, and one that is not.
const TEXTS: [&str; 3] = ["How much is an oil change?", "What is an oil change?", "Good bye then."];

/// Checks an embedder, against a scripted vendor if it has one.
///
/// `make` builds the embedder for an address, with the vendor's key and with a deadline of some
/// seconds.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn embedder<V: ScriptedVendor>(
    subject: &str,
    vendor: Option<&V>,
    make: impl Fn(&str) -> Arc<dyn Embedder> + Send,
) -> Report {
    let mut report = Report::new("embedder", subject);
    let url = vendor.map(V::url).unwrap_or_default();
    let sound = make(&url);
    report.claim(&sound.capabilities());
    report.note("each text has its point, in order", in_order(&*sound).await);
    report.note("points are of length one and of the size that is claimed", sized(&*sound).await);
    report.note("what is alike lies closer together", alike(&*sound).await);
    report.note("no texts have no points", none(&*sound).await);
    report.note("a text without content is no fault", empty(&*sound).await);
    report.note("more texts than fit in a request are several", batches(&*sound).await);
    report.note("texts too large for a request are several", large(&*sound).await);
    let faults = [
        ("401 is Unauthorized", 401, ErrorKind::Unauthorized, Retry::Never),
        ("429 says when to come back", 429, ErrorKind::RateLimited, Retry::After(WAIT)),
        ("503 is Overloaded", 503, ErrorKind::Overloaded, Retry::After(WAIT)),
    ];
    let Some(vendor) = vendor else {
        faults.iter().for_each(|(check, ..)| report.not_claimed(*check));
        report.not_claimed("a silent vendor is a Timeout");
        report.not_claimed("the key is not in Debug");
        return report;
    };
    for (check, status, kind, retry) in faults {
        let error = refused(vendor, &*make(&url), status).await;
        report.note(
            check,
            error.and_then(|error| same((error.kind(), error.retry()), (kind, retry))),
        );
    }
    vendor.ignore_handshakes(true);
    let error = failed(&*make(&url)).await;
    vendor.ignore_handshakes(false);
    let silent = error.and_then(|error| same(error.kind(), ErrorKind::Timeout));
    report.note("a silent vendor is a Timeout", silent);
    report.note("the key is not in Debug", without(vendor.key(), &format!("{sound:?}")));
    report
}

async fn points(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<Embedding>, String> {
    let texts: Vec<Arc<str>> = texts.iter().map(|text| Arc::from(*text)).collect();
    let asked = timeout(PATIENCE, embedder.embed(&texts, Purpose::Document)).await;
    let points = asked.map_err(|_| "still waiting".to_owned())?;
    let points = points.map_err(|error| error.to_string())?;
    same(points.len(), texts.len())?;
    Ok(points)
}

async fn in_order(embedder: &dyn Embedder) -> Result<(), String> {
    let all = points(embedder, &TEXTS).await?;
    for (text, point) in TEXTS.iter().zip(all) {
        let alone = points(embedder, &[text]).await?.remove(0);
        ensure(alone.similarity(&point) > 0.999, || format!("{text:?} has another point alone"))?;
    }
    Ok(())
}

async fn sized(embedder: &dyn Embedder) -> Result<(), String> {
    for point in points(embedder, &TEXTS).await? {
        let length = point.similarity(&point);
        ensure((length - 1.0).abs() < 1e-3, || format!("a length of {length}"))?;
        let claimed = embedder.capabilities().dimensions.unwrap_or(point.values().len());
        same(point.values().len(), claimed)?;
    }
    Ok(())
}

async fn alike(embedder: &dyn Embedder) -> Result<(), String> {
    let points = points(embedder, &TEXTS).await?;
    let (near, far) = (points[0].similarity(&points[1]), points[0].similarity(&points[2]));
    ensure(near > far, || format!("{near} is not more than {far}"))
}

async fn none(embedder: &dyn Embedder) -> Result<(), String> {
    points(embedder, &[]).await.map(drop)
}

async fn empty(embedder: &dyn Embedder) -> Result<(), String> {
    let around = points(embedder, &[TEXTS[0], "", TEXTS[2]]).await?;
    let same_as = points(embedder, &[TEXTS[0], TEXTS[2]]).await?;
    let kept = around[0].similarity(&same_as[0]).min(around[2].similarity(&same_as[1]));
    ensure(kept > 0.999, || "its neighbours have other points".to_owned())
}

async fn batches(embedder: &dyn Embedder) -> Result<(), String> {
    let count = embedder.capabilities().batch.map_or(3, |batch| batch + 1);
    several(embedder, count, "").await
}

/// As many texts as one request takes, and as long as paragraphs are: vendors limit the tokens of a
/// request as well.
async fn large(embedder: &dyn Embedder) -> Result<(), String> {
    let count = embedder.capabilities().batch.unwrap_or(3);
    several(embedder, count, &" car".repeat(PARAGRAPH)).await
}

async fn several(embedder: &dyn Embedder, count: usize, rest: &str) -> Result<(), String> {
    // Beyond some thousands there is nothing more to learn.
    let count = count.min(5_000);
    let texts: Vec<String> = (0..count).map(|number| format!("text {number}{rest}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let all = points(embedder, &texts).await?;
    let last = texts.last().copied().unwrap_or_default();
    let alone = points(embedder, &[last]).await?.remove(0);
    ensure(all[count - 1].similarity(&alone) > 0.999, || "the last has another point".to_owned())
}

async fn failed(embedder: &dyn Embedder) -> Result<Error, String> {
    let texts = [Arc::from("A secret question.")];
    let asked = timeout(PATIENCE, embedder.embed(&texts, Purpose::Query)).await;
    let error = asked.map_err(|_| "still waiting".to_owned())?;
    let error = error.err().ok_or_else(|| "it did not fail".to_owned())?;
    without("secret question", &format!("{error} {error:?}"))?;
    Ok(error)
}

async fn refused<V: ScriptedVendor>(
    vendor: &V,
    embedder: &dyn Embedder,
    status: u16,
) -> Result<Error, String> {
    let mut refusal = Refusal::status(status).retry_after(WAIT);
    refusal.reason = format!("no access with {}", vendor.key());
    vendor.refuse(Some(refusal));
    let error = failed(embedder).await;
    vendor.refuse(None);
    let error = error?;
    without(vendor.key(), &format!("{error} {error:?}"))?;
    Ok(error)
}
