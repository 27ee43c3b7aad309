use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use voiceagent_core::{
    ErrorKind, Result,
    llm::{
        FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, Message, ToolChoice,
    },
};

use super::{
    dice::Dice,
    log::{Asked, Log},
    profile,
    prose::Prose,
};
use crate::fakes::{Answer, FakeLlm};

const BREAKS: [ErrorKind; 4] =
    [ErrorKind::Disconnected, ErrorKind::Overloaded, ErrorKind::RateLimited, ErrorKind::Rejected];

/// A language model that never says the same word twice.
pub(super) struct Model {
    fake: FakeLlm,
    log: Log,
}

/// What the model makes up its answers from.
struct Mind {
    prose: Prose,
    fails: u64,
    calls: u64,
    log: Log,
}

impl Model {
    pub(super) fn new(profile: &profile::Model, seed: u64, log: Log) -> Arc<Self> {
        let mind = Mind {
            prose: Prose::new(Dice::new(seed, 4)),
            fails: profile.fails,
            calls: profile.calls,
            log: log.clone(),
        };
        let (mind, first_token) = (Mutex::new(mind), profile.first_token);
        let fake = FakeLlm::new(move |request| {
            let mut mind = mind.lock().unwrap_or_else(PoisonError::into_inner);
            let delay = mind.prose.dice.latency(first_token);
            mind.answer(request, delay)
        });
        Arc::new(Self { fake: fake.with_token(profile.token), log })
    }
}

#[async_trait]
impl LanguageModel for Model {
    fn name(&self) -> &str {
        "simulated"
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.fake.capabilities()
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let last = request.messages.last().cloned();
        self.log.tell(|| format!("model is asked after {last:?}"));
        self.log.account().conversations.push(request.messages.clone());
        self.log.account().asked.push(Asked {
            instructions: request.instructions.clone(),
            tools: request.tools.iter().map(|tool| tool.name.clone()).collect(),
        });
        let answering = self.log.answer();
        let events = self.fake.generate(request).await?;
        Ok(events
            .inspect(move |_| {
                let _held = &answering;
            })
            .boxed())
    }
}

impl Mind {
    fn answer(&mut self, request: &LlmRequest, delay: Duration) -> Answer {
        if self.prose.dice.percent(self.fails) {
            return self.failure(delay);
        }
        let after_tool = matches!(request.messages.last(), Some(Message::ToolResult { .. }));
        let calls = if after_tool { self.calls / 3 } else { self.calls };
        let answer = if request.tool_choice == ToolChoice::Auto && self.prose.dice.percent(calls) {
            let answer = if self.prose.dice.percent(40) {
                Answer::text(self.prose.text(2, 6))
            } else {
                Answer::default()
            };
            self.call(answer)
        } else if self.prose.dice.percent(6) {
            Answer::text(self.prose.text(40, 70))
        } else {
            Answer::text(self.prose.text(1, 20))
        };
        answer.with_first_token(delay)
    }

    fn call(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..1 + u32::from(self.prose.dice.percent(20)) {
            let (name, arguments) = self.prose.call();
            answer = answer.then_call(name, arguments);
        }
        answer
    }

    fn failure(&mut self, delay: Duration) -> Answer {
        let (what, answer) = match self.prose.dice.between(0, 6) {
            0 => ("the model refuses", Answer::refuse(*self.prose.dice.pick(&BREAKS))),
            1 => {
                let answer = Answer::text(self.prose.text(1, 12));
                ("the model breaks", answer.then_break(ErrorKind::Disconnected))
            }
            2 => ("the model stalls", Answer::text(self.prose.text(1, 12)).then_stall()),
            3 => {
                let answer = Answer::text(self.prose.text(1, 12));
                let slow = answer.with_first_token(self.prose.dice.millis(3_000, 7_000));
                self.log.inject("the model is slow");
                return slow;
            }
            4 => ("the model says nothing", Answer::default()),
            5 => {
                let answer = Answer::text(self.prose.text(1, 5)).with_reason(FinishReason::Length);
                ("the model is cut off", answer)
            }
            _ => ("the model hangs", Answer::default().then_stall()),
        };
        self.log.inject(what);
        answer.with_first_token(delay)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").finish_non_exhaustive()
    }
}
