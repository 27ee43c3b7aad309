use std::{io::Result, mem::take};

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Bytes of a line. The longest is one turn of speech, and a terminal sends no more at once.
pub(super) const LONGEST: usize = 4 * 1024;

/// A line of what is typed.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line {
    /// Without its end, and without what would steer a terminal. What is no UTF-8 is replaced.
    Text(String),
    /// It had more than [`LONGEST`] bytes.
    TooLong,
}

/// Takes input apart into lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    begun: Vec<u8>,
    is_too_long: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, begun: Vec::new(), is_too_long: false }
    }

    /// The next line; `None` at the end of the input.
    ///
    /// # Cancel safety
    ///
    /// A line that is half read is kept for the next time.
    pub(super) async fn next(&mut self) -> Result<Option<Line>> {
        loop {
            let read = self.input.fill_buf().await?;
            if read.is_empty() {
                let is_rest = self.is_too_long || !self.begun.is_empty();
                return Ok(is_rest.then(|| self.finish()));
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            let room = LONGEST - self.begun.len();
            self.is_too_long |= part.len() > room;
            self.begun.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(self.finish()));
            }
        }
    }

    fn finish(&mut self) -> Line {
        let line = take(&mut self.begun);
        if take(&mut self.is_too_long) {
            return Line::TooLong;
        }
        let mut text = String::from_utf8_lossy(&line).into_owned();
        text.retain(|c| c == '\t' || !c.is_control());
        Line::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    async fn lines(input: &[u8]) -> Vec<Line> {
        // A small buffer, so that lines come in parts.
        let mut lines = Lines::new(BufReader::with_capacity(7, input));
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(line);
        }
        read
    }

    #[tokio::test]
    async fn what_is_no_utf_8_is_replaced_and_the_next_line_is_read() {
        let read = lines(b"hello \xff\xfe\n\noil \x1b[2Jchange\r\nyes").await;
        let expected = ["hello \u{FFFD}\u{FFFD}", "", "oil [2Jchange", "yes"];
        assert_eq!(read, expected.map(|line| Line::Text(line.to_owned())));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_and_not_kept() {
        let longest = "x".repeat(LONGEST);
        let read = lines(format!("{longest}\n{longest}x\nyes\n{longest}x").as_bytes()).await;
        let yes = Line::Text("yes".to_owned());
        assert_eq!(read, [Line::Text(longest), Line::TooLong, yes, Line::TooLong]);
    }
}
