use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use axum::extract::ws::Message;
use futures_util::{Sink, Stream};

/// A socket whose far end is the test.
#[derive(Clone, Default)]
pub(super) struct FakeSocket(Arc<Mutex<Wire>>);

#[derive(Default)]
pub(super) struct Wire {
    pub(super) inbound: VecDeque<Option<Result<Message, &'static str>>>,
    pub(super) written: Vec<Message>,
    stuck: bool,
    waker: Option<Waker>,
}

impl FakeSocket {
    pub(super) fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap()
    }

    pub(super) fn say(&self, item: Option<Result<Message, &'static str>>) {
        let mut wire = self.wire();
        wire.inbound.push_back(item);
        if let Some(waker) = wire.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn stick(&self, stuck: bool) {
        let mut wire = self.wire();
        wire.stuck = stuck;
        if let Some(waker) = wire.waker.take() {
            waker.wake();
        }
    }

    /// The events of the text messages written so far.
    pub(super) fn events(&self) -> Vec<String> {
        let wire = self.wire();
        let texts = wire.written.iter().filter_map(|message| message.to_text().ok());
        // Goodbyes and pings are text without a word of JSON.
        texts
            .filter_map(|text| serde_json::from_str::<serde_json::Value>(text).ok())
            .map(|message| message["event"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Stream for FakeSocket {
    type Item = Result<Message, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut wire = self.wire();
        match wire.inbound.pop_front() {
            Some(item) => Poll::Ready(item.map(|item| item.map_err(axum::Error::new))),
            None => {
                wire.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Sink<Message> for FakeSocket {
    type Error = axum::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), axum::Error> {
        self.wire().written.push(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        let mut wire = self.wire();
        if wire.stuck {
            wire.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        self.poll_flush(cx)
    }
}
