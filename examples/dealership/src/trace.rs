//! The trace of a call: one identifier in all its lines of the log, whichever program writes them.

use sha2::{Digest, Sha256};
use tracing::{Span, info_span};
use voiceagent_core::CallId;

/// The parameter in which the trace goes through the carrier, as the W3C writes it
/// (<https://www.w3.org/TR/trace-context/>).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The trace of a call.
///
/// It follows from the carrier's name for the call, which is as random as a trace has to be: the
/// webhook, the socket, a report that another program takes in and a call that goes on elsewhere
/// after a crash all have the same, and none has to be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Trace {
    id: String,
    /// The call as a span of that trace.
    parent: String,
}

impl Trace {
    pub(crate) fn of(call: &CallId) -> Self {
        let digest = Sha256::digest(call.as_str());
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: hex(&digest[..16]), parent: hex(&digest[16..24]) }
    }

    /// 32 hexadecimal digits.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// As it is written in a header.
    pub(crate) fn parent(&self) -> String {
        format!("00-{}-{}-01", self.id, self.parent)
    }

    /// What a call does is done within this.
    pub(crate) fn span(&self, call: &CallId) -> Span {
        info_span!("trace", trace_id = self.id, %call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_knows_a_call_by_the_same_trace() {
        let trace = Trace::of(&CallId::new("CA1"));
        assert_eq!(trace, Trace::of(&CallId::new("CA1")));
        assert_ne!(trace, Trace::of(&CallId::new("CA2")));
        let parent = trace.parent();
        let parts: Vec<&str> = parent.split('-').collect();
        let [version, id, span, flags] = parts[..] else { panic!("{parent}") };
        assert_eq!((version, id, span.len(), flags), ("00", trace.id(), 16, "01"));
        assert!(id.len() == 32 && parent.bytes().all(|byte| byte != b'g'), "{parent}");
    }
}
