//! An agent that answers a carrier's media stream at `/ws`, for load generators and first
//! experiments. The token that guards the media socket is off: do not put it on the internet.
//!
//! Environment: `PORT`; `DEEPGRAM_API_KEY`, `DEEPGRAM_WS_URL` or `DEEPGRAM_BASE_URL`;
//! `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_MODEL`; `ENDPOINTING_MS`, 1 to 30000;
//! `SPECULATION`, `on` or `off`; `JOURNALS`, a folder for the journal of each call.

use std::{env, error::Error, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use voiceagent_core::{Agent, Secret, tool::FunctionTool};
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

async fn run() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(setting("RUST_LOG", "warn")).init();
    let agent = agent()?;
    let media = MediaSocket::twilio(TokenCheck::Off)
        .max_calls(10_000)
        .on_call(move |stream| {
            let agent = agent.clone();
            async move {
                match agent.start(Box::new(stream)).await {
                    Ok(call) => call.finished().await,
                    Err(error) => eprintln!("a call could not be answered: {error}"),
                }
            }
        })
        .build()?;
    let app = Router::new().route("/health", get(|| async { "ok" })).merge(media.route("/ws"));
    let port = setting("PORT", "8080").parse().map_err(|_| "PORT is a number up to 65535")?;
    let address = SocketAddr::from(([0, 0, 0, 0], port));
    let listener = server::bind(address)
        .map_err(|error| format!("cannot listen at {address}: {error}; try another PORT"))?;
    eprintln!("media stream at ws://{}/ws", listener.local_addr()?);
    Ok(server::serve(listener, app).await?)
}

fn agent() -> Result<Agent, Box<dyn Error>> {
    let endpointing = setting("ENDPOINTING_MS", "300").parse().ok();
    let endpointing = endpointing.filter(|ms| (1..=30_000).contains(ms));
    let endpointing = endpointing.ok_or("ENDPOINTING_MS is a number from 1 to 30000")?;
    let endpointing = Duration::from_millis(endpointing);
    let speculation = match &*setting("SPECULATION", "on").to_ascii_lowercase() {
        "on" => true,
        "off" => false,
        _ => return Err("SPECULATION is `on` or `off`".into()),
    };
    let deepgram = env::var("DEEPGRAM_WS_URL").or_else(|_| env::var("DEEPGRAM_BASE_URL")).ok();
    let key = Secret::new(setting("DEEPGRAM_API_KEY", "unset"));

    let mut ears = DeepgramSttConfig::new(key.clone());
    ears.endpointing = endpointing;
    let mut voice = DeepgramTtsConfig::new(key);
    if let Some(url) = deepgram {
        ears.base_url.clone_from(&url);
        voice.base_url = url;
    }
    let mut model = OpenAiLlmConfig::default();
    model.api_key = Some(Secret::new(setting("OPENAI_API_KEY", "unset")));
    model.base_url = env::var("OPENAI_BASE_URL").ok().map(Into::into);
    model.model = env::var("OPENAI_MODEL").ok().map(Into::into);

    let book = FunctionTool::new(
        "book_appointment",
        "Books an appointment.",
        |booking: Booking, _context| async move {
            Ok(json!({ "booked": true, "date": booking.date, "time": booking.time }))
        },
    );
    let mut agent = Agent::builder();
    if let Ok(folder) = env::var("JOURNALS") {
        agent = agent.journals(folder);
    }
    Ok(agent
        .instructions(INSTRUCTIONS)
        .stt(Arc::new(DeepgramStt::new(ears)?))
        .llm(Arc::new(OpenAiLlm::new(model)?))
        .tts(Arc::new(DeepgramTts::new(voice)?))
        .tool(book)
        .tune(|config| {
            config.endpointing.min_delay = endpointing;
            config.endpointing.max_delay = config.endpointing.max_delay.max(endpointing);
            config.speculation.enabled = speculation;
        })
        .build()?)
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}
