//! How long vendors ask to be left alone, in the headers of a refusal.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use super::limits::rate_limits;

/// The longest that a vendor is left alone by our clock.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How long a refusal asks us to wait.
pub(crate) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    // Who says when there is something left again need not say when to come back.
    let spent = || rate_limits(headers)?.wait().filter(|wait| !wait.is_zero());
    retry_after(headers, SystemTime::now()).or_else(spent)
}

/// How long the vendor asks us to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date
/// (RFC 9110, section 10.2.3), which counts from the response's own `Date`, or from `now` where it
/// has none.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let seconds = |text: &str| text.parse::<f64>().ok();
    let wait = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    let milliseconds = text("retry-after-ms").and_then(seconds);
    if let Some(exact) = milliseconds.and_then(|number| wait(number / 1_000.0)) {
        return Some(exact);
    }
    let asked = text("retry-after")?;
    if let Some(number) = seconds(asked) {
        return wait(number);
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let left = |from: SystemTime| until.duration_since(from).unwrap_or_default();
    match text("date").and_then(|date| httpdate::parse_http_date(date).ok()) {
        Some(sent) => Some(left(sent)),
        // Our clock may be wrong, and a vendor is not to be left alone for hours for that.
        None => Some(left(now).min(LONGEST_WAIT)),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair =
            |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn rd1_every_way_to_ask_for_patience_is_understood() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:35 GMT").unwrap();
        let wait = |pairs: &[_]| retry_after(&headers(pairs), now);
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        let both = [("retry-after", "7"), ("retry-after-ms", "250")];
        assert_eq!(wait(&both), Some(Duration::from_millis(250)));
        let date = [
            ("date", "Sun, 06 Nov 1994 08:49:30 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        assert_eq!(wait(&date), Some(Duration::from_secs(7)));
        let past = [
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:49:30 GMT"),
        ];
        assert_eq!(wait(&past), Some(Duration::ZERO));
        for (until, seconds) in [("08:49:37", 2), ("08:49:30", 0), ("19:00:00", 300)] {
            let until: &'static str = format!("Sun, 06 Nov 1994 {until} GMT").leak();
            let alone = [("retry-after", until)];
            assert_eq!(wait(&alone), Some(Duration::from_secs(seconds)), "{until} without a date");
        }
        for nonsense in ["", "soon", "-1", "NaN", "1e400"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense:?}");
            let both = [("retry-after-ms", nonsense), ("retry-after", "7")];
            assert_eq!(wait(&both), Some(Duration::from_secs(7)), "beside {nonsense:?}");
        }
    }
}
