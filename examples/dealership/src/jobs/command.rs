use std::path::PathBuf;

use clap::Subcommand;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use voiceagent_core::{Error, Result};

use super::Worker;
use crate::{
    campaign::Steps,
    phone::Phone,
    store::{Fault, Job, JobKind, Refusal, Store},
};

/// What is done with the jobs from the command line.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum JobsCommand {
    /// Sets the steps of a campaign, which is made if there is none of the name. Who is in it already
    /// keeps theirs.
    Campaign {
        /// The campaign's name.
        campaign: String,
        /// A file with the steps, in JSON.
        steps: PathBuf,
    },
    /// Takes a lead into a campaign, which is made if there is none of the name.
    Enroll {
        /// The campaign's name.
        campaign: String,
        /// The lead's number.
        #[arg(value_parser = phone)]
        phone: Phone,
    },
    /// Lists what is to be done.
    List {
        /// What is over too.
        #[arg(long)]
        all: bool,
    },
    /// Has the visits of tomorrow reminded of this evening that nobody reminds of yet.
    Plan,
    /// Reads now what people have answered by e-mail.
    Poll,
    /// Lets calls and messages go on.
    Resume,
    /// Does a job now, whether or not it is due. All that stands against a call still does.
    Run {
        /// Its identifier, as `list` shows it.
        id: String,
    },
    /// Has something done.
    Schedule {
        /// What: `reminder`, `reminder_text`, `recovery_text`, `callback` or `campaign_step`.
        #[arg(value_parser = kind)]
        kind: JobKind,
        /// The identifier of the appointment, the call, the callback or the enrollment.
        about: String,
        /// When, such as `2026-06-18T18:00-05:00`; now if not set.
        #[arg(long)]
        at: Option<Timestamp>,
    },
    /// Stops all calls and messages of the house's own accord, in all programs that use the
    /// database.
    Stop {
        /// Why.
        reason: String,
    },
}

impl JobsCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When there is no such job, lead or row, or the store cannot be used; the message says what.
    pub async fn run(&self, store: &Store, worker: &Worker, now: Timestamp) -> Result<String> {
        match self {
            Self::Campaign { campaign, steps } => {
                let text = std::fs::read_to_string(steps)
                    .map_err(|cause| Error::config(format!("{}: {cause}", steps.display())))?;
                let steps = Steps::read(&text)?;
                store.set_steps(campaign, &steps, now).await?;
                Ok(format!("{} steps.\n", steps.len()))
            }
            Self::Enroll { campaign, phone } => {
                let id = store.enroll(campaign, phone, now).await.map_err(|fault| match fault {
                    Fault::Refused(Refusal::NotFound) => {
                        Error::config("there is no lead with this number")
                    }
                    fault => fault.into(),
                })?;
                Ok(format!("Enrollment {id}.\n"))
            }
            Self::List { all } => {
                let zone = store.location().await?.zone;
                Ok(table(&store.jobs(*all).await?, &zone))
            }
            Self::Plan => Ok(format!("{} visits.\n", store.plan_reminders(now).await?)),
            Self::Poll => match worker.poll_replies().await? {
                Some(news) => Ok(format!("{news} answers.\n")),
                None => Err(Error::config("field `email.imap` is missing; answers are read there")),
            },
            Self::Resume => {
                store.stop_contacts(None, now).await?;
                Ok("Calls and messages go on.\n".to_owned())
            }
            Self::Run { id } => match worker.run_job(id).await? {
                Some(told) => Ok(format!("{told}\n")),
                None => Err(Error::config("there is no such job to be done; see `jobs list`")),
            },
            Self::Schedule { kind, about, at } => {
                let id = store.schedule_job((*kind, about), at.unwrap_or(now), now).await?;
                Ok(format!("Job {id}.\n"))
            }
            Self::Stop { reason } => {
                store.stop_contacts(Some(reason), now).await?;
                Ok("No calls and messages any more; `jobs resume` lets them go on.\n".to_owned())
            }
        }
    }
}

/// A table of when, what, how it stands and what became of it.
fn table(jobs: &[Job], zone: &TimeZone) -> String {
    if jobs.is_empty() {
        return "No jobs.\n".to_owned();
    }
    let line = |job: &Job| {
        let at: Zoned = job.run_at.to_zoned(zone.clone());
        let note = job.note.as_deref().unwrap_or_default();
        let line = format!(
            "{}  {:13}  {:9}  {}  {}  {note}",
            at.strftime("%Y-%m-%d %H:%M"),
            job.kind.word(),
            job.state,
            job.id,
            job.about
        );
        format!("{}\n", line.trim_end())
    };
    jobs.iter().map(line).collect()
}

fn kind(written: &str) -> Result<JobKind, String> {
    let known = || JobKind::ALL.map(JobKind::word).join(", ");
    JobKind::parse(written).ok_or_else(|| format!("there are {}", known()))
}

fn phone(written: &str) -> Result<Phone, &'static str> {
    Phone::parse(written).ok_or("write it like +16305550111")
}
