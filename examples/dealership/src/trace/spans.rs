use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::metrics::Metrics;

/// Takes in the spans that are over, and never waits: what the queue has no room for is dropped and
/// counted.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    queue: mpsc::Sender<SpanData>,
    metrics: Arc<Metrics>,
    /// So that spans which begin in the same moment have names of their own.
    begun: Arc<AtomicU64>,
    has_words: bool,
}

/// Something that was done, from when to when.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) name: &'static str,
    pub(crate) kind: SpanKind,
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    /// Within what; `None` for a trace as a whole.
    pub(crate) parent: Option<SpanId>,
    pub(crate) from: SystemTime,
    pub(crate) to: SystemTime,
    pub(crate) attributes: Vec<KeyValue>,
    /// Why it failed, if it did.
    pub(crate) fault: Option<String>,
}

impl Spans {
    /// With `has_words`, what people and the agent said is told too.
    pub(super) fn new(
        queue: mpsc::Sender<SpanData>,
        metrics: Arc<Metrics>,
        has_words: bool,
    ) -> Self {
        Self { queue, metrics, begun: Arc::default(), has_words }
    }

    /// Whether what was said is told.
    pub(super) const fn has_words(&self) -> bool {
        self.has_words
    }

    /// A name for a trace that begins with a span.
    pub(super) fn trace(&self, at: SystemTime) -> TraceId {
        let halves = [TraceId::INVALID; 2].map(|none| self.id(none, at).to_bytes());
        let mut id = [0; 16];
        id[..8].copy_from_slice(&halves[0]);
        id[8..].copy_from_slice(&halves[1]);
        TraceId::from_bytes(id)
    }

    /// A name for a span that begins.
    pub(crate) fn id(&self, trace: TraceId, at: SystemTime) -> SpanId {
        let nth = self.begun.fetch_add(1, Ordering::Relaxed);
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let digest = Sha256::new()
            .chain_update(trace.to_bytes())
            .chain_update(at.to_be_bytes())
            .chain_update(nth.to_be_bytes())
            .finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        SpanId::from_bytes(id)
    }

    /// Takes in what is over.
    pub(crate) fn note(&self, piece: Piece) {
        let Piece { name, kind, trace, id, parent, from, to, attributes, fault } = piece;
        let context =
            SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default());
        let span = SpanData {
            span_context: context,
            parent_span_id: parent.unwrap_or(SpanId::INVALID),
            parent_span_is_remote: false,
            span_kind: kind,
            name: name.into(),
            start_time: from,
            end_time: to.max(from),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: fault.map_or(Status::Unset, Status::error),
            instrumentation_scope: InstrumentationScope::builder("dealership")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        };
        if self.queue.try_send(span).is_err() {
            self.metrics.spans("dropped", 1);
        }
    }
}
