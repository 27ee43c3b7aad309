//! What the browser is told of all pages of this program.

use axum::http::{HeaderMap, HeaderValue, header};

/// What a page may load, and to whom its address may be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnPage {
    /// The `Content-Security-Policy`.
    pub(crate) policy: &'static str,
    /// The `Referrer-Policy`.
    pub(crate) referrer: &'static str,
}

impl OwnPage {
    /// No foreign page shows it, as far as the policy says so, and no cache keeps it.
    pub(crate) fn keep(self, headers: &mut HeaderMap) {
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, self.policy),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, self.referrer),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_framed_kept_and_taken_for_something_else_by_nobody() {
        let mut headers = HeaderMap::new();
        OwnPage { policy: "default-src 'none'", referrer: "no-referrer" }.keep(&mut headers);
        for (name, value) in [
            ("content-security-policy", "default-src 'none'"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(headers[name], value);
        }
    }
}
