//! The whole framework in a process of its own, counted between two moments of a real call.
//!
//! Here sockets, timers and the runtime count as well, so that the figure is told and not promised.

use std::{env, error::Error, io, net::SocketAddr, process::Stdio, sync::Arc, time::Duration};

use axum::Router;
use stats_alloc::Stats;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, stdin},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::sleep,
};
use voiceagent_core::{Agent, Secret};
use voiceagent_providers::{
    deepgram::{DeepgramStt, DeepgramSttConfig, DeepgramTts, DeepgramTtsConfig},
    openai::{OpenAiLlm, OpenAiLlmConfig},
};
use voiceagent_telephony::{
    media_stream::{MediaSocket, TokenCheck},
    server,
};
use voiceagent_testkit::phone::PhoneCall;

use super::{Count, now};
use crate::e2e_latency::{log::Log, script::SCRIPT, tag::Tag, vendors::Vendors};

const WARM_UP: Duration = Duration::from_secs(3);
const SILENT: Duration = Duration::from_secs(10);
const SPEAKING: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(10);
const FRAMES_PER_SECOND: u32 = 50;

/// The child: answers calls, and says what it has allocated for each line that it is sent.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(super) async fn serve(speech: &str, model: &str) -> Result<(), Box<dyn Error>> {
    let agent = agent(speech, model)?;
    let media = MediaSocket::twilio(TokenCheck::Off)
        .on_call(move |stream| {
            let agent = agent.clone();
            async move {
                if let Ok(call) = agent.start(Box::new(stream)).await {
                    call.finished().await;
                }
            }
        })
        .build()?;
    let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("ws://{}/ws", listener.local_addr()?);
    let serving = server::serve(listener, Router::new().merge(media.route("/ws")));
    let counting = async {
        let mut lines = BufReader::new(stdin()).lines();
        while let Some(_asked) = lines.next_line().await? {
            let Stats { allocations, reallocations, bytes_allocated, .. } = now();
            println!("{allocations} {reallocations} {bytes_allocated}");
        }
        Ok(())
    };
    tokio::select! {
        ended = serving => Ok(ended?),
        ended = counting => ended,
    }
}

fn agent(speech: &str, model: &str) -> Result<Agent, Box<dyn Error>> {
    let key = Secret::new("scripted");
    let mut ears = DeepgramSttConfig::new(key.clone());
    speech.clone_into(&mut ears.base_url);
    let mut voice = DeepgramTtsConfig::new(key.clone());
    speech.clone_into(&mut voice.base_url);
    let mut writer = OpenAiLlmConfig::default();
    writer.api_key = Some(key);
    writer.base_url = Some(model.to_owned().into());
    Ok(Agent::builder()
        .stt(Arc::new(DeepgramStt::new(ears)?))
        .llm(Arc::new(OpenAiLlm::new(writer)?))
        .tts(Arc::new(DeepgramTts::new(voice)?))
        .build()?)
}

/// The parent: plays a call and asks the child between.
pub(super) async fn count() -> Result<Vec<Count>, Box<dyn Error>> {
    let vendors = Vendors::start(Arc::new(Log::default()), SCRIPT).await?;
    let mut child = Counted::start(&vendors.speech_url(), vendors.model_url()).await?;
    let phone = PhoneCall::dial(&*child.url, [("", ""); 0]).await?;
    phone.speak(Tag { call: 1, utterance: usize::from(u16::MAX) }.write().to_vec()).await?;
    sleep(WARM_UP).await;

    let before = child.stats().await?;
    sleep(SILENT).await;
    let after = child.stats().await?;
    let frames = SILENT.as_secs() as u32 * FRAMES_PER_SECOND;
    let silent = Count::between("whole process, caller silent", frames, before, after);

    phone.speak(SCRIPT.utterances[0].audio(Tag { call: 1, utterance: 0 })).await?;
    phone.wait_until_agent_speaks(PATIENCE).await?;
    let before = child.stats().await?;
    sleep(SPEAKING).await;
    let after = child.stats().await?;
    let frames = SPEAKING.as_secs() as u32 * FRAMES_PER_SECOND;
    let speaking = Count::between("whole process, agent speaks", frames, before, after);

    phone.hang_up().await?;
    Ok([silent, speaking].map(|count| Count { promised: false, ..count }).into())
}

/// A child that counts.
struct Counted {
    _process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Counted {
    async fn start(speech: &str, model: &str) -> io::Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args(["serve", speech, model])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let closed = || io::Error::other("the child has no pipes");
        let asks = process.stdin.take().ok_or_else(closed)?;
        let mut answers = BufReader::new(process.stdout.take().ok_or_else(closed)?).lines();
        let url = answers.next_line().await?.ok_or_else(closed)?;
        Ok(Self { _process: process, asks, answers, url })
    }

    async fn stats(&mut self) -> io::Result<Stats> {
        let ended = || io::Error::other("the child has ended");
        self.asks.write_all(b"?\n").await?;
        let answer = self.answers.next_line().await?.ok_or_else(ended)?;
        let mut numbers = answer.split(' ').filter_map(|number| number.parse().ok());
        let mut next = || numbers.next().ok_or_else(ended);
        Ok(Stats {
            allocations: next()?,
            reallocations: next()?,
            bytes_allocated: next()?,
            ..Stats::default()
        })
    }
}
