use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use voiceagent_core::llm::{LlmRequest, Message, ToolCall};

/// Which answers the vendor remembers, by the conversations that they end.
///
/// An answer may be gone on from only where the conversation is still the one that the vendor
/// remembers: a caller who interrupts has heard less than the model has said. So the conversation
/// itself is the key, as a keyed hash of it, and nothing else has to be told.
///
/// A lock and not a task guards it: it is held for a look-up, twice in an answer.
#[derive(Clone)]
pub(crate) struct Chain(Arc<Mutex<Known>>);

struct Known {
    responses: HashMap<u64, Arc<str>>,
    order: VecDeque<u64>,
    most: usize,
}

/// A conversation, entry by entry.
#[derive(Clone)]
pub(crate) struct Trail {
    hash: std::hash::DefaultHasher,
    /// What the hash is after so many entries.
    marks: Vec<u64>,
}

impl Chain {
    /// Remembers at most so many answers; the oldest make room for new ones.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Known {
            responses: HashMap::new(),
            order: VecDeque::new(),
            most,
        })))
    }

    /// The answer that ends the longest beginning of this conversation, and how many entries that
    /// beginning has.
    pub(crate) fn longest(&self, trail: &Trail) -> Option<(usize, Arc<str>)> {
        let known = self.lock();
        let mut beginnings = trail.marks.iter().enumerate().rev();
        beginnings.find_map(|(at, mark)| Some((at + 1, known.responses.get(mark)?.clone())))
    }

    /// Remembers the answer that ends this conversation.
    pub(crate) fn keep(&self, trail: &Trail, response: Arc<str>) {
        let Some(&mark) = trail.marks.last() else { return };
        let mut known = self.lock();
        if known.responses.insert(mark, response).is_none() {
            known.order.push_back(mark);
        }
        while known.order.len() > known.most {
            let oldest = known.order.pop_front().expect("it has more than none");
            known.responses.remove(&oldest);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut known = self.lock();
        known.responses.clear();
        known.order.clear();
    }

    /// Whether it remembers nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().order.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing in between can panic and leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trail {
    /// The conversation of a request. `keys` must be the same wherever trails are compared.
    pub(crate) fn of(request: &LlmRequest, keys: &RandomState) -> Self {
        let mut trail = Self { hash: keys.build_hasher(), marks: Vec::new() };
        for message in request.messages.iter() {
            match message {
                // Where both are the same, so is what the model has seen.
                Message::Assistant { text, interrupted: _ } => trail.say(text),
                Message::ToolCall(call) => trail.call(call),
                Message::ToolResult { id, output } => {
                    trail.add(&("result", id.as_str(), &**output));
                }
                Message::Summary { text } | Message::User { text } => {
                    trail.add(&("user", &**text));
                }
                _ => trail.add(&"unknown"),
            }
        }
        trail
    }

    /// Adds what the agent said. Blanks do not count: what was heard is put together word by word.
    pub(crate) fn say(&mut self, text: &str) {
        let words: Vec<_> = text.split_whitespace().collect();
        if words.is_empty() {
            self.marks.push(self.hash.finish());
        } else {
            self.add(&("agent", words));
        }
    }

    /// Adds a call of a tool.
    pub(crate) fn call(&mut self, call: &ToolCall) {
        self.add(&("call", call.id.as_str(), &*call.name, &*call.arguments));
    }

    fn add(&mut self, entry: &impl Hash) {
        entry.hash(&mut self.hash);
        self.marks.push(self.hash.finish());
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("answers", &self.lock().order.len()).finish()
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("entries", &self.marks.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Message {
        Message::User { text: text.into() }
    }

    fn agent(text: &str) -> Message {
        Message::Assistant { text: text.into(), interrupted: false }
    }

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "look".into(), arguments: "{}".into() }
    }

    fn trail(keys: &RandomState, messages: &[Message]) -> Trail {
        Trail::of(&LlmRequest::new("", messages.to_vec()), keys)
    }

    #[test]
    fn a_conversation_is_known_by_its_longest_beginning_only_if_all_of_it_was_heard() {
        let (keys, chain) = (RandomState::new(), Chain::new(9));
        let mut said = trail(&keys, &[user("When?")]);
        chain.keep(&said, "resp_0".into());
        said.say("At nine,\n or at ten. ");
        said.call(&call("a"));
        chain.keep(&said, "resp_1".into());
        let known = |messages: &[Message]| chain.longest(&trail(&keys, messages));
        let heard = [user("When?"), agent("At nine, or at ten."), Message::ToolCall(call("a"))];
        let result = Message::ToolResult { id: "a".into(), output: "1".into() };
        let whole = [&heard[..], &[result]].concat();
        assert_eq!(known(&whole), Some((3, "resp_1".into())));
        assert_eq!(known(&heard[..2]), Some((1, "resp_0".into())), "the call is missing");
        assert_eq!(known(&[user("When?"), agent("At nine,")]), Some((1, "resp_0".into())));
        assert_eq!(known(&[user("Where?"), agent("At nine, or at ten.")]), None);
        assert_eq!(chain.longest(&trail(&RandomState::new(), &whole)), None);
        chain.clear();
        assert!(known(&whole).is_none() && chain.is_empty());
    }

    #[test]
    fn the_oldest_make_room_for_new_ones() {
        let (keys, chain) = (RandomState::new(), Chain::new(2));
        let texts = ["a", "b", "c", "c"];
        for text in texts {
            chain.keep(&trail(&keys, &[user(text)]), text.into());
        }
        let known = |text: &str| chain.longest(&trail(&keys, &[user(text)])).is_some();
        assert_eq!(texts.map(known), [false, true, true, true]);
        assert_eq!(format!("{chain:?}"), "Chain { answers: 2 }");
    }
}
