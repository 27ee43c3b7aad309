use voiceagent_core::{Error, ErrorKind, Result};

/// The longest answer, of text, thoughts in it, and tool calls together, in bytes: a day of speech,
/// or more than any tool takes.
const LONGEST_ANSWER: usize = 1 << 20;

/// How long an answer is so far.
#[derive(Debug, Default)]
pub(crate) struct Length(usize);

impl Length {
    /// Counts what came.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for an answer that does not end.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        self.0 = self.0.saturating_add(bytes);
        if self.0 > LONGEST_ANSWER {
            let message = format!("the answer is longer than {LONGEST_ANSWER} bytes");
            return Err(Error::new(ErrorKind::Protocol, "generate", message));
        }
        Ok(())
    }
}
