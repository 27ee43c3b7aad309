//! A model or a voice that failed: whether it is asked again, and when.

use std::time::Duration;

use crate::ErrorKind;

/// How long to wait before an overloaded model is asked again.
pub(super) const MODEL_BREATHER: Duration = Duration::from_millis(300);
/// How long a voice rests that failed twice at the same words.
pub(super) const VOICE_BREATHER: Duration = Duration::from_millis(500);

/// Whether it would fail again.
pub(super) const fn is_hopeless(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Config | ErrorKind::Rejected | ErrorKind::Unauthorized | ErrorKind::Unsupported
    )
}

/// Whether it needs a [`MODEL_BREATHER`].
pub(super) const fn is_overload(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Overloaded | ErrorKind::RateLimited)
}
