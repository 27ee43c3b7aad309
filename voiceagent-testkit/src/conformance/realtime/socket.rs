use tokio::time::timeout;
use voiceagent_core::{ErrorKind, Link, Result as CoreResult};

use super::{
    super::opening::{GARBAGE, opening, oversized, until_connections},
    *,
};
use crate::vendor::ScriptedVendor;

/// Checks how a model that is reached over a socket opens, fails and is lost.
///
/// `make` builds the model for an address, with the vendor's key and with deadlines of about a
/// second. The vendor says what [`Prompt::Say`] asks for, in a second or more.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn realtime_socket<V: ScriptedVendor>(
    name: &str,
    vendor: &V,
    make: impl Fn(&str) -> Arc<dyn RealtimeModel> + Send + Sync,
) -> Report {
    let model = make(&vendor.url());
    let mut report = Report::new("connection of a speech-to-speech model", name);
    let open = || open(&*model);
    opening(&mut report, vendor, &format!("{model:?}"), open).await;
    let suite = Suite { vendor, model: &*model };
    report.note("garbage does not end the link", suite.garbage().await);
    report.note("an answer that is cut off ends the link", suite.loses().await);
    report.note("a vendor that owes an answer has stalled", suite.stalls().await);
    report.note("a message beyond all size ends the link", suite.drowns().await);
    report
}

async fn open(model: &dyn RealtimeModel) -> CoreResult<Link<RealtimeInput, RealtimeEvent>> {
    let format = model.capabilities().formats.first().copied().unwrap_or(AudioFormat::PCM_16K);
    model.open(RealtimeOptions::new("Be brief.", format)).await
}

struct Suite<'a, V> {
    vendor: &'a V,
    model: &'a dyn RealtimeModel,
}

impl<V: ScriptedVendor> Suite<'_, V> {
    /// A conversation in which the model was asked to say something.
    async fn asked(&self) -> Result<Talk, String> {
        let talk = Talk::open(self.model, self.format()?).await?;
        until_connections(self.vendor, 1).await?;
        Ok(talk)
    }

    fn format(&self) -> Result<AudioFormat, String> {
        let formats = self.model.capabilities().formats;
        formats.first().copied().ok_or_else(|| "it claims no format".to_owned())
    }

    async fn garbage(&self) -> Outcome {
        let mut talk = self.asked().await?;
        for message in GARBAGE {
            self.vendor.push(message);
        }
        talk.say(LONG)?;
        talk.until_said().await?;
        drop(talk);
        until_connections(self.vendor, 0).await
    }

    async fn loses(&self) -> Outcome {
        let mut talk = self.asked().await?;
        talk.say(LONG)?;
        while !matches!(talk.next().await?, RealtimeEvent::Audio { .. }) {}
        self.vendor.drop_connections();
        talk.ends_with(ErrorKind::Disconnected).await
    }

    async fn stalls(&self) -> Outcome {
        let mut talk = self.asked().await?;
        self.vendor.stall();
        talk.say(LONG)?;
        talk.ends_with(ErrorKind::Stalled).await?;
        until_connections(self.vendor, 0).await
    }

    async fn drowns(&self) -> Outcome {
        let mut talk = self.asked().await?;
        talk.say(LONG)?;
        while !matches!(talk.next().await?, RealtimeEvent::Audio { .. }) {}
        self.vendor.push(&oversized());
        talk.ends_with(ErrorKind::Disconnected).await?;
        until_connections(self.vendor, 0).await?;
        self.garbage().await
    }
}

impl Talk {
    fn say(&self, text: &str) -> Outcome {
        let prompt = Prompt::Say(text.into());
        self.give(RealtimeInput::Generate { generation: ONE, prompt })
    }

    /// Audio comes, and the end of a generation.
    async fn until_said(&mut self) -> Outcome {
        let mut has_audio = false;
        loop {
            match self.next().await? {
                RealtimeEvent::Audio { .. } => has_audio = true,
                RealtimeEvent::Finished { .. } => {
                    return ensure(has_audio, || "there is no audio".to_owned());
                }
                _ => {}
            }
        }
    }

    /// The link ends with this error, which is its last item.
    async fn ends_with(&mut self, kind: ErrorKind) -> Outcome {
        loop {
            let item = timeout(PATIENCE, self.link.recv()).await.map_err(|_| "it does not end")?;
            match item {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    same(error.kind(), kind)?;
                    let end = timeout(PATIENCE, self.link.recv()).await;
                    return match end {
                        Ok(None) => Ok(()),
                        _ => Err("more comes after the error".to_owned()),
                    };
                }
                None => return Err("it ends without a word".to_owned()),
            }
        }
    }
}
