mod caller;

use std::{sync::Arc, time::Duration};

use voiceagent_core::{
    ErrorKind,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttOptions},
};

use self::caller::Caller;
use super::{
    Report,
    opening::{GARBAGE, ensure, opening, oversized, same},
};
use crate::vendor::{Refusal, ScriptedVendor};

const SPOKEN: Duration = Duration::from_millis(1_200);
const PAUSE: Duration = Duration::from_millis(2_000);

const SILENCE: &str = "silence beyond a limit that the vendor states is survived";
const TIMES: &str = "times of words count the audio that was handed over";

/// The pauses of a line that brings nothing, not even silence.
const LULL: Duration = Duration::from_millis(1_000);

/// How far from its sound a word may be told: frames, and what vendors round.
const ROUNDING: Duration = Duration::from_millis(60);

const ENDS_NO_TURN: &str = "a request to finalize ends no turn";

const LATE: &str = "a final that comes late tells nothing twice";

/// How long to listen for what must not come.
const QUIET: Duration = Duration::from_millis(300);

/// Checks a recognizer against a scripted vendor, as far as its capabilities claim.
///
/// `make` builds the recognizer for an address, with the vendor's key and with deadlines of about a
/// second. On each connection the vendor understands the n-th stretch of speech as the n-th of
/// `utterances`, of which there are at least two of several words.
///
/// # Cancel safety
///
/// Dropping the future ends the checks; there is no report then.
pub async fn stt<V: ScriptedVendor>(
    subject: &str,
    vendor: &V,
    utterances: &[&str],
    make: impl Fn(&str) -> Arc<dyn SpeechToText> + Send,
) -> Report {
    let mut report = Report::new("recognizer", subject);
    let stt = make(&vendor.url());
    let claims = stt.capabilities();
    report.claim(&claims);
    let Some(format) = claims.formats.first().copied() else {
        report.note("takes a format", Err("no format is claimed".to_owned()));
        return report;
    };
    let debug = format!("{stt:?}");
    let open = || stt.open(SttOptions::new(format));
    opening(&mut report, vendor, &debug, open).await;
    let suite = Suite { vendor, stt: &*stt, claims: &claims, format, utterances };
    report.note("understands every format that it claims", suite.understands_all().await);
    report.note("events are as claimed", suite.events_are_as_claimed().await);
    if claims.finalize {
        report.note("a request to finalize yields a final", suite.finalizes().await);
        report.note(ENDS_NO_TURN, suite.request_ends_no_turn().await);
        report.note(LATE, suite.late_final().await);
    } else {
        report.not_claimed("a request to finalize yields a final");
        report.not_claimed(ENDS_NO_TURN);
        report.not_claimed(LATE);
    }
    if claims.word_timings {
        report.note(TIMES, suite.times_are_of_what_was_handed_over().await);
    } else {
        report.not_claimed(TIMES);
    }
    match vendor.idle_limit() {
        Some(limit) => report.note(SILENCE, suite.survives_silence(limit).await),
        // The vendor states no limit.
        None => report.not_claimed(SILENCE),
    }
    report.note("a loss between words costs none", suite.loss_in_utterance().await);
    report.note("a loss between utterances repeats none", suite.loss_between().await);
    report.note("a stalled vendor costs no words", suite.stall().await);
    report.note("garbage does not end the link", suite.garbage().await);
    report.note("a refusal ends the link for good", suite.refusal_ends().await);
    report
}

#[derive(Clone, Copy)]
struct Suite<'a, V> {
    vendor: &'a V,
    stt: &'a dyn SpeechToText,
    claims: &'a SttCapabilities,
    format: AudioFormat,
    utterances: &'a [&'a str],
}

impl<V: ScriptedVendor> Suite<'_, V> {
    async fn call(&self) -> Result<Caller, String> {
        super::opening::until_connections(self.vendor, 0).await?;
        let link = self.stt.open(SttOptions::new(self.format)).await;
        Ok(Caller::new(link.map_err(|error| error.to_string())?, self.format))
    }

    /// Says a whole utterance, and waits until it has been understood and the turn is over.
    async fn say_utterance(&self, caller: &mut Caller) -> Result<(), String> {
        caller.speak(SPOKEN).await?;
        self.end_utterance(caller).await
    }

    /// Stops speaking, and waits until what was said has been understood and the turn is over.
    async fn end_utterance(&self, caller: &mut Caller) -> Result<(), String> {
        let (finals, turns) = (caller.finals().len(), caller.count(&SttEvent::EndOfTurn));
        caller.pause(PAUSE).await?;
        if !self.claims.end_of_turn && self.claims.finalize {
            // It may wait to be asked.
            caller.finalize()?;
        }
        let turns = turns + usize::from(self.claims.end_of_turn);
        caller.until(|it| it.finals().len() > finals && it.turns() >= turns).await
    }

    /// Says a part of an utterance, and waits until some of it was understood, if that is told.
    async fn say_a_part(&self, caller: &mut Caller) -> Result<(), String> {
        caller.speak(SPOKEN).await?;
        if self.claims.interim {
            caller.until(|it| it.transcripts().any(|said| !said.text.is_empty())).await?;
        }
        Ok(())
    }

    fn expect(&self, caller: &Caller, count: usize) -> Result<(), String> {
        same(caller.finals().join(" "), self.utterances[..count].join(" "))
    }

    async fn understands_all(&self) -> Result<(), String> {
        for format in &self.claims.formats {
            let understood = Suite { format: *format, ..*self }.understands().await;
            understood.map_err(|why| format!("{format:?}: {why}"))?;
        }
        Ok(())
    }

    async fn understands(self) -> Result<(), String> {
        let mut caller = self.call().await?;
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 1)
    }

    async fn events_are_as_claimed(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        let claims = self.claims;
        self.say_a_part(&mut caller).await?;
        if !claims.interim {
            caller.listen_for(QUIET).await?;
        }
        // Those that come when an utterance may be over are no claim.
        let interims = caller.transcripts().any(|it| !it.is_final && !it.text.is_empty());
        self.end_utterance(&mut caller).await?;
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 2)?;
        let words: Vec<_> =
            caller.transcripts().filter(|it| it.is_final).flat_map(|it| &it.words).collect();
        for (what, claimed, seen) in [
            ("interim while somebody speaks", claims.interim, interims),
            ("end of turn", claims.end_of_turn, caller.turns() == 2),
            ("eager end of turn", claims.eager_end_of_turn, {
                caller.count(&SttEvent::EagerEndOfTurn) > 0
            }),
            ("speech started", claims.speech_started, {
                caller.count(&SttEvent::SpeechStarted) == 2
            }),
            ("word timings", claims.word_timings, !words.is_empty()),
        ] {
            ensure(claimed == seen, || format!("{what}: claimed is {claimed}, seen is {seen}"))?;
        }
        let ordered = words.windows(2).all(|pair| {
            pair[0].start <= pair[0].end && pair[0].end <= pair[1].start + Duration::from_millis(20)
        });
        ensure(ordered, || "words are not in the order of their times".to_owned())
    }

    async fn finalizes(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        self.say_a_part(&mut caller).await?;
        caller.finalize()?;
        caller.until(|it| !it.finals().is_empty()).await?;
        self.expect(&caller, 1)?;
        if self.claims.end_of_turn {
            return Ok(());
        }
        // Where nothing was said since, the answer is empty.
        let answers = caller.answers();
        caller.finalize()?;
        caller.until(|it| it.answers() > answers).await?;
        self.expect(&caller, 1)
    }

    async fn request_ends_no_turn(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        self.say_a_part(&mut caller).await?;
        caller.finalize()?;
        caller.until(|it| !it.finals().is_empty()).await?;
        caller.listen_for(QUIET).await?;
        same(caller.turns(), 0)?;
        // The request is over with its answer: the end of the next turn is the vendor's own.
        self.say_utterance(&mut caller).await?;
        same(caller.turns(), usize::from(self.claims.end_of_turn))
    }

    /// Somebody gives up waiting for a final, and makes do with what was told until then.
    async fn late_final(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        self.say_a_part(&mut caller).await?;
        self.vendor.hold(true);
        caller.finalize()?;
        let answered = caller.until(|it| it.answers() > 0).await;
        self.vendor.hold(false);
        answered?;
        caller.listen_for(QUIET).await?;
        self.expect(&caller, 1)?;
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 2)
    }

    async fn times_are_of_what_was_handed_over(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        for said in 1..=2 {
            // What keeps a line alive meanwhile is nothing that the caller has said.
            tokio::time::sleep(LULL).await;
            let (before, begun) = (caller.transcripts().count(), caller.handed_over());
            caller.speak(SPOKEN).await?;
            let ended = caller.handed_over();
            if self.claims.finalize {
                caller.finalize()?;
            } else {
                caller.pause(PAUSE).await?;
            }
            caller.until(|it| self.expect(it, said).is_ok()).await?;
            let finals = caller.transcripts().skip(before).filter(|it| it.is_final);
            let right = begun.saturating_sub(ROUNDING)..=ended + ROUNDING;
            for word in finals.flat_map(|it| &it.words) {
                let is_right = right.contains(&word.start) && right.contains(&word.end);
                ensure(is_right, || format!("said in {right:?}: {word:?}"))?;
            }
        }
        Ok(())
    }

    async fn survives_silence(&self, limit: Duration) -> Result<(), String> {
        let before = self.vendor.accepted();
        let mut caller = self.call().await?;
        self.say_utterance(&mut caller).await?;
        // That time passes is what is checked.
        tokio::time::sleep(limit * 3).await;
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 2)?;
        same(self.vendor.accepted() - before, 1)
    }

    async fn loss_in_utterance(&self) -> Result<(), String> {
        let before = self.vendor.accepted();
        let mut caller = self.call().await?;
        self.say_a_part(&mut caller).await?;
        self.vendor.drop_connections();
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 1)?;
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 2)?;
        ensure(self.vendor.accepted() - before >= 2, || "nothing was lost".to_owned())
    }

    async fn loss_between(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        self.say_utterance(&mut caller).await?;
        self.vendor.drop_connections();
        self.say_utterance(&mut caller).await?;
        caller.pause(PAUSE).await?;
        caller.listen_for(QUIET).await?;
        self.expect(&caller, 2)?;
        same(caller.turns(), if self.claims.end_of_turn { 2 } else { 0 })
    }

    async fn stall(&self) -> Result<(), String> {
        let before = self.vendor.accepted();
        let mut caller = self.call().await?;
        self.say_a_part(&mut caller).await?;
        self.vendor.stall();
        if self.claims.interim {
            caller.speak_in_real_time(|| self.vendor.accepted() > before + 1).await?;
        }
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 1)
    }

    async fn garbage(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        for message in GARBAGE {
            self.vendor.push(message);
        }
        self.vendor.push(&oversized());
        self.say_utterance(&mut caller).await?;
        self.expect(&caller, 1)
    }

    async fn refusal_ends(&self) -> Result<(), String> {
        let mut caller = self.call().await?;
        self.vendor.refuse(Some(Refusal::status(401)));
        self.vendor.drop_connections();
        if !self.claims.interim {
            // It may say nothing to the vendor before somebody has spoken; that it ends before
            // all of this was said is as good.
            let _ = self.say_a_part(&mut caller).await;
            let _ = caller.pause(PAUSE).await;
        }
        let error = caller.until_error().await;
        self.vendor.refuse(None);
        same(error?.kind(), ErrorKind::Unauthorized)
    }
}
