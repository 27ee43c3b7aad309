use rsipstack::sip::Transport;
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
