//! The leg of a model that hears and speaks by itself.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;
use tracing::warn;

use super::{
    Driver,
    legs::choose,
    provider::{Provider, Report},
    wait::recognized,
};
use crate::{
    CallTime, ErrorKind, GenerationId, Result,
    agent::Recipe,
    audio::{AudioFormat, AudioFrame, Transcoder},
    llm::{FinishReason, Message},
    realtime::{FIRST_OWN, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
    session::{Command, Input, Leg},
};

/// How much of the user's audio is sent again when a lost model is opened anew. Few turns are
/// longer.
const TAPE: Duration = Duration::from_secs(20);
/// So much audio is sent again at once, so that a fresh link has room for all of it.
const PIECE: Duration = Duration::from_millis(500);

/// A speech-to-speech model, and the way from its audio to the caller's format.
pub(super) struct Model {
    provider: Provider<RealtimeInput, RealtimeEvent>,
    format: AudioFormat,
    transcoder: Transcoder,
    /// Whose audio the transcoder has in mind.
    speaking: GenerationId,
    /// What the model owes: asked for or begun, and not finished.
    owed: Option<GenerationId>,
    /// The model's speech edges are the session's.
    edges: bool,
    own: OwnNames,
    said: Said,
    /// The conversation, for a model that is opened again.
    history: watch::Sender<Arc<[Message]>>,
    /// What the user has said since the model answered last.
    tape: VecDeque<RealtimeInput>,
    taped: Duration,
    dropped: u64,
}

/// The names of what a duplex model begins by itself. It counts anew in each conversation; for the
/// session names only grow.
#[derive(Debug, Default)]
struct OwnNames {
    /// How many were given in conversations that are over.
    before: u64,
    /// And in this one.
    given: u64,
}

/// How much audio there is of what a model says, which may go on in another conversation.
#[derive(Debug, Default)]
struct Said {
    generation: GenerationId,
    here: Duration,
    /// In conversations that are over.
    before: Duration,
}

impl Said {
    fn add(&mut self, generation: GenerationId, length: Duration) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
        self.here += length;
    }

    fn begin_conversation(&mut self) {
        self.before += std::mem::take(&mut self.here);
    }

    /// What the model is to be told that belongs to this conversation.
    fn for_model(&self, input: RealtimeInput) -> RealtimeInput {
        let RealtimeInput::Truncate { generation, heard } = input else { return input };
        let is_known = generation == self.generation;
        let before = if is_known { self.before } else { Duration::ZERO };
        // What resamples the audio lets it out a little later, and the model knows only its own.
        let longest = if is_known { self.here } else { heard };
        match heard.saturating_sub(before).min(longest) {
            Duration::ZERO => RealtimeInput::Forget { generation },
            heard => RealtimeInput::Truncate { generation, heard },
        }
    }
}

impl OwnNames {
    /// The session's name for what the model calls so.
    fn for_session(&mut self, name: GenerationId) -> GenerationId {
        let Some(nth) = name.number().checked_sub(FIRST_OWN.number()) else { return name };
        self.given = self.given.max(nth.saturating_add(1));
        GenerationId::new(name.number().saturating_add(self.before))
    }

    /// The model's name for what the session calls so; `None` if it was of another conversation.
    fn for_model(&self, name: GenerationId) -> Option<GenerationId> {
        if name < FIRST_OWN {
            return Some(name);
        }
        let own = name.number().checked_sub(self.before).map(GenerationId::new);
        own.filter(|own| *own >= FIRST_OWN)
    }

    fn begin_conversation(&mut self) {
        self.before = self.before.saturating_add(std::mem::take(&mut self.given));
    }
}

impl Model {
    pub(super) async fn open(
        recipe: &Recipe,
        model: Arc<dyn RealtimeModel>,
        line: AudioFormat,
    ) -> Result<Self> {
        let capabilities = model.capabilities();
        let format = choose(&capabilities.formats, line)?;
        let transcoder = Transcoder::new(format, line)?;
        let options = RealtimeOptions::new(recipe.config.instructions.clone(), format)
            .with_tools(recipe.config.tools.clone());
        let (history, remembered) = watch::channel(options.history.clone());
        let provider = Provider::open(move || {
            let options = options.clone().with_history(remembered.borrow().clone());
            let model = model.clone();
            async move { model.open(options).await }
        });
        Ok(Self {
            provider: provider.await?,
            format,
            transcoder,
            speaking: GenerationId::default(),
            owed: None,
            edges: recipe.vad.is_none(),
            own: OwnNames::default(),
            said: Said::default(),
            history,
            tape: VecDeque::new(),
            taped: Duration::ZERO,
            dropped: 0,
        })
    }

    /// The format that the model takes and gives.
    pub(super) fn format(&self) -> AudioFormat {
        self.format
    }

    pub(super) async fn next(&mut self) -> Report<RealtimeEvent> {
        self.provider.next().await
    }

    /// Keeps the conversation for a model that has to be opened again.
    pub(super) fn remember(&self, messages: Arc<[Message]>) {
        self.history.send_if_modified(|known| {
            let is_new = !Arc::ptr_eq(known, &messages);
            *known = messages;
            is_new
        });
    }

    fn hear(&mut self, frame: AudioFrame) {
        self.taped += self.format.duration_of(frame.samples());
        self.tape.push_back(RealtimeInput::Audio(frame.clone()));
        while self.taped > TAPE {
            if let Some(RealtimeInput::Audio(oldest)) = self.tape.pop_front() {
                self.taped -= self.format.duration_of(oldest.samples());
            }
        }
        if self.provider.send_audio(RealtimeInput::Audio(frame)).is_err() {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                warn!(frames = self.dropped, "the model does not keep up with the user");
            }
        }
    }

    fn tell(&mut self, input: RealtimeInput) -> Result<()> {
        let mut input = self.said.for_model(input);
        if let Some(name) = own_name(&mut input) {
            match self.own.for_model(*name) {
                Some(own) => *name = own,
                // That conversation is over, and what was said in it is told to the next.
                None => return Ok(()),
            }
        }
        if let RealtimeInput::Commit { .. } = input {
            self.tape.push_back(input.clone());
        }
        if let RealtimeInput::Generate { generation, .. } = input {
            self.owed = Some(generation);
        }
        self.provider.send(input)
    }

    /// Audio in the caller's format. Nothing of one generation rings on in the next.
    fn transcode(&mut self, generation: GenerationId, payload: Bytes) -> Bytes {
        if self.speaking != generation {
            self.speaking = generation;
            self.transcoder.reset();
        }
        self.transcoder.transcode(payload)
    }

    /// What is still missing of a generation whose audio is complete.
    fn finish(&mut self, generation: GenerationId) -> Bytes {
        if self.speaking == generation { self.transcoder.finish() } else { Bytes::new() }
    }

    /// The model speaks: it has heard what the user said.
    fn note_answer(&mut self, generation: GenerationId) {
        self.owed = Some(generation);
        self.tape.clear();
        self.taped = Duration::ZERO;
    }

    /// The link was lost, and is being opened anew: what the model has not answered is said again.
    fn say_again(&mut self) {
        // What waits for the new link is on the tape too, as far as the user said it.
        let waiting = self.provider.take_backlog();
        self.own.begin_conversation();
        self.said.begin_conversation();
        let mut audio = BytesMut::new();
        let mut at = None;
        for input in std::mem::take(&mut self.tape) {
            if let RealtimeInput::Audio(frame) = &input {
                at.get_or_insert(frame.at);
                audio.extend_from_slice(&frame.payload);
                if audio.len() < self.format.bytes_in(PIECE) {
                    continue;
                }
            }
            if let Some(at) = at.take() {
                self.hear_again(AudioFrame::new(self.format, at, audio.split().freeze()));
            }
            if let RealtimeInput::Commit { .. } = input {
                // A fresh backlog has room for it.
                let _ = self.tell(input);
            }
        }
        if let Some(at) = at {
            self.hear_again(AudioFrame::new(self.format, at, audio.freeze()));
        }
        for mut input in waiting {
            let is_over = own_name(&mut input).is_some_and(|name| *name >= FIRST_OWN);
            if !is_over && !matches!(input, RealtimeInput::Audio(_) | RealtimeInput::Commit { .. })
            {
                // A fresh backlog has room for it.
                let _ = self.provider.send(input);
            }
        }
    }

    fn hear_again(&mut self, frame: AudioFrame) {
        self.taped -= self.format.duration_of(frame.samples()).min(self.taped);
        self.hear(frame);
    }
}

impl Driver {
    /// Passes on what the ears let through.
    pub(super) fn let_model_hear(&mut self) {
        let (Some(ears), Some(model)) = (&mut self.legs.ears, &mut self.legs.model) else { return };
        ears.passed().for_each(|frame| model.hear(frame));
    }

    /// Does what a session wants of its model.
    #[expect(clippy::wildcard_enum_match_arm, reason = "whoever calls it names all commands")]
    pub(super) fn perform_on_model(&mut self, command: Command) {
        self.tell_model(match command {
            Command::CommitAudio { turn } => RealtimeInput::Commit { turn },
            Command::Forget { generation } => RealtimeInput::Forget { generation },
            Command::Speak { generation, prompt } => RealtimeInput::Generate { generation, prompt },
            Command::TellResult { id, output } => RealtimeInput::ToolResult { id, output },
            Command::Truncate { generation, heard } => {
                RealtimeInput::Truncate { generation, heard }
            }
            _ => return,
        });
    }

    /// Hands something to the model. What it has no room for is lost, and an answer with it.
    pub(super) fn tell_model(&mut self, input: RealtimeInput) {
        if let RealtimeInput::Commit { .. } = input
            && let Some(ears) = &mut self.legs.ears
        {
            ears.hand_over();
            self.let_model_hear();
        }
        let Some(model) = &mut self.legs.model else { return };
        let asked = match &input {
            RealtimeInput::Generate { generation, .. } => Some(*generation),
            RealtimeInput::Audio(_)
            | RealtimeInput::Cancel { .. }
            | RealtimeInput::Commit { .. }
            | RealtimeInput::Forget { .. }
            | RealtimeInput::ToolResult { .. }
            | RealtimeInput::Truncate { .. } => None,
        };
        match model.tell(input) {
            Err(error) if error.kind() == ErrorKind::Stalled => {
                warn!(%error, "the model does not take what it is told");
                if let Some(generation) = asked {
                    let kind = ErrorKind::Stalled;
                    self.caused.push_back(Input::LlmFailed { generation, kind, retry_after: None });
                }
            }
            // A link that has ended is noticed where it is read, and reopened.
            Ok(()) | Err(_) => {}
        }
    }

    pub(super) fn on_model_report(&mut self, report: Report<RealtimeEvent>) -> Option<Input> {
        match report {
            Report::Connected(after) => {
                let since = self.now();
                let edges = self.legs.model.as_ref().is_some_and(|model| model.edges);
                self.on_connected(Leg::Realtime, after);
                // Whom the lost model heard, this one may not hear: nobody else tells the end of it.
                edges.then_some(Input::SpeechStopped { since })
            }
            Report::Event(event) => self.on_model_event(event),
            Report::Fault(error) => {
                warn!(%error, "the model failed");
                None
            }
            Report::Ended => {
                let model = self.legs.model.as_mut()?;
                model.say_again();
                let generation = model.owed.take()?;
                Some(Input::LlmFailed {
                    generation,
                    kind: ErrorKind::Disconnected,
                    retry_after: None,
                })
            }
            Report::Lost(error) => {
                warn!(%error, "the model is lost");
                self.legs.model = None;
                self.legs.ears = None;
                Some(Input::LegLost { leg: Leg::Realtime, kind: error.kind() })
            }
        }
    }

    fn on_model_event(&mut self, mut event: RealtimeEvent) -> Option<Input> {
        let since: CallTime = self.now();
        let model = self.legs.model.as_mut()?;
        if let Some(name) = generation_of(&mut event) {
            *name = model.own.for_session(*name);
        }
        match event {
            RealtimeEvent::AgentTranscript { generation, text } => {
                model.note_answer(generation);
                Some(Input::LlmText { generation, text: text.into() })
            }
            RealtimeEvent::Audio { generation, payload } => {
                model.note_answer(generation);
                let samples = model.format.samples(payload.len());
                model.said.add(generation, model.format.duration_of(samples));
                let payload = model.transcode(generation, payload);
                Some(Input::Synthesized { generation, payload })
            }
            RealtimeEvent::Failed { generation, kind } => {
                warn!(%generation, %kind, "the model could not speak");
                model.owed.take_if(|owed| *owed == generation);
                Some(Input::LlmFailed { generation, kind, retry_after: None })
            }
            RealtimeEvent::Finished { generation } => {
                model.owed.take_if(|owed| *owed == generation);
                let rest = model.finish(generation);
                let end = Input::LlmFinished { generation, reason: FinishReason::Stop };
                Some(self.behind(generation, rest, end))
            }
            RealtimeEvent::Interrupted { generation } => {
                model.owed.take_if(|owed| *owed == generation);
                Some(Input::ModelInterrupted { generation })
            }
            RealtimeEvent::SpeechStarted => model.edges.then_some(Input::SpeechStarted { since }),
            RealtimeEvent::SpeechStopped => model.edges.then_some(Input::SpeechStopped { since }),
            RealtimeEvent::ToolCall { generation, call } => {
                model.note_answer(generation);
                Some(Input::LlmToolCall { generation, call })
            }
            RealtimeEvent::Usage { generation, usage } => {
                Some(Input::LlmUsage { generation, usage })
            }
            RealtimeEvent::UserTranscript { turn, transcript } => {
                let transcript = recognized(transcript);
                Some(Input::UserWords { turn, transcript })
            }
        }
    }
}

/// Of what the model is told to stop or to forget.
fn own_name(input: &mut RealtimeInput) -> Option<&mut GenerationId> {
    match input {
        RealtimeInput::Cancel { generation }
        | RealtimeInput::Forget { generation }
        | RealtimeInput::Truncate { generation, .. } => Some(generation),
        RealtimeInput::Audio(_)
        | RealtimeInput::Commit { .. }
        | RealtimeInput::Generate { .. }
        | RealtimeInput::ToolResult { .. } => None,
    }
}

/// What the model speaks of.
fn generation_of(event: &mut RealtimeEvent) -> Option<&mut GenerationId> {
    match event {
        RealtimeEvent::AgentTranscript { generation, .. }
        | RealtimeEvent::Audio { generation, .. }
        | RealtimeEvent::Failed { generation, .. }
        | RealtimeEvent::Finished { generation }
        | RealtimeEvent::Interrupted { generation }
        | RealtimeEvent::ToolCall { generation, .. }
        | RealtimeEvent::Usage { generation, .. } => Some(generation),
        RealtimeEvent::SpeechStarted
        | RealtimeEvent::SpeechStopped
        | RealtimeEvent::UserTranscript { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h13_a_cut_counts_from_where_the_conversation_began() {
        let generation = GenerationId::new(7);
        let ms = Duration::from_millis;
        let mut said = Said::default();
        said.add(generation, ms(500));
        said.begin_conversation();
        said.add(generation, ms(800));
        let cut = |heard| said.for_model(RealtimeInput::Truncate { generation, heard: ms(heard) });
        assert!(matches!(cut(700), RealtimeInput::Truncate { heard, .. } if heard == ms(200)));
        assert!(matches!(cut(400), RealtimeInput::Forget { .. }), "nothing of it was heard");
        let cut = cut(1_303);
        assert!(
            matches!(cut, RealtimeInput::Truncate { heard, .. } if heard == ms(800)),
            "{cut:?}"
        );
    }

    #[test]
    fn names_of_a_model_that_counts_anew_go_on_growing() {
        let mut names = OwnNames::default();
        let own = |nth| GenerationId::new(FIRST_OWN.number() + nth);
        assert_eq!(names.for_session(own(1)), own(1));
        names.begin_conversation();
        assert_eq!(names.for_session(own(0)), own(2));
        assert_eq!((names.for_model(own(2)), names.for_model(own(1))), (Some(own(0)), None));
        assert_eq!(names.for_model(GenerationId::new(3)), Some(GenerationId::new(3)));
    }
}
