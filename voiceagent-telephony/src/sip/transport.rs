use rsipstack::sip::{Param, Scheme, Transport, Uri};
use serde::Deserialize;

/// What signalling goes by.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SipTransport {
    /// Datagrams. What gets lost is repeated.
    #[default]
    Udp,
    /// A stream, that all calls with a host share.
    Tcp,
    /// A stream that nobody between can read or change.
    Tls,
}

impl SipTransport {
    pub(super) const fn of_stack(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls => Transport::Tls,
        }
    }
}

/// Whether an address is reached by TLS only (RFC 3261, sections 19.1.1 and 26.2.2).
pub(super) fn is_secure(uri: &Uri) -> bool {
    let is_tls = |param: &Param| *param == Param::Transport(Transport::Tls);
    uri.scheme == Some(Scheme::Sips) || uri.params.iter().any(is_tls)
}
