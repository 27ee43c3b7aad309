use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout};
use voiceagent_core::{CallId, Error, ErrorKind, Result};
use voiceagent_telephony::control::NewCall;

use super::{SENT, Worker};
use crate::{
    mail::{self, Mail, Mailer},
    messages::callee,
    store::{Attempt, Channel, ContactPlan, Fault, Intent, Job, JobEnd, Objection, Purpose},
};

/// How long a phone rings: machines take over after some twenty seconds.
const RING: Duration = Duration::from_secs(30);
/// What was intended is done within this time, or not at all: a process may be held up in between.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long the carrier may take. It is asked once.
const ANSWER: Duration = Duration::from_secs(20);
/// After this time no request is on its way any more, and the carrier's lists hold what it has
/// taken.
const DOUBT: SignedDuration = SignedDuration::from_secs(60);
/// By how much the carrier's clock may be behind.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Whether a way to reach somebody is at its end.
#[derive(Debug)]
pub(super) enum Reached {
    /// The run of the job is over.
    Ended(JobEnd),
    /// Not by this channel; another may do.
    NotSo,
    /// Something stands against it, and that is written down.
    Refused(&'static str),
}

impl Reached {
    /// The end of a run that does not look for another way then.
    pub(super) fn or_refused(self) -> Self {
        match self {
            Self::Refused(why) => Self::Ended(JobEnd::Done(why)),
            reached => reached,
        }
    }
}

/// What a message says.
#[derive(Debug)]
pub(super) struct Words<'a> {
    /// The words.
    pub(super) text: &'a str,
    /// The template that stands for them, with what its places are filled with.
    pub(super) template: Option<(&'a str, BTreeMap<String, String>)>,
    /// What a letter is about, and where it goes.
    pub(super) letter: Option<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    /// Free text.
    pub(super) const fn text(text: &'a str) -> Self {
        Self { text, template: None, letter: None }
    }
}

impl Worker {
    /// Writes to somebody by the first of these ways that is open.
    pub(super) async fn write(
        &self,
        job: &Job,
        plans: &[ContactPlan],
        text: &str,
    ) -> Result<JobEnd, Fault> {
        if self.messenger.is_none() {
            return Ok(JobEnd::Done("nothing here sends texts"));
        }
        for plan in plans {
            let words = Words::text(text);
            let reached = self.reach(job, plan, Some(&words)).await?;
            if let Reached::Ended(end) = reached.or_refused() {
                return Ok(end);
            }
        }
        Ok(JobEnd::Done("they cannot be written to"))
    }

    /// Sends a message, if there is something here that sends such messages.
    pub(super) async fn say(
        &self,
        job: &Job,
        plan: &ContactPlan,
        words: &Words<'_>,
    ) -> Result<Reached, Fault> {
        let has_way = match plan.channel {
            Channel::Email => self.mailer.is_some(),
            _ => self.messenger.is_some(),
        };
        if !has_way {
            return Ok(Reached::NotSo);
        }
        self.reach(job, plan, Some(words)).await
    }

    /// Calls somebody, or sends a text, unless something stands against it or it was done before.
    pub(super) async fn reach(
        &self,
        job: &Job,
        plan: &ContactPlan,
        words: Option<&Words<'_>>,
    ) -> Result<Reached, Fault> {
        if plan.channel == Channel::Voice
            && !self.line.as_ref().is_some_and(|line| line.capabilities().dial)
        {
            return Ok(Reached::NotSo);
        }
        loop {
            let begun = Instant::now();
            let end = match self.store.intend(job, plan, self.clock.now()).await? {
                Intent::Free(attempt) => self.make(&attempt, words, begun).await?,
                Intent::Open(attempt) => match self.find_out(&attempt).await? {
                    Some(end) => end,
                    // It was not made, and that is written down.
                    None => continue,
                },
                Intent::Over { reached: false }
                | Intent::Refused(Objection::NoConsent | Objection::NoWindow) => {
                    return Ok(Reached::NotSo);
                }
                Intent::Over { reached: true } => JobEnd::Done("it was done before"),
                Intent::Later(at, why) => JobEnd::Later(at, told(why)),
                Intent::Refused(why) => return Ok(Reached::Refused(told(why))),
                Intent::Lost => JobEnd::Done("somebody else does it"),
            };
            return Ok(Reached::Ended(end));
        }
    }

    /// Asks the carrier for a contact whose intent is written down; once.
    async fn make(
        &self,
        attempt: &Attempt,
        words: Option<&Words<'_>>,
        begun: Instant,
    ) -> Result<JobEnd, Fault> {
        let doubt = JobEnd::Later(after(attempt.noted_at, DOUBT), "it is not known yet");
        if begun.elapsed() > AT_ONCE {
            return Ok(doubt);
        }
        let made = match timeout(ANSWER, self.ask_for(attempt, words)).await {
            Ok(made) => made,
            Err(_late) => return Ok(doubt),
        };
        match made {
            Ok(name) => {
                self.note_made(attempt, &name).await?;
                Ok(JobEnd::Done(SENT))
            }
            Err(error) if is_certain(&error) => {
                let why = error.kind().to_string();
                self.store.note_unmade(attempt, (true, &why), self.clock.now()).await?;
                Err(error.into())
            }
            Err(error) => {
                tracing::warn!(%error, "nobody knows whether somebody was reached");
                Ok(doubt)
            }
        }
    }

    async fn ask_for(&self, attempt: &Attempt, words: Option<&Words<'_>>) -> Result<String> {
        if let (Channel::Email, Some(words), Some(mailer)) = (attempt.channel, words, &self.mailer)
        {
            return self.post(attempt, words, &**mailer).await;
        }
        match (attempt.channel, words, &self.line, &self.messenger) {
            (Channel::Voice, _, Some(line), _) => {
                let call = NewCall::to(callee(&attempt.phone)?)
                    .with_machine_detection(true)
                    .with_ring(RING);
                line.dial(&call).await.map(|call: CallId| call.as_str().to_owned())
            }
            (channel, Some(words), _, Some(messenger)) => match &words.template {
                Some((name, variables)) => {
                    messenger.send_template(&attempt.phone, name, variables).await
                }
                None => messenger.send(&attempt.phone, channel, words.text).await,
            },
            _ => Err(Error::new(ErrorKind::Unsupported, "reach somebody", "there is no way to")),
        }
    }

    /// Sends a letter, under the token that was noted for it.
    async fn post(
        &self,
        attempt: &Attempt,
        words: &Words<'_>,
        mailer: &dyn Mailer,
    ) -> Result<String> {
        let (subject, to) = words.letter.ok_or_else(|| {
            Error::new(ErrorKind::Rejected, "reach somebody", "a letter has no address")
        })?;
        let prepared = (to, &*mail::token()?);
        let token = self.store.prepare_letter(attempt, prepared, self.clock.now()).await?;
        mailer.send(&Mail { token: &token, to, subject, text: words.text }).await
    }

    async fn note_made(&self, attempt: &Attempt, name: &str) -> Result<(), Fault> {
        let now = self.clock.now();
        match attempt.channel {
            Channel::Voice => self.store.note_placed(attempt, name, now).await,
            Channel::Email | Channel::Sms | Channel::WhatsApp => {
                self.store.note_sent(attempt, (name, template(attempt.purpose)), now).await
            }
        }
    }

    /// Asks the carrier whether a contact was made whose answer never came. `None` if it was not.
    async fn find_out(&self, attempt: &Attempt) -> Result<Option<JobEnd>, Fault> {
        let now = self.clock.now();
        let asked_at = after(attempt.noted_at, DOUBT);
        if now < asked_at {
            return Ok(Some(JobEnd::Later(asked_at, "it is not known yet")));
        }
        let names = match self.list(attempt).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let why = "the carrier does not tell";
                self.store.note_unmade(attempt, (false, why), now).await?;
                return Ok(Some(JobEnd::Done("nobody can tell; it is not tried again")));
            }
            names => names?,
        };
        for name in names {
            if !self.store.is_known(&name).await? {
                self.note_made(attempt, &name).await?;
                return Ok(Some(JobEnd::Done("the carrier had done it")));
            }
        }
        self.store.note_unmade(attempt, (true, "the carrier had not done it"), now).await?;
        Ok(None)
    }

    /// The carrier's names for what was made for the person since the intent.
    async fn list(&self, attempt: &Attempt) -> Result<Vec<String>> {
        let since = attempt.noted_at.saturating_sub(SKEW).unwrap_or(attempt.noted_at);
        match (attempt.channel, &self.line, &self.messenger) {
            (Channel::Voice, Some(line), _) => {
                let made = line.made(&callee(&attempt.phone)?, SystemTime::from(since)).await?;
                Ok(made.iter().map(|call| call.as_str().to_owned()).collect())
            }
            (channel @ (Channel::Sms | Channel::WhatsApp), _, Some(messenger)) => {
                messenger.sent(&attempt.phone, channel, since).await
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "find out", "there is nobody to ask")),
        }
    }
}

/// Whether it was certainly not done.
fn is_certain(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Closed
            | ErrorKind::Config
            | ErrorKind::RateLimited
            | ErrorKind::Rejected
            | ErrorKind::Unauthorized
            | ErrorKind::Unsupported
    )
}

/// The kind of a text, by what it is for.
fn template(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Callback => "callback",
        Purpose::Campaign => "campaign",
        Purpose::Confirmation => "appointment_confirmation",
        Purpose::FollowUp => "call_follow_up",
        Purpose::Recovery => "call_recovery",
        Purpose::Reminder => "appointment_reminder",
    }
}

fn told(objection: Objection) -> &'static str {
    match objection {
        Objection::DoNotCall => "they asked not to be contacted",
        Objection::Frequency => "they were called often enough for a day",
        Objection::InFlight => "their phone rings, or they are in a call",
        Objection::NoConsent => "they have not agreed",
        Objection::NoWindow => "they have not written for a day",
        Objection::OutsideHours => "it is not the time to call them",
        Objection::Stopped => "all contact is stopped",
        Objection::TestNumberSafety => "they are not on the list of those who may be called",
    }
}

fn after(moment: Timestamp, period: SignedDuration) -> Timestamp {
    moment.saturating_add(period).unwrap_or(moment)
}
