use std::{sync::Arc, time::Duration};

use rsipstack::dialog::{
    dialog::{Dialog, DialogState, DialogStateReceiver},
    dialog_layer::DialogLayer,
    invite_dialog::InviteDialog,
};
use rsipstack::sip::{Header, StatusCode};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{answers, incoming::Stack, quiet::quiet};

/// How long a goodbye may take (RFC 3261, section 17.1.2.2), and how long the other side's own,
/// which has crossed it, is still answered.
const GOODBYE: Duration = Duration::from_secs(32);
const AFTERWARDS: Duration = Duration::from_secs(5);

/// The signalling of one call. Dropping it ends the call, whatever state it is in.
pub(super) struct Line {
    pub(super) dialog: InviteDialog,
    pub(super) states: DialogStateReceiver,
    dialogs: Arc<DialogLayer>,
    /// Without the stack nobody would repeat what gets lost.
    stack: Arc<Stack>,
}

impl Line {
    pub(super) const fn new(
        dialog: InviteDialog,
        states: DialogStateReceiver,
        dialogs: Arc<DialogLayer>,
        stack: Arc<Stack>,
    ) -> Self {
        Self { dialog, states, dialogs, stack }
    }

    /// Picks up.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the caller has given up.
    pub(super) fn accept(&self, mut headers: Vec<Header>, answer: &str) -> Result<()> {
        let gone = || Error::new(ErrorKind::Closed, "pick up", "the caller has gone");
        if self.is_over() {
            return Err(gone());
        }
        headers.extend(answers::abilities());
        headers.push(Header::ContentType("application/sdp".into()));
        self.dialog.accept(Some(headers), Some(answer.as_bytes().to_vec())).map_err(|_| gone())
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.dialog.state(), DialogState::Terminated(..))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let dialog = self.dialog.clone();
        let (dialogs, stack) = (Arc::clone(&self.dialogs), Arc::clone(&self.stack));
        let state = dialog.state();
        let (_, none) = dialogs.new_dialog_state_channel();
        let states = std::mem::replace(&mut self.states, none);
        let goodbye = async move {
            match state {
                DialogState::Terminated(..) => {}
                DialogState::Calling(_) | DialogState::Trying(_) | DialogState::Early(..) => {
                    let _ = dialog.reject(Some(StatusCode::TemporarilyUnavailable), None);
                }
                _ => {
                    // Nobody is left to be told that a goodbye was not answered.
                    let _ = timeout(GOODBYE, dialog.bye()).await;
                }
            }
            sleep(AFTERWARDS).await;
            dialogs.remove_dialog(&dialog.id());
            drop(stack);
        };
        runtime.spawn(quiet(async move {
            tokio::select! {
                () = goodbye => {}
                () = refuse(states) => {}
            }
        }));
    }
}

/// Says of what is still asked that there is no such call any more, for as long as it is polled.
async fn refuse(mut states: DialogStateReceiver) {
    while let Some(state) = states.recv().await {
        if let DialogState::Updated(_, _, handle)
        | DialogState::Notify(_, _, handle)
        | DialogState::Info(_, _, handle)
        | DialogState::Options(_, _, handle)
        | DialogState::Refer(_, _, handle)
        | DialogState::Message(_, _, handle) = state
        {
            // Whoever asked may have gone.
            let _ = handle.reply(StatusCode::CallTransactionDoesNotExist).await;
        }
    }
    std::future::pending().await
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// The call that a request belongs to.
pub(super) fn invite_of(dialog: Dialog) -> Option<InviteDialog> {
    if let Dialog::Invite(dialog) = dialog { Some(dialog) } else { None }
}
