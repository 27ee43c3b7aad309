use std::{error::Error, sync::Arc};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use voiceagent_core::{
    GenerationId, Link, Result as CoreResult,
    audio::AudioFormat,
    llm::{LlmEvent, LlmRequest, Message},
    registry::Registry,
    stt::{SttEvent, SttInput, SttOptions},
    tts::{TtsEvent, TtsInput, TtsOptions},
};

use super::{far::Far, messages::Case};

/// The session's end.
pub(super) enum Near {
    Channel(mpsc::Receiver<Vec<u8>>),
    Model(BoxStream<'static, CoreResult<LlmEvent>>),
    Recognizer(Link<SttInput, SttEvent>),
    Voice(Link<TtsInput, TtsEvent>),
}

impl Near {
    /// Waits for what a session would be given next.
    pub(super) async fn next(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Channel(channel) => channel.recv().await.map(drop).ok_or("it has ended")?,
            Self::Model(events) => drop(events.next().await.ok_or("it has ended")??),
            Self::Recognizer(link) => drop(link.recv().await.ok_or("it has ended")??),
            Self::Voice(link) => drop(link.recv().await.ok_or("it has ended")??),
        }
        Ok(())
    }

    /// Takes what else there is of the message before.
    pub(super) fn drain(&mut self) {
        while self.next().now_or_never().is_some_and(|item| item.is_ok()) {}
    }
}

async fn listen() -> Result<(TcpListener, String), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    Ok((listener, address))
}

/// A task that reads a socket into a channel: what every adapter must do at least.
pub(super) async fn floor() -> Result<(Near, Far), Box<dyn Error + Send + Sync>> {
    let (listener, address) = listen().await?;
    let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (mut socket, (far, _)) = (connected?, accepted?);
    far.set_nodelay(true)?;
    // One message is on its way at a time.
    let (to, from) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut buffer = Vec::with_capacity(4_096);
        while socket.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
            if to.send(std::mem::take(&mut buffer)).await.is_err() {
                return;
            }
        }
    });
    Ok((Near::Channel(from), Far::Plain(far)))
}

/// The provider's settings at an address.
fn settings(case: Case, base_url: String) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let mut settings: Value = serde_json::from_str(case.settings)?;
    settings["api_key"] = "k".into();
    settings["base_url"] = base_url.into();
    Ok(settings)
}

pub(super) async fn recognizer(
    registry: &Registry,
    case: Case,
) -> Result<(Near, Far), Box<dyn Error + Send + Sync>> {
    let (listener, address) = listen().await?;
    let stt = registry.stt.build(settings(case, format!("ws://{address}"))?)?;
    let format = stt.capabilities().formats[0];
    let (link, far) =
        tokio::join!(stt.open(SttOptions::new(format)), Far::accept(&listener, case.hello));
    Ok((Near::Recognizer(link?), far?))
}

pub(super) async fn model(
    registry: &Registry,
    case: Case,
) -> Result<(Near, Far), Box<dyn Error + Send + Sync>> {
    let (listener, address) = listen().await?;
    let llm = registry.llm.build(settings(case, format!("http://{address}/v1"))?)?;
    let request = LlmRequest::new("Be brief.", vec![Message::User { text: "Hello".into() }]);
    let far = async {
        match case.hello {
            Some(hello) => Far::answer(&listener, hello).await,
            None => Far::respond(&listener, "text/event-stream").await,
        }
    };
    let (answer, far) = tokio::join!(llm.generate(request), far);
    Ok((Near::Model(answer?), far?))
}

pub(super) async fn voice(
    registry: &Registry,
    case: Case,
) -> Result<(Near, Far), Box<dyn Error + Send + Sync>> {
    let (listener, address) = listen().await?;
    let tts = registry.tts.build(settings(case, format!("ws://{address}"))?)?;
    let format = AudioFormat::MULAW_8K;
    let open = async {
        let link = tts.open(TtsOptions::new(format)).await?;
        let generation = GenerationId::new(1);
        link.try_send(TtsInput::Text { generation, text: Arc::from("Hello. ") })?;
        link.try_send(TtsInput::Finish { generation })?;
        Ok::<_, Box<dyn Error + Send + Sync>>(link)
    };
    let answer = async {
        let mut far = Far::accept(&listener, case.hello).await?;
        far.until_asked().await?;
        Ok::<_, Box<dyn Error + Send + Sync>>(far)
    };
    let (link, far) = tokio::join!(open, answer);
    Ok((Near::Voice(link?), far?))
}
