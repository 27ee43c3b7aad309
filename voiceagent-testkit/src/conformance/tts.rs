mod local;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use voiceagent_core::{
    ErrorKind, GenerationId, Link,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{
    Report,
    opening::{GARBAGE, PATIENCE, ensure, opening, oversized, same, until_connections},
};
use crate::vendor::ScriptedVendor;

pub use local::tts_local;

/// Long enough that its audio is still coming when somebody interrupts.
const LONG: &str = "This is a sentence that nobody would ever want to hear to its end, \
    because it goes on and on about nothing at all, and then it goes on a little more. ";

/// Audio that may still come after an interruption.
const LEFT_OVER: Duration = Duration::from_secs(2);

const SILENCE: &str = "silence beyond a limit that the vendor states goes unnoticed";

/// How often an interruption is tried: on a busy machine audio may run ahead of it. A voice that
/// does not stop fails each time.
const ATTEMPTS: usize = 4;

/// Checks a synthesizer against a scripted vendor, as far as its capabilities claim.
///
/// `make` builds the synthesizer for an address, with the vendor's key and with deadlines of about
/// a second. [`ScriptedVendor::audio`] must know the audio of a text, which for joined texts is the
/// joined audio.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn tts<V: ScriptedVendor>(
    subject: &str,
    vendor: &V,
    make: impl Fn(&str) -> Arc<dyn TextToSpeech> + Send,
) -> Report {
    let mut report = Report::new("voice", subject);
    let tts = make(&vendor.url());
    let claims = tts.capabilities();
    report.claim(&claims);
    let Some(format) = claims.formats.first().copied() else {
        report.note("makes a format", Err("no format is claimed".to_owned()));
        return report;
    };
    let debug = format!("{tts:?}");
    opening(&mut report, vendor, &debug, || tts.open(TtsOptions::new(format))).await;
    let suite = Suite { vendor, tts: &*tts, claims: &claims, format };
    report.note(
        "speaks every format that it claims in order, empty texts included",
        suite.speaks_all().await,
    );
    if claims.streaming_text {
        report.note("audio begins before the text is complete", suite.streams().await);
    } else {
        report.not_claimed("audio begins before the text is complete");
    }
    report.note("generations follow each other", suite.follows().await);
    if claims.cancel {
        report.note("nothing is left of a cancelled generation", suite.cancels().await);
    } else {
        report.not_claimed("nothing is left of a cancelled generation");
    }
    if claims.tells_heard {
        report.note("which words were heard is told", suite.tells_heard().await);
    } else {
        report.not_claimed("which words were heard is told");
    }
    match vendor.idle_limit() {
        Some(limit) => report.note(SILENCE, suite.survives_silence(limit).await),
        // The vendor states no limit.
        None => report.not_claimed(SILENCE),
    }
    report.note("a loss between generations goes unnoticed", suite.loss_between().await);
    report.note("a loss within a generation is reported once", suite.loss_within().await);
    report.note("garbage does not end the link", suite.garbage().await);
    report
}

#[derive(Clone, Copy)]
struct Suite<'a, V> {
    vendor: &'a V,
    tts: &'a dyn TextToSpeech,
    claims: &'a TtsCapabilities,
    format: AudioFormat,
}

impl<V: ScriptedVendor> Suite<'_, V> {
    async fn voice(&self) -> Result<Voice, String> {
        until_connections(self.vendor, 0).await?;
        let link = self.tts.open(TtsOptions::new(self.format)).await;
        Ok(Voice { link: link.map_err(|error| error.to_string())? })
    }

    /// Checks that a generation says exactly this, and has told so.
    async fn expect(&self, voice: &mut Voice, number: u64, texts: &[&str]) -> Result<(), String> {
        let said = voice.until_finished(number).await?;
        ensure(said.audio == self.vendor.audio(self.format, &texts.concat()), || {
            format!("{} bytes of audio are not those of {texts:?}", said.audio.len())
        })?;
        let spoken = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        if self.claims.segments {
            return same(said.spoken + said.continued, spoken);
        }
        same(said.spoken, 0)
    }

    async fn speaks_all(&self) -> Result<(), String> {
        for format in &self.claims.formats {
            let spoken = Suite { format: *format, ..*self }.speaks().await;
            spoken.map_err(|why| format!("{format:?}: {why}"))?;
        }
        Ok(())
    }

    async fn speaks(self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        let texts = ["Nine thirty", "", " or ten. ", "Which one suits you?"];
        voice.say(1, &texts)?;
        voice.finish(1)?;
        self.expect(&mut voice, 1, &texts).await
    }

    async fn streams(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        voice.say(1, &["Good morning. "])?;
        let mut first = voice.next().await?;
        while matches!(first, TtsEvent::Words { .. }) {
            first = voice.next().await?;
        }
        let audio = matches!(first, TtsEvent::Audio { generation, .. }
            if generation == GenerationId::new(1));
        ensure(audio, || format!("{first:?} came first"))
    }

    async fn follows(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        voice.say_in_a_row()?;
        for (number, texts) in IN_A_ROW {
            self.expect(&mut voice, number, texts).await?;
        }
        Ok(())
    }

    async fn cancels(&self) -> Result<(), String> {
        let mut least = usize::MAX;
        for _ in 0..ATTEMPTS {
            least = least.min(self.left_over().await?);
            if least <= self.format.bytes_in(LEFT_OVER) {
                return Ok(());
            }
        }
        Err(format!("{least} B left over"))
    }

    /// Cancels a generation, and counts what comes of it before the next one begins.
    async fn left_over(&self) -> Result<usize, String> {
        let mut voice = self.voice().await?;
        let (left_over, second) = voice.cancel(&[LONG, LONG]).await?;
        ensure(second.audio == self.vendor.audio(self.format, "Sorry. "), || {
            "stale audio is mixed into the next generation".to_owned()
        })?;
        Ok(left_over)
    }

    /// Interrupts a generation of which a second was heard.
    async fn tells_heard(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        voice.say(1, &[LONG, LONG])?;
        let (generation, heard) = (GenerationId::new(1), Duration::from_secs(1));
        let mut audio = 0;
        while audio < self.format.bytes_in(heard) {
            if let TtsEvent::Audio { payload, .. } = voice.next().await? {
                audio += payload.len();
            }
        }
        voice.send(TtsInput::Interrupt { generation, heard })?;
        let told = loop {
            if let TtsEvent::Heard { text, .. } = voice.next().await? {
                break text;
            }
        };
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let is_beginning = !told.is_empty() && letters(LONG).starts_with(&letters(&told));
        ensure(is_beginning, || format!("{told:?} is no beginning of what was said"))
    }

    async fn survives_silence(&self, limit: Duration) -> Result<(), String> {
        let mut voice = self.voice().await?;
        for number in 1..3 {
            voice.say(number, &["Hello. "])?;
            voice.finish(number)?;
            self.expect(&mut voice, number, &["Hello. "]).await?;
            // That time passes is what is checked.
            tokio::time::sleep(limit * 2).await;
        }
        Ok(())
    }

    async fn loss_between(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        for number in 1..4 {
            voice.say(number, &["Hello. "])?;
            voice.finish(number)?;
            self.expect(&mut voice, number, &["Hello. "]).await?;
            self.vendor.drop_connections();
            until_connections(self.vendor, 0).await?;
        }
        Ok(())
    }

    async fn loss_within(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        voice.say(1, &[LONG])?;
        while !matches!(voice.next().await?, TtsEvent::Audio { .. }) {}
        self.vendor.drop_connections();
        let lost = loop {
            match voice.receive().await? {
                Ok(_) => {}
                Err(lost) => break lost,
            }
        };
        same(lost.kind(), ErrorKind::Disconnected)?;
        voice.say(2, &["Hello. "])?;
        voice.finish(2)?;
        self.expect(&mut voice, 2, &["Hello. "]).await
    }

    async fn garbage(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        for message in GARBAGE {
            self.vendor.push(message);
        }
        voice.say(1, &["Hello. "])?;
        voice.finish(1)?;
        self.expect(&mut voice, 1, &["Hello. "]).await?;
        self.vendor.push(&oversized());
        until_connections(self.vendor, 0).await?;
        voice.say(2, &["Hello. "])?;
        voice.finish(2)?;
        self.expect(&mut voice, 2, &["Hello. "]).await
    }
}

/// Generations that are said without waiting for each other.
const IN_A_ROW: [(u64, &[&str]); 4] =
    [(1, &[]), (2, &["Yes, ", "of course."]), (3, &["Yes, ", "of course."]), (4, &["No."])];

struct Voice {
    link: Link<TtsInput, TtsEvent>,
}

impl Voice {
    fn send(&self, input: TtsInput) -> Result<(), String> {
        self.link.try_send(input).map_err(|error| error.to_string())
    }

    fn say(&self, number: u64, texts: &[&str]) -> Result<(), String> {
        let generation = GenerationId::new(number);
        texts
            .iter()
            .try_for_each(|text| self.send(TtsInput::Text { generation, text: Arc::from(*text) }))
    }

    fn finish(&self, number: u64) -> Result<(), String> {
        self.send(TtsInput::Finish { generation: GenerationId::new(number) })
    }

    /// The next item about what is said. Who says it is no matter.
    async fn receive(&mut self) -> Result<voiceagent_core::Result<TtsEvent>, String> {
        loop {
            let received = timeout(PATIENCE, self.link.recv()).await;
            let received = received.map_err(|_| "nothing comes".to_owned())?;
            let received = received.ok_or_else(|| "it ended".to_owned())?;
            if !matches!(received, Ok(TtsEvent::FailedOver(_))) {
                return Ok(received);
            }
        }
    }

    async fn next(&mut self) -> Result<TtsEvent, String> {
        self.receive().await?.map_err(|error| error.to_string())
    }

    /// Says several things at once, of which the first is nothing.
    fn say_in_a_row(&self) -> Result<(), String> {
        IN_A_ROW.iter().try_for_each(|(number, texts)| {
            self.say(*number, texts)?;
            self.finish(*number)
        })
    }

    /// Cancels a generation that sounds, and says another one. Returns how many bytes came of the
    /// first before the second began, and the second.
    async fn cancel(&mut self, texts: &[&str]) -> Result<(usize, Said), String> {
        self.say(1, texts)?;
        while !matches!(self.next().await?, TtsEvent::Audio { .. }) {}
        let generation = GenerationId::new(1);
        self.send(TtsInput::Cancel { generation })?;
        // What had been handed over by then came in time.
        while self.link.try_recv().is_some() {}
        self.say(2, &["Sorry. "])?;
        self.finish(2)?;
        let (mut left_over, mut second) = (0, Said::default());
        while !second.finished {
            let event = self.next().await?;
            if second.audio.is_empty() && of(&event) == Some(generation) {
                if let TtsEvent::Audio { payload, .. } = event {
                    left_over += payload.len();
                }
            } else {
                second.note(event, 2)?;
            }
        }
        Ok((left_over, second))
    }

    /// Everything of a generation; that of another one is an error.
    async fn until_finished(&mut self, number: u64) -> Result<Said, String> {
        let mut said = Said::default();
        while !said.finished {
            let event = self.next().await?;
            said.note(event, number)?;
        }
        Ok(said)
    }
}

/// What a generation said.
#[derive(Default)]
struct Said {
    audio: Vec<u8>,
    spoken: u32,
    /// Texts that were complete when another voice of a chain went on.
    continued: u32,
    finished: bool,
}

impl Said {
    fn note(&mut self, event: TtsEvent, number: u64) -> Result<(), String> {
        same(of(&event), Some(GenerationId::new(number)))?;
        match event {
            TtsEvent::Audio { payload, .. } => self.audio.extend_from_slice(&payload),
            TtsEvent::Continued { texts, .. } => self.continued += texts,
            TtsEvent::Finished { .. } => self.finished = true,
            TtsEvent::Spoken { texts, .. } => self.spoken += texts,
            TtsEvent::Words { .. } | _ => {}
        }
        Ok(())
    }
}

/// The generation that an event is about.
fn of(event: &TtsEvent) -> Option<GenerationId> {
    match event {
        TtsEvent::Audio { generation, .. }
        | TtsEvent::Continued { generation, .. }
        | TtsEvent::Finished { generation }
        | TtsEvent::Heard { generation, .. }
        | TtsEvent::Spoken { generation, .. }
        | TtsEvent::Words { generation, .. } => Some(*generation),
        _ => None,
    }
}
