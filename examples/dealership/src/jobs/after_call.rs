use super::Worker;
use crate::store::{Allowed, Channel, ContactPlan, Fault, Job, JobEnd, Purpose};

impl Worker {
    /// Writes to somebody after a call. Whom the house calls of its own accord does not matter: they
    /// have agreed to texts, and it is about what they have just done.
    pub(super) async fn follow_up(&self, job: &Job) -> Result<JobEnd, Fault> {
        let Some(text) = self.store.follow_up(&job.about, self.clock.now()).await? else {
            return Ok(JobEnd::Done("the call is long ago"));
        };
        let plan = |channel| ContactPlan {
            phone: text.phone.clone(),
            channel,
            purpose: Purpose::FollowUp,
            about: job.about.clone(),
            occasion: String::new(),
            most: 1,
            allowed: Allowed::IfAgreed,
            is_free_text: channel == Channel::WhatsApp,
        };
        let mut plans = vec![plan(Channel::Sms)];
        if text.prefers_whatsapp {
            plans.insert(0, plan(Channel::WhatsApp));
        }
        self.write(job, &plans, &text.words).await
    }
}
