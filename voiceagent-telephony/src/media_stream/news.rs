use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tracing::warn;
use voiceagent_core::{CallId, transport::Inbound};

use crate::recent::Recent;

/// Calls whose news is kept. A carrier's verdict may come before the stream that wants to know;
/// a call takes 200 bytes.
const CALLS: usize = 4_096;

/// What a call may be told: who answered, and that the beep was heard.
const NEWS: usize = 4;

/// What the carrier reports about calls beside their sockets. Each report reaches its call once,
/// however often it comes, and whether it comes before the stream or after.
#[derive(Debug)]
pub(super) struct CallNews(Mutex<Recent<CallId, Told>>);

#[derive(Debug, Default)]
struct Told {
    news: Vec<Inbound>,
    listener: Option<mpsc::Sender<Inbound>>,
}

impl CallNews {
    pub(super) fn tell(&self, call: &CallId, news: Inbound) {
        let mut calls = self.calls();
        let told = calls.of(call);
        if told.news.len() >= NEWS || told.news.contains(&news) {
            return;
        }
        if let Some(listener) = &told.listener
            && listener.try_send(news.clone()).is_err()
        {
            warn!(%call, "news for a call that has ended");
        }
        told.news.push(news);
    }

    /// What comes for this call, and what has come.
    pub(super) fn listen(&self, call: &CallId) -> mpsc::Receiver<Inbound> {
        let mut calls = self.calls();
        let told = calls.of(call);
        // Room for all that a call may be told.
        let (listener, news) = mpsc::channel(NEWS);
        for old in &told.news {
            // There is room, and the receiver is at hand.
            let _ = listener.try_send(old.clone());
        }
        told.listener = Some(listener);
        news
    }

    fn calls(&self) -> MutexGuard<'_, Recent<CallId, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for CallNews {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(CALLS)))
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::transport::Answerer;

    use super::*;

    #[test]
    fn news_reaches_its_call_once_whenever_it_comes() {
        let all = CallNews::default();
        let call = CallId::new("CA1");
        let machine = Inbound::AnsweredBy(Answerer::Machine);
        all.tell(&call, machine.clone());
        all.tell(&CallId::new("CA2"), Inbound::Beep);
        let mut news = all.listen(&call);
        for _repeated in 0..3 {
            all.tell(&call, machine.clone());
            all.tell(&call, Inbound::Beep);
        }
        assert_eq!(news.try_recv().ok(), Some(machine));
        assert_eq!(news.try_recv().ok(), Some(Inbound::Beep));
        assert!(news.try_recv().is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let all = CallNews::default();
        for call in 0..=CALLS {
            all.tell(&CallId::new(call.to_string()), Inbound::Beep);
        }
        assert!(all.listen(&CallId::new("1")).try_recv().is_ok());
        assert!(all.listen(&CallId::new("0")).try_recv().is_err());
    }
}
