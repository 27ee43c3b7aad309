use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
};

#[cfg(feature = "opus")]
use super::opus_file::OpusFile;
use super::{Format, Piece};
use crate::{
    Result,
    audio::{AudioFormat, wav},
};

/// The file, and how much is in it.
pub(super) enum Disk {
    Wav(WavFile),
    #[cfg(feature = "opus")]
    Opus(Box<OpusFile>),
}

impl Disk {
    /// Begins a file with samples of this format.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for sample rates that the kind of
    /// file does not know.
    pub(super) fn new(file: File, kind: Format, format: AudioFormat) -> Result<Self> {
        Ok(match kind {
            Format::Wav => Self::Wav(WavFile { file, format, bytes: 0 }),
            #[cfg(feature = "opus")]
            Format::Opus => Self::Opus(Box::new(OpusFile::new(file, format)?)),
        })
    }

    /// Writes a piece, and gives its block back.
    pub(super) fn write(&mut self, piece: Piece) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Wav(file) => file.write(piece),
            #[cfg(feature = "opus")]
            Self::Opus(file) => file.write(piece),
        }
    }
}

pub(super) struct WavFile {
    file: File,
    format: AudioFormat,
    bytes: u64,
}

impl WavFile {
    fn write(&mut self, piece: Piece) -> io::Result<Option<Vec<u8>>> {
        let begin = wav::HEADER as u64 + self.bytes;
        let spent = match piece {
            Piece::Sound(block) => {
                self.file.seek(SeekFrom::Start(begin))?;
                self.file.write_all(&block)?;
                self.bytes += block.len() as u64;
                Some(block)
            }
            Piece::Silence(moments) => {
                // What lies between the end of a file and its new end is zero, and takes no room.
                self.bytes += moments * u64::from(self.format.channels) * 2;
                self.file.set_len(wav::HEADER as u64 + self.bytes)?;
                None
            }
            Piece::End => return Ok(None),
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&wav::header(self.format, self.bytes))?;
        Ok(spent)
    }
}
