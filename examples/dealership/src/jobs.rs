//! What falls due: calls and texts of the house's own accord.
//!
//! Nobody is called or written to twice. Before the carrier is asked for anything, the intent is
//! written down, in the transaction that also looks at the lease of the job, at consent, do-not-call
//! and calling hours, and at what was tried before. After a crash, or an answer that got lost, the
//! carrier is asked whether it was done; only when it says no, it is done.

mod after_call;
mod command;
mod pace;
mod reach;
mod replies;
mod steps;

#[cfg(test)]
mod tests;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::future::select;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::time::sleep;
use tracing::{Instrument, debug, info, warn};
use voiceagent_core::{CallId, ErrorKind, Result};
use voiceagent_telephony::{control::CallControl, front_door::CallStatus};

use self::reach::Reached;
use crate::{
    clock::Clock,
    departments::Departments,
    errand::{self, AllowList},
    events,
    mail::{Inbox, Mailer},
    messages::Messenger,
    metrics::Metrics,
    notices::Notices,
    phone::Phone,
    store::{
        Allowed, AppointmentId, AppointmentStatus, Attempt, Channel, ContactPlan, Fault, Job,
        JobEnd, JobKind, Outcome, Purpose, Refusal, Store,
    },
    trace::{Spans, Trace, TracedMessenger},
};

pub use self::{command::JobsCommand, pace::Pace};

/// How long a job is somebody's before others may take it: longer than its longest run.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
/// How often it is looked for jobs that are due.
const PACE: Duration = Duration::from_secs(5);
/// Runs of one round. What is left is done in the next.
const MOST_RUNS: usize = 1_000;
/// A call of which so long nothing was heard is asked about.
const SILENCE: SignedDuration = SignedDuration::from_secs(120);
/// The longest wait after a run that failed.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(60);
/// A visit is reminded of no later than so long before.
const TOO_LATE: i64 = 30;
/// What is told of a job whose call or message the carrier has taken.
const SENT: &str = "done";

/// Does the jobs that are due. Any number of workers may share a store.
#[derive(Debug)]
pub struct Worker {
    store: Store,
    clock: Clock,
    house: String,
    allow: AllowList,
    departments: Departments,
    line: Option<Arc<dyn CallControl>>,
    messenger: Option<Arc<dyn Messenger>>,
    mailer: Option<Arc<dyn Mailer>>,
    inbox: Option<Arc<dyn Inbox>>,
    pace: Option<Pace>,
    metrics: Arc<Metrics>,
    notices: Notices,
    /// Without them, no collector is told.
    spans: Option<Spans>,
}

impl Worker {
    /// A worker that speaks for a house of this name, and reaches nobody yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock, house: impl Into<String>) -> Self {
        Self {
            store,
            clock,
            house: house.into(),
            allow: AllowList::default(),
            departments: Departments::default(),
            line: None,
            messenger: None,
            mailer: None,
            inbox: None,
            pace: None,
            metrics: Arc::default(),
            notices: Notices::default(),
            spans: None,
        }
    }

    /// Begins no more jobs within a second than this.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Counts what is done with these.
    #[must_use]
    pub(crate) fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Words messages about appointments so.
    #[must_use]
    pub(crate) fn with_notices(mut self, notices: Notices) -> Self {
        self.notices = notices;
        self
    }

    /// Tells a collector of what is done. What sends texts is set before.
    #[must_use]
    pub(crate) fn with_spans(mut self, spans: Spans) -> Self {
        let clock = self.clock;
        self.messenger = self.messenger.map(|messenger| -> Arc<dyn Messenger> {
            Arc::new(TracedMessenger { messenger, spans: spans.clone(), clock, call: None })
        });
        self.spans = Some(spans);
        self
    }

    /// Makes calls with this.
    #[must_use]
    pub fn with_line(mut self, line: Arc<dyn CallControl>) -> Self {
        self.line = Some(line);
        self
    }

    /// Sends texts with this.
    #[must_use]
    pub fn with_messenger(mut self, messenger: Arc<dyn Messenger>) -> Self {
        self.messenger = Some(messenger);
        self
    }

    /// Sends letters with this.
    #[must_use]
    pub fn with_mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Reads answers from this.
    #[must_use]
    pub fn with_inbox(mut self, inbox: Arc<dyn Inbox>) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Calls these, and nobody else; those who are cut off while they call are written to all the
    /// same.
    #[must_use]
    pub fn with_allowed(mut self, allow: AllowList) -> Self {
        self.allow = allow;
        self
    }

    /// Connects those who asked to be called back with these.
    #[must_use]
    pub fn with_departments(mut self, departments: Departments) -> Self {
        self.departments = departments;
        self
    }

    /// Whether there is anybody whom it could call or write to.
    pub(crate) fn reaches_people(&self) -> bool {
        self.line.is_some() || self.messenger.is_some() || self.mailer.is_some()
    }

    /// Does what is due until `stop` ends, and then what has begun.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let work = pin!(self.do_jobs(stop));
        let read = pin!(self.read_replies());
        // Reading never ends by itself.
        select(work, read).await;
    }

    async fn do_jobs(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            if let Err(error) = self.round().await {
                warn!(%error, "the jobs are not done");
            }
            tokio::select! {
                () = &mut stop => return,
                () = sleep(PACE) => {}
            }
        }
    }

    async fn round(&self) -> Result<()> {
        self.store.plan_reminders(self.clock.now()).await?;
        self.run_due().await.map(|_| ())
    }

    /// Asks about calls of which nothing is heard, and does all jobs that are due. Returns how many
    /// were run.
    ///
    /// # Errors
    ///
    /// When the store cannot be used. What a carrier says is noted with the job.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is as a crash: whoever comes next finds out what was done.
    pub async fn run_due(&self) -> Result<usize> {
        self.look_after_calls().await?;
        for run in 0..MOST_RUNS {
            let job = self.store.claim_job(None, LEASE, self.clock.now()).await?;
            let Some(job) = job else { return Ok(run) };
            if let Some(pace) = &self.pace {
                pace.wait().await;
            }
            self.work(&job).await?;
        }
        Ok(MOST_RUNS)
    }

    /// Does one job now, whether or not it is due. Returns what became of it; `None` if there is no
    /// such job to be done.
    ///
    /// # Errors
    ///
    /// As [`run_due`](Self::run_due).
    pub async fn run_job(&self, id: &str) -> Result<Option<String>> {
        let Some(job) = self.store.claim_job(Some(id), LEASE, self.clock.now()).await? else {
            return Ok(None);
        };
        Ok(Some(self.work(&job).await?))
    }

    async fn work(&self, job: &Job) -> Result<String> {
        let now = self.clock.now();
        let end = self.perform(job).await.unwrap_or_else(|error| {
            warn!(job = job.id, kind = job.kind.word(), %error, "a job could not be done");
            JobEnd::Fault(pause_after(job, now), error.to_string())
        });
        // Of a call that was made, the job is over already.
        self.store.end_job(job, &end, self.clock.now()).await?;
        let told = match end {
            JobEnd::Done(note) => note.to_owned(),
            JobEnd::Fault(at, why) => format!("{why}; next at {at}"),
            JobEnd::Later(at, why) => format!("{why}; next at {at}"),
        };
        info!(job = job.id, kind = job.kind.word(), told, "a job was run");
        Ok(told)
    }

    async fn perform(&self, job: &Job) -> Result<JobEnd> {
        let done = match job.kind {
            JobKind::Callback => self.call_back(job).await,
            JobKind::CampaignStep => self.step(job).await,
            JobKind::ConfirmationText => self.confirm(job).await,
            JobKind::EvalRun => {
                Ok(JobEnd::Later(self.clock.now(), "a program that plays scenarios does it"))
            }
            JobKind::FollowUp => self.follow_up(job).await,
            JobKind::RecoveryText => self.recover(job).await,
            JobKind::Reminder | JobKind::ReminderText => self.remind(job).await,
        };
        match done {
            Err(Fault::Refused(Refusal::NotFound)) => Ok(JobEnd::Done("it is not there any more")),
            done => Ok(done?),
        }
    }

    /// Reminds somebody of a visit: by a call, and by a text where a call reaches nobody.
    async fn remind(&self, job: &Job) -> Result<JobEnd, Fault> {
        let gone = Ok(JobEnd::Done("there is nothing to be reminded of"));
        let Some(id) = AppointmentId::parse(&job.about) else { return gone };
        let Some(visit) = self.store.appointment(id).await? else { return gone };
        let now = self.clock.now();
        let latest = visit.start.timestamp().saturating_sub(TOO_LATE.minutes());
        let is_past = latest.is_ok_and(|latest| latest <= now);
        if visit.status == AppointmentStatus::Cancelled || is_past {
            return gone;
        }
        let Some(phone) = self.store.number_of(id).await? else { return gone };
        let plan = |channel, most| ContactPlan {
            allowed: self.allowed(&phone),
            channel,
            most,
            purpose: Purpose::Reminder,
            about: job.about.clone(),
            occasion: visit.start.timestamp().as_millisecond().to_string(),
            phone: phone.clone(),
            is_free_text: false,
        };
        // Who has shown nothing but a number is not asked who they are.
        if job.kind == JobKind::Reminder && visit.customer.is_some() {
            let reached = self.reach(job, &plan(Channel::Voice, 2), None).await?;
            if let Reached::Ended(end) = reached.or_refused() {
                return Ok(end);
            }
        }
        let place = self.store.location_at(Some(visit.location_id)).await?;
        let text = self.notices.reminder(&self.house, (&place, &visit), now);
        self.write(job, &[plan(Channel::Sms, 1)], &text).await
    }

    /// Writes to somebody what they have booked, or moved. Whom the house calls of its own accord
    /// does not matter: they have just asked for it.
    async fn confirm(&self, job: &Job) -> Result<JobEnd, Fault> {
        let gone = Ok(JobEnd::Done("there is nothing to be confirmed"));
        let Some(id) = AppointmentId::parse(&job.about) else { return gone };
        let Some(visit) = self.store.appointment(id).await? else { return gone };
        let is_past = visit.start.timestamp() <= self.clock.now();
        if visit.status == AppointmentStatus::Cancelled || is_past {
            return gone;
        }
        let Some(phone) = self.store.number_of(id).await? else { return gone };
        let plan = |channel| ContactPlan {
            allowed: Allowed::IfAgreed,
            channel,
            most: 1,
            purpose: Purpose::Confirmation,
            about: job.about.clone(),
            occasion: visit.start.timestamp().as_millisecond().to_string(),
            phone: phone.clone(),
            is_free_text: channel == Channel::WhatsApp,
        };
        let mut plans = vec![plan(Channel::Sms)];
        if self.store.prefers(id, Channel::WhatsApp).await? {
            plans.insert(0, plan(Channel::WhatsApp));
        }
        let place = self.store.location_at(Some(visit.location_id)).await?;
        let text = self.notices.confirmation(&self.house, (&place, &visit), self.clock.now());
        self.write(job, &plans, &text).await
    }

    /// Writes to somebody whose call broke off, unless they have called again.
    async fn recover(&self, job: &Job) -> Result<JobEnd, Fault> {
        let Some(phone) = self.store.cut_off(&job.about, self.clock.now()).await? else {
            return Ok(JobEnd::Done("they have called again, or it is long ago"));
        };
        let plan = ContactPlan {
            phone,
            channel: Channel::Sms,
            purpose: Purpose::Recovery,
            about: job.about.clone(),
            occasion: String::new(),
            most: 1,
            allowed: Allowed::IfAgreed,
            is_free_text: false,
        };
        let text = errand::recovery_text(&self.house, &self.store.location().await?);
        let id = CallId::new(&*job.about);
        let span = Trace::of(&id).span(&id);
        span.in_scope(|| events::recovery(&job.about));
        let end = self.write(job, &[plan], &text).instrument(span).await?;
        if matches!(end, JobEnd::Done(SENT)) {
            self.metrics.recovery_sent();
        }
        Ok(end)
    }

    /// Calls somebody who asked for it, when those are there with whom they want to talk.
    async fn call_back(&self, job: &Job) -> Result<JobEnd, Fault> {
        let callback = self.store.callback(&job.about).await?;
        if !callback.is_open {
            return Ok(JobEnd::Done("they were called back"));
        }
        if self.departments.target(callback.department).is_none() {
            return Ok(JobEnd::Done("a person calls them back"));
        }
        if let Some(opens) = self.closed_until().await? {
            return Ok(JobEnd::Later(opens, "nobody is there"));
        }
        let allowed = match self.allowed(&callback.phone) {
            Allowed::IfAgreed => Allowed::Asked,
            allowed => allowed,
        };
        let plan = ContactPlan {
            phone: callback.phone,
            channel: Channel::Voice,
            purpose: Purpose::Callback,
            about: job.about.clone(),
            occasion: String::new(),
            most: 2,
            allowed,
            is_free_text: false,
        };
        match self.reach(job, &plan, None).await?.or_refused() {
            Reached::Ended(end) => Ok(end),
            _ => Ok(JobEnd::Done("nobody answered; a person calls them back")),
        }
    }

    fn allowed(&self, phone: &Phone) -> Allowed {
        if self.allow.permits(phone) { Allowed::IfAgreed } else { Allowed::Never }
    }

    /// When the house opens next; `None` if it is open.
    async fn closed_until(&self) -> Result<Option<Timestamp>, Fault> {
        let now = self.clock.now();
        let location = self.store.location().await?;
        let hours = self.store.hours(&location).await?;
        let today = now.to_zoned(location.zone).date();
        let days = today.series(1.day()).take(14);
        let intervals: Vec<_> = days.flat_map(|date| hours.on(date)).collect();
        if intervals.iter().any(|open| open.opens <= now && now < open.closes) {
            return Ok(None);
        }
        let next = intervals.iter().map(|open| open.opens).find(|opens| *opens > now);
        Ok(Some(next.unwrap_or_else(|| now.saturating_add(24.hours()).unwrap_or(now))))
    }

    /// Asks the carrier about the calls of which nothing was heard: reports get lost.
    async fn look_after_calls(&self) -> Result<()> {
        let Some(line) = self.line.as_ref().filter(|line| line.capabilities().status) else {
            return Ok(());
        };
        let now = self.clock.now();
        let since = now.saturating_sub(SILENCE).unwrap_or(now);
        for call in self.store.silent_calls(since).await? {
            let Some(provider) = call.provider.as_deref() else { continue };
            let status = match line.status(&CallId::new(provider)).await {
                Ok(status) => status,
                Err(error) if error.kind() == ErrorKind::Closed => CallStatus::Failed,
                Err(error) => {
                    debug!(%error, "a call cannot be asked about");
                    continue;
                }
            };
            match outcome(status) {
                None => self.store.note_alive(&call, now).await?,
                Some(told) => {
                    let ended = (of_silent(&call, told), false);
                    self.store.note_outcome(provider, ended, now).await?;
                }
            }
        }
        Ok(())
    }
}

/// Notes what the carrier reports of a call. It may report late, twice, and of calls that others
/// have made.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn note_status(
    store: &Store,
    call: &CallId,
    status: CallStatus,
    now: Timestamp,
) -> Result<()> {
    let Some(outcome) = outcome(status) else { return Ok(()) };
    store.note_outcome(call.as_str(), (outcome, true), now).await?;
    if status == CallStatus::Failed {
        store.note_failed(call.as_str(), now).await?;
    }
    Ok(())
}

/// How a call ended, by the carrier's word; `None` for one that goes on. What was answered, and has
/// never come here, is no success.
fn outcome(status: CallStatus) -> Option<Outcome> {
    match status {
        CallStatus::Busy => Some(Outcome::Busy),
        CallStatus::Canceled | CallStatus::NoAnswer => Some(Outcome::NoAnswer),
        CallStatus::Completed | CallStatus::Failed => Some(Outcome::Failed),
        CallStatus::InProgress
        | CallStatus::Initiated
        | CallStatus::Queued
        | CallStatus::Ringing
        | _ => None,
    }
}

/// Who has been talked with is not called again because nobody has noted the end.
fn of_silent(call: &Attempt, told: Outcome) -> Outcome {
    if call.state == "answered" { Outcome::Answered } else { told }
}

/// When a job is run again that failed: later each time.
fn pause_after(job: &Job, now: Timestamp) -> Timestamp {
    let doubled = 1_i64 << job.faults.clamp(0, 10);
    let pause = SignedDuration::from_secs(30 * doubled).min(LONGEST_PAUSE);
    now.saturating_add(pause).unwrap_or(now)
}
