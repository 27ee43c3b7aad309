use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;

/// What a request is answered with.
///
/// The parts of a streamed answer go out in this order: words, tool calls, the reason of the end,
/// what it cost. A fault set with `…_after(n)` takes the place of everything after the first `n`
/// words and calls.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) first_token: Duration,
    pub(crate) per_token: Duration,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) watch: Watch,
}

/// Who is told of each token, at the moment at which it leaves.
#[derive(Clone, Default)]
pub(crate) struct Watch(Option<Arc<dyn Fn(usize) + Send + Sync>>);

impl Watch {
    pub(crate) fn tell(&self, token: usize) {
        if let Some(watch) = &self.0 {
            watch(token);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.is_some()).finish()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Raw(Vec<Bytes>),
    Refusal { status: u16, body: String },
    Silence,
    Stream(Script),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) tokens: Vec<String>,
    /// Name and arguments.
    pub(crate) calls: Vec<(String, String)>,
    /// Tokens in, cached ones among them, tokens out.
    pub(crate) usage: Option<[u32; 3]>,
    pub(crate) finish: Option<String>,
    /// What takes the place of all that comes after so many tokens.
    pub(crate) fault: Option<(usize, Fault)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Drop,
    Stall,
}

impl Reply {
    /// Says `text`, a word at a time.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::tokens(text.split_inclusive(' '))
    }

    /// Says these tokens.
    pub fn tokens(tokens: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tokens = tokens.into_iter().map(Into::into).collect();
        Self::of(Body::Stream(Script { tokens, ..Script::default() }))
    }

    /// Calls a tool.
    #[must_use]
    pub fn tool_call(name: &str, arguments: &Value) -> Self {
        Self::tokens([""; 0]).and_tool_call(name, arguments)
    }

    /// Refuses the request with a status and a body.
    pub fn refuse(status: u16, body: impl Into<String>) -> Self {
        Self::of(Body::Refusal { status, body: body.into() })
    }

    /// Takes the request and never says anything.
    #[must_use]
    pub fn silence() -> Self {
        Self::of(Body::Silence)
    }

    /// Answers with status 200 and these pieces of a body, each sent on its own, and then ends the
    /// response in good order.
    pub fn raw(pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        Self::of(Body::Raw(pieces.into_iter().map(Into::into).collect()))
    }

    /// Calls one more tool.
    #[must_use]
    pub fn and_tool_call(self, name: &str, arguments: &Value) -> Self {
        self.scripted(|script| script.calls.push((name.to_owned(), arguments.to_string())))
    }

    /// Lets time pass before the first token.
    #[must_use]
    pub fn first_token(mut self, wait: Duration) -> Self {
        self.first_token = wait;
        self
    }

    /// Lets time pass before every further token. Without, all go out at once.
    #[must_use]
    pub fn per_token(mut self, wait: Duration) -> Self {
        self.per_token = wait;
        self
    }

    /// Calls `watch` with the number of each word and call, from 0, just before it leaves.
    #[must_use]
    pub fn on_token(mut self, watch: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.watch = Watch(Some(Arc::new(watch)));
        self
    }

    /// Says what the answer cost.
    #[must_use]
    pub fn usage(self, input: u32, cached: u32, output: u32) -> Self {
        self.scripted(|script| script.usage = Some([input, cached, output]))
    }

    /// Ends with another reason than the usual one, in the dialect's own words.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        self.scripted(|script| script.finish = Some(reason.to_owned()))
    }

    /// Adds `Retry-After`, as to a refusal.
    #[must_use]
    pub fn retry_after(self, value: &str) -> Self {
        self.header("retry-after", value)
    }

    /// Adds a header. On a socket only refusals have any.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says nothing more after `tokens`, and leaves the connection open.
    #[must_use]
    pub fn stall_after(self, tokens: usize) -> Self {
        self.scripted(|script| script.fault = Some((tokens, Fault::Stall)))
    }

    /// Cuts the connection after `tokens`.
    #[must_use]
    pub fn drop_after(self, tokens: usize) -> Self {
        self.scripted(|script| script.fault = Some((tokens, Fault::Drop)))
    }

    fn of(body: Body) -> Self {
        Self {
            first_token: Duration::ZERO,
            per_token: Duration::ZERO,
            headers: Vec::new(),
            body,
            watch: Watch::default(),
        }
    }

    fn scripted(mut self, change: impl FnOnce(&mut Script)) -> Self {
        if let Body::Stream(script) = &mut self.body {
            change(script);
        }
        self
    }
}
