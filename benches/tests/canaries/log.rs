//! Everything that is logged in this process, down to TRACE, field by field.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    registry,
};

/// What was logged: where, in which field, and what.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    target: &'static str,
    field: &'static str,
    value: String,
}

impl Log {
    /// Listens to the whole process, dependencies and all.
    pub(crate) fn start() -> Self {
        let log = Self::default();
        tracing::subscriber::set_global_default(registry().with(log.clone()))
            .expect("this is the only test of its program");
        log
    }

    pub(crate) fn lines(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|entry| entry.field == "message").count()
    }

    /// Whether this stands where what people said may stand.
    pub(crate) fn holds_pii(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|entry| entry.is_pii() && entry.value.contains(text))
    }

    pub(crate) fn assert_nowhere(&self, secret: &str) {
        self.assert_not(secret, |_| true);
    }

    pub(crate) fn assert_only_in_pii(&self, text: &str) {
        self.assert_not(text, |entry| !entry.is_pii());
    }

    fn assert_not(&self, text: &str, counts: impl Fn(&Entry) -> bool) {
        let entries = self.0.lock().unwrap();
        let found = entries.iter().find(|entry| counts(entry) && entry.value.contains(text));
        if let Some(Entry { target, field, value }) = found {
            panic!("{text} is logged by {target} in {field}: {value}");
        }
    }
}

impl Entry {
    fn is_pii(&self) -> bool {
        self.field.starts_with("pii.")
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, _id: &Id, _context: Context<'_, S>) {
        attributes.record(&mut Fields(self, attributes.metadata().target()));
    }

    fn on_record(&self, _span: &Id, values: &Record<'_>, _context: Context<'_, S>) {
        values.record(&mut Fields(self, "a span"));
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        event.record(&mut Fields(self, event.metadata().target()));
    }
}

/// Of a span or an event of this target.
struct Fields<'a>(&'a Log, &'static str);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        let entry = Entry { target: self.1, field: field.name(), value };
        self.0.0.lock().unwrap().push(entry);
    }
}
