use std::{collections::VecDeque, time::Duration};

use voiceagent_core::{CallTime, MarkId, audio::AudioFormat, transport::Outbound};

/// How long a reader takes for a byte of text.
const READING: Duration = Duration::from_millis(20);

/// Plays outbound audio in real time, reads text, and knows when each mark is due.
#[derive(Debug)]
pub(super) struct Carrier {
    format: Option<AudioFormat>,
    /// When everything that was taken will have been played.
    free_at: CallTime,
    /// When each mark is reported, in the order in which they were sent.
    marks: VecDeque<(CallTime, MarkId)>,
    /// How long a report travels.
    late: Duration,
}

impl Carrier {
    pub(super) fn new(format: Option<AudioFormat>) -> Self {
        Self { format, free_at: CallTime::ZERO, marks: VecDeque::new(), late: Duration::ZERO }
    }

    pub(super) fn report_after(&mut self, late: Duration) {
        self.late = late;
    }

    pub(super) fn is_text(&self) -> bool {
        self.format.is_none()
    }

    pub(super) fn bytes_in(&self, millis: usize) -> usize {
        self.format.map_or(0, |format| format.bytes_in(Duration::from_millis(millis as u64)))
    }

    /// Takes a message. Returns the marks that come back at once because their audio was dropped.
    pub(super) fn take(&mut self, now: CallTime, outbound: &Outbound) -> Vec<MarkId> {
        match outbound {
            Outbound::Audio(frame) => {
                let length = frame.format.duration_of(frame.samples());
                self.free_at = self.free_at.max(now) + length;
            }
            Outbound::Text { text, .. } => {
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.free_at = self.free_at.max(now) + READING.saturating_mul(length);
            }
            Outbound::Clear => {
                self.free_at = now;
                if !self.late.is_zero() {
                    for (reported, _) in &mut self.marks {
                        *reported = (*reported).min(now + self.late);
                    }
                    return Vec::new();
                }
                return self.marks.drain(..).map(|(_, mark)| mark).collect();
            }
            Outbound::Mark(mark) => {
                self.marks.push_back((self.free_at.max(now) + self.late, *mark));
            }
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn next_mark(&self) -> Option<(CallTime, MarkId)> {
        self.marks.front().copied()
    }

    pub(super) fn take_mark(&mut self) {
        self.marks.pop_front();
    }
}
