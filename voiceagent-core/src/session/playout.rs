use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};

use super::PlayoutConfig;
use crate::{
    CallTime, MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime, fade_out},
    transport::Outbound,
};

/// Whole frames leave, so that the far end never has to fill one up.
const FRAME: Duration = Duration::from_millis(20);

/// How unevenly the answers to marks may come while the far end plays without a pause.
const UNEVEN: Duration = Duration::from_millis(40);

/// Short enough to take no sound of a word, and long enough not to click.
const FADE: Duration = Duration::from_millis(5);

/// Paces outbound audio, and knows how much of it was heard.
///
/// Audio leaves at most `lead` ahead of the playhead, so that little is lost when it is cut. The
/// far end answers marks as it plays; between two marks the playhead moves with time, and never
/// past a mark that was not answered. Where the far end answers no marks the playhead is where our
/// own pace says.
///
/// What left is kept until it was heard, so that it can leave once more.
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
    /// The last place that was sent when everything before can have been played, and when. From
    /// there nobody can have heard more than time allows, whatever the marks say.
    begun: (CallTime, u64),
    unanswered: VecDeque<(MarkId, u64)>,
    /// Everything up to here was played, as the far end has told.
    told: u64,
    next_mark: MarkId,
    marked: u64,
    /// What left and is not known to have been heard.
    kept: VecDeque<Bytes>,
    /// Where that begins.
    kept_from: u64,
    /// The last mark that a clear brings back: it tells when the far end fell silent.
    cleared: Option<MarkId>,
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
            begun: (CallTime::ZERO, 0),
            unanswered: VecDeque::new(),
            told: 0,
            next_mark: MarkId::new(1),
            marked: 0,
            kept: VecDeque::new(),
            kept_from: 0,
            cleared: None,
        }
    }

    /// Makes ready for the audio of a generation. Returns the sample at which it will begin.
    pub(super) fn begin(&mut self) -> u64 {
        self.queue.clear();
        self.queued = 0;
        self.complete = false;
        self.held = true;
        self.forget_kept();
        self.sent
    }

    /// Adds audio; returns how many samples it holds.
    pub(super) fn push(&mut self, payload: Bytes) -> u64 {
        let samples = self.format.samples(payload.len());
        self.queued += payload.len();
        self.queue.push_back(payload);
        samples
    }

    /// Takes back audio that was added last and has not left.
    pub(super) fn take_back(&mut self, samples: u64) {
        let mut bytes = self.format.bytes_in(self.format.duration_of(samples)).min(self.queued);
        self.queued -= bytes;
        while let Some(last) = self.queue.back_mut().filter(|_| bytes > 0) {
            let part = bytes.min(last.len());
            last.truncate(last.len() - part);
            bytes -= part;
            if last.is_empty() {
                self.queue.pop_back();
            }
        }
    }

    /// Lets what was added last fall silent, if it has not left: nothing follows, though the voice
    /// had not finished.
    pub(super) fn fade_out(&mut self) {
        let fade = self.format.bytes_in(FADE);
        let mut end = Vec::new();
        while end.len() < fade
            && let Some(piece) = self.queue.pop_back()
        {
            end.splice(..0, piece);
        }
        let mut last = Bytes::from(end);
        let end = last.split_off(last.len().saturating_sub(fade));
        let pieces = [last, fade_out(self.format, &end)];
        self.queue.extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
    }

    /// Fills the last frame up with silence, so that it leaves though nothing follows. Returns
    /// how many samples that took.
    pub(super) fn fill_frame(&mut self) -> u64 {
        let frame = self.format.bytes_in(FRAME).max(1);
        let missing = self.queued.next_multiple_of(frame) - self.queued;
        if missing == 0 {
            return 0;
        }
        let silence = self.format.silence().unwrap_or(0);
        self.push(Bytes::from(vec![silence; missing]))
    }

    /// Everything up to here has left.
    pub(super) fn sent(&self) -> u64 {
        self.sent
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
        if self.playable(now) >= self.sent {
            self.begun = (now, self.sent);
        }
        let at = MediaTime(self.sent);
        self.sent += self.format.samples(payload.len());
        self.keep(now, &payload);
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
        // Some answer when a mark arrives.
        let at = at.min(self.playable(now));
        self.told = self.told.max(at);
        if at >= self.anchor.1 {
            self.anchor = (now, at);
            self.answered = true;
        }
        self.forget_heard(now);
        true
    }

    /// Whether this is the answer that tells that the far end has cleared what it had. It does so
    /// once.
    pub(super) fn is_cleared_by(&mut self, mark: MarkId) -> bool {
        self.cleared.take_if(|cleared| *cleared == mark).is_some()
    }

    /// Whether an answer will tell when the far end has cleared what it had.
    pub(super) fn awaits_clear(&self) -> bool {
        self.cleared.is_some()
    }

    /// When the audio from `base` on began to be heard, judged by what is known to be heard now.
    pub(super) fn heard_since(&self, base: u64) -> CallTime {
        let (at, position) = self.anchor;
        at.saturating_sub(self.format.duration_of(position.saturating_sub(base)))
    }

    /// The last sample that was heard, for sure. With marks, time counts only from an answer on:
    /// how long the far end waits before it begins to play is not known.
    pub(super) fn heard(&self, now: CallTime) -> u64 {
        let played = if self.marks && !self.answered { self.anchor.1 } else { self.position(now) };
        self.unanswered.front().map_or(played, |(_, mark)| played.min(*mark))
    }

    /// What was heard in any case. A far end that should have answered the next mark by now, and has
    /// not, may have played nothing since it last did.
    fn heard_at_least(&self, now: CallTime) -> u64 {
        let due = |mark: u64| {
            let (at, place) = self.anchor;
            at + self.format.duration_of(mark.saturating_sub(place)) + UNEVEN
        };
        match self.unanswered.front() {
            Some((_, mark)) if self.marks && due(*mark) <= now => self.told,
            Some(_) | None => self.heard(now),
        }
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

    /// Since when or until when the caller hears nothing, or something that was sent or is about
    /// to leave.
    pub(super) fn silent_from(&self, now: CallTime) -> CallTime {
        let leaves = self.next_wake(now).filter(|at| *at <= now);
        self.drained_at().max(leaves.unwrap_or_default())
    }

    /// Drops everything that was not heard; more may follow.
    pub(super) fn cut(&mut self, now: CallTime) {
        self.clear(now);
        self.complete = false;
    }

    /// Drops everything that was not heard.
    pub(super) fn clear(&mut self, now: CallTime) {
        self.queue.clear();
        self.queued = 0;
        self.complete = true;
        self.held = true;
        self.forget_kept();
        self.forget_sent(now);
    }

    /// Whether something sounds that could be cleared and sent once more.
    pub(super) fn can_rewind(&self, now: CallTime) -> bool {
        let is_all_heard = self.complete && self.queued == 0 && self.heard(now) >= self.sent;
        self.format.is_stream() && self.is_audible(now) && !is_all_heard
    }

    /// Takes back what the far end has been told to drop, so that it leaves once more. Returns how
    /// many samples that are: by so many, everything still to be heard lies further on.
    pub(super) fn rewind(&mut self, now: CallTime) -> u64 {
        self.forget_heard(now);
        let heard = self.heard_at_least(now).max(self.kept_from);
        let mut skip = self.format.bytes_of(heard - self.kept_from);
        let heard = self.kept_from + self.format.samples(skip);
        while let Some(first) = self.kept.front_mut().filter(|_| skip > 0) {
            let part = first.split_to(skip.min(first.len()));
            skip -= part.len();
            if first.is_empty() {
                self.kept.pop_front();
            }
        }
        while let Some(piece) = self.kept.pop_back() {
            self.queued += piece.len();
            self.queue.push_front(piece);
        }
        self.forget_kept();
        self.forget_sent(now);
        self.sent - heard
    }

    /// The far end has nothing more of what was sent.
    fn forget_sent(&mut self, now: CallTime) {
        if self.sent > self.anchor.1 {
            self.cleared = self.unanswered.back().map(|(mark, _)| *mark);
        }
        self.unanswered.clear();
        self.marked = self.sent;
        self.told = self.sent;
        self.anchor = (now, self.sent);
        self.answered = false;
        self.begun = self.anchor;
    }

    fn keep(&mut self, now: CallTime, payload: &Bytes) {
        self.kept.push_back(payload.clone());
        self.forget_heard(now);
        // A far end that answers no mark for as long as this has lost them.
        let most = self.format.samples_in(self.config.lead + self.config.mark_timeout);
        while self.sent - self.kept_from > most && self.forget_first() {}
    }

    fn forget_heard(&mut self, now: CallTime) {
        let heard = if self.marks { self.told } else { self.heard(now) };
        while let Some(first) = self.kept.front()
            && self.kept_from + self.format.samples(first.len()) <= heard
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) -> bool {
        let first = self.kept.pop_front();
        self.kept_from += first.as_ref().map_or(0, |first| self.format.samples(first.len()));
        first.is_some()
    }

    fn forget_kept(&mut self) {
        self.kept.clear();
        self.kept_from = self.sent;
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

    /// How far the far end can have played if it never waited.
    fn playable(&self, now: CallTime) -> u64 {
        let (at, place) = self.begun;
        (place + self.format.samples_in(now - at)).min(self.sent)
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
