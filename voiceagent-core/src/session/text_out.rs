use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{CallTime, GenerationId, MarkId, transport::Outbound};

/// How long the slowest reader or voice may take for a character before its mark is given up.
const SLOWEST: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(10);

/// What goes out on a text leg, and how much of it the far end has shown or spoken.
///
/// Positions are bytes of the generation's text. Where the far end answers no marks, what was sent
/// counts as read.
#[derive(Debug, Default)]
pub(super) struct TextOut {
    marks: bool,
    queue: VecDeque<Outbound>,
    held: bool,
    complete: bool,
    queued: usize,
    sent: usize,
    heard: usize,
    unanswered: VecDeque<(MarkId, usize)>,
    next_mark: MarkId,
    give_up_at: CallTime,
}

impl TextOut {
    pub(super) fn new(marks: bool) -> Self {
        Self { marks, ..Self::default() }
    }

    pub(super) fn begin(&mut self) {
        let Self { marks, next_mark, .. } = *self;
        *self = Self { marks, held: true, next_mark, ..Self::default() };
    }

    pub(super) fn push(&mut self, generation: GenerationId, text: &Arc<str>) {
        self.queued += text.len();
        self.queue.push_back(Outbound::Text { generation, text: text.clone() });
        if self.marks {
            self.next_mark = self.next_mark.next();
            self.queue.push_back(Outbound::Mark(self.next_mark));
            self.unanswered.push_back((self.next_mark, self.queued));
        }
    }

    pub(super) fn complete(&mut self, generation: GenerationId) {
        self.complete = true;
        self.end(generation);
    }

    /// Ends a message; another may follow.
    pub(super) fn end(&mut self, generation: GenerationId) {
        self.queue.push_back(Outbound::TextEnd { generation });
    }

    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Outbound> {
        if self.held {
            return None;
        }
        let outbound = self.queue.pop_front()?;
        if let Outbound::Text { text, .. } = &outbound {
            self.sent += text.len();
            if !self.marks {
                self.heard = self.sent;
            }
            let length = u32::try_from(self.sent - self.heard).unwrap_or(u32::MAX);
            self.give_up_at = now + PATIENCE + SLOWEST.saturating_mul(length);
        }
        Some(outbound)
    }

    pub(super) fn on_mark(&mut self, mark: MarkId) -> bool {
        let Some(index) = self.unanswered.iter().position(|(id, _)| *id == mark) else {
            return false;
        };
        self.heard = self.unanswered[index].1.min(self.sent);
        self.unanswered.drain(..=index);
        true
    }

    /// The far end says how much was heard, whatever marks it answered.
    pub(super) fn on_heard(&mut self, place: u64) {
        self.heard = usize::try_from(place).unwrap_or(usize::MAX).min(self.sent);
    }

    /// Bytes of text that were shown or spoken.
    pub(super) fn heard(&self) -> u64 {
        self.heard as u64
    }

    /// Bytes of text that have left.
    pub(super) fn sent(&self) -> u64 {
        self.sent as u64
    }

    /// When the far end is given up, while it shows or speaks; the past is not known.
    pub(super) fn silent_from(&self, now: CallTime) -> CallTime {
        if self.is_audible(now) { self.give_up_at } else { CallTime::ZERO }
    }

    /// Drops what was not shown or spoken; more may follow.
    pub(super) fn cut(&mut self) {
        self.queue.clear();
        self.unanswered.clear();
        self.queued = self.sent;
        self.heard = self.sent;
    }

    pub(super) fn is_audible(&self, now: CallTime) -> bool {
        self.sent > self.heard && now < self.give_up_at
    }

    pub(super) fn audible_until(&self, now: CallTime) -> Option<CallTime> {
        self.is_audible(now).then_some(self.give_up_at)
    }

    pub(super) fn is_drained(&self, now: CallTime) -> bool {
        self.complete && self.queue.is_empty() && !self.is_audible(now)
    }

    pub(super) fn next_wake(&self, now: CallTime) -> Option<CallTime> {
        (self.complete && self.queue.is_empty() && self.is_audible(now)).then_some(self.give_up_at)
    }

    pub(super) fn clear(&mut self) {
        self.begin();
        self.complete = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heard_is_what_the_far_end_reported() {
        let generation = GenerationId::new(1);
        let mut out = TextOut::new(true);
        out.begin();
        out.push(generation, &"Hello. ".into());
        out.push(generation, &"How are you?".into());
        out.complete(generation);
        assert_eq!(out.poll(CallTime::ZERO), None, "held");
        out.hold(false);
        let mut marks = Vec::new();
        while let Some(outbound) = out.poll(CallTime::ZERO) {
            if let Outbound::Mark(mark) = outbound {
                marks.push(mark);
            }
        }
        assert_eq!(out.heard(), 0);
        assert!(out.silent_from(CallTime::ZERO) > CallTime::ZERO, "it is being read");
        assert!(out.on_mark(marks[0]));
        assert_eq!(out.heard(), 7);
        assert!(!out.on_mark(marks[0]), "once");
        assert!(!out.is_drained(CallTime::ZERO));
        assert!(out.on_mark(marks[1]));
        assert!(out.is_drained(CallTime::ZERO));
    }

    #[test]
    fn what_was_not_sent_was_not_heard_whatever_the_far_end_says() {
        let mut out = TextOut::new(true);
        out.begin();
        out.push(GenerationId::new(1), &"Hello.".into());
        assert!(out.on_mark(MarkId::new(1)));
        assert_eq!(out.heard(), 0);
    }

    #[test]
    fn h4_a_mark_of_an_earlier_answer_says_nothing_of_the_next() {
        let mut out = TextOut::new(true);
        for text in ["Hello.", "Goodbye."] {
            out.begin();
            out.hold(false);
            out.push(GenerationId::new(1), &text.into());
            while out.poll(CallTime::ZERO).is_some() {}
        }
        assert!(!out.on_mark(MarkId::new(1)));
        assert!(out.on_mark(MarkId::new(2)));
    }

    #[test]
    fn i6_what_was_cut_does_not_leave_and_is_not_waited_for() {
        let mut out = TextOut::new(true);
        out.begin();
        out.hold(false);
        for text in ["Hello.", "How are you?"] {
            out.push(GenerationId::new(1), &text.into());
        }
        assert!(matches!(out.poll(CallTime::ZERO), Some(Outbound::Text { .. })));
        out.cut();
        assert_eq!(out.poll(CallTime::ZERO), None);
        assert!(!out.is_audible(CallTime::ZERO));
        assert!(!out.on_mark(MarkId::new(1)));
    }

    #[test]
    fn a_silent_far_end_is_given_up() {
        let mut out = TextOut::new(true);
        out.begin();
        out.push(GenerationId::new(1), &"Hello.".into());
        out.complete(GenerationId::new(1));
        out.hold(false);
        while out.poll(CallTime::ZERO).is_some() {}
        let wake = out.next_wake(CallTime::ZERO).unwrap();
        assert!(out.is_drained(wake));
        assert_eq!(out.next_wake(wake), None);
    }

    #[test]
    fn a_far_end_has_time_for_what_it_has_not_shown() {
        let mut out = TextOut::new(true);
        out.begin();
        out.hold(false);
        for _ in 0..2 {
            out.push(GenerationId::new(1), &"Hello.".into());
            while out.poll(CallTime::ZERO).is_some() {}
            let until = out.silent_from(CallTime::ZERO);
            assert_eq!(until, CallTime::ZERO + PATIENCE + SLOWEST * 6);
            assert!(out.on_mark(out.next_mark));
        }
    }
}
