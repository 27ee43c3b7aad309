//! A call on a terminal: a person types, the agent's words are printed.

mod lines;

use std::{collections::BTreeMap, fmt, future::pending, time::Duration};

use async_trait::async_trait;
use tokio::{
    io::{AsyncBufRead, AsyncWrite, AsyncWriteExt, BufReader},
    time::{Instant, sleep_until},
};
use voiceagent_core::{
    CallId, Error, ErrorKind, Link, LinkPeer, Result,
    stt::Transcript,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use self::lines::{LONGEST, Line, Lines};

/// How many items may wait in each direction. An answer of a few sentences is a few dozen.
const QUEUE: usize = 64;

/// How long the agent must have been silent before the next line of a pipe is its turn.
const SILENCE: Duration = Duration::from_millis(300);

/// How long a pipe waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// A text leg on a terminal or a pipe.
///
/// What is printed counts as heard. Lines of a pipe wait until the agent has answered the line
/// before, so that a file of lines is a conversation; a person may type at any time. At the end
/// of the input the call is over once the agent is silent.
///
/// ```
/// use dealership::terminal::Terminal;
/// use voiceagent_core::transport::{Media, Transport};
///
/// let script = "What are your hours?\n".as_bytes();
/// let leg = Terminal::piped("demo", script, Vec::new());
/// assert_eq!(leg.call().media, Media::Text);
/// ```
pub struct Terminal<R, W> {
    call: CallInfo,
    input: R,
    output: W,
    piped: bool,
}

impl Terminal<BufReader<tokio::io::Stdin>, tokio::io::Stdout> {
    /// The terminal, or whatever pipe or file stands in for it.
    ///
    /// A blocked read of standard input outlives the call: end the process with
    /// [`std::process::exit`] or shut the runtime down in the background.
    #[must_use]
    pub fn stdio(call: impl Into<CallId>) -> Self {
        let piped = !std::io::IsTerminal::is_terminal(&std::io::stdin());
        let (input, output) = (BufReader::new(tokio::io::stdin()), tokio::io::stdout());
        Self { call: CallInfo::new(call, Media::Text), input, output, piped }
    }
}

impl<R, W> Terminal<R, W> {
    /// A leg whose lines are read one turn at a time.
    pub fn piped(call: impl Into<CallId>, input: R, output: W) -> Self {
        Self { call: CallInfo::new(call, Media::Text), input, output, piped: true }
    }

    /// A leg on which a person types at any time.
    pub fn interactive(call: impl Into<CallId>, input: R, output: W) -> Self {
        Self { piped: false, ..Self::piped(call, input, output) }
    }

    /// Says from which number the call seems to come, as E.164.
    #[must_use]
    pub fn with_from(mut self, number: &str) -> Self {
        self.call = self.call.with_from(number);
        self
    }

    /// Attaches parameters as calls by a carrier or a trunk bring them.
    #[must_use]
    pub fn with_parameters(mut self, parameters: BTreeMap<String, String>) -> Self {
        self.call = self.call.with_parameters(parameters);
        self
    }

    /// Says which number is called, E.164.
    #[must_use]
    pub fn with_to(mut self, number: &str) -> Self {
        self.call = self.call.with_to(number);
        self
    }
}

#[async_trait]
impl<R, W> Transport for Terminal<R, W>
where
    R: AsyncBufRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_marks(true).with_transfer(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let Self { input, output, piped, .. } = *self;
        let screen = Screen { output, piped, open_line: false };
        Ok(Link::spawn(QUEUE, move |peer| pump(peer, Lines::new(input), screen)))
    }
}

impl<R, W> fmt::Debug for Terminal<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("call", &self.call)
            .field("piped", &self.piped)
            .finish_non_exhaustive()
    }
}

async fn pump<R, W>(
    mut peer: LinkPeer<Outbound, Inbound>,
    mut lines: Lines<R>,
    mut screen: Screen<W>,
) -> Result<()>
where
    R: AsyncBufRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin,
{
    let mut at_end = false;
    // When the agent counts as silent. It may have a greeting to say first.
    let mut silent = Instant::now() + PATIENCE;
    loop {
        let is_silent = Instant::now() >= silent;
        if at_end && is_silent {
            return peer.send(Inbound::HungUp).await;
        }
        let may_read = !at_end && (is_silent || !screen.piped);
        tokio::select! {
            biased;
            outbound = peer.recv() => match outbound {
                None => return screen.close_line().await,
                Some(Outbound::HangUp) => {
                    screen.close_line().await?;
                    return peer.send(Inbound::HungUp).await;
                }
                Some(Outbound::Mark(mark)) => peer.send(Inbound::MarkPlayed(mark)).await?,
                Some(transfer @ Outbound::Transfer(_)) => {
                    screen.show(transfer).await?;
                    peer.send(Inbound::Transferred).await?;
                }
                Some(outbound) => silent = screen.show(outbound).await?.unwrap_or(silent),
            },
            line = next_line(&mut lines, may_read) => match line? {
                Some(Line::Text(line)) if line.trim().is_empty() => {}
                Some(Line::Text(line)) => {
                    screen.echo(line.trim()).await?;
                    peer.send(Inbound::Transcript(Transcript::final_(line.trim()))).await?;
                    silent = Instant::now() + PATIENCE;
                }
                Some(Line::TooLong) => {
                    let note = format!("[A line of more than {LONGEST} bytes was left out.]");
                    screen.note(&note).await?;
                }
                None => at_end = true,
            },
            () = sleep_until(silent), if !is_silent => {}
        }
    }
}

/// The next line, where one may be read.
///
/// Losing the race of a select loses nothing: a line that is half read stays in `lines`.
async fn next_line<R: AsyncBufRead + Unpin>(
    lines: &mut Lines<R>,
    may_read: bool,
) -> Result<Option<Line>> {
    if !may_read {
        return pending().await;
    }
    lines.next().await.map_err(|error| broken("read", error))
}

/// What is printed.
struct Screen<W> {
    output: W,
    piped: bool,
    /// Whether the agent is in the middle of a line.
    open_line: bool,
}

impl<W: AsyncWrite + Send + Unpin> Screen<W> {
    /// Shows what the agent sends, and says when it will be silent if it sends nothing more.
    async fn show(&mut self, outbound: Outbound) -> Result<Option<Instant>> {
        match outbound {
            Outbound::Text { text, .. } => {
                let speaker = if self.open_line { "" } else { "Agent: " };
                self.open_line = true;
                self.print(&format!("{speaker}{text}")).await?;
                Ok(Some(Instant::now() + PATIENCE))
            }
            Outbound::TextEnd { .. } | Outbound::Clear => {
                self.close_line().await?;
                Ok(Some(Instant::now() + SILENCE))
            }
            Outbound::Transfer(to) => {
                self.note(&format!("[The call goes to {to}.]")).await?;
                Ok(None)
            }
            // Nothing of these belongs on a text leg.
            Outbound::Audio(_) | Outbound::HangUp | Outbound::Mark(_) | _ => Ok(None),
        }
    }

    /// Shows a line that nobody typed here.
    async fn echo(&mut self, line: &str) -> Result<()> {
        self.close_line().await?;
        if self.piped { self.print(&format!("You:   {line}\n")).await } else { Ok(()) }
    }

    /// Shows what nobody says.
    async fn note(&mut self, note: &str) -> Result<()> {
        self.close_line().await?;
        self.print(&format!("{note}\n")).await
    }

    async fn close_line(&mut self) -> Result<()> {
        if std::mem::take(&mut self.open_line) { self.print("\n").await } else { Ok(()) }
    }

    async fn print(&mut self, text: &str) -> Result<()> {
        let written = async {
            self.output.write_all(text.as_bytes()).await?;
            self.output.flush().await
        };
        written.await.map_err(|error| broken("write", error))
    }
}

fn broken(operation: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Disconnected, operation, "the terminal is gone").with_source(error)
}

#[cfg(test)]
mod tests;
