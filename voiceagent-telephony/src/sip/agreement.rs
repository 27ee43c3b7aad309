use voiceagent_core::{CallTime, Result};

use super::negotiation::{Negotiation, Terms};
use crate::rtp::RtpSession;

/// What holds of the media of a call, and how that changes.
#[derive(Debug)]
pub(super) struct Agreement {
    negotiation: Negotiation,
    terms: Terms,
}

impl Agreement {
    pub(super) const fn new(negotiation: Negotiation, terms: Terms) -> Self {
        Self { negotiation, terms }
    }

    /// Whether the other side takes nothing from us for now.
    pub(super) const fn is_held(&self) -> bool {
        self.terms.is_held
    }

    /// Whether nothing is to be expected from the other side for now: it sends nothing, or has put us
    /// on hold and may.
    pub(super) const fn may_be_silent(&self) -> bool {
        self.terms.is_held || self.terms.is_silent
    }

    /// Whether the other side sends packets for keys.
    pub(super) const fn has_keys(&self) -> bool {
        self.terms.types.keys.is_some()
    }

    /// Answers what the other side describes anew; `None` when there is nothing in it that we can
    /// do, and what was agreed on stays.
    pub(super) fn answer(&mut self, offer: &str) -> Option<String> {
        self.terms = self.negotiation.answer(offer)?;
        Some(self.terms.answer.clone())
    }

    /// Takes the answer to what was said again; whether there is something in it that we can do. What
    /// was agreed on stays if not.
    pub(super) fn answered(&mut self, answer: &str) -> bool {
        let terms = self.negotiation.answered(answer);
        let is_taken = terms.is_some();
        self.terms = terms.unwrap_or_else(|| self.terms.clone());
        is_taken
    }

    /// Offers all that we can do, whatever was agreed on: the other side asks for it. What was agreed
    /// on holds until it is [answered](Self::answered).
    pub(super) fn offer(&mut self) -> Option<String> {
        self.negotiation.reoffer().map(str::to_owned)
    }

    /// Says again what was said last.
    pub(super) fn repeat(&self) -> Option<&str> {
        self.negotiation.repeat()
    }

    /// Has the media go by it, silently before the call has begun.
    ///
    /// # Errors
    ///
    /// When a codec cannot be set up.
    pub(super) fn apply(
        &self,
        now: CallTime,
        media: &mut RtpSession,
        is_begun: bool,
    ) -> Result<()> {
        let Terms { types, said, reports, is_held, srtp, packet, .. } = &self.terms;
        media.protect(srtp.clone());
        media.pace(*packet);
        media.report_to(*reports);
        let may_be_silent = self.may_be_silent() || !is_begun;
        media.renegotiate(now, *types, *said, *is_held || !is_begun, may_be_silent)
    }
}
