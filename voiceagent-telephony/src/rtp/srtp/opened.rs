use bytes::Bytes;

/// A datagram as it was sent. It counts as come when it is [noted](super::SrtpGuard::note): a copy
/// that nobody takes must not keep out the one that it was made of.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Opened {
    pub(crate) datagram: Bytes,
    /// Where it stands among those that are protected.
    pub(super) place: Option<Place>,
}

/// Which packet or report of a source it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) is_report: bool,
    pub(super) source: u32,
    pub(super) index: u64,
}
