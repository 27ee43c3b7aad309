use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

use super::Wire;
use crate::conformance::transport::FarEnd;

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(10);

/// 20 ms of 16-bit PCM at 8 kHz.
const FRAME: usize = 320;

/// Asterisk's side of an AudioSocket connection. It speaks only when a test does.
#[derive(Debug)]
pub struct AudioSocketPhone {
    stream: TcpStream,
    read: Vec<u8>,
    arrived: Vec<Wire>,
    /// The application has hung up, or closed the connection.
    over: bool,
}

impl AudioSocketPhone {
    /// Connects, and names the call.
    ///
    /// # Panics
    ///
    /// When nobody listens at the address, such as `127.0.0.1:9092`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up.
    pub async fn connect(address: &str, uuid: [u8; 16]) -> Self {
        let stream = TcpStream::connect(address).await.expect("a listener");
        let mut phone = Self { stream, read: Vec::new(), arrived: Vec::new(), over: false };
        phone.send(0x01, &uuid).await;
        phone
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).expect("a short message").to_be_bytes();
        // Whoever is spoken to may have gone.
        let _ = self.stream.write_all(&[&[kind], &length[..], payload].concat()).await;
    }

    /// Reads on until the deadline, or something has come; whether something has.
    async fn more(&mut self, deadline: Instant) -> bool {
        match timeout_at(deadline, self.stream.read_buf(&mut self.read)).await {
            Ok(Ok(count)) if count > 0 => {}
            Ok(_) => self.over = true,
            Err(_) => return false,
        }
        while let [kind, high, low, rest @ ..] = self.read.as_slice() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if rest.len() < length {
                break;
            }
            match kind {
                0x00 => self.over = true,
                0x10 => self.arrived.push(Wire::Audio(length)),
                kind => self.arrived.push(Wire::Unknown(format!("type {kind}"))),
            }
            self.read.drain(..3 + length);
        }
        true
    }
}

#[async_trait]
impl FarEnd for AudioSocketPhone {
    async fn speak(&mut self, audio: Bytes) {
        for frame in audio.chunks(FRAME) {
            self.send(0x10, frame).await;
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn press(&mut self, key: char) {
        self.send(0x03, key.to_string().as_bytes()).await;
    }

    async fn send_nonsense(&mut self) {
        for (kind, payload) in
            [(0x10, &[][..]), (0x10, &[1, 2, 3]), (0x03, b"12"), (0x03, b"x"), (0x77, &[0; 9_000])]
        {
            self.send(kind, payload).await;
        }
        self.send(0x01, &[9; 16]).await;
    }

    async fn arrived(&mut self, count: usize) -> Vec<Wire> {
        let deadline = Instant::now() + SOON;
        while self.arrived.len() < count && !self.over && self.more(deadline).await {}
        self.arrived.clone()
    }

    async fn hang_up(&mut self) {
        self.send(0x00, &[]).await;
    }

    async fn closes(&mut self) -> bool {
        let deadline = Instant::now() + SOON;
        while !self.over && self.more(deadline).await {}
        self.over
    }

    fn hears_clears(&self) -> bool {
        false
    }
}
