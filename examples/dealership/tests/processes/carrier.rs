use async_trait::async_trait;
use dealership::{messages::Messenger, phone::Phone, store::Channel};
use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Mutex,
};
use voiceagent_core::{CallId, Error, ErrorKind, Result};
use voiceagent_telephony::control::{CallControl, Callee, ControlCapabilities, Directory, NewCall};

/// The way to the carrier in the parent.
#[derive(Debug)]
pub(crate) struct Carrier {
    line: Mutex<BufReader<TcpStream>>,
    directory: Directory,
}

impl Carrier {
    pub(crate) fn new(line: TcpStream) -> Self {
        Self { line: Mutex::new(BufReader::new(line)), directory: Directory::default() }
    }

    pub(crate) async fn ask(&self, request: &str) -> Result<String> {
        let lost = |error| Error::new(ErrorKind::Disconnected, "ask", "gone").with_source(error);
        let mut line = self.line.lock().await;
        line.write_all(format!("{request}\n").as_bytes()).await.map_err(lost)?;
        let mut answer = String::new();
        // A carrier that is about to have this process killed says nothing any more.
        if line.read_line(&mut answer).await.map_err(lost)? == 0 {
            return Err(Error::new(ErrorKind::Disconnected, "ask", "the line was closed"));
        }
        Ok(answer.trim().to_owned())
    }

    async fn list(&self, wanted: &str) -> Result<Vec<String>> {
        let names = self.ask(&format!("list {wanted}")).await?;
        Ok(names.split_whitespace().map(str::to_owned).collect())
    }
}

#[async_trait]
impl CallControl for Carrier {
    fn capabilities(&self) -> ControlCapabilities {
        ControlCapabilities::default().with_dial(true).with_made(true)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    async fn hang_up(&self, _call: &CallId) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "hang up", "nobody asks for it"))
    }

    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        self.ask(&format!("dial {}", number(&call.to))).await.map(CallId::new)
    }

    async fn made(&self, to: &Callee, _since: std::time::SystemTime) -> Result<Vec<CallId>> {
        let names = self.list(&format!("dial {}", number(to))).await?;
        Ok(names.into_iter().map(CallId::new).collect())
    }
}

#[async_trait]
impl Messenger for Carrier {
    async fn send(&self, to: &Phone, _channel: Channel, _text: &str) -> Result<String> {
        self.ask(&format!("text {}", to.as_str())).await
    }

    async fn sent(&self, to: &Phone, _channel: Channel, _since: Timestamp) -> Result<Vec<String>> {
        self.list(&format!("text {}", to.as_str())).await
    }
}

fn number(callee: &Callee) -> &str {
    match callee {
        Callee::Number(number) => number.as_str(),
        other => panic!("{other:?} is no number"),
    }
}
