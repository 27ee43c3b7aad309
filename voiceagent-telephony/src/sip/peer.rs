use std::net::SocketAddr;

use rsipstack::{sip::Transport, transaction::Transaction, transport::SipAddr};

/// Whom the signalling of a call goes to, and by what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) transport: Transport,
}

impl Peer {
    /// Where a request really came from.
    pub(super) fn of(request: &Transaction) -> Option<Self> {
        let from: &SipAddr = request.connection.as_ref()?.get_remote_addr()?;
        let address = from.get_socketaddr().ok()?;
        Some(Self { address, transport: from.r#type.unwrap_or_default() })
    }
}
