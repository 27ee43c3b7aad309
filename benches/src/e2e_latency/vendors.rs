//! The vendors: scripted as in tests, and noting each moment.
//!
//! The model is the testkit's. Ears and voice are of this bench: they know whose line they serve,
//! hear with the agent's own detector, and share a port as the real ones do.

mod encoding;
mod listen;
mod speak;

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{ErrorResponse, Request, Response},
};
use voiceagent_testkit::vendor::chat::{ChatVendor, Dialect};

use encoding::Encoding;

use super::{
    log::{Log, What},
    script::{Script, Utterance},
};

/// All vendors of a run. Dropping them ends them.
#[derive(Debug)]
pub(crate) struct Vendors {
    model: ChatVendor,
    speech: SocketAddr,
    _server: JoinSet<()>,
}

impl Vendors {
    /// Starts them; they say and understand what the script has.
    pub(crate) async fn start(log: Arc<Log>, script: Script) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let speech = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(accept(listener, script.utterances, Arc::clone(&log)));
        let model = ChatVendor::start(Dialect::OpenAi, move |request| {
            let call = (script.caller)(request).unwrap_or(u32::MAX);
            let spoken = request
                .messages
                .iter()
                .rev()
                .find(|message| message.role == "assistant" && message.tool_calls.is_empty());
            let recalled = spoken.map(|message| message.content.clone());
            let after_tool = !request.tool_results().is_empty();
            log.note(call, What::ModelAsked { recalled, after_tool });
            let (reply, tokens) = (script.reply)(request, call);
            let log = Arc::clone(&log);
            reply.on_token(move |number| {
                let text = tokens.iter().take(number + 1).cloned().collect();
                log.note(call, What::TokenSent { text });
            })
        })
        .await;
        Ok(Self { model, speech, _server: server })
    }

    /// The model's base URL.
    pub(crate) fn model_url(&self) -> &str {
        self.model.url()
    }

    /// How many connections to the model are open.
    pub(crate) fn open_models(&self) -> usize {
        self.model.open()
    }

    /// The base URL of ears and voice.
    pub(crate) fn speech_url(&self) -> String {
        format!("ws://{}", self.speech)
    }
}

async fn accept(listener: TcpListener, said: &'static [Utterance], log: Arc<Log>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection(stream, said, Arc::clone(&log)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, said: &'static [Utterance], log: Arc<Log>) {
    let _ = stream.set_nodelay(true);
    let mut path = String::new();
    let mut encoding = None;
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(&mut path);
        encoding = Encoding::asked_for(request.uri().query().unwrap_or_default());
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async(stream, look).await else { return };
    let Some(encoding) = encoding else {
        eprintln!("{path}: a client asked for an encoding that the bench does not speak");
        return;
    };
    match path.as_str() {
        "/v1/listen" => listen::serve(socket, encoding, said, log).await,
        "/v1/speak" => speak::serve(socket, encoding, log).await,
        _ => {}
    }
}
