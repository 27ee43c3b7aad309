use std::{
    io,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::{sleep, timeout},
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{EspeakNgConfig, FORMAT, PROVIDER};
use crate::wire::{
    secrets::Secrets,
    voice::{body::Body, reader::Reads},
};

/// The program makes audio faster than it plays; so much of it is taken at once.
const PIECE: usize = 8 << 10;

/// Runs the program, a process for each text.
#[derive(Debug)]
pub(super) struct Program {
    config: EspeakNgConfig,
    voice: Arc<str>,
}

impl Program {
    pub(super) fn new(config: EspeakNgConfig, language: Option<Arc<str>>) -> Self {
        // A tag from outside must not pass for an option.
        let language = language.filter(|tag| tag.starts_with(char::is_alphanumeric));
        let voice = config.voice.clone().or(language).unwrap_or_else(|| "en-us".into());
        Self { config, voice }
    }

    /// Asks the program whether it can speak.
    ///
    /// # Errors
    ///
    /// `Config` if it is not there, or does not know the voice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the process.
    pub(super) async fn check(&self) -> Result<()> {
        let asked = timeout(self.config.start_timeout, self.command("-q").output()).await;
        let output = asked.map_err(|_| error(ErrorKind::Timeout, "open", "no answer"))?;
        let output = output.map_err(|failed| self.not_started(&failed))?;
        if output.status.success() {
            return Ok(());
        }
        Err(error(ErrorKind::Config, "open", &complaint(&output)))
    }

    fn command(&self, mode: &str) -> Command {
        let mut command = Command::new(&self.config.program);
        // UTF-8 comes through a pipe: others can read what stands on a command line.
        command.args([mode, "--stdin", "-b", "1", "-v", &self.voice]);
        for (option, value) in [("-s", self.config.words_per_minute), ("-p", self.config.pitch)] {
            if let Some(value) = value {
                command.args([option, &value.to_string()]);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    fn not_started(&self, failed: &io::Error) -> Error {
        not_started(&self.config.program.to_string_lossy(), failed)
    }
}

impl Reads for Program {
    // The program has no limit; a pipe takes this before anybody reads it.
    const LONGEST: usize = 4_096;

    fn read(&self, text: &str, wait: Duration) -> BoxStream<'static, Result<Bytes>> {
        let (mut command, text) = (self.command("--stdout"), text.to_owned());
        let name = self.config.program.to_string_lossy().into_owned();
        let stall = self.config.stall_timeout;
        let begun = async move {
            sleep(wait).await;
            let spawned = command.stdin(Stdio::piped()).spawn();
            let mut child = spawned.map_err(|failed| not_started(&name, &failed))?;
            let mut stdin = child.stdin.take().expect("it was asked for");
            within(stall, stdin.write_all(text.as_bytes())).await?;
            Ok(child)
        };
        let pieces = stream::once(begun).flat_map(move |begun| match begun {
            Ok(child) => pieces(child, stall),
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        pieces.boxed()
    }
}

/// The audio that a process makes, each piece within a deadline. Dropping it ends the process.
fn pieces(child: Child, stall: Duration) -> BoxStream<'static, Result<Bytes>> {
    let reading = Some((child, Body::new(FORMAT)));
    let pieces = stream::unfold(reading, move |reading| async move {
        let (mut child, mut body) = reading?;
        let mut piece = BytesMut::with_capacity(PIECE);
        let stdout = child.stdout.as_mut().expect("it was asked for");
        match within(stall, stdout.read_buf(&mut piece)).await {
            Ok(0) => match within(stall, child.wait_with_output()).await {
                Ok(output) if output.status.success() => Some((Ok(body.finish()), None)),
                Ok(output) => Some((Err(failed(&output)), None)),
                Err(error) => Some((Err(error), None)),
            },
            Ok(_) => match body.take(piece.freeze()) {
                Ok(samples) => Some((Ok(samples), Some((child, body)))),
                Err(error) => Some((Err(error), None)),
            },
            Err(error) => Some((Err(error), None)),
        }
    });
    pieces.boxed()
}

async fn within<T>(limit: Duration, done: impl Future<Output = io::Result<T>>) -> Result<T> {
    let done = timeout(limit, done).await;
    let done = done.map_err(|_| error(ErrorKind::Stalled, "read", "the program is silent"))?;
    done.map_err(|broken| error(ErrorKind::Disconnected, "read", &broken.to_string()))
}

fn not_started(program: &str, failed: &io::Error) -> Error {
    let message = match failed.kind() {
        io::ErrorKind::NotFound => format!(
            "`{program}` is not installed: install espeak-ng (`apt install espeak-ng`, \
             `brew install espeak-ng`), or set `program` to where it is"
        ),
        _ => format!("`{program}` cannot be run: {failed}"),
    };
    error(ErrorKind::Config, "open", &message)
}

fn failed(output: &Output) -> Error {
    error(ErrorKind::Disconnected, "read", &complaint(output))
}

/// What a process says of its failure, in one line.
fn complaint(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    let told = Secrets::new([]).quote(told.trim());
    if told.is_empty() { output.status.to_string() } else { told }
}

fn error(kind: ErrorKind, operation: &'static str, message: &str) -> Error {
    Error::new(kind, operation, message.to_owned()).with_provider(PROVIDER)
}
