//! Cores that do not go to sleep between two frames.

use std::{
    io,
    process::{Child, Command, Stdio},
    thread,
};

/// Counts for as long as the process that started it is there.
const WORK: &str = "while kill -0 $PPID; do i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; done";

/// Work of the lowest priority on each core, until it is dropped: whatever else is to be done goes
/// before it, and finds a core that is awake.
#[derive(Debug)]
pub(super) struct Awake(Vec<Child>);

impl Awake {
    /// Keeps all cores awake.
    ///
    /// # Errors
    ///
    /// When there is no `chrt` (of util-linux), which sets the priority.
    pub(super) fn keep() -> io::Result<Self> {
        let mut kept = Self(Vec::new());
        for _ in 0..thread::available_parallelism()?.get() {
            let child = Command::new("chrt")
                .args(["--idle", "0", "sh", "-c", WORK])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            kept.0.push(child);
        }
        Ok(kept)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that is gone already needs no more.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
