use serde_json::json;
use voiceagent_core::{
    ToolCallId,
    llm::{FinishReason, Message},
};

use super::*;

const SLOT: &str = "2026-11-24T13:30:00-06:00";

/// A model that says the same whatever it is asked, in pieces of a few characters.
#[derive(Debug)]
struct Stubborn(Vec<LlmEvent>);

#[async_trait]
impl LanguageModel for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        Ok(futures_util::stream::iter(self.0.clone().into_iter().map(Ok)).boxed())
    }
}

fn saying(words: &str) -> Stubborn {
    let letters: Vec<char> = words.chars().collect();
    let pieces = letters.chunks(3).map(|piece| LlmEvent::Text(piece.iter().collect()));
    Stubborn(pieces.chain([LlmEvent::Finished(FinishReason::Stop)]).collect())
}

async fn events(model: Stubborn, messages: &[Message]) -> Vec<LlmEvent> {
    let guard = Guard::new(Arc::new(model));
    let answer = guard.generate(LlmRequest::new("", messages)).await.unwrap();
    answer.map(Result::unwrap).collect().await
}

async fn heard(words: &str, messages: &[Message]) -> String {
    let text = |event| match event {
        LlmEvent::Text(text) => Some(text),
        _ => None,
    };
    events(saying(words), messages).await.into_iter().filter_map(text).collect()
}

fn agent(text: &str, interrupted: bool) -> Message {
    Message::Assistant { text: text.into(), interrupted }
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

fn tool(name: &str, result: &Value) -> [Message; 2] {
    let id = ToolCallId::new(name);
    let call = ToolCall { id: id.clone(), name: name.into(), arguments: "{}".into() };
    [Message::ToolCall(call), Message::ToolResult { id, output: result.to_string().into() }]
}

fn ok(data: &Value) -> Value {
    json!({ "ok": true, "code": null, "data": data, "say": null, "retryable": false })
}

#[tokio::test]
async fn what_no_tool_has_done_is_not_said() {
    let claims = [
        "You're booked for Tuesday at 1:30 PM.",
        "You are all set!",
        "I've got you scheduled for tomorrow.",
        "It is confirmed.",
        "I've moved it to Friday.",
        "Your visit has been rescheduled.",
        "That appointment is now cancelled.",
        "I've texted you the details.",
        "I just sent you a message.",
        "I'm connecting you with the manager now.",
        "That is 49.95 dollars.",
        "You would get a rate of 3.9%.",
        "The inspection is free of charge.",
        "You're guaranteed to get it.",
    ];
    for claim in claims {
        let spoken = heard(&format!("Sure. {claim} Goodbye!"), &[user("thanks")]).await;
        assert_eq!(spoken, format!("Sure. {} Goodbye!", Guard::INSTEAD), "{claim}");
    }
}

#[tokio::test]
async fn what_claims_nothing_passes_letter_by_letter_as_it_was() {
    let words = [
        "To confirm: an oil change on Tuesday, November 24th at 1:30 PM. Is that right?",
        "Shall I cancel your oil change on Friday?",
        "I can book, move or cancel a visit. How can I help you?",
        "It is not booked yet, and nothing was cancelled.",
        "Once you are booked, you get a code. Would you like to be connected?",
        "9 AM is not free. I have 10 AM or 11 AM. Which works best?",
        "We are open Monday to Friday from 7:30 AM to 6 PM.",
        "I would move your visit to Friday at 10 AM. Is that right?",
        "No final mark",
    ];
    for said in words {
        assert_eq!(heard(said, &[user("hello")]).await, said);
    }
}

#[tokio::test]
async fn what_was_done_is_said_with_its_own_time_only() {
    let mut messages = vec![user("yes")];
    messages.extend(tool("book_appointment", &ok(&json!({ "start_local": SLOT }))));
    for right in
        ["You're booked for 1:30 PM. ", "You're all set for half past one. ", "It's booked. "]
    {
        assert_eq!(heard(right, &messages).await, right);
    }
    for wrong in ["You're booked for 2:30 PM. ", "Your visit is cancelled. ", "I've texted you. "] {
        assert_eq!(heard(wrong, &messages).await, format!("{} ", Guard::INSTEAD), "{wrong}");
    }
    let refused = json!({ "ok": false, "code": "SLOT_TAKEN", "data": {} });
    let mut messages = vec![user("yes")];
    messages.extend(tool("book_appointment", &refused));
    assert_eq!(heard("You're booked. ", &messages).await, format!("{} ", Guard::INSTEAD));
}

#[tokio::test]
async fn a_price_is_one_that_a_document_or_the_caller_named() {
    let passage = json!({ "passages": [{ "text": "Full synthetic is 89.95 dollars." }] });
    let mut messages = vec![user("I have 450 dollars")];
    messages.extend(tool("search_knowledge", &ok(&passage)));
    for right in ["It is 89.95 dollars. ", "That is $89.95. ", "So 450 dollars a month. "] {
        assert_eq!(heard(right, &messages).await, right);
    }
    for wrong in ["It is 9.95 dollars. ", "It is $45. ", "It is 89 dollars. "] {
        assert_eq!(heard(wrong, &messages).await, format!("{} ", Guard::INSTEAD), "{wrong}");
    }
}

/// What becomes of `confirmed: true` after a read-back and an answer.
async fn confirmed(read_back: Message, answer: &str, after: Option<Value>) -> bool {
    let slots = ok(&json!({ "slots": [{ "slot_id": "s", "start_local": SLOT }] }));
    let mut messages = tool("get_available_slots", &slots).to_vec();
    messages.extend([read_back, user(answer)]);
    if let Some(result) = after {
        messages.extend(tool("book_appointment", &result));
    }
    let call = ToolCall {
        id: ToolCallId::new("1"),
        name: "book_appointment".into(),
        arguments: json!({ "slot_id": "s", "confirmed": true }).to_string().into(),
    };
    let passed = events(Stubborn(vec![LlmEvent::ToolCall(call)]), &messages).await;
    let [LlmEvent::ToolCall(passed)] = passed.as_slice() else { panic!("{passed:?}") };
    serde_json::from_str::<Value>(&passed.arguments).unwrap()["confirmed"] == true
}

#[tokio::test]
async fn a_booking_is_confirmed_only_by_a_yes_to_a_read_back_that_was_heard_to_its_end() {
    let read_back = "To confirm: an oil change on Tuesday at 1:30 PM. Is that right?";
    assert!(confirmed(agent(read_back, false), "Yes, that's right.", None).await);
    assert!(
        !confirmed(agent("To confirm: an oil change on Tuesday at 1:30", true), "yes", None).await
    );
    assert!(!confirmed(agent(read_back, false), "No wait, make that three thirty.", None).await);
    assert!(!confirmed(agent(read_back, false), "What does it cost?", None).await);
    let other = "To confirm: an oil change on Tuesday at 2:30 PM. Is that right?";
    assert!(!confirmed(agent(other, false), "yes", None).await);
    assert!(!confirmed(agent("Anything else?", false), "yes", None).await);
    let taken = json!({ "ok": false, "code": "SLOT_TAKEN", "data": {} });
    assert!(!confirmed(agent(read_back, false), "yes", Some(taken)).await);
    let down = json!({ "ok": false, "code": "DB_UNAVAILABLE", "data": {} });
    assert!(
        confirmed(agent(read_back, false), "yes", Some(down)).await,
        "a retry needs no new yes"
    );
}

#[tokio::test]
async fn what_was_done_before_a_summary_is_remembered_and_nothing_else_is() {
    let summed = Message::Summary { text: "They are booked for Tuesday.".into() };
    let now = [summed, user("when was that again")];
    let told = "You're booked for 1:30 PM. ";
    let guard = |words: &str| Guard::new(Arc::new(saying(words)));
    let say = async |guard: &Guard, messages: &[Message]| {
        let answer = guard.generate(LlmRequest::new("", messages)).await.unwrap();
        let events: Vec<LlmEvent> = answer.map(Result::unwrap).collect().await;
        let text = events.into_iter().filter_map(|event| match event {
            LlmEvent::Text(text) => Some(text),
            _ => None,
        });
        text.collect::<String>()
    };
    // The notes of a model prove nothing.
    let fresh = guard(told);
    assert_eq!(say(&fresh, &now).await, format!("{} ", Guard::INSTEAD));
    let mut before = vec![user("yes")];
    before.extend(tool("book_appointment", &ok(&json!({ "start_local": SLOT }))));
    let witness = guard(told);
    assert_eq!(say(&witness, &before).await, told);
    assert_eq!(say(&witness, &now).await, told);
    let other = guard("You're booked for 2:30 PM. ");
    say(&other, &before).await;
    assert_eq!(say(&other, &now).await, format!("{} ", Guard::INSTEAD));
    // What a caller has named before may be named again.
    let price = guard("So 450 dollars a month. ");
    say(&price, &[user("I have 450 dollars"), agent("Fine.", false), user("so")]).await;
    assert_eq!(say(&price, &now).await, "So 450 dollars a month. ");
}
