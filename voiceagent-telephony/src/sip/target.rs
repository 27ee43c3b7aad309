use rsipstack::{
    dialog::{dialog::Dialog, invite_dialog::InviteDialog},
    sip::{Param, prelude::HeadersExt},
};

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
