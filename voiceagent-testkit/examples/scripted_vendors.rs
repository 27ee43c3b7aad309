//! Every scripted vendor at once, for clients that are not written in Rust.
//!
//! `cargo run -p voiceagent-testkit --example scripted_vendors` prints their addresses as a line of
//! JSON, and serves until its input ends.

use std::io::{Error, Read as _, Write as _, stdin, stdout};

use serde_json::json;
use tokio::task::spawn_blocking;
use voiceagent_testkit::{
    fakes,
    vendor::{
        ListenScript, RealtimeScript, ScriptedVendor, SpeakScript, SpeechVendor, TurnScript,
        chat::{ChatRequest, ChatVendor, Dialect, Reply},
    },
};

const SAID: &str = "At nine, or at ten?";
const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

/// A call of a tool where one is offered and not called yet, and words otherwise.
fn reply(request: &ChatRequest) -> Reply {
    let words = Reply::text(SAID).usage(120, 64, 18);
    let is_answered = request.messages.iter().any(|message| message.role == "tool");
    match request.tools.first() {
        Some(tool) if !is_answered => Reply::tool_call(tool, &json!({ "day": "Friday" })),
        _ => words,
    }
}

/// The same for those that hear and speak: a call of `book`, words behind its result, and again.
fn talk() -> RealtimeScript {
    let script = RealtimeScript::new();
    let day = json!({ "day": "Friday" });
    let round = [fakes::Reply::default().then_call("book", day), fakes::Reply::text(SAID)];
    script.play(round.iter().cycle().take(100).cloned());
    script
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let turns = || TurnScript::utterances(UTTERANCES);
    let chats = [
        ChatVendor::start(Dialect::Anthropic, reply).await,
        ChatVendor::start(Dialect::Gemini, reply).await,
        ChatVendor::start(Dialect::OpenAi, reply).await,
        ChatVendor::start(Dialect::OpenAiResponses, reply).await,
    ];
    let speech = [
        ("assemblyai", SpeechVendor::assemblyai(turns()).await),
        ("cartesia", SpeechVendor::cartesia(SpeakScript::new()).await),
        ("cartesia_manual", SpeechVendor::ink_manual(turns()).await),
        ("cartesia_turns", SpeechVendor::ink_turns(turns()).await),
        ("deepgram_agent", SpeechVendor::deepgram_agent(talk()).await),
        ("deepgram_flux", SpeechVendor::flux(turns()).await),
        ("deepgram_flux_speak", SpeechVendor::flux_speak(SpeakScript::new()).await),
        ("deepgram_listen", SpeechVendor::listen(ListenScript::utterances(UTTERANCES)).await),
        ("deepgram_speak", SpeechVendor::speak(SpeakScript::new()).await),
        ("elevenlabs_contexts", SpeechVendor::elevenlabs(SpeakScript::new()).await),
        ("elevenlabs_scribe", SpeechVendor::scribe(turns()).await),
        ("elevenlabs_stream", SpeechVendor::elevenlabs_stream(SpeakScript::new()).await),
        ("gemini_live", SpeechVendor::gemini_live(talk()).await),
        ("openai_embeddings", SpeechVendor::openai_embeddings().await),
        ("openai_listen", SpeechVendor::openai_listen(turns()).await),
        ("openai_realtime", SpeechVendor::openai_realtime(talk()).await),
        ("openai_speech", SpeechVendor::openai_speech(SpeakScript::new()).await),
        ("openai_transcriptions", SpeechVendor::openai_transcriptions(turns()).await),
        ("soniox", SpeechVendor::soniox(turns()).await),
        ("speechmatics", SpeechVendor::speechmatics(turns()).await),
    ];
    let mut addresses = json!({ "key": SpeechVendor::KEY });
    for (name, vendor) in ["anthropic", "gemini", "openai", "openai_responses"].iter().zip(&chats) {
        addresses[*name] = vendor.url().into();
    }
    for (name, vendor) in &speech {
        addresses[*name] = vendor.url().into();
    }
    writeln!(stdout(), "{addresses}")?;
    stdout().flush()?;
    spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
