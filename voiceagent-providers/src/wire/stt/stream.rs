//! The pump: one socket at a time, and a tape of what it may have lost.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep, sleep_until};
use voiceagent_core::{
    Error, ErrorKind, Link, LinkPeer, Result, Secret,
    audio::AudioFormat,
    stt::{SttEvent, SttInput},
};

use super::{
    codec::SttCodec, hello::establish, level::is_loud, pace::Pace, retries::Retries, tape::Tape,
};
use crate::wire::ws::{Dial, Received, Socket};

/// Items that wait in each direction of a link: 2.5 s of 20 ms frames, after which whoever feeds a
/// recognizer that takes nothing is told so.
pub(crate) const CAPACITY: usize = 128;

/// The longest stretch of audio that is played again: longer than any gap between finals of
/// ordinary speech, and 120 kB of mu-law.
const REPLAY: Duration = Duration::from_secs(15);

/// Audio is replayed in messages of this length, as much as the vendor advises at once.
const REPLAY_PIECE: Duration = Duration::from_millis(250);

/// The vendor sends its last words and closes; a link has 100 ms for all of its goodbye.
const GOODBYE: Duration = Duration::from_millis(60);

/// Loud audio that a vendor has not said anything of. With so much of it, one that does not answer
/// when asked for a final has stalled; with less, it had nothing to say.
const UTTERANCE: Duration = Duration::from_millis(500);

/// Silence is made up in pieces of this length.
const SILENCE_PIECE: Duration = Duration::from_millis(100);

/// What to send when the audio pauses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pause {
    /// A message that keeps the connection alive.
    KeepAlive,
    /// Silence, while a turn is open; and else, so often, a message that keeps the connection
    /// alive, if its vendor has one.
    Silence { idle: Option<Duration> },
}

/// How a stream behaves.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) dial: Dial,
    /// What each connection begins with, in the vendor's words.
    pub(crate) greeting: Vec<Secret>,
    pub(crate) format: AudioFormat,
    pub(crate) pause: Pause,
    /// How long a pause lasts before something is sent.
    pub(crate) pause_after: Duration,
    /// How often the connection is pinged, for a vendor that closes those without.
    pub(crate) ping: Option<Duration>,
    /// How long speech may stay without any answer within a turn, and before one.
    pub(crate) stall_timeout: Duration,
    pub(crate) idle_stall_timeout: Duration,
    /// How long silence within a turn may stay without any answer, where that is longer: a vendor
    /// that waits for the end of a turn may have nothing to say.
    pub(crate) pause_stall_timeout: Duration,
    /// The shortest piece of audio that the vendor takes.
    pub(crate) shortest: Duration,
    /// The fastest that the vendor takes audio, in percent of real time; `None` for any.
    pub(crate) pace_percent: Option<u32>,
    pub(crate) finalize_timeout: Duration,
    /// How long the vendor may ask to be left alone.
    pub(crate) patience: Duration,
    /// Whether what was understood becomes a final when the vendor is given up: not where somebody
    /// else hears the audio again.
    pub(crate) settles: bool,
}

/// One stream of recognition, over as many connections as it takes.
pub(crate) struct Stream<C> {
    settings: Settings,
    codec: C,
    socket: Socket,
    tape: Tape,
    /// Samples up to which audio was sent, over all connections.
    sent: u64,
    /// Audio that is too short to be sent alone.
    pending: BytesMut,
    pace: Pace,
    retries: Retries,
    /// Reused for each message.
    events: Vec<SttEvent>,
    /// When something must be sent unless audio comes.
    pause_at: Instant,
    /// When the connection is pinged.
    ping_at: Option<Instant>,
    /// Whether this connection ever got audio.
    began: bool,
    /// Since when the vendor has been silent.
    silent_since: Instant,
    /// Audio since then that calls for an answer.
    unanswered: Duration,
    /// How much of it was loud.
    loud: Duration,
    finalize_by: Option<Instant>,
    /// Samples of audio that go first, where a final was asked for.
    finalize_after: Option<u64>,
}

impl<C: SttCodec> Stream<C> {
    /// Connects, and serves the link from then on.
    pub(crate) async fn link(settings: Settings, codec: C) -> Result<Link<SttInput, SttEvent>> {
        let stream = Self::open(settings, codec).await?;
        Ok(Link::spawn(CAPACITY, |peer| stream.run(peer)))
    }

    async fn open(settings: Settings, codec: C) -> Result<Self> {
        let socket = establish::<C>(&settings, codec.awaits_hello()).await?;
        let now = Instant::now();
        Ok(Self {
            tape: Tape::new(settings.format, REPLAY),
            sent: 0,
            pending: BytesMut::new(),
            pace: Pace::new(settings.pace_percent),
            retries: Retries::new(settings.patience, settings.settles),
            events: Vec::with_capacity(4),
            pause_at: now + settings.pause_after,
            ping_at: settings.ping.map(|ping| now + ping),
            began: false,
            silent_since: now,
            unanswered: Duration::ZERO,
            loud: Duration::ZERO,
            finalize_by: None,
            finalize_after: None,
            settings,
            codec,
            socket,
        })
    }

    /// Runs until the owner of the link has gone, or the vendor is lost for good.
    async fn run(mut self, mut peer: LinkPeer<SttInput, SttEvent>) -> Result<()> {
        loop {
            let lost = match self.serve(&mut peer).await {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::Closed => break,
                Err(lost) => lost,
            };
            tracing::debug!(error = %lost, "a recognition stream lost its connection");
            // What the vendor said before it was lost.
            self.report(&peer).await?;
            self.codec.lost(self.tape.start(), &mut self.events);
            if self.retries.settles() {
                self.report(&peer).await?;
            }
            match self.reconnect(&mut peer, lost).await {
                Ok(true) => self.report(&peer).await?,
                Ok(false) => return Ok(()),
                Err(given_up) => {
                    if self.retries.settles() {
                        self.codec.settle(&mut self.events);
                        self.report(&peer).await?;
                    }
                    return Err(given_up);
                }
            }
        }
        self.socket.close(self.codec.goodbye(), GOODBYE).await;
        Ok(())
    }

    /// Serves one connection; `Ok` when the owner has gone.
    async fn serve(&mut self, peer: &mut LinkPeer<SttInput, SttEvent>) -> Result<()> {
        loop {
            let wake = self.wake_at();
            tokio::select! {
                received = self.socket.recv() => self.on_received(&received?)?,
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.on_input(input).await?;
                    // What came together leaves together, in one write.
                    while let Some(input) = peer.try_recv() {
                        self.on_input(input).await?;
                    }
                }
                () = sleep_until(wake) => self.on_wake().await?,
            }
            self.socket.flush().await?;
            self.report(peer).await?;
        }
    }

    async fn on_input(&mut self, input: SttInput) -> Result<()> {
        match input {
            SttInput::Audio(frame) => self.on_audio(frame.payload).await?,
            SttInput::Finalize => self.on_finalize().await?,
            SttInput::Adopt { patience, replays } => self.retries.adopt(patience, replays),
            _ => {}
        }
        Ok(())
    }

    async fn on_audio(&mut self, payload: Bytes) -> Result<()> {
        // An empty message would end the stream on some servers.
        if payload.is_empty() {
            return Ok(());
        }
        self.tape.push(payload);
        self.catch_up().await
    }

    /// Sends what the tape holds and was not sent, as far as the vendor takes it by now.
    async fn catch_up(&mut self) -> Result<()> {
        while self.more_at().is_some_and(|due| due <= Instant::now()) {
            let (from, piece) = self.tape.piece(self.taken(), REPLAY_PIECE);
            // Nothing, unless a vendor takes audio slower than it is spoken.
            self.sent += from - self.taken();
            self.hear(piece).await?;
            if self.finalize_after.is_some_and(|place| place <= self.taken()) {
                self.finalize().await?;
            }
        }
        Ok(())
    }

    /// Samples up to which audio was taken from the tape.
    fn taken(&self) -> u64 {
        self.sent + self.settings.format.samples(self.pending.len())
    }

    /// When the next audio of the tape may be sent, if there is any.
    fn more_at(&self) -> Option<Instant> {
        let taken = self.settings.format.duration_of(self.taken());
        (taken < self.tape.end()).then(|| self.pace.may_send_at(taken))
    }

    async fn hear(&mut self, payload: Bytes) -> Result<()> {
        let is_loud = is_loud(self.settings.format, &payload);
        if self.codec.in_turn() || is_loud {
            if self.unanswered.is_zero() {
                (self.silent_since, self.loud) = (Instant::now(), Duration::ZERO);
            }
            let format = self.settings.format;
            let length = format.duration_of(format.samples(payload.len()));
            self.unanswered += length;
            self.loud += if is_loud { length } else { Duration::ZERO };
        }
        self.pause_at = Instant::now() + self.settings.pause_after;
        self.began = true;
        self.feed(payload).await?;
        self.check_stall()
    }

    /// Lines up audio, in pieces that are long enough.
    async fn feed(&mut self, payload: Bytes) -> Result<()> {
        if self.settings.shortest.is_zero() {
            return self.send_audio(payload).await;
        }
        self.pending.extend_from_slice(&payload);
        if self.pending.len() < self.settings.format.bytes_in(self.settings.shortest) {
            return Ok(());
        }
        let piece = self.pending.split().freeze();
        self.send_audio(piece).await
    }

    async fn send_audio(&mut self, piece: Bytes) -> Result<()> {
        self.sent += self.settings.format.samples(piece.len());
        self.codec.on_sent(self.settings.format.duration_of(self.sent));
        self.socket.feed(self.codec.pack(piece)).await
    }

    /// Asks for a final, as soon as the vendor has what was said so far.
    async fn on_finalize(&mut self) -> Result<()> {
        if self.more_at().is_some() {
            self.finalize_after = Some(self.settings.format.samples_in(self.tape.end()));
            return Ok(());
        }
        self.finalize().await
    }

    async fn finalize(&mut self) -> Result<()> {
        self.finalize_after = None;
        if !self.pending.is_empty() && self.more_at().is_none() {
            let rest = self.settings.format.bytes_in(self.settings.shortest) - self.pending.len();
            let silence = self.tape.push_silence(rest);
            self.hear(silence).await?;
        }
        if let Some(message) = self.codec.finalize() {
            self.finalize_by = Some(Instant::now() + self.settings.finalize_timeout);
            self.socket.send_text(message.into_owned()).await?;
        }
        Ok(())
    }

    fn on_received(&mut self, received: &Received) -> Result<()> {
        let Received::Text(text) = received else { return Ok(()) };
        if !self.codec.is_receipt(text) {
            self.unanswered = Duration::ZERO;
        }
        match self.codec.decode(text, self.socket.secrets(), &mut self.events) {
            Ok(works) => {
                if works {
                    self.retries.reset();
                }
            }
            Err(error) if error.kind() == ErrorKind::Protocol => {
                tracing::warn!(%error, "a message of the recognizer was skipped");
            }
            Err(error) => return Err(error),
        }
        let taken = self.settings.format.duration_of(self.taken());
        self.tape.forget_before(self.codec.covered().min(taken));
        Ok(())
    }

    fn wake_at(&self) -> Instant {
        let stall = (!self.unanswered.is_zero())
            .then(|| self.silent_since + self.stall_limit())
            // Too little audio to judge by; the next frame checks again.
            .filter(|_| self.unanswered >= self.stall_limit() / 2);
        let far = self.silent_since + Duration::from_secs(86_400);
        [self.pause_due(), self.ping_at, self.more_at(), stall, self.finalize_by]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(far)
    }

    /// When something must be sent unless audio comes.
    fn pause_due(&self) -> Option<Instant> {
        if self.more_at().is_some() {
            return None;
        }
        match self.settings.pause {
            Pause::Silence { idle } if !self.codec.in_turn() => idle.map(|it| self.pause_at + it),
            Pause::KeepAlive | Pause::Silence { .. } => Some(self.pause_at),
        }
    }

    async fn on_wake(&mut self) -> Result<()> {
        self.catch_up().await?;
        let now = Instant::now();
        if self.ping_at.is_some_and(|at| at <= now) {
            self.ping_at = self.settings.ping.map(|ping| now + ping);
            self.socket.ping().await?;
        }
        if self.finalize_by.is_some_and(|by| by <= now) {
            self.finalize_by = None;
            if self.codec.owes_final() {
                if self.unanswered >= UTTERANCE {
                    return Err(self.stalled(self.settings.finalize_timeout));
                }
                self.codec.settle(&mut self.events);
            }
        }
        self.check_stall()?;
        if self.pause_due().is_none_or(|due| due > now) {
            return Ok(());
        }
        match self.settings.pause {
            // A stream that never had audio is not kept alive by messages alone.
            Pause::KeepAlive => match C::KEEP_ALIVE {
                Some(message) if self.began => {
                    self.pause_at = now + self.settings.pause_after;
                    self.socket.send_text(message).await
                }
                Some(_) | None => self.send_silence().await,
            },
            Pause::Silence { .. } if self.codec.in_turn() => {
                self.send_silence().await?;
                self.pause_at = now + SILENCE_PIECE;
                Ok(())
            }
            Pause::Silence { .. } => {
                self.pause_at = now;
                match C::KEEP_ALIVE {
                    Some(message) => self.socket.send_text(message).await,
                    None => Ok(()),
                }
            }
        }
    }

    async fn send_silence(&mut self) -> Result<()> {
        self.tape.push_silence(self.settings.format.bytes_in(SILENCE_PIECE));
        self.catch_up().await
    }

    fn stall_limit(&self) -> Duration {
        let Settings { stall_timeout, idle_stall_timeout, pause_stall_timeout, .. } = self.settings;
        if !self.codec.in_turn() {
            idle_stall_timeout * self.retries.belief()
        } else if self.loud < stall_timeout / 2 {
            stall_timeout.max(pause_stall_timeout)
        } else {
            stall_timeout
        }
    }

    /// Judges by the clock and by the audio: a vendor owes no answer to what it has not heard.
    fn check_stall(&self) -> Result<()> {
        let limit = self.stall_limit();
        if self.unanswered < limit / 2 || self.silent_since.elapsed() < limit {
            return Ok(());
        }
        Err(self.stalled(limit))
    }

    fn stalled(&self, limit: Duration) -> Error {
        let message = format!("speech got no answer for {} ms", limit.as_millis());
        Error::new(ErrorKind::Stalled, "read", message).with_provider(C::PROVIDER)
    }

    /// Hands what is waiting in `events` to the owner.
    async fn report(&mut self, peer: &LinkPeer<SttInput, SttEvent>) -> Result<()> {
        if !self.codec.owes_final() {
            self.finalize_by = None;
        } else if self.finalize_by.is_none() && self.finalize_after.is_none() {
            // Some vendors owe one unasked.
            self.finalize_by = Some(Instant::now() + self.settings.finalize_timeout);
        }
        for mut event in self.events.drain(..) {
            self.tape.leave_out_made_up(&mut event);
            peer.send(event).await?;
        }
        Ok(())
    }

    /// Connects again while the tape runs on; `false` when the owner has gone.
    async fn reconnect(
        &mut self,
        peer: &mut LinkPeer<SttInput, SttEvent>,
        mut lost: Error,
    ) -> Result<bool> {
        loop {
            let wait = self.retries.after(lost)?;
            let Some(connected) = self.connect_after(wait, peer).await else { return Ok(false) };
            match connected {
                Ok(socket) => {
                    self.socket = socket;
                    match self.replay().await {
                        Ok(()) => return Ok(true),
                        Err(failed) => lost = failed,
                    }
                }
                Err(failed) => lost = failed,
            }
        }
    }

    /// Connects after a while, and keeps what the owner says meanwhile; `None` when it has gone.
    async fn connect_after(
        &mut self,
        wait: Duration,
        peer: &mut LinkPeer<SttInput, SttEvent>,
    ) -> Option<Result<Socket>> {
        let (settings, hello) = (&self.settings, self.codec.awaits_hello());
        let mut connecting = std::pin::pin!(async {
            sleep(wait).await;
            establish::<C>(settings, hello).await
        });
        loop {
            tokio::select! {
                connected = &mut connecting => return Some(connected),
                input = peer.recv() => match input? {
                    SttInput::Audio(frame) => self.tape.push(frame.payload),
                    SttInput::Finalize => drop(self.codec.finalize()),
                    SttInput::Adopt { patience, replays } => self.retries.adopt(patience, replays),
                    _ => {}
                },
            }
        }
    }

    /// Plays to a new connection what the old one may have lost.
    async fn replay(&mut self) -> Result<()> {
        // A connection that took longer than the tape lasts has cut into it.
        self.codec.lost(self.tape.start(), &mut self.events);
        let zero = self.codec.covered().clamp(self.tape.start(), self.tape.end());
        self.codec.connected(zero);
        self.pace.restart(zero);
        self.sent = self.settings.format.samples_in(zero);
        let now = Instant::now();
        self.pause_at = now + self.settings.pause_after;
        self.ping_at = self.settings.ping.map(|ping| now + ping);
        self.began = false;
        self.unanswered = Duration::ZERO;
        self.pending.clear();
        self.finalize_by = None;
        let asked = self.finalize_after.take().is_some() || self.codec.owes_final();
        self.catch_up().await?;
        if asked {
            self.on_finalize().await?;
        }
        self.socket.flush().await
    }
}
