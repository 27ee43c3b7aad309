use std::{collections::BTreeMap, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};
use voiceagent_core::{Error, ErrorKind, Result};

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(10);

/// The far end of Twilio's ConversationRelay: it tells what the caller says and does, and notes
/// what it is to speak. Messages that the documentation does not know end the test.
#[derive(Debug)]
pub struct RelayPhone {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What an application wants of the relay.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RelayAsked {
    /// The socket was closed, with this code if there was one.
    Closed(Option<u16>),
    /// The conversation is over.
    End,
    /// A text is to be spoken; whether it is the last of what is said in one go.
    Text(String, bool),
}

impl RelayPhone {
    /// Connects, and begins the conversation of `call`. The headers may hold a signature.
    ///
    /// # Errors
    ///
    /// When the upgrade is refused, or nobody answers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up.
    pub async fn connect(
        url: &str,
        headers: &[(&'static str, &str)],
        call: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut request = url.into_client_request().map_err(lost)?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| Error::config("header: text"))?;
            request.headers_mut().insert(*name, value);
        }
        let connected = timeout(SOON, connect_async(request)).await;
        let connected = connected.map_err(|_| Error::config("url: nobody answers"))?;
        let mut phone = Self { socket: connected.map_err(lost)?.0 };
        let setup = json!({
            "type": "setup", "sessionId": "VX1", "accountSid": "AC00000000000000000000000000000001",
            "callSid": call, "parentCallSid": "", "from": "+14155550100", "to": "+14155550199",
            "forwardedFrom": "", "callerName": "", "direction": "inbound", "callType": "PSTN",
            "callStatus": "RINGING", "customParameters": parameters,
        });
        phone.send(&setup).await?;
        Ok(phone)
    }

    /// Lets the caller say something; whether that was all.
    ///
    /// # Errors
    ///
    /// When the socket was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave half a message on the way; so with all that is sent.
    pub async fn say(&mut self, words: &str, last: bool) -> Result<()> {
        let prompt =
            json!({ "type": "prompt", "voicePrompt": words, "lang": "en-US", "last": last });
        self.send(&prompt).await
    }

    /// Presses a key.
    ///
    /// # Errors
    ///
    /// When the socket was lost.
    pub async fn press(&mut self, key: char) -> Result<()> {
        self.send(&json!({ "type": "dtmf", "digit": key.to_string() })).await
    }

    /// Stops what is spoken, of which this much was heard.
    ///
    /// # Errors
    ///
    /// When the socket was lost.
    pub async fn interrupt(&mut self, heard: &str) -> Result<()> {
        let message = json!({
            "type": "interrupt", "utteranceUntilInterrupt": heard, "durationUntilInterruptMs": "460",
        });
        self.send(&message).await
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    ///
    /// When the socket was lost.
    pub async fn send_raw(&mut self, text: &str) -> Result<()> {
        self.socket.send(Message::text(text)).await.map_err(lost)
    }

    /// The next thing that the application wants.
    ///
    /// # Panics
    ///
    /// When the message is none that Twilio knows, or none comes within 10 s.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn asked(&mut self) -> RelayAsked {
        loop {
            let next = timeout(SOON, self.socket.next()).await.expect("a message in time");
            match next {
                Some(Ok(Message::Text(text))) => return read(&text),
                Some(Ok(Message::Close(frame))) => {
                    return RelayAsked::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return RelayAsked::Closed(None),
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        self.send_raw(&message.to_string()).await
    }
}

fn read(text: &str) -> RelayAsked {
    let message: Value = serde_json::from_str(text).expect("JSON");
    match message["type"].as_str() {
        Some("end") => RelayAsked::End,
        Some("text") => {
            let token = message["token"].as_str().expect("a text has a token");
            RelayAsked::Text(token.to_owned(), message["last"].as_bool().unwrap_or(false))
        }
        _ => panic!("Twilio knows no such message: {text}"),
    }
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Disconnected, "relay", "the connection was lost").with_source(error)
}
