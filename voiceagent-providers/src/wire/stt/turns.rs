use std::{sync::Arc, time::Duration};

use voiceagent_core::stt::{SttEvent, Transcript, WordTiming};

/// What a vendor that ends turns by what was said has understood, and which audio will not be
/// needed again.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Where the connection's clock begins.
    zero: Duration,
    covered: Duration,
    turn: Option<Turn>,
    owes_final: bool,
    /// Up to where audio was sent.
    sent: Duration,
    /// Up to where the end of a turn was asked for that has not come.
    asked: Option<Duration>,
}

/// A turn that is under way.
#[derive(Debug)]
struct Turn {
    start: Duration,
    end: Duration,
    text: Arc<str>,
    confidence: f32,
    words: Vec<WordTiming>,
    /// It is probably over.
    is_ending: bool,
}

impl Turns {
    /// A place on the connection's clock, in the whole stream.
    pub(crate) fn at(&self, since: Duration) -> Duration {
        self.zero + since
    }

    pub(crate) fn connected(&mut self, zero: Duration) {
        (self.zero, self.sent) = (zero, zero);
    }

    /// All audio before `position` was sent.
    pub(crate) const fn on_sent(&mut self, position: Duration) {
        self.sent = position;
    }

    /// The vendor is asked to end the turn of what it was sent so far. That it does so tells nothing
    /// of the user.
    pub(crate) const fn ask(&mut self) {
        self.asked = Some(self.sent);
        if self.in_turn() {
            self.await_final();
        }
    }

    /// Whether the turn under way was asked to end.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Nothing before this place will be needed again, but for the turn that is under way.
    pub(crate) fn cover(&mut self, place: Duration) {
        self.covered = self.covered.max(place);
    }

    /// Up to where audio will not be needed again.
    pub(crate) fn covered(&self) -> Duration {
        self.turn.as_ref().map_or(self.covered, |turn| turn.start.max(self.covered))
    }

    pub(crate) const fn in_turn(&self) -> bool {
        self.turn.is_some()
    }

    pub(crate) const fn owes_final(&self) -> bool {
        self.owes_final
    }

    /// A turn begins at this place, unless one is under way.
    pub(crate) fn begin(&mut self, start: Duration) {
        if self.turn.is_none() {
            // There was nothing to end when it was asked for.
            self.asked = self.asked.filter(|asked| start < *asked);
        }
        self.turn.get_or_insert_with(|| Turn {
            start,
            end: start,
            text: Arc::from(""),
            confidence: 1.0,
            words: Vec::new(),
            is_ending: false,
        });
    }

    /// The turn reaches to this place.
    pub(crate) const fn reach(&mut self, end: Duration) {
        if let Some(turn) = &mut self.turn {
            turn.end = end;
        }
    }

    /// Takes all of the turn so far; whether its text is another one.
    pub(crate) fn update(&mut self, text: &str, confidence: f32, words: Vec<WordTiming>) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        (turn.confidence, turn.words) = (confidence, words);
        let changed = *turn.text != *text;
        if changed {
            turn.text = Arc::from(text);
        }
        changed
    }

    /// Tells the turn so far.
    pub(crate) fn tell(&self, events: &mut Vec<SttEvent>) {
        events.extend(self.turn.as_ref().map(|turn| turn.transcript(false)));
    }

    /// The turn is probably over; whether that is new.
    pub(crate) fn is_ending(&mut self, events: &mut Vec<SttEvent>) -> bool {
        let news = |turn: &mut Turn| !std::mem::replace(&mut turn.is_ending, true);
        let is_new = self.turn.as_mut().is_some_and(news);
        events.extend(is_new.then_some(SttEvent::EagerEndOfTurn));
        is_new
    }

    /// The end of the turn is owed, asked for or not.
    pub(crate) const fn await_final(&mut self) {
        self.owes_final = true;
    }

    /// The turn goes on after all.
    pub(crate) fn resume(&mut self, events: &mut Vec<SttEvent>) {
        let news = |turn: &mut Turn| std::mem::take(&mut turn.is_ending);
        events.extend(self.turn.as_mut().is_some_and(news).then_some(SttEvent::TurnResumed));
    }

    /// The turn is over, by the vendor's own decision unless it was asked. Nothing is needed again
    /// from `margin` behind its end.
    pub(crate) fn end(&mut self, margin: Duration, events: &mut Vec<SttEvent>) {
        self.owes_final = false;
        if let Some(turn) = self.turn.take() {
            self.cover(turn.end + margin);
            events.push(turn.transcript(true));
            events.extend(self.asked.take().is_none().then_some(SttEvent::EndOfTurn));
        }
    }

    /// The connection is lost, and the audio before `kept` with it. A turn lives inside one
    /// connection: the next one hears it anew if its audio is at hand, else it ends here with what
    /// was understood.
    pub(crate) fn lost(&mut self, kept: Duration, margin: Duration, events: &mut Vec<SttEvent>) {
        if self.turn.is_none() {
            return;
        }
        if kept > self.covered() {
            self.end(margin, events);
        } else if self.turn.as_ref().is_some_and(|turn| turn.is_ending) {
            self.owes_final = false;
            self.resume(events);
        }
    }
}

impl Turn {
    fn transcript(&self, is_final: bool) -> SttEvent {
        let text = Arc::clone(&self.text);
        let transcript =
            if is_final { Transcript::final_(text) } else { Transcript::interim(text) };
        let words = self.words.clone();
        SttEvent::Transcript(transcript.with_confidence(self.confidence).with_words(words))
    }
}
