use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value;

/// A scripted vendor, as the suite needs it.
#[async_trait]
pub trait LlmVendor: Debug + Send + Sync + 'static {
    /// Answers all further requests like this.
    fn play(&self, scene: LlmScene);

    /// Waits until this many requests have arrived.
    async fn requested(&self, count: usize);

    /// Waits until the client has given up this many answers.
    async fn aborted(&self, count: usize);
}

/// What a vendor does with a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LlmScene {
    /// Answers with `{"open":true}` where the request holds its answer to a schema that has the
    /// property `open`, as the protocol says it, and else with words.
    AnswerInForm,
    /// Calls the tool `book` with an object as arguments that takes 4 s to write, a piece of it every
    /// 400 ms; as a whole where the protocol cannot cut it.
    CallSlowly,
    /// Calls these tools with these arguments, all in one answer, cut into fragments where the
    /// protocol can, and with the given number of tokens as cost.
    CallTools(Vec<(String, Value)>),
    /// Begins to call a tool and cuts the connection in the middle of the arguments.
    CutToolCall,
    /// Repeats what the user said last, and reports as cached what the real vendor would have: 64 of
    /// 120 tokens where the conversation begins with all of the request before, and where the vendor
    /// caches only what it is asked to, that was asked for then.
    Cache,
    /// Repeats what the user said last.
    Echo,
    /// Answers 200 and with bytes that are none of the protocol's.
    Garbage(Vec<u8>),
    /// Refuses the request, with `Retry-After` in seconds where given. The body repeats the key.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The seconds to wait.
        retry_after: Option<u32>,
    },
    /// Says these words and reports a cost of 120 tokens in, of which 64 cached, and 18 out.
    Say(Vec<String>),
    /// Says this text, with every byte of the response sent on its own.
    SayByteByByte(String),
    /// Says these words and then cuts the connection.
    SayThenCut(Vec<String>),
    /// Says these words and then nothing more, with the connection open.
    SayThenStall(Vec<String>),
    /// Takes the request and never answers.
    Silence,
}
