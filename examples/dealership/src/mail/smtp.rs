use std::{error::Error as _, fmt, io, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::authentication::Credentials,
};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{Mail, Mailer};

/// What a server may take for each answer.
const PATIENCE: Duration = Duration::from_secs(15);

const SEND: &str = "send a letter";

/// A server that takes letters.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct SmtpServer {
    /// Where it is: `smtps://mail.example.com`, or `smtp://mail.example.com:587?tls=required`.
    pub url: String,
    /// Who logs in, and with which password; `None` for a server that asks for nothing.
    pub login: Option<(String, Secret)>,
    /// Whose letters they are, such as `Nair Motors <service@example.com>`.
    pub from: String,
    /// Where people go who want no more letters: an address to which the token is added.
    pub unsubscribe: Option<String>,
}

/// Sends letters by SMTP.
///
/// Wire facts: RFC 5321; RFC 2369 and RFC 8058 for `List-Unsubscribe`, by which programs for mail
/// show a button.
#[derive(Clone)]
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    unsubscribe: Option<String>,
}

impl SmtpMailer {
    /// A client of a server. Nobody is connected to yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] naming the field that is wrong.
    pub fn new(server: SmtpServer) -> Result<Self> {
        let SmtpServer { url, login, from, unsubscribe } = server;
        // Whoever installed a provider before has the same one.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)
            .map_err(|_| {
                Error::config(
                    "field `email.smtp` is no address of a server; write it like \
                     `smtps://mail.example.com` or `smtp://mail.example.com:587?tls=required`",
                )
            })?
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = login {
            let password = password.expose().to_owned();
            transport = transport.credentials(Credentials::new(user, password));
        }
        let from = from.parse().map_err(|_| {
            Error::config(
                "field `email.from` is no address; write it like `Nair Motors <service@example.com>`",
            )
        })?;
        Ok(Self { transport: transport.build(), from, unsubscribe })
    }

    fn message(&self, mail: &Mail<'_>) -> Result<(Message, String)> {
        let unfit = |_| Error::new(ErrorKind::Rejected, SEND, "it cannot be written");
        let to: Mailbox = mail.to.parse().map_err(|_| {
            Error::new(ErrorKind::Rejected, SEND, "the address of a letter is none")
        })?;
        let name = format!("<{}@{}>", mail.token, self.from.email.domain());
        let mut text = mail.text.to_owned();
        let link = self.unsubscribe.as_ref().map(|page| format!("{page}{}", mail.token));
        if let Some(link) = &link {
            text.push_str(&format!("\n\n-- \nTo get no more letters: {link}\n"));
        }
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject)
            .message_id(Some(name.clone()))
            .body(text)
            .map_err(unfit)?;
        if let Some(link) = link {
            for (field, value) in [
                ("List-Unsubscribe", format!("<{link}>")),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
            ] {
                let field = HeaderName::new_from_ascii_str(field);
                message.headers_mut().insert_raw(HeaderValue::new(field, value));
            }
        }
        Ok((message, name))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail<'_>) -> Result<String> {
        let (message, name) = self.message(mail)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(name),
            Err(cause) => Err(failed(&cause)),
        }
    }
}

/// Why a letter was not sent. What the server says may hold addresses, and stays out.
fn failed(cause: &lettre::transport::smtp::Error) -> Error {
    let (kind, why) = if cause.is_permanent() {
        (ErrorKind::Rejected, "the server refuses it")
    } else if cause.is_transient() {
        (ErrorKind::RateLimited, "the server does not take it now")
    } else if is_refused(cause) {
        (ErrorKind::Closed, "nobody takes letters at that address")
    } else if cause.is_timeout() {
        (ErrorKind::Timeout, "the server did not answer")
    } else {
        (ErrorKind::Disconnected, "the server was lost")
    };
    match cause.status() {
        Some(code) => Error::new(kind, SEND, format!("{why} ({code})")),
        None => Error::new(kind, SEND, why),
    }
}

/// Whether there was no connection at all.
fn is_refused(cause: &lettre::transport::smtp::Error) -> bool {
    let mut source = cause.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::ConnectionRefused;
        }
        source = error.source();
    }
    false
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("from", &self.from.email).finish_non_exhaustive()
    }
}
