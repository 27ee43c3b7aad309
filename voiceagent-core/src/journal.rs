//! The record of a call, from which it can be played again.
//!
//! A journal is a text file: its first line holds the [`SessionConfig`], each further line one
//! [`Input`] with its moment, or one [`Command`] that followed. Because the session is pure, the
//! inputs lead to the same commands again. A journal of this version holds them byte for byte:
//!
//! ```no_run
//! use voiceagent_core::journal::Recording;
//!
//! # fn main() -> voiceagent_core::Result<()> {
//! let recording = Recording::open("calls/CA123.journal")?;
//! assert_eq!(recording.first_difference(), None);
//! assert!(recording.rewritten().is_empty(), "this version writes the same lines");
//! # Ok(()) }
//! ```
//!
//! A journal holds everything that was said. Where the system knows owners, only the owner may
//! read it.

pub(crate) mod base64;
mod recording;

use std::{fmt, io::Write, path::Path, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use tracing::warn;

use crate::{
    CallId, CallTime, Error, ErrorKind, Link, Result, call_file,
    session::{Command, Input, SessionConfig},
};

pub use recording::{Difference, Recording, Step};

/// Blocks of lines that may wait for the disk. At 16 KiB a block this is 2 MiB, or several
/// minutes of a call.
const BLOCKS: usize = 128;
/// Lines are handed to the disk in blocks of this size.
const BLOCK: usize = 16 * 1024;

/// What this version writes and reads.
const VERSION: u32 = 1;

/// How long the disk may take for what is left when the call is over.
const CLOSING: Duration = Duration::from_secs(5);

/// A line of a journal.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Head { voiceagent_journal: u32, config: &'a SessionConfig },
    Input { at: CallTime, input: &'a Input },
    Command { command: &'a Command },
}

/// Writes the journal of a running call, without ever holding it up.
pub(crate) struct Journal {
    block: Vec<u8>,
    disk: Link<Bytes, ()>,
    broken: bool,
}

impl Journal {
    /// Creates the file, under a name that no other journal has.
    pub(crate) fn create(folder: &Path, call: &CallId, config: &SessionConfig) -> Result<Self> {
        let file = call_file::create(folder, call, "journal").map_err(|error| {
            let message =
                format!("field `journals`: no file can be created in {}", folder.display());
            Error::new(ErrorKind::Config, "journal", message).with_source(error)
        })?;
        let disk = Link::spawn(BLOCKS, |mut peer| async move {
            let mut file = file;
            while let Some(block) = peer.recv().await {
                let block: Bytes = block;
                if block.is_empty() {
                    break;
                }
                let written =
                    tokio::task::spawn_blocking(move || file.write_all(&block).map(|()| file));
                file = written
                    .await
                    .map_err(|_| Error::new(ErrorKind::Closed, "journal", "the writer broke"))?
                    .map_err(|error| {
                        Error::new(ErrorKind::Closed, "journal", "cannot write").with_source(error)
                    })?;
            }
            Ok(())
        });
        let mut journal = Self { block: Vec::with_capacity(BLOCK), disk, broken: false };
        journal.line(&Line::Head { voiceagent_journal: VERSION, config });
        Ok(journal)
    }

    pub(crate) fn input(&mut self, at: CallTime, input: &Input) {
        self.line(&Line::Input { at, input });
    }

    pub(crate) fn command(&mut self, command: &Command) {
        self.line(&Line::Command { command });
        if self.block.len() >= BLOCK || matches!(command, Command::End) {
            self.flush();
        }
    }

    /// Waits until everything is on the disk, as long as the disk may take.
    pub(crate) async fn close(mut self) {
        self.flush();
        // An empty block is the end. If it finds no room the journal has been given up anyway.
        let _ = self.disk.try_send(Bytes::new());
        let written = async { while self.disk.recv().await.is_some() {} };
        if tokio::time::timeout(CLOSING, written).await.is_err() {
            warn!("the end of the journal may be missing");
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        if self.broken {
            return;
        }
        serde_json::to_writer(&mut self.block, line).expect("journal lines are plain data");
        self.block.push(b'\n');
    }

    fn flush(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let block = Bytes::from(std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK)));
        if !self.broken && self.disk.try_send(block).is_err() {
            self.broken = true;
            warn!("the journal cannot keep up and ends here");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.flush();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("broken", &self.broken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn no_journal_overwrites_another_whatever_the_ids_of_the_calls() {
        let folder =
            std::env::temp_dir().join(format!("voiceagent-journal-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let config = SessionConfig::default();
        let ids = ["DUP", "DUP", "a/b", "a.b", "DUP"];
        let journals = ids.map(|id| Journal::create(&folder, &id.into(), &config).unwrap());
        for (number, mut journal) in journals.into_iter().enumerate() {
            for _ in 0..=number {
                journal.input(CallTime::ZERO, &Input::Opened);
            }
            journal.close().await;
        }
        for (number, name) in ["DUP", "DUP-2", "a_b", "a_b-2", "DUP-3"].into_iter().enumerate() {
            let recording = Recording::open(folder.join(format!("{name}.journal"))).unwrap();
            assert_eq!(recording.inputs().len(), number + 1, "{name}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), ids.len());
        fs::remove_dir_all(&folder).unwrap();
    }
}
