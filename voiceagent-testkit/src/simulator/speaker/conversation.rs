use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use voiceagent_core::{
    GenerationId, LinkPeer, Result, ToolCallId, TurnId,
    realtime::{FIRST_OWN, Prompt, RealtimeEvent, RealtimeInput},
    stt::Transcript,
};

use super::{
    super::{
        dice::Dice,
        log::{Answering, Log},
        profile::{self, Timing},
        sound::FORMAT,
    },
    ear::{Ear, Edge},
    lost,
    mind::{Mind, Reply},
    mouth::{Later, Mouth},
};
use crate::fakes::Schedule;

type Peer = LinkPeer<RealtimeInput, RealtimeEvent>;

/// One conversation of a model, from its opening to its end.
pub(super) struct Conversation {
    profile: profile::Speaker,
    dice: Dice,
    log: Log,
    mind: Arc<Mutex<Mind>>,
    ear: Ear,
    mouth: Mouth,
    words: Schedule<RealtimeEvent>,
    begun: Instant,
    /// What was asked for and is not finished.
    answering: Option<(GenerationId, Answering)>,
    /// How much audio each generation has, and which of them were cut.
    given: BTreeMap<GenerationId, Duration>,
    cut: BTreeSet<GenerationId>,
    /// Calls without a result, and those with one.
    open_calls: BTreeMap<ToolCallId, GenerationId>,
    answered: BTreeSet<ToolCallId>,
    /// What a duplex model begins next by itself.
    next_own: GenerationId,
    /// It was stopped in the middle.
    was_stopped: bool,
}

impl Drop for Conversation {
    /// Another conversation knows what it is told when it is opened.
    fn drop(&mut self) {
        let mut account = self.log.account();
        if account.hung_up.is_none() {
            account.memory.clear();
        }
    }
}

impl Conversation {
    pub(super) fn new(
        profile: profile::Speaker,
        dice: Dice,
        mind: Arc<Mutex<Mind>>,
        link: u32,
        log: Log,
    ) -> Self {
        Self {
            ear: Ear::new(&profile),
            mouth: Mouth::new(&profile, link, log.clone()),
            profile,
            dice,
            log,
            mind,
            words: Schedule::new(),
            begun: Instant::now(),
            answering: None,
            given: BTreeMap::new(),
            cut: BTreeSet::new(),
            open_calls: BTreeMap::new(),
            answered: BTreeSet::new(),
            next_own: FIRST_OWN,
            was_stopped: false,
        }
    }

    pub(super) async fn run(mut self, mut peer: Peer) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.take(input, &peer).await?;
                }
                event = self.words.due() => self.tell_words(event, &peer).await?,
                (generation, later) = self.mouth.due() => self.come_due(generation, later, &peer).await?,
            }
        }
    }

    async fn take(&mut self, input: RealtimeInput, peer: &Peer) -> Result<()> {
        match input {
            RealtimeInput::Audio(frame) => {
                if self.profile.breaks.is_some_and(|at| self.begun.elapsed() >= at) {
                    self.log.inject("the model is lost");
                    return Err(lost("lost"));
                }
                for edge in self.ear.hear(&frame.payload) {
                    self.notice(edge, peer).await?;
                }
            }
            RealtimeInput::Cancel { generation } => {
                self.log.tell(|| format!("model: stop {generation}"));
                self.mouth.cancel(generation);
                self.answering.take_if(|(of, _)| *of == generation);
            }
            RealtimeInput::Commit { turn } => {
                self.log.tell(|| format!("model: turn {turn} is over"));
                self.transcribe(Some(turn).filter(|_| self.profile.names_turns));
            }
            RealtimeInput::Forget { generation } => self.cut(generation, Duration::ZERO),
            RealtimeInput::Generate { generation, prompt } => self.generate(generation, &prompt),
            RealtimeInput::ToolResult { id, .. } => self.on_result(id),
            RealtimeInput::Truncate { generation, heard } => {
                let given = self.given.get(&generation).copied().unwrap_or_default();
                let known = self.given.contains_key(&generation);
                if heard.is_zero() || known && heard > given {
                    self.log.blame(format!("{generation} is cut at {heard:?} of {given:?}"));
                }
                self.cut(generation, heard);
            }
            _ => {}
        }
        Ok(())
    }

    fn generate(&mut self, generation: GenerationId, prompt: &Prompt) {
        self.log.tell(|| format!("model: speak {generation} {prompt:?}"));
        let mut open = self.open_calls.values();
        if open.any(|of| *of == generation) {
            self.log.blame(format!("{generation} is asked for before its results"));
        }
        self.answering = Some((generation, self.log.answer()));
        let after_tools = self.given.contains_key(&generation) || !self.answered.is_empty();
        let reply = match prompt {
            Prompt::Say(text) => self.mind().recite(text),
            _ => self.mind().reply(after_tools),
        };
        self.say(generation, reply);
    }

    fn say(&mut self, generation: GenerationId, reply: Reply) {
        self.was_stopped = false;
        let after = self.dice.latency(self.profile.first_audio);
        self.mouth.say(generation, reply, after, &mut self.dice);
    }

    /// Begins to speak by itself.
    fn begin(&mut self, after_tools: bool) {
        let generation = self.next_own;
        self.next_own = generation.next();
        let reply = self.mind().reply(after_tools);
        self.log.tell(|| format!("model: begins {generation} with {:?}", reply.text));
        self.say(generation, reply);
    }

    fn on_result(&mut self, id: ToolCallId) {
        let Some(generation) = self.open_calls.remove(&id) else {
            if self.answered.contains(&id) {
                self.log.blame(format!("the result of {id} is told twice"));
            }
            return;
        };
        self.answered.insert(id);
        let is_last = !self.open_calls.values().any(|of| *of == generation);
        if self.profile.duplex && is_last && !self.ear.is_speaking() {
            self.begin(true);
        }
    }

    async fn notice(&mut self, edge: Edge, peer: &Peer) -> Result<()> {
        let Self { profile, .. } = self;
        if profile.edges {
            peer.send(match edge {
                Edge::Started => RealtimeEvent::SpeechStarted,
                Edge::Stopped => RealtimeEvent::SpeechStopped,
            })
            .await?;
        }
        if !profile.duplex {
            return Ok(());
        }
        match edge {
            Edge::Started => self.give_way(peer).await,
            Edge::Stopped => {
                let has_words = self.transcribe(None);
                // Who was stopped by a noise goes on, or lets it be.
                if has_words || self.was_stopped && self.dice.percent(60) {
                    self.begin(false);
                    if self.dice.percent(15) {
                        self.begin(false);
                    }
                }
                Ok(())
            }
        }
    }

    /// Falls silent because the user speaks.
    async fn give_way(&mut self, peer: &Peer) -> Result<()> {
        let saying = self.mouth.silence();
        self.log.tell(|| format!("model: gives way with {saying:?}"));
        self.was_stopped = saying.is_some();
        if self.was_stopped {
            let now = self.log.now();
            self.log.account().gave_way.push(now);
        }
        self.answering = None;
        if let Some(generation) = saying.filter(|_| !self.profile.edges) {
            peer.send(RealtimeEvent::Interrupted { generation }).await?;
        }
        Ok(())
    }

    /// Promises the words of a turn that is over. Returns whether there are any.
    fn transcribe(&mut self, turn: Option<TurnId>) -> bool {
        let words = self.ear.take();
        let event = |text: String| {
            let transcript = Transcript::final_(text);
            RealtimeEvent::UserTranscript { turn, transcript }
        };
        let mut at = Instant::now() + self.dice.latency(self.profile.words_after);
        if turn.is_none() {
            // Words without a turn can only be told in order.
            at = at.max(self.words.last().unwrap_or(at));
        }
        if words.is_empty() {
            if self.dice.percent(50) {
                self.words.add(at, event(String::new()));
            }
            return false;
        }
        if self.dice.percent(self.profile.lost) {
            self.log.inject("words of the user are lost");
            return true;
        }
        let parts = if self.dice.percent(20) { words.len().div_ceil(2) } else { words.len() };
        for part in words.chunks(parts) {
            self.words.add(at, event(part.join(" ")));
        }
        if self.dice.percent(self.profile.twice) {
            self.log.inject("a final comes twice");
            let again = at + self.dice.millis(0, 300);
            self.words.add(again, event(words.join(" ")));
        }
        true
    }

    async fn tell_words(&self, event: RealtimeEvent, peer: &Peer) -> Result<()> {
        if let RealtimeEvent::UserTranscript { turn, transcript } = &event {
            self.log.tell(|| format!("model: heard {:?} in {turn:?}", transcript.text));
            let now = self.log.now();
            let words = transcript.text.split_whitespace().map(|word| (now, word.to_owned()));
            self.log.account().finals.extend(words);
        }
        peer.send(event).await
    }

    async fn come_due(&mut self, of: GenerationId, later: Later, peer: &Peer) -> Result<()> {
        match later {
            Later::Lose => Err(lost("lost")),
            Later::Text(event, words) => {
                self.log.tell_words(&words, Timing::Words);
                peer.send(event).await
            }
            Later::Sound(event, words) => {
                if let RealtimeEvent::Audio { payload, .. } = &event {
                    if of >= FIRST_OWN && !self.given.contains_key(&of) {
                        let now = self.log.now();
                        self.log.account().begun.push(now);
                    }
                    *self.given.entry(of).or_default() += FORMAT.duration_of(payload.len() as u64);
                }
                if !self.cut.contains(&of) {
                    let mut account = self.log.account();
                    if account.hung_up.is_none() {
                        account.memory.entry(of).or_default().extend(words);
                    }
                }
                peer.send(event).await
            }
            Later::Say(event) => {
                if let RealtimeEvent::ToolCall { generation, call } = &event
                    && !self.answered.contains(&call.id)
                {
                    self.open_calls.insert(call.id.clone(), *generation);
                }
                if matches!(event, RealtimeEvent::Finished { .. } | RealtimeEvent::Failed { .. }) {
                    self.answering.take_if(|(answering, _)| *answering == of);
                }
                peer.send(event).await
            }
        }
    }

    /// Forgets what was not heard of a generation.
    fn cut(&mut self, generation: GenerationId, heard: Duration) {
        self.log.tell(|| format!("model: {generation} was heard for {heard:?}"));
        if !self.cut.insert(generation) {
            self.log.blame(format!("{generation} is cut twice"));
        }
        if let Some(words) = self.log.account().memory.get_mut(&generation) {
            words.retain(|(end, _)| *end <= heard);
        }
    }

    fn mind(&self) -> std::sync::MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
