use std::{fmt::Debug, time::SystemTime};

use axum::http::HeaderMap;

use super::{Form, SignatureRefusal};

/// What a carrier may have signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedRequest<'a> {
    /// As the carrier knows it.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// As it came in.
    pub(crate) body: &'a [u8],
    /// `None` when the body is not a form.
    pub(crate) form: Option<&'a Form>,
    pub(crate) now: SystemTime,
}

impl<'a> SignedRequest<'a> {
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        let since = self.now.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}

/// A carrier's way to sign requests.
pub(crate) trait CheckSignature: Debug + Send + Sync + 'static {
    /// Checks a request.
    ///
    /// # Errors
    ///
    /// When no key makes its signature.
    fn check(&self, request: &SignedRequest<'_>) -> Result<(), SignatureRefusal>;

    /// What is likely wrong when a signature is missing, or does not match although the URL is
    /// right.
    fn hint(&self, refusal: SignatureRefusal) -> &'static str;
}
