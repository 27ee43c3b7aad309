//! What vendors say is left of the rates that they grant, in the headers of a response.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;
use voiceagent_core::llm::{Quota, RateLimits};

/// Kinds of tokens that Anthropic counts apart.
const TOKENS: [&str; 3] = ["tokens", "input-tokens", "output-tokens"];

/// What is left, if the vendor tells: `x-ratelimit-remaining-requests` and its like (OpenAI, Groq,
/// Azure), or `anthropic-ratelimit-requests-remaining` and its like.
pub(crate) fn rate_limits(headers: &HeaderMap) -> Option<RateLimits> {
    let requests = quota(headers, "requests");
    let tokens = TOKENS.iter().filter_map(|kind| quota(headers, kind));
    let tokens = tokens.min_by_key(|quota| quota.remaining);
    (requests.is_some() || tokens.is_some()).then(|| RateLimits::new(requests, tokens))
}

fn quota(headers: &HeaderMap, kind: &str) -> Option<Quota> {
    let text = |name: String| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(remaining) = text(format!("x-ratelimit-remaining-{kind}")) {
        let reset = text(format!("x-ratelimit-reset-{kind}")).and_then(span);
        return Some(Quota::new(remaining.parse().ok()?, reset.unwrap_or_default()));
    }
    let remaining = text(format!("anthropic-ratelimit-{kind}-remaining"))?;
    let until = text(format!("anthropic-ratelimit-{kind}-reset")).and_then(moment);
    let sent =
        headers.get("date").and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    // Whose clock is right is not known; the vendor's two agree with each other.
    let reset = until.zip(sent).and_then(|(until, sent)| until.duration_since(sent).ok());
    Some(Quota::new(remaining.parse().ok()?, reset.unwrap_or_default()))
}

/// A time as Go writes it, `1h2m3.5s` or `20ms`, or a number of seconds.
fn span(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let unit = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, behind) = rest.split_at(unit);
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(end);
        let seconds = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * seconds;
        rest = next;
    }
    Duration::try_from_secs_f64(sum).ok()
}

/// A moment as RFC 3339 writes it.
fn moment(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once('T')?;
    let (time, offset) = time.split_at(time.find(['Z', '+', '-'])?);
    let numbers = |text: &str, sign: char| -> Option<[u64; 3]> {
        let mut parts = text.split(sign).map(|part| part.parse().ok());
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(numbers)
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    if !(1_970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the day that some lack is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    let seconds = days * 86_400 + hour.min(23) * 3_600 + minute.min(59) * 60 + second.min(60);
    let local = UNIX_EPOCH + Duration::from_secs(seconds);
    if offset == "Z" {
        return Some(local);
    }
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let ahead = Duration::from_secs(hours.min(23) * 3_600 + minutes.min(59) * 60);
    if offset.starts_with('+') { local.checked_sub(ahead) } else { local.checked_add(ahead) }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn limits(pairs: &[(&'static str, &'static str)]) -> Option<RateLimits> {
        let pair =
            |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        rate_limits(&pairs.iter().map(pair).collect())
    }

    #[test]
    fn rd1_what_openai_and_groq_say_is_left_is_understood() {
        let told = limits(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0.5s"),
        ]);
        let tokens = Quota::new(0, Duration::from_millis(360_500));
        let requests = Quota::new(59, Duration::from_secs(1));
        assert_eq!(told, Some(RateLimits::new(Some(requests), Some(tokens))));
        assert_eq!(told.unwrap().wait(), Some(tokens.reset));
    }

    #[test]
    fn rd1_what_anthropic_says_is_left_is_understood() {
        let told = limits(&[
            ("date", "Sun, 22 Nov 2026 01:00:00 GMT"),
            ("anthropic-ratelimit-requests-remaining", "3"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T01:00:20Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "9000"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-22T01:00:07Z"),
        ]);
        let requests = Quota::new(3, Duration::from_secs(20));
        let tokens = Quota::new(0, Duration::from_secs(7));
        assert_eq!(told, Some(RateLimits::new(Some(requests), Some(tokens))));
    }

    #[test]
    fn a_vendor_that_tells_nothing_has_no_limits_that_are_known() {
        assert_eq!(limits(&[]), None);
        assert_eq!(limits(&[("x-ratelimit-remaining-requests", "many")]), None);
    }

    #[test]
    fn times_are_read_and_nonsense_is_none() {
        for (text, millis) in
            [("20ms", 20), ("7.66s", 7_660), ("1h2m3s", 3_723_000), ("12", 12_000)]
        {
            assert_eq!(span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["s", "5 parsecs", "-1s", "NaN", "1e400"] {
            assert_eq!(span(text), None, "{text}");
        }
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:01.5Z", 951_825_601),
            ("2000-02-29T12:00:01+00:00", 951_825_601),
            ("2000-02-29T14:30:01.5+02:30", 951_825_601),
            ("2000-02-29T07:00:01-05:00", 951_825_601),
        ] {
            assert_eq!(moment(text), Some(UNIX_EPOCH + Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00Z",
            "aZ",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+0",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
