use jiff::SignedDuration;

use super::{
    Worker,
    reach::{Reached, Words},
};
use crate::{
    campaign::{Step, filled},
    errand,
    store::{Channel, ContactPlan, Enrollment, Fault, Job, JobEnd, Location, Purpose},
};

impl Worker {
    /// Does the next step of a campaign with a lead, or the first behind it that can be done.
    pub(super) async fn step(&self, job: &Job) -> Result<JobEnd, Fault> {
        let mut last = JobEnd::Done("they have left the campaign");
        loop {
            let place = self.store.enrollment(&job.about).await?;
            let now = self.clock.now();
            if !place.is_running {
                let later = now.saturating_add(SignedDuration::from_mins(15)).unwrap_or(now);
                return Ok(JobEnd::Later(later, "the campaign is paused"));
            }
            if !place.is_in() {
                return Ok(last);
            }
            match self.act(job, &place).await? {
                // A message that was sent before, or may have been, is not sent again; what comes
                // behind it is.
                Acted::Ended(JobEnd::Done(why))
                    if place.steps.is_some() && place.node != "call" =>
                {
                    last = JobEnd::Done(why);
                    self.store.go_on(job, place.place, now, now).await?;
                }
                Acted::Ended(end) => return Ok(end),
                Acted::Waits(period) => {
                    let at = now.saturating_add(period).unwrap_or(now);
                    self.store.go_on(job, place.place, at, now).await?;
                    return Ok(JobEnd::Done("the next step waits"));
                }
                Acted::NotSo => {
                    last = JobEnd::Done("they cannot be reached");
                    self.store.go_on(job, place.place, now, now).await?;
                }
            }
            // Where somebody else holds the job, nothing has moved.
            if self.store.enrollment(&job.about).await?.place == place.place {
                return Ok(last);
            }
        }
    }

    async fn act(&self, job: &Job, place: &Enrollment) -> Result<Acted, Fault> {
        let plan = |channel, most| ContactPlan {
            allowed: self.allowed(&place.phone),
            channel,
            most,
            purpose: Purpose::Campaign,
            about: job.about.clone(),
            occasion: match place.steps {
                None => String::new(),
                Some(_) => place.place.to_string(),
            },
            phone: place.phone.clone(),
            is_free_text: false,
        };
        let location = self.store.location().await?;
        let step = match &place.steps {
            Some(steps) => steps.get(place.place),
            None if place.node == "call" => {
                let calls = plan(Channel::Voice, place.most_calls);
                return Ok(self.reach(job, &calls, None).await?.or_refused().into());
            }
            None => {
                let text = errand::campaign_text(&self.house, &location);
                for channel in [Channel::Sms, Channel::WhatsApp] {
                    let mut plan = plan(channel, 1);
                    plan.is_free_text = channel == Channel::WhatsApp;
                    let reached = self.say(job, &plan, &Words::text(&text)).await?;
                    if let Reached::Ended(end) = reached.or_refused() {
                        return Ok(Acted::Ended(end));
                    }
                }
                return Ok(Acted::NotSo);
            }
        };
        let said = |text: &str| self.said(text, place, &location);
        match step {
            None => Ok(Acted::NotSo),
            Some(Step::Wait { minutes, .. }) => {
                Ok(Acted::Waits(SignedDuration::from_mins(*minutes)))
            }
            Some(Step::Call { most, .. }) => {
                let calls = plan(Channel::Voice, *most);
                Ok(self.reach(job, &calls, None).await?.into())
            }
            Some(Step::Sms { text, .. }) => {
                let words = said(text);
                Ok(self.say(job, &plan(Channel::Sms, 1), &Words::text(&words)).await?.into())
            }
            Some(Step::Whatsapp { text, template, variables, .. }) => {
                let words = said(text);
                let mut plan = plan(Channel::WhatsApp, 1);
                plan.is_free_text = template.is_none();
                let variables =
                    variables.iter().map(|(name, text)| (name.clone(), said(text))).collect();
                let template = template.as_deref().map(|name| (name, variables));
                let words = Words { template, ..Words::text(&words) };
                Ok(self.say(job, &plan, &words).await?.into())
            }
            Some(Step::Email { subject, text, .. }) => {
                let (subject, words) = (said(subject), said(text));
                let Some(address) = place.email.as_deref() else { return Ok(Acted::NotSo) };
                let letter = Some((subject.as_str(), address));
                let words = Words { letter, ..Words::text(&words) };
                Ok(self.say(job, &plan(Channel::Email, 1), &words).await?.into())
            }
        }
    }

    /// A text of a step, with what stands for something in its places.
    fn said(&self, text: &str, place: &Enrollment, location: &Location) -> String {
        let number = errand::written(&location.phone);
        filled(text, &self.house, place.first_name.as_deref(), &number)
    }
}

/// What became of a step.
enum Acted {
    /// The run of the job is over.
    Ended(JobEnd),
    /// It cannot be done; the next one may.
    NotSo,
    /// The next one is due after this time.
    Waits(SignedDuration),
}

impl From<Reached> for Acted {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Ended(end) => Self::Ended(end),
            Reached::NotSo | Reached::Refused(_) => Self::NotSo,
        }
    }
}
