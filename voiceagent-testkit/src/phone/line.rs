use std::{collections::VecDeque, future::pending, time::Duration};

use bytes::{Buf, Bytes};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Instant, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as SocketError, Message},
};

use voiceagent_core::audio::AudioFormat;

use super::{
    Closed, Recording, Spoken, Stretch,
    messages::{Said, Wording},
    playout::{Playout, is_audible_in},
    recording::{Cleared, MarkEcho},
};

/// What is sent and played at once.
const FRAME: Duration = Duration::from_millis(20);

/// Of a carrier that does not keep the order, one in so many frames is overtaken by the next.
const OVERTAKEN: u64 = 7;

/// For a server to take what it is sent.
const WRITE: Duration = Duration::from_secs(30);

/// For a server to answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a test asks of the line.
#[derive(Debug)]
pub(super) enum Request {
    AgentQuiet { quiet: Duration, reply: oneshot::Sender<Duration> },
    AgentSpeaks(oneshot::Sender<Duration>),
    Binary(Bytes),
    CloseWithoutStop(oneshot::Sender<Recording>),
    Closed(oneshot::Sender<(Duration, Closed)>),
    Drop(oneshot::Sender<Recording>),
    HangUp(oneshot::Sender<Recording>),
    Heard(oneshot::Sender<Recording>),
    Messages { count: usize, reply: oneshot::Sender<()> },
    Press(char),
    Speak { audio: Bytes, reply: Option<oneshot::Sender<Spoken>> },
    StopReading,
    Text(String),
}

/// The one task of a call: it sends, plays, and notes.
#[derive(Debug)]
pub(super) struct Line {
    /// `None` once the connection has ended; playing and answering go on.
    socket: Option<WebSocketStream<TcpStream>>,
    wording: Wording,
    format: AudioFormat,
    /// Bytes of a frame.
    frame: usize,
    /// A frame that the next one overtakes.
    late: Option<Message>,
    frame_every: Duration,
    began: Instant,
    talking: bool,
    reading: bool,
    speech: VecDeque<Utterance>,
    playout: Playout,
    /// Marks inside the frame that is being played.
    reached: Vec<String>,
    recording: Recording,
    /// Frames played so far, and the one with which the last stretch ended.
    ticks: u64,
    stretch_end: u64,
    /// When the last audible frame ended, or the call began.
    audible_until: Duration,
    waiting: Waiting,
}

#[derive(Debug)]
struct Utterance {
    audio: Bytes,
    began: Option<Duration>,
    reply: Option<oneshot::Sender<Spoken>>,
}

/// Who waits for what.
#[derive(Debug, Default)]
struct Waiting {
    speaks: Vec<oneshot::Sender<Duration>>,
    quiet: Vec<(Duration, oneshot::Sender<Duration>)>,
    messages: Vec<(usize, oneshot::Sender<()>)>,
    closed: Vec<oneshot::Sender<(Duration, Closed)>>,
}

impl Line {
    pub(super) fn new(
        socket: WebSocketStream<TcpStream>,
        wording: Wording,
        frame_every: Duration,
        talking: bool,
        began: Instant,
    ) -> Self {
        let format = wording.carrier.format();
        Self {
            socket: Some(socket),
            wording,
            format,
            frame: format.bytes_in(FRAME),
            late: None,
            frame_every,
            began,
            talking,
            reading: true,
            speech: VecDeque::new(),
            playout: Playout::default(),
            reached: Vec::new(),
            recording: Recording::default(),
            ticks: 0,
            stretch_end: 0,
            audible_until: Duration::ZERO,
            waiting: Waiting::default(),
        }
    }

    /// Runs until the test lets go of the call.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        // Ticks that are late are made up for, so that audio does not drift.
        let mut ticker = interval_at(self.began + self.frame_every, self.frame_every);
        loop {
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    Some(request) => self.on_request(request).await,
                    None => return,
                },
                message = read(self.socket.as_mut(), self.reading) => self.on_read(message).await,
                _ = ticker.tick() => self.tick().await,
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sends 20 ms of the caller and plays 20 ms of the agent.
    async fn tick(&mut self) {
        self.ticks += 1;
        if self.talking && self.socket.is_some() {
            let frame = self.next_frame();
            let media = self.wording.media(&frame);
            self.send_media(media).await;
        }
        // What was played since the last tick is over now, and not before.
        self.echo_reached().await;
        let now = self.now();
        let played = self.playout.play(self.frame, &mut self.reached);
        if !played.is_empty() {
            self.note_played(&played, now);
        }
        self.answer_quiet();
    }

    async fn send_media(&mut self, media: Message) {
        let is_late = !self.wording.carrier.keeps_order() && self.ticks.is_multiple_of(OVERTAKEN);
        if is_late && self.late.is_none() {
            self.late = Some(media);
            return;
        }
        self.send(media).await;
        if let Some(late) = self.late.take() {
            self.send(late).await;
        }
    }

    fn next_frame(&mut self) -> Vec<u8> {
        let mut frame = vec![self.format.silence().unwrap_or(0); self.frame];
        let now = self.began.elapsed();
        let Some(utterance) = self.speech.front_mut() else { return frame };
        let began = *utterance.began.get_or_insert(now);
        let taken = utterance.audio.len().min(frame.len());
        frame[..taken].copy_from_slice(&utterance.audio[..taken]);
        utterance.audio.advance(taken);
        if utterance.audio.is_empty()
            && let Some(utterance) = self.speech.pop_front()
            && let Some(reply) = utterance.reply
        {
            let _ = reply.send(Spoken { began, ended: now });
        }
        frame
    }

    fn note_played(&mut self, played: &[u8], now: Duration) {
        let follows = self.stretch_end + 1 == self.ticks;
        match self.recording.heard.last_mut().filter(|_| follows) {
            Some(stretch) => stretch.audio.extend_from_slice(played),
            None => self.recording.heard.push(Stretch { began: now, audio: played.to_vec() }),
        }
        self.stretch_end = self.ticks;
        if is_audible_in(self.format, played) {
            self.audible_until = now + self.frame_every;
            for waiting in self.waiting.speaks.drain(..) {
                let _ = waiting.send(now);
            }
        }
    }

    fn answer_quiet(&mut self) {
        let (now, audible_until) = (self.now(), self.audible_until);
        // Silence before the question counts too.
        let over = |(quiet, _): &mut (Duration, _)| now.saturating_sub(audible_until) >= *quiet;
        for (_, reply) in self.waiting.quiet.extract_if(.., over) {
            let _ = reply.send(audible_until);
        }
    }

    async fn on_request(&mut self, request: Request) {
        match request {
            Request::AgentQuiet { quiet, reply } => {
                self.waiting.quiet.push((quiet, reply));
            }
            Request::AgentSpeaks(reply) => self.waiting.speaks.push(reply),
            Request::Binary(bytes) => self.send(Message::Binary(bytes)).await,
            Request::CloseWithoutStop(reply) => {
                self.goodbye().await;
                let _ = reply.send(self.recording.clone());
            }
            Request::Closed(reply) => match self.recording.closed {
                Some(closed) => drop(reply.send(closed)),
                None => self.waiting.closed.push(reply),
            },
            Request::Drop(reply) => {
                self.socket = None;
                self.close(Closed::ByUs);
                let _ = reply.send(self.recording.clone());
            }
            Request::HangUp(reply) => {
                if let Some(stop) = self.wording.stop() {
                    self.send(Message::text(stop)).await;
                }
                self.goodbye().await;
                let _ = reply.send(self.recording.clone());
            }
            Request::Heard(reply) => drop(reply.send(self.recording.clone())),
            Request::Messages { count, reply } => {
                self.waiting.messages.push((count, reply));
                self.answer_messages();
            }
            Request::Press(key) => {
                let text = self.wording.dtmf(key);
                self.send(Message::text(text)).await;
            }
            Request::Speak { audio, reply } => {
                if self.socket.is_some() {
                    self.speech.push_back(Utterance { audio, began: None, reply });
                }
            }
            Request::StopReading => self.reading = false,
            Request::Text(text) => self.send(Message::text(text)).await,
        }
    }

    async fn on_read(&mut self, read: Option<Result<Message, SocketError>>) {
        match read {
            Some(Ok(Message::Text(text))) => {
                let said = self.wording.read(&text);
                self.on_said(said).await;
            }
            Some(Ok(Message::Binary(audio))) => {
                let said = self.wording.read_binary(audio, self.frame);
                self.on_said(said).await;
            }
            Some(Ok(Message::Close(frame))) => {
                // Lets the library send its answer.
                if let Some(socket) = &mut self.socket {
                    let _ = timeout(GOODBYE, socket.flush()).await;
                }
                self.close(Closed::ByServer(frame.map_or(1005, |frame| frame.code.into())));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.close(Closed::Lost),
        }
    }

    async fn on_said(&mut self, said: Said) {
        let at = self.now();
        self.recording.wire.push((at, said.wire()));
        match said {
            Said::Audio(audio) => self.playout.push_audio(audio),
            Said::Clear => self.on_clear(at).await,
            Said::Mark(name) => {
                self.playout.push_mark(name);
                // While a frame is being played, its end is waited for.
                if self.stretch_end < self.ticks {
                    self.echo_reached().await;
                }
            }
            Said::Key(_) | Said::Unknown(_) => {}
        }
        self.answer_messages();
    }

    async fn on_clear(&mut self, at: Duration) {
        let (dropped, marks) = self.playout.clear();
        self.recording.clears.push(Cleared { at, dropped });
        for name in std::mem::take(&mut self.reached) {
            self.echo(name, true).await;
        }
        if self.wording.carrier.returns_cleared_marks() {
            for name in marks {
                self.echo(name, false).await;
            }
        }
        if let Some(cleared) = self.wording.cleared() {
            self.send(Message::text(cleared)).await;
        }
    }

    fn answer_messages(&mut self) {
        let arrived = self.recording.wire.len();
        for (_, reply) in self.waiting.messages.extract_if(.., |(count, _)| *count <= arrived) {
            let _ = reply.send(());
        }
    }

    async fn echo_reached(&mut self) {
        for name in std::mem::take(&mut self.reached) {
            self.echo(name, true).await;
        }
        while let Some(name) = self.playout.reached_mark() {
            self.echo(name, true).await;
        }
    }

    async fn echo(&mut self, name: String, played: bool) {
        let text = self.wording.mark(&name);
        self.send(Message::text(text)).await;
        self.recording.marks.push(MarkEcho { at: self.now(), name, played });
    }

    async fn send(&mut self, message: Message) {
        let Some(socket) = &mut self.socket else { return };
        // Whether the connection was lost or said goodbye is found out by reading.
        if timeout(WRITE, socket.send(message)).await.is_err() {
            self.close(Closed::Lost);
        }
    }

    async fn goodbye(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            let _ = timeout(GOODBYE, async {
                if socket.close(None).await.is_ok() {
                    while let Some(Ok(_)) = socket.next().await {}
                }
            })
            .await;
        }
        self.close(Closed::ByUs);
    }

    fn close(&mut self, how: Closed) {
        self.socket = None;
        // Whoever waits to have spoken learns that nobody listens.
        self.speech.clear();
        let closed = *self.recording.closed.get_or_insert((self.began.elapsed(), how));
        for waiting in self.waiting.closed.drain(..) {
            let _ = waiting.send(closed);
        }
    }
}

async fn read(
    socket: Option<&mut WebSocketStream<TcpStream>>,
    reading: bool,
) -> Option<Result<Message, SocketError>> {
    match socket.filter(|_| reading) {
        Some(socket) => socket.next().await,
        None => pending().await,
    }
}
