use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64_simd::URL_SAFE_NO_PAD;
use rustls::{
    SignatureScheme,
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};
use serde_json::json;
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use crate::random::random_name;

/// How long a token is good: for one request, and clocks that differ.
const LIFETIME: Duration = Duration::from_secs(300);

/// An application that proves itself with tokens of its own making (RFC 7519, RS256).
#[derive(Clone)]
pub(crate) struct Application {
    id: String,
    key: Arc<dyn SigningKey>,
}

impl Application {
    /// Reads the private key, in PEM.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it is no RSA key.
    pub(crate) fn new(id: String, key: &Secret) -> Result<Self> {
        let wrong = || Error::config("private_key: an RSA key in PEM");
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| wrong())?;
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(key).map_err(|_| wrong())?;
        key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(wrong)?;
        Ok(Self { id, key })
    }

    /// A token for a request that is made now.
    pub(super) fn token(&self, now: SystemTime) -> Result<String> {
        self.sign(now, &random_name("sign a request")?)
    }

    fn sign(&self, now: SystemTime, nonce: &str) -> Result<String> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = json!({
            "application_id": self.id,
            "exp": (now + LIFETIME).as_secs(),
            "iat": now.as_secs(),
            "jti": nonce,
        });
        let encode = |text: String| URL_SAFE_NO_PAD.encode_to_string(text);
        let header = json!({ "alg": "RS256", "typ": "JWT" });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signature = signer.and_then(|signer| signer.sign(signed.as_bytes()).ok());
        let signature = signature.ok_or_else(|| {
            Error::new(ErrorKind::Overloaded, "sign a request", "the system has no randomness")
        })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature)))
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_testkit::vendor::CarrierApi;

    use super::*;

    /// What PyJWT 2.15 makes of the same key and claims.
    const TOKEN: &str = include_str!("../../testdata/rs256-token.txt");

    #[test]
    fn a_token_is_what_other_libraries_make() {
        let key = Secret::new(CarrierApi::application_key());
        let application = Application::new("app-1".to_owned(), &key).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(application.sign(at, "nonce").unwrap(), TOKEN.trim());
        assert_ne!(application.token(at).unwrap(), application.token(at).unwrap());
        assert!(!format!("{application:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for wrong in ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
        {
            let error = Application::new("app-1".to_owned(), &Secret::new(wrong)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
        }
    }
}
