use std::{
    collections::VecDeque,
    fmt,
    future::pending,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde_json::Value;
use tokio::time::sleep;
use voiceagent_core::{
    Error, ErrorKind, Result,
    llm::{FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, ToolCall, Usage},
};

use super::Recording;

type Script = dyn FnMut(&LlmRequest) -> Answer + Send;

/// A language model that says what the test wrote.
///
/// ```
/// use voiceagent_testkit::fakes::{Answer, FakeLlm};
///
/// let listed = FakeLlm::answers([
///     Answer::call("lookup", serde_json::json!({ "plate": "B-42" })),
///     Answer::text("Your car is ready."),
/// ]);
/// let computed = FakeLlm::new(|request| {
///     Answer::text(format!("You said {}.", request.last_user_text().unwrap_or("nothing")))
/// });
/// ```
pub struct FakeLlm {
    script: Mutex<Box<Script>>,
    first_token: Duration,
    token: Duration,
    requests: Recording<LlmRequest>,
    dropped: Recording<()>,
}

/// What a [`FakeLlm`] does with one request.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    items: Vec<Item>,
    reason: Option<FinishReason>,
    usage: Usage,
    first_token: Option<Duration>,
    calls: u32,
}

#[derive(Clone, Debug)]
enum Item {
    Break(ErrorKind),
    Event(LlmEvent),
    Refuse(ErrorKind),
    Stall,
}

impl Answer {
    /// Says `text`, token by token: a word with the space before it is a token.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::default().then_text(text)
    }

    /// Calls a function.
    #[must_use]
    pub fn call(name: &str, arguments: Value) -> Self {
        Self::default().then_call(name, arguments)
    }

    /// The request is refused.
    #[must_use]
    pub fn refuse(kind: ErrorKind) -> Self {
        Self { items: vec![Item::Refuse(kind)], ..Self::default() }
    }

    /// Says more.
    #[must_use]
    pub fn then_text(mut self, text: impl AsRef<str>) -> Self {
        let tokens = tokens(text.as_ref()).map(|token| Item::Event(LlmEvent::Text(token)));
        self.items.extend(tokens);
        self
    }

    /// Calls a function after that. The calls of an answer are named `call-1`, `call-2` and so
    /// on; [`with_id`](Self::with_id) gives the last one another name.
    #[must_use]
    pub fn then_call(mut self, name: &str, arguments: Value) -> Self {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        self.items.push(Item::Event(LlmEvent::ToolCall(ToolCall {
            id: id.as_str().into(),
            name: name.into(),
            arguments: arguments.to_string().into(),
        })));
        self
    }

    /// Names the last call.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        if let Some(Item::Event(LlmEvent::ToolCall(call))) = self.items.last_mut() {
            call.id = id.into();
        }
        self
    }

    /// Shows so many signs of reasoning after that; each takes as long as a token.
    #[must_use]
    pub fn then_reason(mut self, signs: usize) -> Self {
        self.items.extend(std::iter::repeat_n(Item::Event(LlmEvent::Progress), signs));
        self
    }

    /// Breaks after what was said so far.
    #[must_use]
    pub fn then_break(mut self, kind: ErrorKind) -> Self {
        self.items.push(Item::Break(kind));
        self
    }

    /// Goes silent after what was said so far, without ending.
    #[must_use]
    pub fn then_stall(mut self) -> Self {
        self.items.push(Item::Stall);
        self
    }

    /// Says why the answer ends. [`FinishReason::ToolCalls`] if there are calls, else
    /// [`FinishReason::Stop`], unless said.
    #[must_use]
    pub const fn with_reason(mut self, reason: FinishReason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Says what the answer costs. Nothing unless said; it is reported in any case.
    #[must_use]
    pub const fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Says how the request's connection came about; it is told at once.
    #[must_use]
    pub fn with_connection(mut self, after: Duration, reused: bool) -> Self {
        self.items.insert(0, Item::Event(LlmEvent::Connected { after, reused }));
        self
    }

    /// Says how long this answer takes to begin, instead of the model's own delay.
    #[must_use]
    pub const fn with_first_token(mut self, delay: Duration) -> Self {
        self.first_token = Some(delay);
        self
    }
}

impl FakeLlm {
    /// A model that answers each request with what `script` returns, after 200 ms and then 10 ms
    /// for each token.
    pub fn new(script: impl FnMut(&LlmRequest) -> Answer + Send + 'static) -> Self {
        Self {
            script: Mutex::new(Box::new(script)),
            first_token: Duration::from_millis(200),
            token: Duration::from_millis(10),
            requests: Recording::default(),
            dropped: Recording::default(),
        }
    }

    /// A model that gives these answers one after another, and refuses what comes after the last.
    pub fn answers(answers: impl Into<VecDeque<Answer>>) -> Self {
        let mut answers = answers.into();
        let over = || Answer::refuse(ErrorKind::Rejected);
        Self::new(move |_| answers.pop_front().unwrap_or_else(over))
    }

    /// Says how long an answer takes to begin.
    #[must_use]
    pub const fn with_first_token(mut self, delay: Duration) -> Self {
        self.first_token = delay;
        self
    }

    /// Says how long each token after the first takes.
    #[must_use]
    pub const fn with_token(mut self, delay: Duration) -> Self {
        self.token = delay;
        self
    }

    /// Each request.
    #[must_use]
    pub fn requests(&self) -> Recording<LlmRequest> {
        self.requests.clone()
    }

    /// Each answer that was dropped before its end.
    #[must_use]
    pub fn dropped(&self) -> Recording<()> {
        self.dropped.clone()
    }
}

#[async_trait]
impl LanguageModel for FakeLlm {
    fn name(&self) -> &str {
        "fake"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, true)
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        self.requests.add(request.clone());
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = script(&request);
        let has_calls = answer.calls > 0;
        let natural = if has_calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        let mut items = VecDeque::from(answer.items);
        items.push_back(Item::Event(LlmEvent::Usage(answer.usage)));
        let finished = LlmEvent::Finished(answer.reason.unwrap_or(natural));
        items.push_back(Item::Event(finished));
        let telling = Telling {
            items,
            delay: answer.first_token.unwrap_or(self.first_token),
            token: self.token,
            dropped: self.dropped.clone(),
        };
        Ok(stream::unfold(telling, Telling::next).boxed())
    }
}

impl fmt::Debug for FakeLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeLlm").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// An answer on its way.
struct Telling {
    items: VecDeque<Item>,
    delay: Duration,
    token: Duration,
    dropped: Recording<()>,
}

impl Telling {
    async fn next(mut self) -> Option<(Result<LlmEvent>, Self)> {
        if let Some(Item::Event(LlmEvent::Connected { after, reused })) = self.items.front() {
            let event = LlmEvent::Connected { after: *after, reused: *reused };
            self.items.pop_front();
            return Some((Ok(event), self));
        }
        let takes_time = !matches!(
            self.items.front(),
            None | Some(Item::Event(LlmEvent::Usage(_) | LlmEvent::Finished(_)))
        );
        if takes_time || self.delay > self.token {
            sleep(self.delay).await;
            self.delay = self.token;
        }
        let failed =
            |kind, message| Err(Error::new(kind, "generate", message).with_provider("fake"));
        // Only now is it taken: an answer that is dropped while it waits was not finished.
        let event = match self.items.pop_front()? {
            Item::Event(event) => Ok(event),
            Item::Break(kind) => {
                self.items.clear();
                failed(kind, "broken as the test asked")
            }
            Item::Refuse(kind) => {
                self.items.clear();
                failed(kind, "refused as the test asked")
            }
            Item::Stall => {
                self.items.push_front(Item::Stall);
                pending().await
            }
        };
        Some((event, self))
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if !self.items.is_empty() {
            self.dropped.add(());
        }
    }
}

fn tokens(text: &str) -> impl Iterator<Item = String> {
    let mut tokens = Vec::<String>::new();
    let mut after_space = true;
    for character in text.chars() {
        if tokens.is_empty() || (character.is_whitespace() && !after_space) {
            tokens.push(String::new());
        }
        after_space = character.is_whitespace();
        tokens.last_mut().expect("a token was begun").push(character);
    }
    tokens.into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    async fn ask(llm: &FakeLlm) -> Vec<(u128, Result<LlmEvent, ErrorKind>)> {
        let begun = Instant::now();
        let mut events = llm.generate(LlmRequest::new("", [])).await.unwrap();
        let mut told = Vec::new();
        while let Some(event) = events.next().await {
            told.push((begun.elapsed().as_millis(), event.map_err(|error| error.kind())));
        }
        told
    }

    fn said(text: &str) -> Result<LlmEvent, ErrorKind> {
        Ok(LlmEvent::Text(text.to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_comes_token_by_token_and_finishes_once() {
        let usage = Usage::new(12, 4, 3);
        let llm = FakeLlm::answers([Answer::text("Yes,  we do.").with_usage(usage)]);
        let expected = [
            (200, said("Yes,")),
            (210, said("  we")),
            (220, said(" do.")),
            (220, Ok(LlmEvent::Usage(usage))),
            (220, Ok(LlmEvent::Finished(FinishReason::Stop))),
        ];
        assert_eq!(ask(&llm).await, expected);
        assert_eq!(llm.dropped().count(), 0);
        assert_eq!(ask(&llm).await, [(200, Err(ErrorKind::Rejected))], "the script is over");
    }

    #[tokio::test(start_paused = true)]
    async fn tool_calls_are_numbered_and_end_the_answer() {
        let answer = Answer::text("Sure.")
            .then_call("a", json!({ "b": 1 }))
            .then_call("c", json!({}))
            .with_id("own");
        let told = ask(&FakeLlm::answers([answer])).await;
        let calls: Vec<(&str, &str, &str)> = told
            .iter()
            .filter_map(|(_, event)| match event {
                Ok(LlmEvent::ToolCall(call)) => {
                    Some((call.id.as_str(), &*call.name, &*call.arguments))
                }
                _ => None,
            })
            .collect();
        assert_eq!(calls, [("call-1", "a", r#"{"b":1}"#), ("own", "c", "{}")]);
        assert_eq!(told.last().unwrap().1, Ok(LlmEvent::Finished(FinishReason::ToolCalls)));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_happen_where_they_were_written() {
        let llm = FakeLlm::answers([
            Answer::refuse(ErrorKind::Overloaded).with_first_token(Duration::from_millis(50)),
            Answer::text("Well").then_break(ErrorKind::Disconnected),
            Answer::text("Well").then_stall(),
        ]);
        assert_eq!(ask(&llm).await, [(50, Err(ErrorKind::Overloaded))]);
        let broken = [(200, said("Well")), (210, Err(ErrorKind::Disconnected))];
        assert_eq!(ask(&llm).await, broken);
        let patience = Duration::from_secs(3_600);
        assert!(tokio::time::timeout(patience, ask(&llm)).await.is_err());
        assert_eq!(llm.dropped().count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_script_sees_the_request_and_a_dropped_answer_is_noted() {
        let llm = FakeLlm::new(|request| Answer::text(&*request.instructions));
        let mut events = llm.generate(LlmRequest::new("Be kind.", [])).await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap(), LlmEvent::Text("Be".to_owned()));
        drop(events);
        assert_eq!(llm.dropped().count(), 1);
        assert_eq!(&*llm.requests().last().unwrap().instructions, "Be kind.");
    }
}
