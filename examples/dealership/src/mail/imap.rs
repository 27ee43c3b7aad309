use std::{fmt, sync::Arc, time::Duration};

use async_imap::{Client, Session};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::Inbox;

/// What a visit to the box may take. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Letters of one visit. What is left has its turn in the next.
const MOST: usize = 100;
/// How much of a letter is read: what it answers stands at its beginning.
const HEAD: u32 = 65_536;

const READ: &str = "read letters";

/// A box on a server.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct ImapAccount {
    /// Where it is: `imaps://mail.example.com`, or `imap://127.0.0.1:143` for this machine.
    pub url: String,
    /// Who logs in.
    pub user: String,
    /// With which password.
    pub password: Secret,
}

/// Reads the letters of a box by IMAP (RFC 3501), over TLS.
#[derive(Clone)]
pub struct ImapInbox {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    user: String,
    password: Secret,
}

trait Wire: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Wire for T {}

type Visit = Session<Box<dyn Wire>>;

impl ImapInbox {
    /// A reader of a box. Nobody is connected to yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] naming the field that is wrong. A password goes over TLS, or stays on
    /// this machine.
    pub fn new(account: ImapAccount) -> Result<Self> {
        let ImapAccount { url, user, password } = account;
        let wrong = || {
            Error::config(
                "field `email.imap` is no address of a server; write it like \
                 `imaps://mail.example.com`",
            )
        };
        let (scheme, place) = url.split_once("://").ok_or_else(wrong)?;
        let place = place.trim_end_matches('/');
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
            None => (place, None),
        };
        let is_here = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        let (tls, usual) = match scheme {
            "imaps" => (Some(connector()), 993),
            "imap" if is_here => (None, 143),
            _ => return Err(wrong()),
        };
        if host.is_empty() {
            return Err(wrong());
        }
        let (host, port) = (host.to_owned(), port.unwrap_or(usual));
        Ok(Self { host, port, tls, user, password })
    }

    async fn enter(&self) -> Result<Visit> {
        let host = self.host.trim_matches(['[', ']']);
        let tcp = TcpStream::connect((host, self.port)).await.map_err(|cause| {
            Error::new(ErrorKind::Disconnected, READ, "nobody answers there").with_source(cause)
        })?;
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| {
                    Error::config("field `email.imap` has no name of a server in it")
                })?;
                let wire = tls.connect(name, tcp).await.map_err(|cause| {
                    Error::new(ErrorKind::Disconnected, READ, "no secure connection is made")
                        .with_source(cause)
                })?;
                Box::new(wire)
            }
        };
        let mut client = Client::new(wire);
        client.read_response().await.map_err(|_| lost())?;
        let mut session = client.login(&self.user, self.password.expose()).await.map_err(
            |(cause, _)| match cause {
                async_imap::error::Error::No(_) | async_imap::error::Error::Bad(_) => {
                    let why = "the server does not let us in";
                    Error::new(ErrorKind::Unauthorized, READ, why)
                }
                _ => lost(),
            },
        )?;
        session.select("INBOX").await.map_err(|_| lost())?;
        Ok(session)
    }

    async fn fetch(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let mut session = self.enter().await?;
        let mut numbers: Vec<u32> =
            session.uid_search("UNSEEN").await.map_err(|_| lost())?.into_iter().collect();
        numbers.sort_unstable();
        numbers.truncate(MOST);
        let mut letters = Vec::new();
        if !numbers.is_empty() {
            let what = format!("(UID BODY.PEEK[]<0.{HEAD}>)");
            let found = session.uid_fetch(set(&numbers), what).await.map_err(|_| lost())?;
            let found: Vec<_> = found.try_collect().await.map_err(|_| lost())?;
            for letter in found {
                if let (Some(number), Some(body)) = (letter.uid, letter.body()) {
                    letters.push((number, body.to_vec()));
                }
            }
        }
        // Whoever was told goodbye may hang up first.
        let _ = session.logout().await;
        Ok(letters)
    }

    async fn mark(&self, numbers: &[u32]) -> Result<()> {
        let mut session = self.enter().await?;
        let marked = session.uid_store(set(numbers), "+FLAGS.SILENT (\\Seen)").await;
        let marked = marked.map_err(|_| lost())?;
        let _: Vec<_> = marked.try_collect().await.map_err(|_| lost())?;
        let _ = session.logout().await;
        Ok(())
    }
}

#[async_trait]
impl Inbox for ImapInbox {
    async fn unread(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        timeout(PATIENCE, Box::pin(self.fetch())).await.unwrap_or_else(|_| Err(late()))
    }

    async fn mark_read(&self, numbers: &[u32]) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        timeout(PATIENCE, Box::pin(self.mark(numbers))).await.unwrap_or_else(|_| Err(late()))
    }
}

fn connector() -> TlsConnector {
    // Whoever installed a provider before has the same one.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn set(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// What the server says may hold addresses, and stays out.
fn lost() -> Error {
    Error::new(ErrorKind::Disconnected, READ, "the server was lost, or speaks another way")
}

fn late() -> Error {
    Error::new(ErrorKind::Timeout, READ, "the server takes too long")
}

impl fmt::Debug for ImapInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapInbox").field("host", &self.host).finish_non_exhaustive()
    }
}
