use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
    time::{Instant, interval, timeout},
};
use voiceagent_core::{
    Error, ErrorKind, LinkPeer, MarkId, Result,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound},
};

use super::frame::{self, Frame};
use crate::DtmfKey;

/// What Asterisk plays at once, and how often it wants more: it keeps no queue of its own.
const PIECE: Duration = Duration::from_millis(20);

/// Pieces that may wait: 1.3 s. The session sends 100 ms ahead.
const QUEUE: usize = 64;

/// Asterisk sends audio all the time. Without any for this long it is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// A far end that takes nothing for this long has left the caller without sound for longer.
const WRITE: Duration = Duration::from_secs(5);

/// Moves audio between a connection and a link, in one task, and paces what goes out: so that it
/// can be dropped until the moment at which it is played.
#[derive(Debug)]
pub(super) struct Leg {
    stream: TcpStream,
    /// What has been read and not been understood yet.
    read: BytesMut,
    queue: VecDeque<Queued>,
    samples: u64,
}

#[derive(Debug)]
enum Queued {
    Audio(Bytes),
    HangUp,
    Mark(MarkId),
}

impl Leg {
    pub(super) const fn new(stream: TcpStream, read: BytesMut) -> Self {
        Self { stream, read, queue: VecDeque::new(), samples: 0 }
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let (mut reader, mut writer) = self.stream.into_split();
        let (mut read, mut pace) = (std::mem::take(&mut self.read), interval(PIECE));
        let mut out = Outgoing { queue: self.queue };
        let (mut last_heard, mut owner_gone) = (Instant::now(), false);
        loop {
            while let Some(frame) = frame::take(&mut read) {
                last_heard = Instant::now();
                let told = match frame {
                    Frame::Audio(audio) => {
                        let at = MediaTime(self.samples);
                        let audio = AudioFrame::new(AudioFormat::PCM_8K, at, audio);
                        self.samples += audio.samples();
                        Some(Inbound::Audio(audio))
                    }
                    Frame::Failed => return Err(lost("Asterisk could not go on")),
                    Frame::HangUp => return peer.send(Inbound::HungUp).await,
                    Frame::Key(key) => DtmfKey::new(key).map(|key| Inbound::Dtmf(key.as_char())),
                    Frame::Other | Frame::Uuid(_) => None,
                };
                if let Some(told) = told {
                    peer.send(told).await?;
                }
            }
            // What is asked comes before the clock, so that a clear finds what it drops.
            tokio::select! {
                biased;
                asked = peer.recv(), if out.queue.len() < QUEUE && !owner_gone => match asked {
                    Some(Outbound::Transfer(_)) => {
                        peer.send(Inbound::NotTransferred(ErrorKind::Unsupported)).await?;
                    }
                    Some(asked) => out.take(asked),
                    None => {
                        // A hang-up that was asked for has been queued, behind its last words.
                        owner_gone = true;
                        out.queue.push_back(Queued::HangUp);
                    }
                },
                more = reader.read_buf(&mut read) => match more {
                    Ok(0) => return peer.send(Inbound::HungUp).await,
                    Ok(_) => {}
                    Err(_) => return Err(lost("the connection was lost")),
                },
                _ = pace.tick() => {
                    if out.play(&mut writer, &peer).await? {
                        return if owner_gone { Ok(()) } else { peer.send(Inbound::HungUp).await };
                    }
                    if last_heard.elapsed() >= SILENCE {
                        return Err(lost("the far end has gone silent"));
                    }
                }
            }
        }
    }
}

/// What is to be played.
struct Outgoing {
    queue: VecDeque<Queued>,
}

impl Outgoing {
    fn take(&mut self, asked: Outbound) {
        match asked {
            Outbound::Audio(frame) => {
                let mut rest = frame.payload;
                while !rest.is_empty() {
                    let piece = AudioFormat::PCM_8K.bytes_in(PIECE).min(rest.len());
                    self.queue.push_back(Queued::Audio(rest.split_to(piece)));
                }
            }
            Outbound::Clear => self.queue.retain(|next| !matches!(next, Queued::Audio(_))),
            Outbound::HangUp => self.queue.push_back(Queued::HangUp),
            Outbound::Mark(mark) => self.queue.push_back(Queued::Mark(mark)),
            // A leg with audio is not asked for more.
            _ => {}
        }
    }

    /// Plays the next piece; whether the call is over. What was sent 20 ms ago has been played.
    async fn play(
        &mut self,
        writer: &mut OwnedWriteHalf,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<bool> {
        while let Some(next) = self.queue.pop_front() {
            match next {
                Queued::Mark(mark) => peer.send(Inbound::MarkPlayed(mark)).await?,
                Queued::Audio(piece) => {
                    write(writer, &frame::audio(&piece)).await?;
                    return Ok(false);
                }
                Queued::HangUp => {
                    // Who has gone already need not be told.
                    let _ = write(writer, &frame::hang_up()).await;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

async fn write(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> Result<()> {
    match timeout(WRITE, writer.write_all(bytes)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(lost("the connection was lost")),
        Err(_) => Err(lost("the far end does not read")),
    }
}

fn lost(why: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "talk", why).with_provider("asterisk")
}
