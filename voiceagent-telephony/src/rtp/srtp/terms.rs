use super::keys::{SrtpKeys, SrtpSuite};

/// How both sides protect what they send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SrtpTerms {
    pub(crate) suite: SrtpSuite,
    pub(crate) ours: SrtpKeys,
    pub(crate) theirs: SrtpKeys,
}
