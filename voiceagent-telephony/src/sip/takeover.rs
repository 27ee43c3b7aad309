use std::{fmt, net::IpAddr, sync::Arc};

use rsipstack::{dialog::invite_dialog::InviteDialog, transaction::Transaction};
use tokio::sync::mpsc;

use super::{
    addresses::contact,
    answers::{self, Refusal},
    keypad::Order,
    line::Line,
    negotiation::Negotiation,
    office::Office,
    peer::Peer,
    replaces::Replaces,
    session_timer::SessionExpires,
    sockets::Sockets,
    transfer::Transfers,
};

/// A new call that is to take the place of one that goes on (RFC 3891): the agent's conversation
/// goes on with whoever makes it.
pub(super) struct Takeover {
    pub(super) line: Line,
    pub(super) offer: String,
    pub(super) peer: Peer,
    pub(super) expires: Option<SessionExpires>,
    pub(super) transfers: Transfers,
    office: Arc<Office>,
    /// The address of ours that media of the other side reaches.
    heard: IpAddr,
}

impl Takeover {
    /// Understands a request that names a call, and finds that call.
    pub(super) fn new(
        office: &Arc<Office>,
        request: &Transaction,
        replaces: &Replaces,
    ) -> Result<(Self, mpsc::Sender<Order>), Refusal> {
        let Office { config, addresses, dialogs, board, .. } = &**office;
        let orders = board.find(&replaces.call).ok_or(Refusal::NoSuchCall)?;
        if replaces.is_early_only {
            return Err(Refusal::Answered);
        }
        let expires = answers::check(&request.original)?;
        let stack = office.stack.upgrade().ok_or(Refusal::Unavailable)?;
        let peer = Peer::of(request).ok_or(Refusal::Unavailable)?;
        let local = addresses.seen_from(config, peer.transport, peer.address);
        let local = local.map_err(|_| Refusal::Unavailable)?;
        let heard = addresses.heard_from(config, peer.address);
        let heard = heard.map_err(|_| Refusal::Unavailable)?;
        let offer = answers::description(&request.original).ok_or(Refusal::Media)?.to_owned();
        let contact = contact(local, peer.transport, None);
        let (sender, states) = dialogs.new_dialog_state_channel();
        let dialog = dialogs
            .get_or_create_server_invite(request, sender, None, Some(contact))
            .map_err(|_| Refusal::Unavailable)?;
        let line = Line::new(dialog, states, Arc::clone(dialogs), stack)
            .with_credentials(config.credentials_for(peer.address.ip()))
            .with_board(Arc::clone(board), orders.clone());
        let transfers = Transfers::new(config.directory.clone(), peer);
        let office = Arc::clone(office);
        Ok((Self { line, offer, peer, expires, transfers, office, heard }, orders))
    }

    pub(super) fn dialog(&self) -> InviteDialog {
        self.line.dialog.clone()
    }

    /// What we say of the ports that the call has.
    pub(super) fn negotiation(&self, sockets: &Sockets) -> Negotiation {
        let config = &self.office.config;
        let at = (self.heard, sockets.port()).into();
        Negotiation::new(config.codecs.clone(), config.srtp, at)
    }
}

impl fmt::Debug for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The offer holds keys.
        f.debug_struct("Takeover").field("peer", &self.peer).finish_non_exhaustive()
    }
}
