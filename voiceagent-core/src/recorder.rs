//! The recording of a call: what both sides heard, as a stereo WAV file, or one of Opus.
//!
//! The head of the file is brought up to date after each block, so that what a process that was
//! killed leaves behind can be played: it lacks no more than the last seconds. A file that outgrows
//! 4 GiB becomes one of RF64.

mod disk;
#[cfg(feature = "opus")]
mod opus_file;

use std::{fmt, fs::File, io, path::Path, time::Duration};

use tracing::warn;

use crate::{
    CallTime, Error, ErrorKind, Link, MarkId, Result,
    audio::{AudioFrame, Stereo, Tape},
    call_file,
    transport::{CallInfo, Media, Outbound},
};

use disk::Disk;

/// A second of both sides at 8 kHz: rare enough for the disk, little enough to lose.
const BLOCK: usize = 32 * 1024;
/// Blocks that are filled or wait for the disk, or come back from it: 256 KiB, or eight seconds.
const BLOCKS: usize = 8;
/// What may wait for the disk: all blocks, and the silences between them.
const PIECES: usize = 2 * BLOCKS + 2;
/// How long the disk may take for what is left when the call is over.
const CLOSING: Duration = Duration::from_secs(5);

/// What kind of file a recording is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Wav,
    #[cfg(feature = "opus")]
    Opus,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            #[cfg(feature = "opus")]
            Self::Opus => "opus",
        }
    }
}

/// What goes to the disk.
enum Piece {
    Sound(Vec<u8>),
    /// So many moments of silence.
    Silence(u64),
    End,
}

/// Records a running call, without ever holding it up.
pub(crate) struct Recorder {
    stereo: Stereo,
    reel: Reel,
}

/// The way to the disk. Blocks that were written come back to be filled again.
struct Reel {
    block: Vec<u8>,
    made: usize,
    disk: Link<Piece, Vec<u8>>,
    broken: Option<Error>,
}

impl Recorder {
    /// Creates the file. The agent's audio is sent `lead` ahead. `None` for a call without audio.
    ///
    /// # Errors
    ///
    /// When the file cannot be created, and for audio that cannot be decoded.
    pub(crate) fn create(
        folder: &Path,
        kind: Format,
        info: &CallInfo,
        lead: Duration,
    ) -> Result<Option<Self>> {
        let Media::Audio { inbound, outbound } = info.media else { return Ok(None) };
        let stereo = Stereo::new(inbound, outbound, lead)?;
        let file = call_file::create(folder, &info.id, kind.extension()).map_err(|error| {
            let message = format!("no file can be created in {}", folder.display());
            Error::new(ErrorKind::Config, "record", message).with_source(error)
        })?;
        Self::onto(file, kind, stereo).map(Some)
    }

    fn onto(file: File, kind: Format, stereo: Stereo) -> Result<Self> {
        let disk = Disk::new(file, kind, stereo.format())?;
        let disk = Link::spawn(PIECES, |mut peer| async move {
            let mut disk = disk;
            while let Some(piece) = peer.recv().await {
                let is_last = matches!(piece, Piece::End);
                let written = tokio::task::spawn_blocking(move || {
                    let spent = disk.write(piece)?;
                    Ok::<_, io::Error>((disk, spent))
                });
                let (back, spent) = written
                    .await
                    .map_err(|_| Error::new(ErrorKind::Closed, "record", "the writer broke"))?
                    .map_err(|error| {
                        Error::new(ErrorKind::Closed, "record", "cannot write").with_source(error)
                    })?;
                disk = back;
                if let Some(spent) = spent {
                    peer.send(spent).await?;
                }
                if is_last {
                    break;
                }
            }
            Ok(())
        });
        let reel = Reel { block: Vec::with_capacity(BLOCK), made: 1, disk, broken: None };
        Ok(Self { stereo, reel })
    }

    /// Takes what came from the caller.
    ///
    /// # Errors
    ///
    /// When the disk does not take what is recorded. Nothing is recorded any more then.
    pub(crate) fn heard(&mut self, now: CallTime, frame: &AudioFrame) -> Result<()> {
        self.stereo.write(now, &mut self.reel);
        self.stereo.heard(now, frame);
        self.reel.check()
    }

    /// Takes what was sent to the caller.
    ///
    /// # Errors
    ///
    /// As [`heard`](Self::heard).
    pub(crate) fn sent(&mut self, now: CallTime, outbound: &Outbound) -> Result<()> {
        self.stereo.write(now, &mut self.reel);
        self.stereo.sent(now, outbound);
        self.reel.check()
    }

    /// The far end has answered a mark.
    pub(crate) fn played(&mut self, now: CallTime, mark: MarkId) {
        self.stereo.played(now, mark);
    }

    /// Waits until everything is on the disk, as long as the disk may take.
    pub(crate) async fn close(mut self, now: CallTime) -> Result<()> {
        self.stereo.finish(now, &mut self.reel);
        self.reel.flush();
        self.reel.send(Piece::End);
        self.reel.check()?;
        let disk = &mut self.reel.disk;
        let written = async {
            while let Some(spent) = disk.recv().await {
                spent?;
            }
            Ok(())
        };
        let late = || Error::new(ErrorKind::Timeout, "record", "the end may be missing");
        tokio::time::timeout(CLOSING, written).await.unwrap_or_else(|_| Err(late()))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("format", &self.stereo.format()).finish_non_exhaustive()
    }
}

impl Reel {
    /// Whether the disk takes what is recorded.
    fn check(&mut self) -> Result<()> {
        self.broken.take().map_or(Ok(()), Err)
    }

    fn flush(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let Some(empty) = self.empty_block() else {
            let why = "the disk does not keep up";
            self.broken.get_or_insert(Error::new(ErrorKind::Stalled, "record", why));
            self.block.clear();
            return;
        };
        let full = std::mem::replace(&mut self.block, empty);
        self.send(Piece::Sound(full));
    }

    fn empty_block(&mut self) -> Option<Vec<u8>> {
        match self.disk.try_recv() {
            Some(Ok(mut spent)) => {
                spent.clear();
                Some(spent)
            }
            Some(Err(error)) => {
                self.broken.get_or_insert(error);
                None
            }
            None if self.made < BLOCKS => {
                self.made += 1;
                Some(Vec::with_capacity(BLOCK))
            }
            None => None,
        }
    }

    fn send(&mut self, piece: Piece) {
        if let Err(refused) = self.disk.try_send(piece) {
            // Why the disk has gone stands behind the blocks that it gave back.
            let told = std::iter::from_fn(|| self.disk.try_recv()).find_map(Result::err);
            self.broken.get_or_insert(told.unwrap_or(refused));
        }
    }
}

impl Tape for Reel {
    fn sound(&mut self, mut samples: &[u8]) {
        while !samples.is_empty() {
            let room = BLOCK - self.block.len();
            let (here, behind) = samples.split_at(room.min(samples.len()));
            self.block.extend_from_slice(here);
            samples = behind;
            if self.block.len() == BLOCK {
                self.flush();
            }
        }
    }

    fn silence(&mut self, moments: u64) {
        self.flush();
        self.send(Piece::Silence(moments));
    }
}

/// Tells that a call is not recorded, or not any more.
pub(crate) fn warn_of(error: &Error) {
    warn!(%error, "the call is not recorded from here on");
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use bytes::Bytes;

    use super::*;
    use crate::audio::{AudioFormat, Clip, MediaTime, wav};

    const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

    fn recorder(id: &str) -> (Recorder, std::path::PathBuf) {
        let folder = env::temp_dir();
        // Other runs of the tests may be at work on this machine.
        let id = format!("{id}-{}", std::process::id());
        let info = CallInfo::new(id.as_str(), Media::audio(FORMAT));
        let lead = Duration::from_millis(300);
        let path = call_file::path(&folder, &info.id, "wav");
        let _ = fs::remove_file(&path);
        let recorder = Recorder::create(&folder, Format::Wav, &info, lead).unwrap().unwrap();
        (recorder, path)
    }

    /// Minutes of both sides, in pieces of 100 ms, at the pace of a call.
    async fn talk(recorder: &mut Recorder, minutes: u64, mut each: impl FnMut(&Recorder)) {
        let piece = Duration::from_millis(100);
        let payload = Bytes::from_static(&[0x90; 800]);
        for number in 0..minutes * 600 {
            tokio::time::sleep(piece).await;
            let now = CallTime::from_millis((number + 1) * 100);
            let frame = AudioFrame::new(FORMAT, MediaTime(number * 800), payload.clone());
            recorder.heard(now, &frame).unwrap();
            recorder.sent(now, &Outbound::Audio(frame)).unwrap();
            each(recorder);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a15_an_hour_is_recorded_in_less_than_a_mebibyte() {
        let (mut recorder, path) = recorder("voiceagent-test-hour");
        let mut most = 0;
        talk(&mut recorder, 60, |recorder| {
            assert_eq!(recorder.reel.block.capacity(), BLOCK, "blocks never grow");
            most = most.max(recorder.stereo.memory() + recorder.reel.made * BLOCK);
        })
        .await;
        recorder.close(CallTime::from_millis(3_600_000)).await.unwrap();
        assert!(most < 1 << 20, "{most}");
        let bytes = fs::metadata(&path).unwrap().len();
        fs::remove_file(&path).unwrap();
        assert_eq!(bytes, wav::HEADER as u64 + 3_600 * 32_000);
    }

    /// Counts the moments that are written.
    struct Counted(u64);

    impl Tape for Counted {
        fn sound(&mut self, samples: &[u8]) {
            self.0 += samples.len() as u64 / 4;
        }

        fn silence(&mut self, moments: u64) {
            self.0 += moments;
        }
    }

    #[test]
    fn a15_an_hour_at_24_khz_takes_less_than_a_mebibyte_too() {
        let (format, lead) = (AudioFormat::PCM_24K, Duration::from_millis(300));
        let mut stereo = Stereo::new(format, format, lead).unwrap();
        let (mut tape, mut most) = (Counted(0), 0);
        let payload = Bytes::from(vec![0x90; format.bytes_in(Duration::from_millis(100))]);
        for number in 0..36_000 {
            let now = CallTime::from_millis(number * 100);
            stereo.write(now, &mut tape);
            let frame = AudioFrame::new(format, MediaTime(number * 2_400), payload.clone());
            stereo.heard(now + Duration::from_millis(100), &frame);
            let pieces = if number == 0 { 3 } else { 1 };
            for _ in 0..pieces {
                stereo.sent(now, &Outbound::Audio(frame.clone()));
            }
            most = most.max(stereo.memory());
        }
        stereo.finish(CallTime::from_millis(3_600_000), &mut tape);
        assert_eq!(tape.0, 24_000 * 3_600);
        assert!(most + BLOCKS * BLOCK < 1 << 20, "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn a15_what_a_killed_process_leaves_behind_can_be_played() {
        let (mut recorder, path) = recorder("voiceagent-test-killed");
        talk(&mut recorder, 1, |_| {}).await;
        let left = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let clip = Clip::from_wav(&left).unwrap();
        assert!(clip.duration() >= Duration::from_millis(55_900), "{clip:?}");
        let told = u32::from_le_bytes(left[wav::HEADER - 4..wav::HEADER].try_into().unwrap());
        assert_eq!(left.len(), wav::HEADER + told as usize, "the head tells how much there is");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn a_full_disk_ends_the_recording() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let stereo = Stereo::new(FORMAT, FORMAT, Duration::from_millis(300)).unwrap();
        let mut recorder = Recorder::onto(file, Format::Wav, stereo).unwrap();
        let payload = Bytes::from_static(&[0x90; 800]);
        let mut refused = None;
        for number in 0..300 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let frame = AudioFrame::new(FORMAT, MediaTime(number * 800), payload.clone());
            let told = recorder.heard(CallTime::from_millis((number + 1) * 100), &frame);
            refused = refused.or(told.err());
        }
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_keep_up_ends_the_recording() {
        let (mut recorder, path) = recorder("voiceagent-test-slow");
        let payload = Bytes::from_static(&[0x90; 800]);
        // Nothing is awaited in between, so the disk never gets its turn.
        let refused = (0..600).find_map(|number| {
            let frame = AudioFrame::new(FORMAT, MediaTime(number * 800), payload.clone());
            recorder.heard(CallTime::from_millis((number + 1) * 100), &frame).err()
        });
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::Stalled));
        assert_eq!(recorder.reel.made, BLOCKS);
        fs::remove_file(&path).unwrap();
    }
}
