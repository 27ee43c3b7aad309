//! A speech-to-speech model of the simulated world.

mod conversation;
mod ear;
mod mind;
mod mouth;

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use self::{conversation::Conversation, mind::Mind};
use super::{dice::Dice, log::Log, profile, prose::Prose, sound::FORMAT};

/// More than an answer has pieces of text and audio.
const LINK: usize = 256;

/// A model that understands what the frames of the caller hold, and whose audio numbers its words.
pub(super) struct Speaker {
    profile: profile::Speaker,
    seed: u64,
    log: Log,
    links: AtomicU32,
    mind: Arc<Mutex<Mind>>,
}

impl Speaker {
    pub(super) fn new(profile: &profile::Speaker, seed: u64, log: Log) -> Arc<Self> {
        let mind = Mind::new(profile, Prose::new(Dice::new(seed, 20)), log.clone());
        Arc::new(Self {
            profile: profile.clone(),
            seed,
            log,
            links: AtomicU32::new(0),
            mind: Arc::new(Mutex::new(mind)),
        })
    }
}

#[async_trait]
impl RealtimeModel for Speaker {
    fn name(&self) -> &str {
        "simulated"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut can = RealtimeCapabilities::new(vec![FORMAT]);
        can.server_vad = self.profile.edges;
        can.truncate = self.profile.truncates;
        can.duplex = self.profile.duplex;
        can
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let link = self.links.fetch_add(1, Ordering::Relaxed);
        if (1..=self.profile.refuses).contains(&link) {
            self.log.inject("the model refuses a link");
            return Err(lost("refused"));
        }
        self.log.tell(|| format!("model is opened after {:?}", options.history.last()));
        self.log.account().successions.push(options.history);
        let opened = self.log.open();
        let dice = Dice::new(self.seed, 400 + u64::from(link));
        let (profile, mind, log) = (self.profile.clone(), self.mind.clone(), self.log.clone());
        let conversation = Conversation::new(profile, dice, mind, link, log);
        Ok(Link::spawn(LINK, |peer| async move {
            let _opened = opened;
            conversation.run(peer).await
        }))
    }
}

fn lost(message: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "speak", message).with_provider("simulated")
}

impl fmt::Debug for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaker").field("profile", &self.profile).finish_non_exhaustive()
    }
}
