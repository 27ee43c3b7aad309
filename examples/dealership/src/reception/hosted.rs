//! Calls whose talk somebody else leads.

use tracing::Instrument;
use voiceagent_core::{CallId, Result, transport::CallInfo};

use super::{Reception, known};
use crate::{
    agent::HostedTalk,
    store::{CallTurn, Ending},
    trace::Trace,
};

impl Reception {
    /// Begins a call whose talk somebody else leads: what it is led by.
    ///
    /// # Errors
    ///
    /// When its tools cannot be made.
    pub(crate) async fn host(&self, call: &CallInfo) -> Result<HostedTalk> {
        let occasion = self.occasion(call).await;
        self.makings.hosted(call, &occasion)
    }

    /// Notes how a call went whose talk somebody else led, with what was said in it.
    pub(crate) async fn conclude_hosted(
        &self,
        call: &CallId,
        said: &[(usize, CallTurn)],
        ending: Ending,
    ) {
        let span = Trace::of(call).span(call);
        let concluded = async {
            let noted = self.makings.store.note_turns(call.as_str(), said).await;
            known(noted, "what was said in a hosted call is not noted");
            self.over(call, ending).await;
        };
        concluded.instrument(span).await;
    }
}
