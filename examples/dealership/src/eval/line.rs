use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::mpsc, time::sleep};
use voiceagent_core::{
    Link, LinkPeer, Result,
    stt::Transcript,
    transport::{Answerer, CallInfo, Inbound, Outbound, Transport, TransportCapabilities},
};

use super::{caller::Move, scene::Scene};

/// How many items may wait in each direction. An answer of a few sentences is a few dozen.
const QUEUE: usize = 64;

/// How long the caller takes to say the same again. What comes sooner is taken for a repetition by the
/// recognizer.
const SPEECH: Duration = Duration::from_millis(350);

/// The text leg of a caller who plays a scenario.
///
/// What is sent is heard when it is complete, unless the caller interrupts it.
#[derive(Debug)]
pub(super) struct ScriptedLine {
    pub(super) call: CallInfo,
    /// Who takes a call that we have made.
    pub(super) answerer: Option<Answerer>,
    pub(super) scene: Arc<Scene>,
    pub(super) moves: mpsc::Receiver<Move>,
}

#[async_trait]
impl Transport for ScriptedLine {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
            .with_clear(true)
            .with_marks(true)
            .with_transfer(true)
            .with_answerer(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let Self { answerer, scene, moves, .. } = *self;
        Ok(Link::spawn(QUEUE, move |peer| async move {
            if let Some(who) = answerer {
                peer.send(Inbound::AnsweredBy(who)).await?;
            }
            pump(peer, scene, moves).await
        }))
    }
}

async fn say(peer: &LinkPeer<Outbound, Inbound>, words: &str, before: &mut String) -> Result<()> {
    peer.send(Inbound::SpeechStarted).await?;
    if words == *before {
        sleep(SPEECH).await;
    }
    words.clone_into(before);
    peer.send(Inbound::Transcript(Transcript::final_(words))).await
}

async fn pump(
    mut peer: LinkPeer<Outbound, Inbound>,
    scene: Arc<Scene>,
    mut moves: mpsc::Receiver<Move>,
) -> Result<()> {
    let mut marks = Vec::new();
    let mut before = String::new();
    let mut is_speaking = false;
    loop {
        tokio::select! {
            biased;
            outbound = peer.recv() => match outbound {
                None => return Ok(()),
                Some(Outbound::Text { text, .. }) => {
                    is_speaking = true;
                    scene.say(&text);
                }
                Some(Outbound::Mark(mark)) if is_speaking => marks.push(mark),
                Some(Outbound::Mark(mark)) => peer.send(Inbound::MarkPlayed(mark)).await?,
                Some(Outbound::TextEnd { .. }) => {
                    is_speaking = false;
                    if let Some((heard, words)) = scene.interruption() {
                        marks.clear();
                        peer.send(Inbound::Interrupted { heard: Some(heard.into()) }).await?;
                        say(&peer, &words, &mut before).await?;
                        continue;
                    }
                    scene.fall_silent();
                    for mark in marks.drain(..) {
                        peer.send(Inbound::MarkPlayed(mark)).await?;
                    }
                }
                Some(Outbound::Clear) => {
                    is_speaking = false;
                    marks.clear();
                    scene.fall_silent();
                }
                Some(Outbound::Transfer(_)) => peer.send(Inbound::Transferred).await?,
                Some(Outbound::HangUp) => return peer.send(Inbound::HungUp).await,
                // Nothing of these belongs on a text leg.
                Some(Outbound::Audio(_) | _) => {}
            },
            next = moves.recv() => match next {
                // Who types has keys: they come as a turn.
                Some(Move::Say(words) | Move::Press(words)) => {
                    say(&peer, &words, &mut before).await?;
                }
                Some(Move::Record(words)) => {
                    say(&peer, &words, &mut before).await?;
                    peer.send(Inbound::Beep).await?;
                }
                Some(Move::Silence) => {}
                Some(Move::HangUp) | None => return peer.send(Inbound::HungUp).await,
                Some(Move::Lose) => {
                    return Err(voiceagent_core::Error::new(
                        voiceagent_core::ErrorKind::Disconnected,
                        "receive",
                        "the line is gone",
                    ));
                }
            },
        }
    }
}
