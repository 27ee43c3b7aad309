//! An agent that answers a carrier's media stream at `/ws`, for load generators and first
//! experiments. The token that guards the media socket is off: do not put it on the internet.
//!
//! Environment: `PORT`; `DEEPGRAM_API_KEY`, `DEEPGRAM_WS_URL` or `DEEPGRAM_BASE_URL`;
//! `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_MODEL`; `ENDPOINTING_MS`, 1 to 30000;
//! `SPECULATION` and `DETECTOR` (of speech), `on` or `off`; `JOURNALS` and `RECORDINGS`, folders for
//! those of all calls. Empty counts as unset.

use std::{env, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::{Agent, Error, Secret, tool::FunctionTool};
use voiceagent_providers::{
    deepgram::{DeepgramStt, DeepgramSttConfig, DeepgramTts, DeepgramTtsConfig},
    openai::{OpenAiLlm, OpenAiLlmConfig},
};
use voiceagent_telephony::{
    media_stream::{MediaSocket, TokenCheck},
    server,
};

const INSTRUCTIONS: &str = "You answer the phone of a car dealership. Speak in short, plain \
     sentences. Use book_appointment when the caller has named a date and a time.";

#[derive(Deserialize, JsonSchema)]
struct Booking {
    /// The day, as the caller said it.
    date: String,
    /// The time of day, as the caller said it.
    time: String,
}

// One thread answers a few hundred calls; more of them only wake each other up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    eprintln!("media_stream_agent: {error}");
    ExitCode::FAILURE
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let log = setting("RUST_LOG");
    tracing_subscriber::fmt().with_env_filter(log.as_deref().unwrap_or("warn")).init();
    let agent = agent()?;
    let media = MediaSocket::twilio(TokenCheck::Off)
        .max_calls(10_000)
        .on_call(move |stream| agent.clone().answer(Box::new(stream)))
        .build()?;
    let app = Router::new().route("/health", get(|| async { "ok" })).merge(media.route("/ws"));
    let port = setting("PORT").map_or(Ok(8080), |port| port.parse());
    let port = port.map_err(|_| "PORT is a number up to 65535")?;
    let address = SocketAddr::from(([0, 0, 0, 0], port));
    let listener = server::bind(address)
        .map_err(|error| format!("cannot listen at {address}: {error}; try another PORT"))?;
    eprintln!("media stream at ws://{}/ws", listener.local_addr()?);
    Ok(server::serve(listener, app).await?)
}

fn agent() -> Result<Agent, Box<dyn std::error::Error>> {
    let delay = setting("ENDPOINTING_MS").map_or(Some(300), |ms| ms.parse().ok());
    let delay = delay.filter(|ms| (1..=30_000).contains(ms)).map(Duration::from_millis);
    let endpointing = delay.ok_or("ENDPOINTING_MS is a number from 1 to 30000")?;
    let speculation = is_on("SPECULATION")?;
    let key = |name| Secret::new(setting(name).as_deref().unwrap_or("unset"));
    let urls = ["DEEPGRAM_WS_URL", "DEEPGRAM_BASE_URL"];
    let url = urls.into_iter().find(|name| setting(name).is_some()).unwrap_or(urls[0]);
    let mut ears = DeepgramSttConfig::new(key("DEEPGRAM_API_KEY"));
    ears.endpointing = endpointing;
    ears.base_url = setting(url).unwrap_or(ears.base_url);
    let mut voice = DeepgramTtsConfig::new(key("DEEPGRAM_API_KEY"));
    voice.base_url.clone_from(&ears.base_url);
    let mut model = OpenAiLlmConfig::default();
    model.api_key = Some(key("OPENAI_API_KEY"));
    model.base_url = setting("OPENAI_BASE_URL").map(Into::into);
    model.model = setting("OPENAI_MODEL").map(Into::into);
    let in_field = |name| move |error: Error| error.message().replace("field `base_url`", name);

    let book = FunctionTool::new(
        "book_appointment",
        "Books an appointment.",
        |booking: Booking, _context| async move {
            Ok(json!({ "booked": true, "date": booking.date, "time": booking.time }))
        },
    );
    let agent = Agent::builder();
    let agent = if let Some(folder) = setting("JOURNALS") { agent.journals(folder) } else { agent };
    let agent = if let Some(folder) = setting("RECORDINGS") { agent.record(folder) } else { agent };
    let agent = if is_on("DETECTOR")? { agent } else { agent.without_vad() };
    Ok(agent
        .instructions(INSTRUCTIONS)
        .stt(Arc::new(DeepgramStt::new(ears).map_err(in_field(url))?))
        .llm(Arc::new(OpenAiLlm::new(model).map_err(in_field("OPENAI_BASE_URL"))?))
        .tts(Arc::new(DeepgramTts::new(voice)?))
        .tool(book)
        .tune(|config| {
            // A load generator measures this delay: nothing is to make it longer.
            config.endpointing.by_words = false;
            config.endpointing.min_delay = endpointing;
            config.endpointing.max_delay = config.endpointing.max_delay.max(endpointing);
            config.speculation.enabled = speculation;
        })
        .build()?)
}

fn is_on(name: &str) -> Result<bool, String> {
    match &*setting(name).unwrap_or_default().to_ascii_lowercase() {
        "" | "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{name} is `on` or `off`")),
    }
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
