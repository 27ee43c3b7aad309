//! A call leg from scratch, run through the conformance suite.
//!
//! The wire is TCP. Each message is a letter, its length in two bytes (big-endian), and its
//! payload: `a` mu-law audio, `c` clear, `h` hang up, `k` a key, `m` a mark, which the far end
//! sends back when it has played everything before it. `cargo run -p voiceagent-testkit --example
//! own_transport` prints the report.

use std::{collections::VecDeque, time::Duration};

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::timeout,
};
use voiceagent_core::{
    Error, ErrorKind, Link, LinkPeer, MarkId, Result,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};
use voiceagent_testkit::{
    conformance::{Report, transport},
    phone::Wire,
};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

/// A second of frames; whoever does not read for a second hears nothing anyway.
const QUEUE: usize = 64;

/// How long a far end may refuse to read.
const WRITE_DEADLINE: Duration = Duration::from_secs(2);

const AUDIO: u8 = b'a';
const CLEAR: u8 = b'c';
const HANG_UP: u8 = b'h';
const KEY: u8 = b'k';
const MARK: u8 = b'm';

/// One call over one connection.
#[derive(Debug)]
struct OwnLine {
    call: CallInfo,
    socket: TcpStream,
}

impl OwnLine {
    fn new(socket: TcpStream) -> Self {
        Self { call: CallInfo::new("own-1", Media::audio(FORMAT)), socket }
    }
}

#[async_trait]
impl Transport for OwnLine {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_clear(true).with_marks(true).with_dtmf(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let pump = Pump {
            socket: self.socket,
            received: BytesMut::new(),
            queue: VecDeque::new(),
            position: 0,
        };
        Ok(Link::spawn(QUEUE, |peer| pump.run(peer)))
    }
}

struct Pump {
    socket: TcpStream,
    received: BytesMut,
    queue: VecDeque<Outbound>,
    /// Samples that have arrived. The wire has no times of its own, so they are counted.
    position: u64,
}

impl Pump {
    async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        loop {
            tokio::select! {
                // What is asked comes first, so that a clear overtakes the audio before it.
                biased;
                asked = peer.recv() => match asked {
                    // The owner has gone; dropping the socket closes it.
                    None => return Ok(()),
                    Some(Outbound::Clear) => self.clear(),
                    Some(outbound) => self.queue.push_back(outbound),
                },
                // Losing the race loses nothing: a message that is half read stays in `received`.
                read = self.socket.read_buf(&mut self.received) => {
                    if !matches!(read, Ok(1..)) || self.hear(&peer).await? {
                        return peer.send(Inbound::HungUp).await;
                    }
                }
                () = std::future::ready(()), if !self.queue.is_empty() => {
                    if self.send().await? {
                        return peer.send(Inbound::HungUp).await;
                    }
                }
            }
        }
    }

    /// Drops audio that was not sent; the far end drops what it has. Marks stay: what they
    /// waited for is over, so the far end returns them at once.
    fn clear(&mut self) {
        self.queue.retain(|outbound| !matches!(outbound, Outbound::Audio(_)));
        self.queue.push_front(Outbound::Clear);
    }

    /// Delivers all messages that are complete. True when the far end has said goodbye.
    async fn hear(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<bool> {
        while let Some((kind, payload)) = take_message(&mut self.received) {
            let inbound = match (kind, &*payload) {
                (HANG_UP, _) => return Ok(true),
                (AUDIO, [_, ..]) => {
                    let frame = AudioFrame::new(FORMAT, MediaTime(self.position), payload);
                    self.position += frame.samples();
                    Inbound::Audio(frame)
                }
                (KEY, [key @ (b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')]) => {
                    Inbound::Dtmf(char::from(*key))
                }
                (MARK, number) => match number.try_into() {
                    Ok(number) => Inbound::MarkPlayed(MarkId::new(u64::from_be_bytes(number))),
                    Err(_) => continue,
                },
                // What cannot be understood is passed over; the call goes on.
                _ => continue,
            };
            peer.send(inbound).await?;
        }
        Ok(false)
    }

    /// Writes what waits longest. True when that was the goodbye.
    async fn send(&mut self) -> Result<bool> {
        let Some(outbound) = self.queue.pop_front() else { return Ok(false) };
        let bytes = match &outbound {
            Outbound::Audio(frame) => message(AUDIO, &frame.payload),
            Outbound::Clear => message(CLEAR, &[]),
            Outbound::HangUp => message(HANG_UP, &[]),
            Outbound::Mark(mark) => message(MARK, &mark.number().to_be_bytes()),
            // Not claimed, so nobody asks for it.
            _ => return Ok(false),
        };
        match timeout(WRITE_DEADLINE, self.socket.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(outbound == Outbound::HangUp),
            Ok(Err(_)) => Err(error(ErrorKind::Disconnected, "the connection was lost")),
            Err(_) => Err(error(ErrorKind::Stalled, "the far end does not read")),
        }
    }
}

fn message(kind: u8, payload: &[u8]) -> Bytes {
    // Frames are far below 64 KiB; a longer one would be cut, never misread.
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut bytes = BytesMut::with_capacity(3 + usize::from(length));
    bytes.put_u8(kind);
    bytes.put_u16(length);
    bytes.put_slice(&payload[..usize::from(length)]);
    bytes.freeze()
}

fn take_message(received: &mut BytesMut) -> Option<(u8, Bytes)> {
    let [kind, high, low, ..] = **received else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if received.len() < 3 + length {
        return None;
    }
    received.advance(3);
    Some((kind, received.split_to(length).freeze()))
}

fn error(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "send", message).with_provider("own")
}

/// The other end of the connection, driven by the suite. It plays in no time, so it returns marks
/// at once.
struct FarEnd {
    outgoing: mpsc::Sender<Bytes>,
    arrived: watch::Receiver<Vec<Wire>>,
}

const SOON: Duration = Duration::from_secs(10);

impl FarEnd {
    fn new(socket: TcpStream) -> Self {
        let (outgoing, asked) = mpsc::channel(QUEUE);
        let (noted, arrived) = watch::channel(Vec::new());
        tokio::spawn(Self::run(socket, asked, noted));
        Self { outgoing, arrived }
    }

    async fn run(
        mut socket: TcpStream,
        mut asked: mpsc::Receiver<Bytes>,
        noted: watch::Sender<Vec<Wire>>,
    ) {
        let mut received = BytesMut::new();
        loop {
            tokio::select! {
                bytes = asked.recv() => match bytes {
                    Some(bytes) if socket.write_all(&bytes).await.is_ok() => {}
                    _ => return,
                },
                read = socket.read_buf(&mut received) => {
                    if !matches!(read, Ok(1..)) {
                        return;
                    }
                }
            }
            while let Some((kind, payload)) = take_message(&mut received) {
                let wire = match kind {
                    AUDIO => Wire::Audio(payload.len()),
                    CLEAR => Wire::Clear,
                    MARK => {
                        let _ = socket.write_all(&message(MARK, &payload)).await;
                        Wire::Mark(format!("{payload:?}"))
                    }
                    _ => continue,
                };
                noted.send_modify(|wires| wires.push(wire));
            }
        }
    }

    async fn send(&self, kind: u8, payload: &[u8]) {
        let _ = self.outgoing.send(message(kind, payload)).await;
    }
}

#[async_trait]
impl transport::FarEnd for FarEnd {
    async fn speak(&mut self, audio: Bytes) {
        for frame in audio.chunks(FORMAT.bytes_in(Duration::from_millis(20))) {
            self.send(AUDIO, frame).await;
        }
    }

    async fn press(&mut self, key: char) {
        self.send(KEY, key.to_string().as_bytes()).await;
    }

    async fn send_nonsense(&mut self) {
        self.send(b'?', &[0; 60_000]).await;
        self.send(AUDIO, &[]).await;
        self.send(KEY, b"12").await;
        self.send(MARK, b"not ours").await;
        self.send(MARK, b"short").await;
    }

    async fn arrived(&mut self, count: usize) -> Vec<Wire> {
        let enough = self.arrived.wait_for(|wires| wires.len() >= count);
        let _ = timeout(SOON, enough).await;
        self.arrived.borrow().clone()
    }

    async fn hang_up(&mut self) {
        self.send(HANG_UP, &[]).await;
    }

    async fn closes(&mut self) -> bool {
        timeout(SOON, async { while self.arrived.changed().await.is_ok() {} }).await.is_ok()
    }
}

/// Makes a leg and its far end, as the suite asks for one check after another.
async fn connect() -> (Box<dyn Transport>, FarEnd) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (leg, far) = tokio::join!(listener.accept(), TcpStream::connect(address));
    let (leg, _) = leg.expect("somebody connects");
    (Box::new(OwnLine::new(leg)), FarEnd::new(far.expect("somebody listens")))
}

async fn report() -> Report {
    transport::transport("own", connect).await
}

#[expect(clippy::print_stdout, reason = "the report is the program's output")]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{}", report().await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_own_transport_passes_the_suite() {
        report().await.assert();
    }
}
