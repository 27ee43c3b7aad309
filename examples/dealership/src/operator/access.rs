use axum::http::{HeaderMap, header};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use voiceagent_core::Secret;

use crate::bearer::{bearer, is_same};

/// How long somebody stays signed in.
const SESSION: SignedDuration = SignedDuration::from_hours(12);
/// The cookie of whoever is signed in.
const COOKIE: &str = "operator";

/// Who may see and do what: keys, and the sessions of the dashboard.
///
/// A session is a moment that the operator's key has signed, so that every replica knows it, and none
/// outlives its key.
#[derive(Clone, Debug)]
pub(super) struct Access {
    operator: Option<Secret>,
    metrics: Option<Secret>,
    is_https: bool,
}

impl Access {
    pub(super) const fn new(
        operator: Option<Secret>,
        metrics: Option<Secret>,
        is_https: bool,
    ) -> Self {
        Self { operator, metrics, is_https }
    }

    /// Whether a key is the operator's.
    pub(super) fn is_operator(&self, key: &str) -> bool {
        self.operator.as_ref().is_some_and(|operator| is_same(operator, key))
    }

    /// Whether a request brings the operator's key.
    pub(super) fn may_operate(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|key| self.is_operator(key))
    }

    /// Whether a request brings a key with which metrics are told.
    pub(super) fn may_measure(&self, headers: &HeaderMap) -> bool {
        let Some(key) = bearer(headers) else { return false };
        // Both are compared, so that the time tells nothing.
        let may_operate = self.is_operator(key);
        self.metrics.as_ref().is_some_and(|metrics| is_same(metrics, key)) | may_operate
    }

    /// The `Set-Cookie` of whoever has shown the key.
    pub(super) fn sign_in(&self, now: Timestamp) -> Option<String> {
        let ends = now.saturating_add(SESSION).ok()?.as_second();
        let seal = seal(self.operator.as_ref()?, ends);
        let secure = if self.is_https { "; Secure" } else { "" };
        Some(format!(
            "{COOKIE}={ends}.{seal}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            SESSION.as_secs()
        ))
    }

    /// The `Set-Cookie` of whoever leaves.
    pub(super) fn sign_out() -> String {
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }

    /// Whether a request comes from somebody who is signed in.
    pub(super) fn is_signed_in(&self, headers: &HeaderMap, now: Timestamp) -> bool {
        let cookies = headers.get_all(header::COOKIE).into_iter();
        let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
        let mut session = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        session.any(|session| self.is_session(session, now))
    }

    fn is_session(&self, session: &str, now: Timestamp) -> bool {
        let Some((ends, sealed)) = session.split_once('.') else { return false };
        let Ok(ends) = ends.parse::<i64>() else { return false };
        let Some(operator) = &self.operator else { return false };
        let is_sealed = is_same(&Secret::new(seal(operator, ends)), sealed);
        is_sealed && now.as_second() < ends
    }
}

/// Whether a page of ours asked for something to be changed. Browsers say who asks, and a session is
/// worth nothing to other pages.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin: Option<&str> = text(header::ORIGIN);
    let host: Option<&str> = text(header::HOST);
    let origin = origin.and_then(|origin| origin.split_once("://").map(|(_, host)| host));
    origin.is_some() && origin == host
}

fn seal(key: &Secret, ends: i64) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let code = mac.expect("a key of any length will do").chain_update(format!("session {ends}"));
    code.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const KEY: &str = "an operator's key of some length";

    fn access() -> Access {
        Access::new(Some(Secret::new(KEY)), Some(Secret::new("a key for metrics alone")), true)
    }

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn only_the_key_opens_and_the_key_of_metrics_opens_nothing_else() {
        let access = access();
        let shown = |value: &str| headers(header::AUTHORIZATION, value);
        assert!(access.may_operate(&shown(&format!("Bearer {KEY}"))));
        assert!(access.may_operate(&shown(&format!("bearer  {KEY}"))));
        for wrong in ["", "Bearer ", "Bearer an operator's key of some lengt", KEY, "Basic YTpi"] {
            assert!(!access.may_operate(&shown(wrong)), "{wrong}");
        }
        let metrics = shown("Bearer a key for metrics alone");
        assert!(access.may_measure(&metrics) && !access.may_operate(&metrics));
        assert!(access.may_measure(&shown(&format!("Bearer {KEY}"))));
        let nobody = Access::new(None, None, false);
        assert!(!nobody.may_operate(&shown("Bearer ")) && !nobody.may_measure(&shown("Bearer ")));
        assert!(!format!("{access:?}").contains("length"));
    }

    #[test]
    fn a_session_lasts_half_a_day_and_is_nobody_elses_to_make() {
        let access = access();
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let set = access.sign_in(now).unwrap();
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Max-Age=43200"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains(KEY));
        let cookie = set.split(';').next().unwrap();
        let brought = headers(header::COOKIE, &format!("theme=dark; {cookie}"));
        assert!(access.is_signed_in(&brought, now));
        let later = now.saturating_add(SESSION).unwrap();
        assert!(!access.is_signed_in(&brought, later));
        let (name, value) = cookie.split_once('=').unwrap();
        let (ends, sealed) = value.split_once('.').unwrap();
        let longer = format!("{name}={}.{sealed}", ends.parse::<i64>().unwrap() + 1);
        for forged in [longer.as_str(), "operator=", "operator=9999999999.00", "operator=x"] {
            assert!(!access.is_signed_in(&headers(header::COOKIE, forged), now), "{forged}");
        }
        let other = Access::new(Some(Secret::new("another key")), None, true);
        assert!(!other.is_signed_in(&brought, now), "a new key ends all sessions");
    }

    #[test]
    fn what_a_foreign_page_asks_for_is_not_done() {
        let mut asked = headers(header::HOST, "agent.example.com");
        assert!(!is_own_page(&asked), "browsers say who asks");
        for (origin, is_own) in
            [("https://agent.example.com", true), ("https://evil.example", false), ("null", false)]
        {
            asked.insert(header::ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(is_own_page(&asked), is_own, "{origin}");
        }
    }
}
