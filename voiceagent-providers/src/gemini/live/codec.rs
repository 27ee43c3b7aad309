//! The Live API's messages as events. Pure: no clock, no socket.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
};

use voiceagent_core::{
    Result, ToolCallId,
    llm::{ToolCall, Usage},
    realtime::{Prompt, RealtimeEvent, RealtimeInput, RealtimeOptions},
};

use super::{
    super::{messages::FunctionResponse, request::response},
    PROVIDER,
    config::GeminiLiveConfig,
    ear::Ear,
    messages::{Call, Content, Message, Part, Responses, TextInput, Tokens, ToolResponse},
    mouth::{Answer, Mouth},
    setup::setup,
};
use crate::wire::{
    json,
    realtime::{LostCalls, Out, RealtimeCodec, WORD_FOR_WORD},
    secrets::Secrets,
    voice::samples::Samples,
};

/// Understands `BidiGenerateContent`.
#[derive(Debug)]
pub(super) struct LiveApi {
    config: GeminiLiveConfig,
    options: RealtimeOptions,
    /// The vendor finds turns by itself, and answers them.
    own: bool,
    ready: bool,
    ear: Ear,
    mouth: Mouth,
    samples: Samples,
    calls: Vec<Pending>,
    /// Calls that came when the round of calls was over, for the next one.
    late: Vec<Made>,
    /// Calls so far that the vendor has not named, and what tells their names from those of another
    /// conversation in the same call.
    unnamed: u64,
    pub(super) mark: u64,
    lost: LostCalls,
    /// Results of lost calls that the vendor has not been told.
    news: Vec<String>,
    /// By which the conversation is gone on with on another connection.
    handle: Option<String>,
    /// The vendor will close this connection soon.
    dismissed: bool,
}

/// A call that the vendor has made.
#[derive(Debug)]
struct Made {
    call: ToolCall,
    is_theirs: bool,
}

/// A call without a result that the vendor knows.
#[derive(Debug)]
struct Pending {
    id: ToolCallId,
    /// The vendor has named it so, and knows its result by that.
    is_theirs: bool,
    name: Arc<str>,
    output: Option<Arc<str>>,
}

impl LiveApi {
    pub(super) fn new(config: GeminiLiveConfig, options: RealtimeOptions) -> Result<Self> {
        let own = config.turn_detection.is_vendors();
        Ok(Self {
            own,
            ready: false,
            ear: Ear::new(options.format, own)?,
            mouth: Mouth::default(),
            samples: Samples::new(options.format),
            calls: Vec::new(),
            late: Vec::new(),
            unnamed: 0,
            lost: LostCalls::of(&options.history),
            news: Vec::new(),
            mark: RandomState::new().build_hasher().finish(),
            handle: None,
            dismissed: false,
            config,
            options,
        })
    }

    fn on_result(&mut self, id: &ToolCallId, output: Arc<str>, out: &mut Out) {
        self.news.extend(self.lost.tell(id, &output));
        let call = self.calls.iter_mut().find(|call| call.id == *id && call.output.is_none());
        let Some(call) = call else { return };
        call.output = Some(output);
        // A vendor that takes turns by itself goes on with the last result.
        if self.own && self.calls.iter().all(|call| call.output.is_some()) {
            self.respond(out);
        }
    }

    /// Sends the results of all calls. Returns whether there were any.
    fn respond(&mut self, out: &mut Out) -> bool {
        let function_responses: Vec<_> = self
            .calls
            .iter()
            .filter_map(|call| {
                let response = response(call.output.as_deref()?);
                let id = call.is_theirs.then(|| call.id.as_str());
                Some(FunctionResponse { id, name: &call.name, response })
            })
            .collect();
        if function_responses.is_empty() {
            return false;
        }
        let tool_response = Responses { function_responses };
        out.messages.push(json::write(&ToolResponse { tool_response }));
        self.calls.retain(|call| call.output.is_none());
        true
    }

    /// Lets the vendor say what is to be said next, if it is free to.
    fn advance(&mut self, out: &mut Out) {
        let Some(prompt) = self.mouth.advance() else { return self.tell_news(out) };
        self.samples.restart();
        if !self.late.is_empty() {
            let late = std::mem::take(&mut self.late);
            return self.call(late, out);
        }
        let text = match prompt {
            Prompt::Follow(instructions) => instructions.to_string(),
            Prompt::Say(text) => {
                format!("({WORD_FOR_WORD})\n{text}")
            }
            Prompt::Answer | _ => {
                let has_results = self.respond(out);
                let news = std::mem::take(&mut self.news);
                if !news.is_empty() {
                    news.join("\n")
                } else if self.ear.is_committed() {
                    return self.ear.close(out);
                } else if has_results {
                    return;
                } else {
                    "(Please go on.)".to_owned()
                }
            }
        };
        self.write(&text, out);
    }

    /// Tells what lost calls have returned, to a vendor that takes turns by itself and so goes on.
    fn tell_news(&mut self, out: &mut Out) {
        if self.own && self.mouth.is_closed() && !self.news.is_empty() {
            let news = std::mem::take(&mut self.news);
            self.write(&news.join("\n"), out);
        }
    }

    /// Tells the vendor something in the place of the user, behind what that one has said.
    fn write(&mut self, text: &str, out: &mut Out) {
        self.ear.open(out);
        let realtime_input = Part { text };
        out.messages.push(json::write(&TextInput { realtime_input }));
        self.ear.close(out);
    }

    fn on_content(&mut self, content: &Content<'_>, out: &mut Out) -> Result<()> {
        if let Some(heard) = &content.input_transcription {
            let text = heard.text.as_deref().unwrap_or_default();
            self.ear.understand(text, heard.finished, out);
        }
        let said = content.output_transcription.as_ref().and_then(|said| said.text.as_deref());
        if let Some(text) = said.filter(|text| !text.is_empty())
            && let Some(answer) = self.mouth.begin(self.own).filter(|answer| !answer.cancelled)
        {
            let (generation, text) = (answer.generation, text.to_owned());
            out.events.push(RealtimeEvent::AgentTranscript { generation, text });
        }
        for part in content.model_turn.iter().flat_map(|turn| &turn.parts) {
            let Some(blob) = &part.inline_data else { continue };
            let payload = self.samples.whole(json::read_base64(&blob.data, PROVIDER)?);
            self.ear.tell_words(out);
            if let Some(answer) = self.mouth.begin(self.own)
                && !answer.cancelled
                && !payload.is_empty()
            {
                let generation = answer.generation;
                out.events.push(RealtimeEvent::Audio { generation, payload });
            }
        }
        if content.interrupted {
            self.on_end(true, out);
        }
        if content.generation_complete {
            self.complete(out);
        }
        if content.turn_complete {
            self.on_end(false, out);
        }
        Ok(())
    }

    /// All of an answer has come.
    fn complete(&mut self, out: &mut Out) {
        self.ear.tell_words(out);
        if let Some(answer) = self.mouth.current().filter(|answer| answer.begun) {
            finish(answer, out);
        }
    }

    /// The vendor's turn is over.
    fn on_end(&mut self, interrupted: bool, out: &mut Out) {
        self.ear.tell_words(out);
        self.samples.restart();
        let Some(mut answer) = self.mouth.end(interrupted) else { return };
        if interrupted && self.own {
            let generation = answer.generation;
            if answer.begun && !answer.cancelled {
                out.events.push(RealtimeEvent::Interrupted { generation });
            }
        } else {
            finish(&mut answer, out);
        }
    }

    fn on_calls(&mut self, calls: &[Call<'_>], out: &mut Out) {
        self.ear.tell_words(out);
        let call = |call: &Call<'_>| {
            let id = call.id.as_deref().filter(|id| !id.is_empty());
            let arguments = call.args.map_or("{}", |args| args.get()).into();
            // One that the vendor has not named needs a name here.
            let own = id.map_or_else(
                || {
                    self.unnamed += 1;
                    ToolCallId::new(format!("unnamed-{:x}-{}", self.mark, self.unnamed))
                },
                ToolCallId::new,
            );
            let call = ToolCall { id: own, name: (*call.name).into(), arguments };
            Made { call, is_theirs: id.is_some() }
        };
        let calls: Vec<_> = calls.iter().map(call).collect();
        if self.own || self.mouth.is_owed() {
            self.call(calls, out);
        } else {
            self.late.extend(calls);
        }
    }

    /// Tells a round of calls. Their results go to the vendor together.
    fn call(&mut self, calls: Vec<Made>, out: &mut Out) {
        let Some(answer) = self.mouth.begin(self.own) else { return };
        answer.calls = true;
        let generation = answer.generation;
        for Made { call, is_theirs } in calls {
            if answer.cancelled || self.calls.iter().any(|known| known.id == call.id) {
                continue;
            }
            let (id, name) = (call.id.clone(), call.name.clone());
            self.calls.push(Pending { id, is_theirs, name, output: None });
            out.events.push(RealtimeEvent::ToolCall { generation, call });
        }
        finish(answer, out);
    }

    fn on_tokens(&mut self, tokens: Tokens, out: &mut Out) {
        let Some(answer) = self.mouth.current() else { return };
        let (input, cached) = (tokens.prompt_token_count, tokens.cached_content_token_count);
        let thought = tokens.thoughts_token_count;
        let usage = Usage::new(input, cached, tokens.response_token_count.saturating_add(thought));
        let (generation, usage) = (answer.generation, usage.with_reasoning(thought));
        out.events.push(RealtimeEvent::Usage { generation, usage });
    }
}

/// Says that all of an answer has come, once.
fn finish(answer: &mut Answer, out: &mut Out) {
    let generation = answer.generation;
    if !std::mem::replace(&mut answer.complete, true) && !answer.cancelled {
        out.events.push(RealtimeEvent::Finished { generation });
    }
}

impl RealtimeCodec for LiveApi {
    const PROVIDER: &'static str = PROVIDER;

    fn begin(&mut self, out: &mut Out) {
        self.ready = false;
        self.ear.begin_connection();
        out.messages.push(setup(&self.config, &self.options, self.handle.as_deref()));
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn take(&mut self, input: RealtimeInput, out: &mut Out) {
        match input {
            RealtimeInput::Audio(frame) => {
                let speaks = !self.mouth.is_closed();
                self.ear.hear(frame.payload, speaks, out);
            }
            RealtimeInput::Cancel { generation } => {
                // The vendor stops when the user begins.
                if self.mouth.cancel(generation) {
                    self.ear.open(out);
                }
            }
            RealtimeInput::Commit { turn } => self.ear.commit(turn, out),
            RealtimeInput::Generate { generation, prompt } => self.mouth.push(generation, prompt),
            RealtimeInput::ToolResult { id, output } => self.on_result(&id, output, out),
            RealtimeInput::Forget { .. } | RealtimeInput::Truncate { .. } | _ => {}
        }
        self.advance(out);
    }

    fn decode(&mut self, text: &str, _secrets: &Secrets, out: &mut Out) -> Result<bool> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        if let Some(tokens) = message.usage_metadata {
            self.on_tokens(tokens, out);
        }
        self.ready |= message.setup_complete.is_some();
        let works = message.server_content.is_some() || message.tool_call.is_some();
        if let Some(content) = &message.server_content {
            self.on_content(content, out)?;
        }
        if let Some(calls) = &message.tool_call {
            self.on_calls(&calls.function_calls, out);
        }
        if let Some(cancelled) = &message.tool_call_cancellation {
            let is_over = |id: &ToolCallId| cancelled.ids.iter().any(|it| **it == *id.as_str());
            self.calls.retain(|call| !is_over(&call.id));
            self.late.retain(|late| !is_over(&late.call.id));
        }
        if let Some(update) = &message.session_resumption_update
            && let Some(handle) = update.new_handle.as_deref().filter(|_| update.resumable)
        {
            self.handle = Some(handle.to_owned());
        }
        self.dismissed |= message.go_away.is_some();
        self.advance(out);
        Ok(works)
    }

    fn owes(&self) -> bool {
        self.mouth.is_owed()
    }

    fn is_idle(&self) -> bool {
        self.mouth.is_closed() && self.calls.is_empty() && !self.ear.is_committed()
    }

    fn is_dismissed(&mut self) -> bool {
        std::mem::take(&mut self.dismissed)
    }

    fn is_resumable(&self) -> bool {
        self.handle.is_some()
    }
}
