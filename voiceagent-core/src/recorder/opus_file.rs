use std::{
    fs::File,
    io::{self, Write},
};

use super::Piece;
use crate::{
    Error, Result,
    audio::{
        AudioFormat,
        ogg::{self, Kind, Pages},
        opus,
    },
};

/// Bits a second for each side: speech at this rate is hard to tell from the original.
const BITRATE: u32 = 24_000;
/// Packets on a page: a second of both sides, which is what a killed process loses.
const PACKETS: usize = 50;
/// What a packet of 20 ms lasts on Opus' clock.
const STEP: u64 = ogg::CLOCK as u64 / 50;

/// An Ogg file with both sides as Opus.
pub(super) struct OpusFile {
    file: File,
    left: opus::Encoder,
    right: opus::Encoder,
    rate: u32,
    pages: Pages,
    on_page: usize,
    /// Samples of 48 kHz at the beginning that are not to be played.
    skipped: u64,
    /// Moments that were recorded, and packets that were made of them.
    moments: u64,
    packets: u64,
    /// The left packet of a pair.
    first: Vec<u8>,
    /// Both sides of a packet.
    samples: [Vec<i16>; 2],
}

impl OpusFile {
    pub(super) fn new(mut file: File, format: AudioFormat) -> Result<Self> {
        let rate = format.sample_rate;
        let side = || opus::Encoder::new(rate)?.with_bitrate(BITRATE);
        let (left, right) = (side()?, side()?);
        let skipped = left.delay()? * (ogg::CLOCK / rate);
        let mut pages = Pages::new();
        let short = u16::try_from(skipped).map_err(|_| Error::config("Opus lags behind"))?;
        let mut begin = || -> io::Result<()> {
            pages.add([&ogg::head(short, rate)[..]]);
            file.write_all(pages.finish(Kind::First, 0))?;
            pages.add([&ogg::tags()[..]]);
            file.write_all(pages.finish(Kind::Usual, 0))
        };
        begin().map_err(|error| {
            Error::config("the head of a recording cannot be written").with_source(error)
        })?;
        let room = rate as usize / 50;
        Ok(Self {
            file,
            left,
            right,
            rate,
            pages,
            on_page: 0,
            skipped: u64::from(skipped),
            moments: 0,
            packets: 0,
            first: Vec::with_capacity(1_275),
            samples: [(); 2].map(|()| Vec::with_capacity(room)),
        })
    }

    pub(super) fn write(&mut self, piece: Piece) -> io::Result<Option<Vec<u8>>> {
        match piece {
            Piece::Sound(block) => {
                self.moments += block.len() as u64 / 4;
                let mut moments = block.chunks_exact(4);
                let read = |bytes: &[u8]| i16::from_le_bytes([bytes[0], bytes[1]]);
                while moments.len() > 0 {
                    let pairs = moments.by_ref().map(|it| (read(it), read(&it[2..])));
                    self.encode(pairs)?;
                }
                Ok(Some(block))
            }
            Piece::Silence(moments) => {
                self.moments += moments;
                self.silence(moments)?;
                Ok(None)
            }
            Piece::End => {
                // As much more as the decoder lags behind, and the rest of the last packet.
                let end = self.skipped + self.moments * u64::from(ogg::CLOCK / self.rate);
                while self.packets * STEP < end {
                    self.silence(1)?;
                }
                let page = self.pages.finish(Kind::Last, end);
                self.file.write_all(page)?;
                Ok(None)
            }
        }
    }

    fn silence(&mut self, moments: u64) -> io::Result<()> {
        let mut silence = (0..moments).map(|_| (0, 0)).peekable();
        while silence.peek().is_some() {
            self.encode(silence.by_ref())?;
        }
        Ok(())
    }

    /// Takes as many moments as complete a packet.
    fn encode(&mut self, moments: impl Iterator<Item = (i16, i16)>) -> io::Result<()> {
        let missing = self.rate as usize / 50 - self.left.waiting();
        let [left, right] = &mut self.samples;
        left.clear();
        right.clear();
        for moment in moments.take(missing) {
            left.push(moment.0);
            right.push(moment.1);
        }
        let failed = |error: Error| io::Error::other(error);
        self.first.clear();
        let first = &mut self.first;
        let hold = |packet: &[u8]| {
            first.extend_from_slice(packet);
            Ok(())
        };
        self.left.encode(left, hold).map_err(failed)?;
        if self.first.is_empty() {
            // Both sides wait for the same rest.
            return self.right.encode(right, |_| Ok(())).map_err(failed);
        }
        // Two packets and what delimits them are never longer than this.
        if self.on_page == PACKETS || !self.pages.has_room(2 * 1_275 + 3) {
            let page = self.pages.finish(Kind::Usual, self.packets * STEP);
            self.file.write_all(page)?;
            self.on_page = 0;
        }
        let (length, bytes) = ogg::delimiter(&self.first);
        let (head, frame) = self.first.split_at(1);
        let pages = &mut self.pages;
        let join = |packet: &[u8]| {
            pages.add([head, &length[..bytes], frame, packet]);
            Ok(())
        };
        self.right.encode(right, join).map_err(failed)?;
        self.packets += 1;
        self.on_page += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
