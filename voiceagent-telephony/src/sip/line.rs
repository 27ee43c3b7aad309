use std::{sync::Arc, time::Duration};

use rsipstack::{
    dialog::{
        dialog::{Dialog, DialogState, DialogStateReceiver},
        dialog_layer::DialogLayer,
        invite_dialog::InviteDialog,
    },
    sip::{Header, Method, StatusCode, prelude::HeadersExt as _},
    transaction::{
        Transaction,
        transaction::{TransactionEvent, TransactionEventSender},
    },
};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{sleep, timeout},
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{
    answers,
    digest::Credentials,
    incoming::Stack,
    keypad::Order,
    quiet::quiet,
    switchboard::{Listed, Switchboard},
    within,
};

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
    /// With what we prove who we are, where the other side asks for that within the call.
    credentials: Option<Credentials>,
    /// What sends answers to a call that was made to us.
    answering: Option<TransactionEventSender>,
    /// Where the call is listed once it has been answered, and who obeys for it.
    board: Option<(Arc<Switchboard>, mpsc::Sender<Order>)>,
    listed: Option<Listed>,
}

impl Line {
    pub(super) const fn new(
        dialog: InviteDialog,
        states: DialogStateReceiver,
        dialogs: Arc<DialogLayer>,
        stack: Arc<Stack>,
    ) -> Self {
        let (credentials, answering, board, listed) = (None, None, None, None);
        Self { dialog, states, dialogs, stack, credentials, answering, board, listed }
    }

    /// Sets the request that is answered.
    pub(super) fn answering(mut self, request: &Transaction) -> Self {
        self.answering = Some(request.tu_sender.clone());
        self
    }

    /// Sets with what we prove who we are.
    pub(super) fn with_credentials(mut self, credentials: Option<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets where the call is to be listed, and who obeys for it.
    pub(super) fn with_board(
        mut self,
        board: Arc<Switchboard>,
        orders: mpsc::Sender<Order>,
    ) -> Self {
        self.board = Some((board, orders));
        self
    }

    /// The call has been answered: from now on others can take its place.
    pub(super) fn list(&mut self) {
        self.listed = self.board.take().map(|(board, orders)| board.list(self.dialog.id(), orders));
    }

    /// Refuses a call that has not been answered, with further headers.
    pub(super) fn refuse(&self, status: StatusCode, headers: Vec<Header>) {
        let waits = matches!(
            self.dialog.state(),
            DialogState::Calling(_) | DialogState::Trying(_) | DialogState::Early(..)
        );
        if let Some(answering) = self.answering.as_ref().filter(|_| waits && !headers.is_empty()) {
            // The stack's own refusal has no headers. It comes behind this one and is not sent: a
            // request has one last answer.
            let request = self.dialog.initial_request();
            let mut refusal = self.dialogs.endpoint.make_response(&request, status.clone(), None);
            let tag = self.dialog.id().local_tag;
            if refusal.to_header_mut().is_ok_and(|to| to.mut_tag(tag.into()).is_ok()) {
                refusal.headers.extend(headers);
                let _ = answering.send(TransactionEvent::Respond(refusal));
            }
        }
        // Whoever has given up needs no refusal.
        let _ = self.dialog.reject(Some(status), None);
    }

    /// Picks up.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the caller has given up.
    pub(super) fn accept(&mut self, mut headers: Vec<Header>, answer: &str) -> Result<()> {
        let gone = || Error::new(ErrorKind::Closed, "pick up", "the caller has gone");
        if self.is_over() {
            return Err(gone());
        }
        headers.extend(answers::abilities());
        headers.push(Header::ContentType("application/sdp".into()));
        let answer = Some(answer.as_bytes().to_vec());
        self.dialog.accept(Some(headers), answer).map_err(|_| gone())?;
        self.list();
        Ok(())
    }

    /// Whom requests of ours go to, and how we prove to them who we are.
    pub(super) fn party(&self) -> (InviteDialog, Option<Credentials>) {
        (self.dialog.clone(), self.credentials.clone())
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
        let (state, credentials) = (dialog.state(), self.credentials.take());
        let (_, none) = dialogs.new_dialog_state_channel();
        let states = std::mem::replace(&mut self.states, none);
        let goodbye = async move {
            match state {
                DialogState::Terminated(..) => {}
                DialogState::Calling(_) | DialogState::Trying(_) | DialogState::Early(..) => {
                    let _ = dialog.reject(Some(StatusCode::TemporarilyUnavailable), None);
                }
                // Nobody is left to be told that a goodbye was not answered.
                DialogState::WaitAck(..) => drop(timeout(GOODBYE, dialog.bye()).await),
                _ => {
                    let goodbye =
                        within::ask(&dialog, credentials.as_ref(), Method::Bye, vec![], None);
                    drop(timeout(GOODBYE, goodbye).await);
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
