use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use opentelemetry::{KeyValue, trace::SpanKind};
use voiceagent_core::Result;

use super::{Piece, Spans, Trace};
use crate::{clock::Clock, messages::Messenger, phone::Phone, store::Channel};

/// A messenger of which each text is a span `message`: of a call, or a trace of its own.
#[derive(Debug)]
pub(crate) struct TracedMessenger {
    pub(crate) messenger: Arc<dyn Messenger>,
    pub(crate) spans: Spans,
    pub(crate) clock: Clock,
    /// The call in which they are sent, if it is one.
    pub(crate) call: Option<Trace>,
}

impl TracedMessenger {
    fn begin(&self, channel: Channel) -> Piece {
        let from = self.clock.now().into();
        let (trace, parent) = match &self.call {
            Some(call) => (call.ids().0, Some(call.ids().1)),
            None => (self.spans.trace(from), None),
        };
        Piece {
            name: "message",
            kind: SpanKind::Producer,
            trace,
            id: self.spans.id(trace, from),
            parent,
            from,
            to: from,
            attributes: vec![KeyValue::new("messaging.channel", channel.word())],
            fault: None,
        }
    }

    fn end<T>(&self, mut piece: Piece, sent: &Result<T>) {
        piece.to = self.clock.now().into();
        piece.fault = sent.as_ref().err().map(|error| error.kind().to_string());
        self.spans.note(piece);
    }
}

#[async_trait]
impl Messenger for TracedMessenger {
    async fn send(&self, to: &Phone, channel: Channel, text: &str) -> Result<String> {
        let piece = self.begin(channel);
        let sent = self.messenger.send(to, channel, text).await;
        self.end(piece, &sent);
        sent
    }

    async fn send_template(
        &self,
        to: &Phone,
        name: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<String> {
        let piece = self.begin(Channel::WhatsApp);
        let sent = self.messenger.send_template(to, name, variables).await;
        self.end(piece, &sent);
        sent
    }

    async fn sent(&self, to: &Phone, channel: Channel, since: Timestamp) -> Result<Vec<String>> {
        self.messenger.sent(to, channel, since).await
    }
}
