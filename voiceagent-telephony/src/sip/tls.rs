use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use voiceagent_core::{Error, Result};

/// Signalling over TLS (RFC 3261, section 26.3.1; RFC 5922).
///
/// ```
/// use voiceagent_telephony::sip::SipTls;
///
/// let tls: SipTls = serde_json::from_str(
///     r#"{ "listen": "0.0.0.0:5061", "certificate": "sip.crt", "key": "sip.key" }"#,
/// )?;
/// assert!(tls.authorities.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SipTls {
    /// Where others reach us by TLS, usually at port 5061. Nowhere if not set: then only calls and
    /// registrations of ours use it.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// The file with our certificate and those between it and an authority, as PEM. It is read when
    /// the server begins to listen.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The file with the key of the certificate, as PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The file with the authorities by which the certificates of others are judged where we
    /// connect to them, as PEM; those of Mozilla if not set.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
}

impl SipTls {
    /// Listens there with this certificate and its key.
    #[must_use]
    pub fn listening(
        listen: SocketAddr,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        Self {
            listen: Some(listen),
            certificate: Some(certificate.into()),
            key: Some(key.into()),
            authorities: None,
        }
    }

    /// Sets who vouches for others.
    #[must_use]
    pub fn with_authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }
}

/// Both ends of TLS, ready for use.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: Option<TlsAcceptor>,
    connector: TlsConnector,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), with the field, when a file cannot be read
    /// or is not what it should be.
    pub(super) fn new(config: &SipTls) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let acceptor = match (config.listen, &config.certificate, &config.key) {
            (None, ..) => None,
            (Some(_), Some(certificate), Some(key)) => {
                Some(acceptor(Arc::clone(&provider), certificate, key)?)
            }
            _ => return Err(Error::config("tls: listening needs a certificate and its key")),
        };
        let connector = connector(provider, config.authorities.as_deref())?;
        Ok(Self { acceptor, connector })
    }

    /// Greets somebody who has connected.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<server::TlsStream<TcpStream>> {
        let acceptor = self.acceptor.as_ref().ok_or(std::io::ErrorKind::Unsupported)?;
        acceptor.accept(stream).await
    }

    /// Greets somebody whom we have connected to, who must be called so.
    pub(super) async fn connect(
        &self,
        name: &str,
        stream: TcpStream,
    ) -> std::io::Result<client::TlsStream<TcpStream>> {
        let invalid = |_| std::io::ErrorKind::InvalidInput;
        let name = ServerName::try_from(name).map_err(invalid)?.to_owned();
        self.connector.connect(name, stream).await
    }
}

fn acceptor(provider: Arc<CryptoProvider>, certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain = certificates("tls.certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|_| Error::config("tls.key: the file has no key, or cannot be read"))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|_| Error::config("tls.key: it is not the key of the certificate"))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn connector(provider: Arc<CryptoProvider>, authorities: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            for authority in certificates("tls.authorities", file)? {
                roots
                    .add(authority)
                    .map_err(|_| Error::config("tls.authorities: one of them is none"))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::config("tls: no version of it is there"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The certificates of a file, at least one.
fn certificates(field: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::config(format!("{field}: the file has none, or cannot be read"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sip").join(name)
    }

    fn refusal(config: &SipTls) -> String {
        Tls::new(config).err().unwrap().message().to_owned()
    }

    #[test]
    fn files_that_are_not_what_they_should_be_are_told_by_their_field() {
        let any = ([127, 0, 0, 1], 0).into();
        let good = SipTls::listening(any, file("host.crt"), file("host.key"));
        Tls::new(&good).unwrap();
        let other_key = SipTls::listening(any, file("authority.crt"), file("host.key"));
        assert!(refusal(&other_key).starts_with("tls.key"));
        let none = SipTls::listening(any, file("nobody.crt"), file("host.key"));
        assert!(refusal(&none).starts_with("tls.certificate"));
        let no_key = SipTls::listening(any, file("host.crt"), file("host.crt"));
        assert!(refusal(&no_key).starts_with("tls.key"));
        let no_authority = SipTls::default().with_authorities(file("host.key"));
        assert!(refusal(&no_authority).starts_with("tls.authorities"));
        let half = SipTls { listen: Some(any), ..SipTls::default() };
        assert!(refusal(&half).starts_with("tls: "));
    }
}
