use std::{error::Error, fmt};

use tokio::runtime::{Builder, Runtime};
use voiceagent_telephony::media_stream::Carrier;

use super::{Count, codec, rig};

/// A way of a frame through the framework that can be gone any number of times.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Read(Carrier),
    Write(Carrier),
    Inbound,
    Outbound,
    Background,
    Recorded,
}

impl Way {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let read = Carrier::ALL.iter().map(|carrier| Self::Read(*carrier));
        let write = Carrier::ALL.iter().map(|carrier| Self::Write(*carrier));
        let whole = [Self::Inbound, Self::Outbound, Self::Background, Self::Recorded];
        read.chain(write).chain(whole)
    }

    /// The way of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|way| way.to_string() == name)
    }

    /// The most frames that can go it.
    pub(super) const fn longest(self) -> u32 {
        match self {
            Self::Read(_) | Self::Write(_) => codec::FRAMES,
            Self::Inbound | Self::Outbound | Self::Background | Self::Recorded => rig::FRAMES,
        }
    }

    /// Sends so many frames along it.
    pub(super) fn go(self, frames: u32) -> Result<Count, Box<dyn Error>> {
        Ok(match self {
            Self::Read(carrier) => codec::reading(carrier, frames),
            Self::Write(carrier) => codec::writing(carrier, frames),
            Self::Inbound => paused()?.block_on(rig::inbound(frames))?,
            Self::Outbound => paused()?.block_on(rig::outbound(frames))?,
            Self::Background => paused()?.block_on(rig::outbound_with_background(frames))?,
            Self::Recorded => paused()?.block_on(rig::recorded(frames))?,
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(carrier) => write!(f, "{carrier}: message -> frame"),
            Self::Write(carrier) => write!(f, "{carrier}: frame -> message"),
            Self::Inbound => f.write_str("message -> codec, driver, ears -> recognizer"),
            Self::Outbound => f.write_str("voice -> driver, playout, codec -> message"),
            Self::Background => f.write_str("voice -> driver, playout, mixer, codec -> message"),
            Self::Recorded => f.write_str("both ways at once, recorded to disk"),
        }
    }
}

fn paused() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().start_paused(true).build()
}
