use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// That one provider of a chain has taken over from another.
///
/// It is told when the other one serves: when it is open, or has begun its answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Failover {
    /// Who failed first since somebody last served.
    pub from: Arc<str>,
    /// Who serves now.
    pub to: Arc<str>,
    /// Why the first one failed.
    pub cause: ErrorKind,
    /// Nobody failed: the first one was slow, and the other, which was asked as well, began before it.
    /// The cause is [`ErrorKind::Timeout`] then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hedged: bool,
}

impl Failover {
    /// One was asked as well as another, and began first.
    pub(super) fn hedge(from: &str, to: &str) -> Self {
        Self { from: from.into(), to: to.into(), cause: ErrorKind::Timeout, hedged: true }
    }
}

/// Who failed first since somebody last served.
#[derive(Debug, Default)]
pub(super) struct Losses {
    first: Option<(usize, ErrorKind)>,
}

impl Losses {
    pub(super) fn note(&mut self, index: usize, error: &Error) {
        self.first.get_or_insert((index, error.kind()));
    }

    /// Somebody serves, be it the one who failed.
    pub(super) fn end<'a>(
        &mut self,
        index: usize,
        name: impl Fn(usize) -> &'a str,
    ) -> Option<Failover> {
        let (failed, cause) = self.first.take().filter(|(failed, _)| *failed != index)?;
        Some(Failover { from: name(failed).into(), to: name(index).into(), cause, hedged: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_failed_is_told_once_and_not_if_it_is_back() {
        let name = |index: usize| ["one", "two", "three"][index];
        let error = |kind| Error::new(kind, "open", "no");
        let mut losses = Losses::default();
        assert_eq!(losses.end(1, name), None);
        losses.note(0, &error(ErrorKind::Stalled));
        losses.note(1, &error(ErrorKind::Timeout));
        let (from, to) = ("one".into(), "three".into());
        let failover = Failover { from, to, cause: ErrorKind::Stalled, hedged: false };
        assert_eq!(losses.end(2, name), Some(failover));
        assert_eq!(losses.end(2, name), None);
        losses.note(2, &error(ErrorKind::Timeout));
        assert_eq!(losses.end(2, name), None);
    }
}
