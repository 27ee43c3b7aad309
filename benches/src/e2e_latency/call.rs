//! One call: the caller's side of the script, played by a phone.

use std::time::{Duration, Instant};

use voiceagent_core::Result;
use voiceagent_testkit::phone::{Dial, Recording};

use super::{
    script::{SCRIPT, Script},
    tag::Tag,
};

/// For an answer to begin, and for it to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer is over when so long nothing was heard.
const QUIET: Duration = Duration::from_millis(400);

/// The first utterance comes this long after the call began, for the detector to settle.
const SETTLE: Duration = Duration::from_millis(400);

/// The number of no utterance: a tag that only says who calls.
const NOTHING: usize = 0xFFFF;

/// What the phone saw of a call. Moments are on the bench's clock.
#[derive(Debug)]
pub(crate) struct CallRecord {
    pub(crate) call: u32,
    pub(crate) id: String,
    pub(crate) dialled: Instant,
    /// When the call's own clock, which the recording uses, was zero.
    pub(crate) began: Instant,
    /// The phone was about to hang up.
    pub(crate) hung_up: Instant,
    pub(crate) ended: Instant,
    pub(crate) spoken: Vec<Spoken>,
    pub(crate) recording: Recording,
}

/// When an utterance was spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoken {
    /// Its first audible frame left.
    pub(crate) began: Instant,
    /// Its last audible frame left.
    pub(crate) ended: Instant,
}

/// Calls, speaks all utterances, and hangs up.
///
/// # Errors
///
/// When an answer does not come, or the connection ends.
pub(crate) async fn run(url: &str, call: u32) -> Result<CallRecord> {
    let dial = Dial::to(url).call_id(id(call));
    play(SCRIPT, dial, Instant::now(), call).await
}

/// The carrier's name for a call.
pub(crate) fn id(call: u32) -> String {
    format!("CA{call:032x}")
}

/// The caller's side of a script, on a line that was `dialled` at a moment.
///
/// # Errors
///
/// As [`run`].
pub(crate) async fn play(
    script: Script,
    dial: Dial,
    dialled: Instant,
    call: u32,
) -> Result<CallRecord> {
    let phone = dial.connect().await?;
    let began = Instant::now() - phone.elapsed();
    phone.speak(Tag { call, utterance: NOTHING }.write().to_vec()).await?;
    if script.is_greeted {
        phone.wait_until_agent_speaks(PATIENCE).await?;
        phone.wait_until_agent_quiet(QUIET, PATIENCE).await?;
    }
    tokio::time::sleep(SETTLE).await;
    let mut spoken = Vec::with_capacity(script.utterances.len());
    for (number, utterance) in script.utterances.iter().enumerate() {
        match utterance.into_answer {
            Some(after) => {
                // The agent is speaking already, since the utterance before was answered.
                tokio::time::sleep(after).await;
            }
            None if number > 0 => {
                phone.wait_until_agent_quiet(QUIET, PATIENCE).await?;
            }
            None => {}
        }
        let audio = utterance.audio(Tag { call, utterance: number });
        let said = phone.speak(audio).await?;
        let tag = Duration::from_millis(20);
        spoken.push(Spoken { began: began + said.began + tag, ended: began + said.ended });
        phone.wait_until_agent_speaks(PATIENCE).await?;
    }
    phone.wait_until_agent_quiet(QUIET, PATIENCE).await?;
    let id = phone.call_id().to_owned();
    let hung_up = Instant::now();
    let recording = phone.hang_up().await?;
    Ok(CallRecord { call, id, dialled, began, hung_up, ended: Instant::now(), spoken, recording })
}
