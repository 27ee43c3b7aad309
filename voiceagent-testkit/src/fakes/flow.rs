use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::sleep;
use voiceagent_core::{
    Error, ErrorKind, Result,
    flow::{Flow, Plan, TurnContext},
};

use super::Recording;

type Script = dyn FnMut(&TurnContext) -> Option<Plan> + Send;

/// A conversation policy that plans as the test says.
pub struct FakeFlow {
    script: Mutex<Box<Script>>,
    delay: Duration,
    planned: Recording<TurnContext>,
    committed: Recording<(TurnContext, Plan)>,
}

impl FakeFlow {
    /// A flow that plans at once what `script` returns; `None` is a failure.
    pub fn new(script: impl FnMut(&TurnContext) -> Option<Plan> + Send + 'static) -> Self {
        Self {
            script: Mutex::new(Box::new(script)),
            delay: Duration::ZERO,
            planned: Recording::default(),
            committed: Recording::default(),
        }
    }

    /// A flow that gives these plans one after another, and fails after the last.
    pub fn plans(plans: impl IntoIterator<Item = Plan, IntoIter: Send + 'static>) -> Self {
        let mut plans = plans.into_iter();
        Self::new(move |_| plans.next())
    }

    /// Says how long planning takes.
    #[must_use]
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Each turn that was planned, drafts included.
    #[must_use]
    pub fn planned(&self) -> Recording<TurnContext> {
        self.planned.clone()
    }

    /// Each turn that happened, with its plan.
    #[must_use]
    pub fn committed(&self) -> Recording<(TurnContext, Plan)> {
        self.committed.clone()
    }
}

#[async_trait]
impl Flow for FakeFlow {
    async fn plan(&self, turn: &TurnContext) -> Result<Plan> {
        self.planned.add(turn.clone());
        let plan = self.script.lock().unwrap_or_else(PoisonError::into_inner)(turn);
        sleep(self.delay).await;
        plan.ok_or_else(|| Error::new(ErrorKind::Rejected, "plan", "failed as the test asked"))
    }

    async fn commit(&self, turn: &TurnContext, plan: &Plan) -> Result<()> {
        self.committed.add((turn.clone(), plan.clone()));
        Ok(())
    }
}

impl fmt::Debug for FakeFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeFlow").field("delay", &self.delay).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;
    use voiceagent_core::{
        TurnId,
        transport::{CallInfo, Media},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn plans_come_in_order_and_commits_are_kept_apart() {
        let flow = FakeFlow::plans([Plan::Stay]).with_delay(Duration::from_millis(20));
        let call = Arc::new(CallInfo::new("1", Media::Text));
        let turn = TurnContext::new(call, TurnId::new(1), "hello");
        let begun = Instant::now();
        assert_eq!(flow.plan(&turn).await.unwrap(), Plan::Stay);
        assert_eq!(begun.elapsed(), Duration::from_millis(20));
        assert_eq!(flow.plan(&turn).await.unwrap_err().kind(), ErrorKind::Rejected);
        assert_eq!((flow.planned().count(), flow.committed().count()), (2, 0));
        flow.commit(&turn, &Plan::Stay).await.unwrap();
        assert_eq!(flow.committed().last().unwrap().1, Plan::Stay);
    }
}
