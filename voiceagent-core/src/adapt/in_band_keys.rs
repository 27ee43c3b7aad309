use async_trait::async_trait;

use crate::{
    Link, LinkPeer, Result,
    audio::KeyListener,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

/// Frames and requests that wait, as in a transport itself: 1.3 s of audio.
const LINK: usize = 64;

/// A line whose keys are heard by their tones, for carriers and trunks that do not report them.
///
/// While a key is held the line is silent, but for the first 25 to 40 ms of the tone: nobody takes
/// it for speech. Audio that the line leaves out is silence. A line that reports keys by itself, or carries text, stays as it is.
///
/// ```
/// # use voiceagent_core::{Agent, Result, adapt::InBandKeys, transport::Transport};
/// # async fn answer(agent: Agent, line: Box<dyn Transport>) -> Result<()> {
/// let call = agent.start(Box::new(InBandKeys::new(line))).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct InBandKeys {
    line: Box<dyn Transport>,
}

impl InBandKeys {
    /// Listens to what comes over `line`.
    #[must_use]
    pub fn new(line: Box<dyn Transport>) -> Self {
        Self { line }
    }

    /// The listener to a line that needs one.
    fn listener(&self) -> Result<Option<KeyListener>> {
        match self.line.call().media {
            Media::Audio { inbound, .. } if !self.line.capabilities().dtmf => {
                KeyListener::new(inbound).map(Some)
            }
            Media::Audio { .. } | Media::Text => Ok(None),
        }
    }
}

#[async_trait]
impl Transport for InBandKeys {
    fn call(&self) -> &CallInfo {
        self.line.call()
    }

    fn capabilities(&self) -> TransportCapabilities {
        let can = self.line.capabilities();
        let hears = matches!(self.line.call().media, Media::Audio { .. });
        can.with_dtmf(can.dtmf || hears)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let listener = self.listener()?;
        let link = self.line.open().await?;
        Ok(match listener {
            Some(listener) => Link::spawn(LINK, |peer| relay(link, peer, listener)),
            None => link,
        })
    }
}

async fn relay(
    mut line: Link<Outbound, Inbound>,
    mut peer: LinkPeer<Outbound, Inbound>,
    mut listener: KeyListener,
) -> Result<()> {
    loop {
        // What the line has no room for waits with the owner, who learns that it stalls.
        let room = line.writable();
        tokio::select! {
            biased;
            outbound = async { room.await; peer.recv().await } => match outbound {
                // There is room, unless the line has ended; then it says so.
                Some(outbound) => drop(line.try_send(outbound)),
                None => return Ok(()),
            },
            inbound = line.recv() => match inbound {
                Some(Ok(Inbound::Audio(frame))) => {
                    let mut keys = Vec::new();
                    let frame = listener.hear(frame, |key| keys.push(key));
                    for key in keys {
                        peer.send(Inbound::Dtmf(key)).await?;
                    }
                    peer.send(Inbound::Audio(frame)).await?;
                }
                Some(Ok(inbound)) => peer.send(inbound).await?,
                Some(Err(fault)) => peer.report(fault).await?,
                None => return Ok(()),
            },
        }
    }
}
