use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Link, LinkPeer, Result,
    audio::{AudioFrame, Decoder, DtmfDetector, MediaTime},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

/// Frames and requests that wait, as in a transport itself: 1.3 s of audio.
const LINK: usize = 64;
/// How much silence stands for a gap in the audio, at most. It lets each key go, and leaves a gap that
/// is as short as those of a tone what it is.
const GAP: Duration = Duration::from_millis(60);

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
    fn listener(&self) -> Result<Option<Listener>> {
        match self.line.call().media {
            Media::Audio { inbound, .. } if !self.line.capabilities().dtmf => Ok(Some(Listener {
                decoder: Decoder::new(inbound)?,
                detector: DtmfDetector::new(inbound.sample_rate)?,
                samples: Vec::new(),
                heard_to: None,
            })),
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
    mut listener: Listener,
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
                Some(Ok(Inbound::Audio(frame))) => listener.hear(frame, &peer).await?,
                Some(Ok(inbound)) => peer.send(inbound).await?,
                Some(Err(fault)) => peer.report(fault).await?,
                None => return Ok(()),
            },
        }
    }
}

struct Listener {
    decoder: Decoder,
    detector: DtmfDetector,
    samples: Vec<f32>,
    /// Where the last frame ended.
    heard_to: Option<MediaTime>,
}

impl Listener {
    async fn hear(
        &mut self,
        mut frame: AudioFrame,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        self.samples.clear();
        let missing = self.heard_to.map_or(0, |end| frame.at.0.saturating_sub(end.0));
        let silence = missing.min(frame.format.samples_in(GAP)) as usize;
        self.samples.resize(silence, 0.0);
        self.heard_to = Some(MediaTime(frame.at.0.saturating_add(frame.samples())));
        self.decoder.decode(&frame.payload, &mut self.samples);
        let mut keys = Vec::new();
        self.detector.push(&self.samples, |key| keys.push(key));
        if let Some(silence) = frame.format.silence().filter(|_| self.detector.is_held()) {
            frame.payload = vec![silence; frame.payload.len()].into();
        }
        for key in keys {
            peer.send(Inbound::Dtmf(key)).await?;
        }
        peer.send(Inbound::Audio(frame)).await
    }
}
