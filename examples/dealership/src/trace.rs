//! The trace of a call: one identifier in all its lines of the log, whichever program writes them, and
//! in the spans that a collector is sent.

mod call;
mod export;
mod message;
mod model;
mod spans;
mod webhook;

#[cfg(test)]
mod tests;

use opentelemetry::{SpanId, TraceId};
use sha2::{Digest, Sha256};
use tracing::{Span, info_span};
use voiceagent_core::CallId;

pub(crate) use self::{
    call::{CallTrace, note_steps},
    export::{Exporting, spans},
    message::TracedMessenger,
    spans::{Piece, Spans},
    webhook::note_webhooks,
};

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
    ids: (TraceId, SpanId),
}

impl Trace {
    pub(crate) fn of(call: &CallId) -> Self {
        let digest = Sha256::digest(call.as_str());
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&digest[..16]);
        span.copy_from_slice(&digest[16..24]);
        let ids = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
        Self { id: hex(&trace), parent: hex(&span), ids }
    }

    /// As OpenTelemetry names the trace, and the call as a span of it.
    pub(crate) const fn ids(&self) -> (TraceId, SpanId) {
        self.ids
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
