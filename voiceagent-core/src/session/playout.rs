use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};

use super::PlayoutConfig;
use crate::{
    CallTime, MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::Outbound,
};

/// Whole frames leave, so that the far end never has to fill one up.
const FRAME: Duration = Duration::from_millis(20);

/// Paces outbound audio, and knows how much of it was heard.
///
/// Audio leaves at most `lead` ahead of the playhead, so that little is lost when it is cut. The
/// far end answers marks as it plays; between two marks the playhead moves with time, and never
/// past a mark that was not answered. Where the far end answers no marks the playhead is where our
/// own pace says.
#[derive(Debug)]
pub(super) struct Playout {
    config: PlayoutConfig,
    format: AudioFormat,
    marks: bool,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// No more audio will be added before the next `begin`.
    complete: bool,
    held: bool,
    /// Everything up to here has been sent.
    sent: u64,
    /// A place that the playhead is known to have passed, and when.
    anchor: (CallTime, u64),
    /// The anchor is a mark that was answered, and not where playing was begun.
    answered: bool,
    unanswered: VecDeque<(MarkId, u64)>,
    next_mark: MarkId,
    marked: u64,
}

impl Playout {
    pub(super) fn new(config: PlayoutConfig, format: AudioFormat, marks: bool) -> Self {
        // A piece that is longer than the lead would never leave.
        let lead = config.lead.max(config.piece).max(FRAME);
        Self {
            config: PlayoutConfig { lead, ..config },
            format,
            marks,
            queue: VecDeque::new(),
            queued: 0,
            complete: true,
            held: true,
            sent: 0,
            anchor: (CallTime::ZERO, 0),
            answered: false,
            unanswered: VecDeque::new(),
            next_mark: MarkId::new(1),
            marked: 0,
        }
    }

    /// Makes ready for the audio of a generation. Returns the sample at which it will begin.
    pub(super) fn begin(&mut self) -> u64 {
        self.queue.clear();
        self.queued = 0;
        self.complete = false;
        self.held = true;
        self.sent
    }

    /// Adds audio; returns how many samples it holds.
    pub(super) fn push(&mut self, payload: Bytes) -> u64 {
        let samples = self.format.samples(payload.len());
        self.queued += payload.len();
        self.queue.push_back(payload);
        samples
    }

    /// Notes that no more audio follows.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    /// Keeps audio back, or lets it go.
    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Takes what may leave at `now`.
    pub(super) fn poll(&mut self, now: CallTime) -> Option<Outbound> {
        if self.marks && self.mark_is_due() {
            let mark = self.next_mark;
            self.next_mark = mark.next();
            self.marked = self.sent;
            self.unanswered.push_back((mark, self.sent));
            return Some(Outbound::Mark(mark));
        }
        if self.held || self.queued == 0 {
            return None;
        }
        let frame = self.format.bytes_in(FRAME).max(1);
        let piece = self.next_piece(frame)?;
        if self.ahead(now) + self.duration(piece) > self.config.lead {
            return None;
        }
        let payload = self.take(piece, frame);
        if self.position(now) >= self.sent {
            self.anchor = (now, self.sent);
            self.answered = false;
        }
        let at = MediaTime(self.sent);
        self.sent += self.format.samples(payload.len());
        Some(Outbound::Audio(AudioFrame::new(self.format, at, payload)))
    }

    /// When [`poll`](Self::poll) should be called again; `None` when nothing waits for time.
    pub(super) fn next_wake(&self, now: CallTime) -> Option<CallTime> {
        let frame = self.format.bytes_in(FRAME).max(1);
        if !self.held
            && let Some(piece) = self.next_piece(frame)
        {
            let room = self.config.lead.saturating_sub(self.duration(piece));
            return Some(now + self.ahead(now).saturating_sub(room));
        }
        if !self.complete || self.queued > 0 || self.is_drained(now) {
            return None;
        }
        Some(self.drained_at())
    }

    /// The far end has played everything up to a mark. Marks of audio that was cut are unknown.
    pub(super) fn on_mark(&mut self, now: CallTime, mark: MarkId) -> bool {
        let Some(index) = self.unanswered.iter().position(|(id, _)| *id == mark) else {
            return false;
        };
        let (_, at) = self.unanswered[index];
        self.unanswered.drain(..=index);
        if at >= self.anchor.1 {
            self.anchor = (now, at);
            self.answered = true;
        }
        true
    }

    /// The last sample that was heard, for sure. With marks, time counts only from an answer on:
    /// how long the far end waits before it begins to play is not known.
    pub(super) fn heard(&self, now: CallTime) -> u64 {
        let played = if self.marks && !self.answered { self.anchor.1 } else { self.position(now) };
        self.unanswered.front().map_or(played, |(_, mark)| played.min(*mark))
    }

    /// Whether something was sent that may still be playing.
    pub(super) fn is_audible(&self, now: CallTime) -> bool {
        self.sent > self.anchor.1 && !self.is_played(now)
    }

    /// Until when what was sent is playing, or its marks are waited for.
    pub(super) fn audible_until(&self, now: CallTime) -> Option<CallTime> {
        self.is_audible(now).then(|| self.drained_at())
    }

    /// Whether all audio was sent and heard, or its marks are given up.
    pub(super) fn is_drained(&self, now: CallTime) -> bool {
        self.complete && self.queued == 0 && self.is_played(now)
    }

    /// Drops everything that was not heard.
    pub(super) fn clear(&mut self, now: CallTime) {
        self.queue.clear();
        self.queued = 0;
        self.complete = true;
        self.held = true;
        self.unanswered.clear();
        self.marked = self.sent;
        self.anchor = (now, self.sent);
        self.answered = false;
    }

    fn is_played(&self, now: CallTime) -> bool {
        if self.marks && !self.unanswered.is_empty() {
            return now >= self.drained_at();
        }
        self.position(now) >= self.sent
    }

    /// When everything sent has been played; with marks, when waiting for them is given up.
    fn drained_at(&self) -> CallTime {
        let (at, position) = self.anchor;
        let played = at + self.format.duration_of(self.sent - position) + Duration::from_micros(1);
        if self.unanswered.is_empty() { played } else { played + self.config.mark_timeout }
    }

    /// Where our own pace says that the playhead is.
    fn position(&self, now: CallTime) -> u64 {
        let (at, position) = self.anchor;
        (position + self.format.samples_in(now - at)).min(self.sent)
    }

    fn ahead(&self, now: CallTime) -> Duration {
        self.format.duration_of(self.sent - self.position(now))
    }

    fn duration(&self, bytes: usize) -> Duration {
        self.format.duration_of(self.format.samples(bytes))
    }

    fn mark_is_due(&self) -> bool {
        let since = self.format.duration_of(self.sent - self.marked);
        let last = self.complete && self.queued == 0;
        self.sent > self.marked && (last || since >= self.config.mark_interval)
    }

    /// How much would leave next; `None` while a frame is incomplete.
    fn next_piece(&self, frame: usize) -> Option<usize> {
        let largest = self.format.bytes_in(self.config.piece).max(frame) / frame * frame;
        if self.queued >= frame {
            return Some((self.queued / frame * frame).min(largest));
        }
        (self.complete && self.queued > 0).then_some(self.queued)
    }

    /// Cuts `bytes` off the queue. Copies only where a piece spans two chunks, and fills up the
    /// last frame with silence.
    fn take(&mut self, bytes: usize, frame: usize) -> Bytes {
        self.queued -= bytes;
        let padding = bytes.next_multiple_of(frame) - bytes;
        if let Some(first) = self.queue.front_mut()
            && padding == 0
            && first.len() >= bytes
        {
            let piece = first.split_to(bytes);
            if first.is_empty() {
                self.queue.pop_front();
            }
            return piece;
        }
        let mut piece = BytesMut::with_capacity(bytes + padding);
        while piece.len() < bytes {
            let Some(first) = self.queue.front_mut() else { break };
            let part = first.split_to(first.len().min(bytes - piece.len()));
            piece.extend_from_slice(&part);
            if first.is_empty() {
                self.queue.pop_front();
            }
        }
        piece.resize(bytes + padding, self.format.silence().unwrap_or(0));
        piece.freeze()
    }
}

#[cfg(test)]
mod tests;
