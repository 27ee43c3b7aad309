//! Spans as a collector gets them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    middleware,
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value as AnyValue,
    trace::v1::{Span, span::SpanKind, status::StatusCode as Outcome},
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, duplex},
    net::TcpListener,
    sync::{Mutex, Semaphore},
    time::Instant,
};
use tower_service::Service;
use voiceagent_core::Secret;

use super::*;
use crate::{
    clock::Clock,
    config::{Config, DealershipConfig, TracingConfig},
    messages::Messenger,
    metrics::{Metrics, Stored},
    phone::Phone,
    reception::Reception,
    store::{Channel, Store},
    terminal::Terminal,
};

/// A collector in this process.
#[derive(Clone)]
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
    headers: Arc<Mutex<HeaderMap>>,
    /// How many requests it answers; it holds the others.
    answers: Arc<Semaphore>,
}

impl Collector {
    async fn start(answers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            url: format!("http://{}/v1/traces", listener.local_addr().unwrap()),
            spans: Arc::default(),
            headers: Arc::default(),
            answers: Arc::new(Semaphore::new(answers)),
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        collector
    }

    fn config(&self) -> TracingConfig {
        TracingConfig { url: Some(self.url.clone()), ..Default::default() }
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    collector.answers.acquire().await.unwrap().forget();
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|one| one.scope_spans);
    collector.spans.lock().await.extend(scopes.flat_map(|scope| scope.spans));
    *collector.headers.lock().await = headers;
    StatusCode::OK
}

fn now() -> jiff::Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

fn clock() -> Clock {
    Clock::Fixed(now())
}

async fn reception() -> Reception {
    let store = Store::fresh().await;
    store.seed(now()).await.unwrap();
    Reception::open(store, clock(), &DealershipConfig::default()).await.unwrap()
}

/// What is said in a call in which somebody asks for their visit.
async fn read(reception: &Reception, call: &str) -> String {
    // More than the agent says.
    let (output, mut screen) = duplex(8_192);
    let lines = "when is my appointment\ngoodbye\n".as_bytes();
    let leg = Terminal::piped(call, lines, output).with_from("+16305550111");
    reception.answer(Box::new(leg)).await.unwrap().finished().await;
    reception.conclude(&CallId::new(call)).await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    text
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let told = |value: &AnyValue| match value {
        AnyValue::StringValue(text) => text.clone(),
        other => format!("{other:?}"),
    };
    span.attributes
        .iter()
        .filter_map(|one| Some((one.key.as_str(), told(one.value.as_ref()?.value.as_ref()?))))
        .collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_call_is_a_tree_of_spans_with_the_attributes_of_generative_models() {
    let collector = Collector::start(usize::MAX >> 4).await;
    let mut config = collector.config();
    config.headers = [("authorization".to_owned(), Secret::new("Basic abc"))].into();
    let metrics: Arc<Metrics> = Arc::default();
    let (spans, exporting) = exported(config, &metrics);
    let sending = tokio::spawn(exporting.run(std::future::pending()));
    let reception = reception().await.with_spans(spans, Some("gpt-6-luna".to_owned()));
    read(&reception, "traced").await;
    // Nobody takes spans in any more, so what is there is sent.
    drop(reception);
    sending.await.unwrap();
    let told = collector.spans.lock().await.clone();
    let trace = Trace::of(&CallId::new("traced"));
    assert!(told.iter().all(|span| span.trace_id == trace.ids().0.to_bytes()), "one trace");
    let [call] = named(&told, "call")[..] else { panic!("{told:?}") };
    assert_eq!(call.span_id, trace.ids().1.to_bytes(), "as the log and the carrier know it");
    assert!(call.parent_span_id.is_empty() && call.kind() == SpanKind::Server);
    assert_eq!(attributes(call)["gen_ai.conversation.id"], "traced");
    assert_eq!(attributes(call)["gen_ai.operation.name"], "invoke_agent");
    let turns = named(&told, "turn");
    assert_eq!(turns.len(), 2, "{told:?}");
    assert!(turns.iter().all(|turn| turn.parent_span_id == call.span_id));
    let is_in_turn = |span: &&Span| turns.iter().any(|turn| turn.span_id == span.parent_span_id);
    let (models, tools) = (named(&told, "llm"), named(&told, "tool"));
    assert!(!models.is_empty() && models.iter().all(is_in_turn), "{models:?}");
    assert!(!tools.is_empty() && tools.iter().all(is_in_turn), "{tools:?}");
    for model in &models {
        let about = attributes(model);
        assert_eq!(about["gen_ai.operation.name"], "chat");
        assert_eq!(about["gen_ai.request.model"], "gpt-6-luna");
        assert!(!about["gen_ai.provider.name"].is_empty());
    }
    let used: Vec<String> =
        tools.iter().map(|tool| attributes(tool)["gen_ai.tool.name"].clone()).collect();
    assert!(used.contains(&"lookup_customer".to_owned()), "{used:?}");
    let [analysis] = named(&told, "analysis")[..] else { panic!("{told:?}") };
    assert_eq!(analysis.parent_span_id, call.span_id);
    assert_eq!(attributes(analysis)["analysis.outcome"], "info_given");
    assert!(attributes(analysis).contains_key("analysis.engagement"));
    let nodes = named(&told, "node");
    assert_eq!(attributes(nodes[0])["graph.node"], "greet");
    for span in &told {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        assert!(call.start_time_unix_nano <= span.start_time_unix_nano, "{span:?}");
    }
    let whole = format!("{told:?}");
    assert!(!whole.contains("6305550111") && !whole.contains("my appointment"), "{whole}");
    assert_eq!(collector.headers.lock().await["authorization"], "Basic abc");
    let sent = format!("va_spans_total{{end=\"sent\"}} {}", told.len());
    assert!(metrics.text(0, &Stored::default()).lines().any(|line| line == sent), "{sent}");
}

#[test]
fn what_is_switched_off_is_told_to_no_collector() {
    let mut config = Config::default();
    config.tracing.url = Some("http://127.0.0.1:9".to_owned());
    config.switches.observability = false;
    assert!(spans(&config, &Arc::default()).unwrap().is_none());
}

#[tokio::test]
async fn what_was_said_is_sent_only_where_that_is_asked_for() {
    let collector = Collector::start(usize::MAX >> 4).await;
    let config = TracingConfig { words: true, ..collector.config() };
    let (spans, exporting) = exported(config, &Arc::default());
    let sending = tokio::spawn(exporting.run(std::future::pending()));
    let reception = reception().await.with_spans(spans, None);
    read(&reception, "words").await;
    drop(reception);
    sending.await.unwrap();
    let told = collector.spans.lock().await.clone();
    let turn = attributes(named(&told, "turn")[0]);
    assert!(turn["gen_ai.input.messages"].contains("when is my appointment"), "{turn:?}");
    assert!(turn["gen_ai.output.messages"].contains("assistant"), "{turn:?}");
}

/// What takes spans in and what sends them, as a configuration says.
fn exported(tracing: TracingConfig, metrics: &Arc<Metrics>) -> (Spans, Exporting) {
    let config = Config { tracing, ..Config::default() };
    spans(&config, metrics).unwrap().unwrap()
}

fn piece(spans: &Spans) -> Piece {
    let at = now().into();
    let trace = spans.trace(at);
    Piece {
        name: "call",
        kind: opentelemetry::trace::SpanKind::Internal,
        trace,
        id: spans.id(trace, at),
        parent: None,
        from: at,
        to: at,
        attributes: Vec::new(),
        fault: Some("it broke".to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_spans_take_no_time_and_what_the_queue_has_no_room_for_is_counted() {
    let metrics: Arc<Metrics> = Arc::default();
    let config = TracingConfig { url: Some("http://127.0.0.1:9".to_owned()), ..Default::default() };
    let (spans, _exporting) = exported(config, &metrics);
    let before = Instant::now();
    for _ in 0..10_000 {
        spans.note(piece(&spans));
    }
    assert_eq!(before.elapsed(), std::time::Duration::ZERO);
    let dropped = format!("va_spans_total{{end=\"dropped\"}} {}", 10_000 - export::WAITING);
    assert!(metrics.text(0, &Stored::default()).lines().any(|line| line == dropped), "{dropped}");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_changes_nothing_in_a_call() {
    let usual = read(&reception().await, "same").await;
    let collector = Collector::start(0).await;
    let (spans, exporting) = exported(collector.config(), &Arc::default());
    let sending = tokio::spawn(exporting.run(std::future::pending()));
    let reception = reception().await.with_spans(spans, None);
    // The spans of the first are held when the second is answered.
    for call in ["same", "next"] {
        assert_eq!(read(&reception, call).await, usual);
    }
    assert!(!sending.is_finished());
    sending.abort();
}

#[tokio::test]
async fn what_a_collector_that_is_down_does_not_take_is_counted_and_the_next_is_sent() {
    let metrics: Arc<Metrics> = Arc::default();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = Some(format!("http://{free}/v1/traces"));
    let config = TracingConfig { url, ..Default::default() };
    let (spans, exporting) = exported(config, &metrics);
    spans.note(piece(&spans));
    drop(spans);
    exporting.run(std::future::pending()).await;
    let text = metrics.text(0, &Stored::default());
    assert!(text.lines().any(|line| line == "va_spans_total{end=\"failed\"} 1"), "{text}");
}

#[tokio::test]
async fn the_program_stops_with_its_last_spans_sent() {
    let collector = Collector::start(usize::MAX >> 4).await;
    let (spans, exporting) = exported(collector.config(), &Arc::default());
    spans.note(piece(&spans));
    // It is asked to stop at once, while somebody still has the other end.
    exporting.run(std::future::ready(())).await;
    let told = collector.spans.lock().await;
    assert_eq!((told.len(), spans.has_words()), (1, false));
    let status = told[0].status.as_ref().unwrap();
    assert_eq!((status.code(), status.message.as_str()), (Outcome::Error, "it broke"));
}

/// A messenger that takes everything.
#[derive(Debug)]
struct Takes;

#[async_trait::async_trait]
impl Messenger for Takes {
    async fn send(&self, _: &Phone, _: Channel, _: &str) -> voiceagent_core::Result<String> {
        Ok("SM1".to_owned())
    }

    async fn sent(
        &self,
        _: &Phone,
        _: Channel,
        _: jiff::Timestamp,
    ) -> voiceagent_core::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn messages_and_webhooks_are_spans_of_the_call_that_they_are_about() {
    let collector = Collector::start(usize::MAX >> 4).await;
    let (spans, exporting) = exported(collector.config(), &Arc::default());
    let trace = Trace::of(&CallId::new("CA1"));
    let ana = Phone::parse("+16305550111").unwrap();
    for call in [Some(trace.clone()), None] {
        let (messenger, spans) = (Arc::new(Takes), spans.clone());
        let traced = TracedMessenger { messenger, spans, clock: clock(), call };
        assert_eq!(traced.send(&ana, Channel::Sms, "Hello").await.unwrap(), "SM1");
    }
    let mut door = Router::new()
        .route("/twilio/voice", post(|body: String| async move { body }))
        .route("/twilio/status", post(|| async { StatusCode::FORBIDDEN }))
        .layer(middleware::from_fn_with_state((spans.clone(), clock()), note_webhooks));
    for path in ["/twilio/voice", "/twilio/status"] {
        let form = "From=%2B16305550111&CallSid=CA1";
        let request = Request::post(path).body(Body::from(form)).unwrap();
        let answer = door.call(request).await.unwrap();
        if path == "/twilio/voice" {
            let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
            assert_eq!(body, form, "the webhook is what it was");
        }
    }
    drop((door, spans));
    exporting.run(std::future::pending()).await;
    let told = collector.spans.lock().await;
    let [ours, others] = named(&told, "message")[..] else { panic!("{told:?}") };
    assert_eq!(ours.trace_id, trace.ids().0.to_bytes());
    assert_eq!(ours.parent_span_id, trace.ids().1.to_bytes());
    assert!(others.trace_id != ours.trace_id && others.parent_span_id.is_empty());
    assert_eq!(attributes(ours)["messaging.channel"], "sms");
    let [webhook] = named(&told, "webhook")[..] else { panic!("unsigned is about nothing") };
    assert_eq!(webhook.parent_span_id, trace.ids().1.to_bytes());
    assert_eq!(attributes(webhook)["url.path"], "/twilio/voice");
    assert!(!format!("{told:?}").contains("6305550111"));
}

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
