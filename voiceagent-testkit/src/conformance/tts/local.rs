//! Voices that no vendor makes but a program on this machine, whose audio nobody knows beforehand.

use super::*;

/// Checks a synthesizer that asks nobody, as far as its capabilities claim: what is about
/// connections and keys does not apply, and what a text sounds like is not compared.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn tts_local(subject: &str, tts: &dyn TextToSpeech) -> Report {
    let mut report = Report::new("voice", subject);
    let claims = tts.capabilities();
    report.claim(&claims);
    let Some(format) = claims.formats.first().copied() else {
        report.note("makes a format", Err("no format is claimed".to_owned()));
        return report;
    };
    let local = Local { tts, claims: &claims, format };
    report.note("opens within its deadline", local.voice().await.map(drop));
    report.note("concurrent opens are independent", local.independent().await);
    for connection in [
        "a dropped link closes its socket",
        "the key is not in Debug",
        "401 is Unauthorized",
        "429 says when to come back",
        "503 is Overloaded",
        "a silent handshake is a Timeout",
        SILENCE,
        "a loss between generations goes unnoticed",
        "a loss within a generation is reported once",
        "garbage does not end the link",
    ] {
        report.not_claimed(connection);
    }
    report.note(
        "speaks every format that it claims in order, empty texts included",
        local.speaks_all().await,
    );
    if claims.streaming_text {
        report.note("audio begins before the text is complete", local.streams().await);
    } else {
        report.not_claimed("audio begins before the text is complete");
    }
    report.note("generations follow each other", local.follows().await);
    if claims.cancel {
        report.note("nothing is left of a cancelled generation", local.cancels().await);
    } else {
        report.not_claimed("nothing is left of a cancelled generation");
    }
    // It would need to know how far a text was heard.
    report.not_claimed("which words were heard is told");
    report
}

#[derive(Clone, Copy)]
struct Local<'a> {
    tts: &'a dyn TextToSpeech,
    claims: &'a TtsCapabilities,
    format: AudioFormat,
}

impl Local<'_> {
    async fn voice(&self) -> Result<Voice, String> {
        let opened = timeout(PATIENCE, self.tts.open(TtsOptions::new(self.format))).await;
        let opened = opened.map_err(|_| "still not open".to_owned())?;
        Ok(Voice { link: opened.map_err(|error| error.to_string())? })
    }

    /// Checks that a generation makes whole samples of sound where there is something to say, and
    /// has told so.
    async fn expect(&self, voice: &mut Voice, number: u64, texts: &[&str]) -> Result<(), String> {
        let said = voice.until_finished(number).await?;
        let speaks = texts.concat().chars().any(char::is_alphanumeric);
        same(!said.audio.is_empty(), speaks)?;
        let sample = self.format.sample_bytes().unwrap_or(1);
        ensure(said.audio.len() % sample == 0, || "half a sample".to_owned())?;
        let spoken = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        same(said.spoken, if self.claims.segments { spoken } else { 0 })
    }

    async fn independent(&self) -> Result<(), String> {
        let (one, two) = tokio::join!(self.voice(), self.voice());
        let (one, mut two) = (one?, two?);
        one.say(1, &[LONG])?;
        drop(one);
        two.say(1, &["Hello. "])?;
        two.finish(1)?;
        self.expect(&mut two, 1, &["Hello. "]).await
    }

    async fn speaks_all(&self) -> Result<(), String> {
        let texts = ["Nine thirty", "", " or ten. ", "Which one suits you?"];
        for format in &self.claims.formats {
            let local = Self { format: *format, ..*self };
            let mut voice = local.voice().await?;
            voice.say(1, &texts)?;
            voice.finish(1)?;
            let spoken = local.expect(&mut voice, 1, &texts).await;
            spoken.map_err(|why| format!("{format:?}: {why}"))?;
        }
        Ok(())
    }

    async fn streams(&self) -> Result<(), String> {
        let mut voice = self.voice().await?;
        voice.say(1, &["Good morning. "])?;
        while !matches!(voice.next().await?, TtsEvent::Audio { .. }) {}
        Ok(())
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
        let mut voice = self.voice().await?;
        let (left_over, second) = voice.cancel(&[LONG; 20]).await?;
        ensure(!second.audio.is_empty(), || "nothing is said any more".to_owned())?;
        let most = self.format.bytes_in(LEFT_OVER);
        ensure(left_over <= most, || format!("{left_over} B left over"))?;
        // The cancelled one lasts minutes; this is a word.
        let long = second.audio.len() > self.format.bytes_in(2 * LEFT_OVER);
        ensure(!long, || "stale audio is mixed into the next generation".to_owned())
    }
}
