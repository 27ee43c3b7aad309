use rsipstack::{
    dialog::{DialogId, dialog::Dialog, dialog_layer::DialogLayer, invite_dialog::InviteDialog},
    sip::{
        Header, Host, Method, Param, Response, SipMessage, StatusCodeKind, prelude::HeadersExt,
        typed::Contact,
    },
    transaction::key::TransactionRole,
    transport::SipAddr,
};

use super::{addresses::contact, line::invite_of};

/// What stands behind the address that an answer is given which has none.
const UNSAID: &str = "unsaid";

/// Goes by where the other side says it is from now on, for requests of ours (RFC 3261, section
/// 12.2): what an `INVITE` or `UPDATE` within the call says, or the answer to one of ours. What says
/// nothing of it changes nothing.
pub(super) fn refresh(dialog: &InviteDialog, message: &impl HeadersExt) {
    let contacts = message.typed_contact_headers().unwrap_or_default();
    let Some(contact) = contacts.into_iter().next() else { return };
    let said = message.contact_header().ok().cloned();
    let mut uri = contact.uri;
    let is_transport = |param: &&Param| matches!(param, Param::Transport(_));
    if uri.params.iter().find(is_transport).is_none() {
        // What the call goes by is often not said.
        let before = dialog.snapshot().remote_uri;
        uri.params.extend(before.params.iter().find(is_transport).cloned());
    }
    Dialog::Invite(dialog.clone()).set_remote_target(uri, said);
}

/// Gives an answer that takes an `INVITE` of ours the address that it must have and has not (RFC
/// 3261, section 12.1.1), or that cannot be read: the one of before within a call, and else where
/// it came from. Without one the stack would neither acknowledge it nor have anything to end.
pub(super) fn supply(dialogs: &DialogLayer, message: SipMessage, from: &SipAddr) -> SipMessage {
    let SipMessage::Response(mut answer) = message else { return message };
    if is_taken(&answer) && !says_address(&answer) {
        let id = DialogId::try_from((&answer, TransactionRole::Client)).ok();
        let known = id.and_then(|id| dialogs.get_dialog(&id)).and_then(invite_of);
        let supplied = match known {
            Some(dialog) => Some(Contact::from(dialog.snapshot().remote_uri)),
            None => from.get_socketaddr().ok().map(|at| {
                let uri = contact(at, from.r#type.unwrap_or_default(), None);
                let params = vec![Param::Other(UNSAID.into(), None)];
                Contact { display_name: None, uri, params }
            }),
        };
        answer.headers.retain(|header| !matches!(header, Header::Contact(_)));
        answer.headers.extend(supplied.into_iter().map(Header::from).collect());
    }
    SipMessage::Response(answer)
}

/// Whether an answer did not say where the other side is.
pub(super) fn is_unsaid(answer: &Response) -> bool {
    let unsaid = Param::Other(UNSAID.into(), None);
    answer.typed_contact_headers().is_ok_and(|contacts| {
        contacts.first().is_some_and(|contact| contact.params.contains(&unsaid))
    })
}

fn is_taken(answer: &Response) -> bool {
    let is_invite = answer.cseq_header().and_then(|number| number.method());
    answer.status_code.kind() == StatusCodeKind::Successful
        && is_invite.is_ok_and(|method| method == Method::Invite)
}

/// Whether an answer says an address that requests can go to.
fn says_address(answer: &Response) -> bool {
    let contacts = answer.typed_contact_headers().unwrap_or_default();
    contacts.first().is_some_and(|contact| match &contact.uri.host_with_port.host {
        Host::IpAddr(_) => true,
        Host::Domain(name) => {
            let name = name.to_string();
            let is_clean = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            !name.is_empty() && name.chars().all(is_clean)
        }
    })
}
