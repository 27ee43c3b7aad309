use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use opentelemetry::{KeyValue, trace::SpanKind};
use voiceagent_core::{
    Result,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, Usage},
};

use super::{CallTrace, Piece};

/// A model of which each answer is a span `llm`.
#[derive(Debug)]
pub(super) struct TracedModel {
    pub(super) model: Arc<dyn LanguageModel>,
    /// Its name at the vendor, where that is known.
    pub(super) name: Option<String>,
    pub(super) call: Arc<CallTrace>,
}

/// An answer that goes on. It is over when it is dropped, however it ended.
#[derive(Debug)]
struct Answer {
    call: Arc<CallTrace>,
    piece: Option<Piece>,
    usage: Option<Usage>,
    has_begun: bool,
}

#[async_trait]
impl LanguageModel for TracedModel {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.model.capabilities()
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let mut piece = self.call.within_turn("llm", SpanKind::Client);
        piece.attributes.extend([
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", self.model.name().to_owned()),
        ]);
        if let Some(name) = &self.name {
            piece.attributes.push(KeyValue::new("gen_ai.request.model", name.clone()));
        }
        let call = Arc::clone(&self.call);
        let mut answer = Answer { call, piece: Some(piece), usage: None, has_begun: false };
        let stream = match self.model.generate(request).await {
            Ok(stream) => stream,
            Err(error) => {
                answer.fail(&error);
                return Err(error);
            }
        };
        Ok(stream.inspect(move |event| answer.hear(event)).boxed())
    }

    async fn warm(&self) -> Result<()> {
        self.model.warm().await
    }
}

impl Answer {
    fn hear(&mut self, event: &Result<LlmEvent>) {
        match event {
            Ok(LlmEvent::Usage(usage)) => self.usage = Some(*usage),
            Ok(_) if !self.has_begun => {
                self.has_begun = true;
                let now = self.call.now();
                if let Some(piece) = &mut self.piece {
                    let after = now.duration_since(piece.from).unwrap_or_default().as_secs_f64();
                    let name = "gen_ai.response.time_to_first_chunk";
                    piece.attributes.push(KeyValue::new(name, after));
                }
            }
            Ok(_) => {}
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: &voiceagent_core::Error) {
        if let Some(piece) = &mut self.piece {
            piece.fault = Some(error.kind().to_string());
            piece.attributes.push(KeyValue::new("error.type", error.kind().to_string()));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let Some(mut piece) = self.piece.take() else { return };
        if let Some(usage) = self.usage {
            piece.attributes.extend([
                KeyValue::new("gen_ai.usage.input_tokens", i64::from(usage.input_tokens)),
                KeyValue::new("gen_ai.usage.output_tokens", i64::from(usage.output_tokens)),
            ]);
        }
        self.call.end(piece);
    }
}
