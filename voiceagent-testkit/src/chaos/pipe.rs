use std::{collections::VecDeque, io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::tcp::{ReadHalf, WriteHalf},
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{Flow, Weather};

/// Bytes that are under way at most: what a delay of a second holds of some hundred calls. A sender
/// of more has to wait, as on a real path.
const UNDER_WAY: usize = 1 << 20;

const READ: usize = 16 * 1024;

/// One way of a connection.
pub(super) struct Pipe<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    weather: watch::Receiver<Weather>,
    /// What is under way, and when it arrives.
    queue: VecDeque<(Instant, Vec<u8>)>,
    queued: usize,
    /// When the next byte may pass, where they are counted.
    free: Instant,
    /// Whether the sender has said goodbye.
    ended: bool,
}

impl<'a> Pipe<'a> {
    pub(super) fn new(
        from: ReadHalf<'a>,
        to: WriteHalf<'a>,
        weather: watch::Receiver<Weather>,
    ) -> Self {
        let queue = VecDeque::new();
        Self { from, to, weather, queue, queued: 0, free: Instant::now(), ended: false }
    }

    /// Passes everything on until the sender has said goodbye and all has arrived.
    ///
    /// # Errors
    ///
    /// When one of the ends is lost.
    pub(super) async fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ];
        while !(self.ended && self.queue.is_empty()) {
            let weather = *self.weather.borrow_and_update();
            let reads = !self.ended && weather.flow != Flow::Stuck && self.queued < UNDER_WAY;
            let arrives = self.queue.front().map(|(at, _)| (*at).max(self.free));
            let passes = weather.flow == Flow::Passes;
            tokio::select! {
                biased;
                // Whoever set the weather and is gone wants no other.
                Ok(()) = self.weather.changed() => {}
                () = until(arrives), if passes => self.deliver(weather).await?,
                read = self.from.read(&mut buffer), if reads => match read? {
                    0 => self.ended = true,
                    length if passes => self.send(&buffer[..length], weather),
                    _ => {}
                },
            }
            if weather.flow == Flow::Swallowed && self.ended {
                // Not even the goodbye arrives.
                std::future::pending::<()>().await;
            }
        }
        self.to.shutdown().await
    }

    fn send(&mut self, bytes: &[u8], weather: Weather) {
        let at = Instant::now() + weather.delay;
        for piece in bytes.chunks(weather.piece.map_or(READ, |piece| piece.max(1))) {
            self.queued += piece.len();
            self.queue.push_back((at, piece.to_owned()));
        }
    }

    async fn deliver(&mut self, weather: Weather) -> io::Result<()> {
        let Some((_, piece)) = self.queue.pop_front() else { return Ok(()) };
        self.queued -= piece.len();
        if let Some(rate) = weather.bytes_per_second {
            let takes = Duration::from_secs(piece.len() as u64) / rate.get();
            self.free = Instant::now() + takes;
        }
        self.to.write_all(&piece).await?;
        if weather.piece.is_some() {
            // So that the reader finds this piece and not the next one as well.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
