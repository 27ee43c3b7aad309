use futures_util::StreamExt;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use voiceagent_core::{
    llm::{LanguageModel, LlmEvent, LlmRequest, Message, ToolCall, ToolChoice},
    tool::ToolSpec,
};

use crate::brain::RuleBrain;

const TOOLS: [&str; 9] = [
    "lookup_customer",
    "get_available_slots",
    "book_appointment",
    "get_upcoming_appointments",
    "cancel_appointment",
    "reschedule_appointment",
    "decode_vin",
    "upsert_customer",
    "end_call",
];

/// A conversation: plays the session's part around the brain, and a shop's part behind the tools.
pub(super) struct Talk {
    pub(super) brain: RuleBrain,
    pub(super) instructions: String,
    pub(super) messages: Vec<Message>,
    pub(super) choice: ToolChoice,
    pub(super) called: Vec<(String, Value)>,
    /// Answers in place of the shop's, by tool, each used once.
    pub(super) scripted: Vec<(&'static str, Value)>,
    /// The tools that the brain is offered.
    pub(super) tools: Vec<&'static str>,
    pub(super) stranger: bool,
    /// Whether the call does not tell from which number it comes.
    pub(super) withheld: bool,
}

impl Talk {
    /// A call from +1 630 555 0111 on a Tuesday.
    pub(super) fn new() -> Self {
        Self {
            brain: RuleBrain::new(|| date(2026, 3, 3)),
            instructions: RuleBrain::caller_line("+16305550111"),
            messages: vec![Message::Assistant {
                text: "Thanks for calling. How can I help you?".into(),
                interrupted: false,
            }],
            choice: ToolChoice::Auto,
            called: Vec::new(),
            scripted: Vec::new(),
            tools: TOOLS.to_vec(),
            stranger: false,
            withheld: false,
        }
    }

    /// A call of somebody whom the shop does not know.
    pub(super) fn with_stranger() -> Self {
        let instructions = String::new();
        Self { stranger: true, withheld: true, instructions, ..Self::new() }
    }

    /// Says something, runs the tools that are called, and returns the agent's words.
    pub(super) async fn say(&mut self, text: &str) -> String {
        self.messages.push(Message::User { text: text.into() });
        self.answer().await
    }

    pub(super) async fn answer(&mut self) -> String {
        for _ in 0..12 {
            let (words, calls) = self.generate().await;
            for call in &calls {
                self.run(call);
            }
            if !words.is_empty() {
                let text = words.as_str().into();
                self.messages.push(Message::Assistant { text, interrupted: false });
                return words;
            }
            assert!(!calls.is_empty(), "the brain has nothing to say: {:?}", self.messages);
        }
        panic!("the brain calls tools without end: {:?}", self.called);
    }

    pub(super) async fn generate(&self) -> (String, Vec<ToolCall>) {
        let spec = |name: &&str| ToolSpec::new(*name, "", json!({ "type": "object" }));
        let tools: Vec<ToolSpec> = self.tools.iter().map(spec).collect();
        let request = LlmRequest::new(self.instructions.as_str(), self.messages.clone())
            .with_tools(tools, self.choice);
        let mut answer = self.brain.generate(request).await.unwrap();
        let (mut words, mut calls) = (String::new(), Vec::new());
        while let Some(event) = answer.next().await {
            match event.unwrap() {
                LlmEvent::Text(text) => words.push_str(&text),
                LlmEvent::ToolCall(call) => calls.push(call),
                LlmEvent::Finished(_) | LlmEvent::Usage(_) | _ => {}
            }
        }
        (words, calls)
    }

    pub(super) fn run(&mut self, call: &ToolCall) {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        let scripted = self.scripted.iter().position(|(tool, _)| *tool == &*call.name);
        let output = match scripted {
            Some(at) => self.scripted.remove(at).1,
            None => self.shop(&call.name, &arguments),
        };
        self.called.push((call.name.to_string(), arguments));
        self.messages.push(Message::ToolCall(call.clone()));
        let output = output.to_string().into();
        self.messages.push(Message::ToolResult { id: call.id.clone(), output });
    }

    pub(super) fn shop(&self, tool: &str, arguments: &Value) -> Value {
        let done = |data: Value| json!({"ok": true, "code": null, "data": data, "say": null, "retryable": false});
        match tool {
            "lookup_customer" if self.stranger => done(json!({"match": "none"})),
            "lookup_customer" => {
                done(json!({"match": "one", "customer_id": "cus_ana", "first_name": "Ana"}))
            }
            "upsert_customer" if arguments["phone"].is_null() && self.withheld => {
                refused("INVALID_PHONE")
            }
            "upsert_customer" => done(json!({"customer_id": "cus_new", "created": true})),
            "get_available_slots" => free(arguments),
            "get_upcoming_appointments" => done(json!({"appointments": [
                {"appointment_id": "apt_1", "service_type": "diagnostic",
                 "start_local": "2026-03-04T08:00", "status": "booked"}]})),
            "book_appointment" => said(format!("You're booked, slot {}.", arguments["slot_id"])),
            "cancel_appointment" => said("Your diagnostic is cancelled.".to_owned()),
            "reschedule_appointment" => {
                said(format!("Your visit is moved, slot {}.", arguments["new_slot_id"]))
            }
            "decode_vin" => {
                done(json!({"valid": true, "year": 2003, "make": "Honda", "model": "Accord"}))
            }
            _ => done(json!({})),
        }
    }

    pub(super) fn count(&self, tool: &str) -> usize {
        self.called.iter().filter(|(called, _)| called == tool).count()
    }

    pub(super) fn last(&self, tool: &str) -> &Value {
        let found = self.called.iter().rev().find(|(called, _)| called == tool);
        &found.unwrap_or_else(|| panic!("{tool} was not called: {:?}", self.called)).1
    }
}

pub(super) fn said(say: String) -> Value {
    json!({"ok": true, "code": null, "data": {"confirmation_code": "K7"}, "say": say, "retryable": false})
}

pub(super) fn refused(code: &str) -> Value {
    json!({"ok": false, "code": code, "data": {}, "say": null, "retryable": false})
}

/// Every half hour from 8:00 to 16:00 on each working day that was asked for.
pub(super) fn free(arguments: &Value) -> Value {
    let day = |field: &str| arguments[field].as_str().unwrap().parse::<Date>().unwrap();
    let clock = |field: &str, or: &str| arguments[field].as_str().unwrap_or(or).to_owned();
    let (mut from, to) = match arguments["part_of_day"].as_str() {
        Some("morning") => ("08:00", "11:30"),
        Some("afternoon") => ("12:00", "16:00"),
        _ => ("08:00", "16:00"),
    };
    let earliest = clock("earliest_time", from);
    let latest = clock("latest_time", to);
    from = &earliest;
    let mut slots = Vec::new();
    let mut date = day("date_from");
    while date <= day("date_to") {
        for half in 16..=32 {
            let time = format!("{:02}:{}", half / 2, if half % 2 == 0 { "00" } else { "30" });
            let weekend = date.weekday() == jiff::civil::Weekday::Sunday;
            if !weekend && time.as_str() >= from && time.as_str() <= latest.as_str() {
                slots.push(json!({"slot_id": format!("{date}T{time}"), "start_local": format!("{date}T{time}"), "spoken": time}));
            }
        }
        date = date.tomorrow().unwrap();
    }
    slots.truncate(8);
    if slots.is_empty() {
        return refused("NONE_AVAILABLE");
    }
    json!({"ok": true, "code": null, "say": null, "retryable": false,
           "data": {"timezone": "America/Chicago", "slots": slots}})
}
