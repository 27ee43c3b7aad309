use super::Reception;
use crate::{recordings::Recordings, trace::Spans};

impl Reception {
    /// Records calls to the folder of these, unless their callers say no.
    #[must_use]
    pub(crate) fn with_recordings(mut self, recordings: Recordings) -> Self {
        self.makings.recordings = Some(recordings);
        self
    }

    /// Tells a collector of calls; `model` is what the vendor calls the model that answers.
    #[must_use]
    pub(crate) fn with_spans(mut self, spans: Spans, model: Option<String>) -> Self {
        (self.makings.spans, self.makings.model) = (Some(spans), model);
        self
    }
}
