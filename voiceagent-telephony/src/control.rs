//! What is asked of a carrier beside the media of a call: ending it, handing it on, making one.
//!
//! [`CallControl`] is the same for all carriers; its [`ControlCapabilities`] say what one of them
//! can do. Whom calls may go to stands in a [`Directory`], which is configuration: a model only
//! ever names one of its targets.

mod capabilities;
mod consultation;
mod directory;
pub(crate) mod live_call;
mod new_call;

use std::{fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use voiceagent_core::{CallId, Error, ErrorKind, Result};

pub use self::{
    capabilities::ControlCapabilities,
    consultation::Consultation,
    directory::{Directory, TransferTarget},
    live_call::LiveCall,
    new_call::{Answer, Callee, NewCall},
};
use crate::{
    DtmfKey,
    document::{Conference, Dial, Response, Say, Verb},
    front_door::CallStatus,
};

/// What is asked of a carrier beside its media socket.
///
/// Carriers keep a call up when its socket closes, so a hang-up is a request of its own. What a
/// carrier cannot do is [`Unsupported`](ErrorKind::Unsupported); the transfers and conferences
/// are made of the other requests and work wherever those do.
///
/// # Cancel safety
///
/// Dropping the future of any request gives up waiting, and trying again. The carrier may have
/// been asked already and do it all the same. It is safe to ask again for the end of a call, of a
/// recording or of a hold; not for what would happen twice: a call, a transfer, keys.
#[async_trait]
pub trait CallControl: Debug + Send + Sync + 'static {
    /// What the carrier can do.
    fn capabilities(&self) -> ControlCapabilities;

    /// Whom calls may go to.
    fn directory(&self) -> &Directory;

    /// Whether [`transfer`](Self::transfer) has anywhere to go.
    fn can_transfer(&self) -> bool {
        self.capabilities().redirect && !self.directory().targets.is_empty()
    }

    /// Ends the call. A call that has ended already is a success.
    ///
    /// # Errors
    ///
    /// When the carrier cannot be reached or refuses; so with all requests.
    async fn hang_up(&self, call: &CallId) -> Result<()>;

    /// Makes a call. It is asked for once, whatever comes back: after a
    /// [`Timeout`](ErrorKind::Timeout) or [`Disconnected`](ErrorKind::Disconnected) the phone may
    /// be ringing.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) for somebody who is not in the directory.
    async fn dial(&self, call: &NewCall) -> Result<CallId> {
        let _ = call;
        Err(unsupported("dial"))
    }

    /// Lets the call go on with a document in place of what it does, which ends its media stream.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the call has ended.
    async fn redirect(&self, call: &CallId, document: &Response) -> Result<()> {
        let _ = (call, document);
        Err(unsupported("redirect"))
    }

    /// How far the call has come, by the carrier's own records: callbacks get lost.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the carrier does not know the call, or no longer.
    async fn status(&self, call: &CallId) -> Result<CallStatus> {
        let _ = call;
        Err(unsupported("ask for the status"))
    }

    /// The calls that go on now, and behind them those that ring or wait to be made: they can be
    /// ended, too. Of more than a hundred in one of these states, or of what the carrier names at
    /// once, the latest.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) where the carrier lists no live calls.
    async fn live(&self) -> Result<Vec<LiveCall>> {
        Err(unsupported("list calls"))
    }

    /// The carrier's names for the calls that we have made to somebody since then, to the second,
    /// latest first; of more than fifty, the latest. It tells after a [`dial`](Self::dial) whose
    /// outcome is unknown whether the phone has rung.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) where the carrier does not list calls that have
    /// ended, [`Rejected`](ErrorKind::Rejected) for somebody who is not in the directory.
    async fn made(&self, to: &Callee, since: SystemTime) -> Result<Vec<CallId>> {
        let _ = (to, since);
        Err(unsupported("list calls"))
    }

    /// Presses keys, while the media stream goes on.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the call has ended.
    async fn send_keys(&self, call: &CallId, keys: &[DtmfKey]) -> Result<()> {
        let _ = (call, keys);
        Err(unsupported("send keys"))
    }

    /// Begins to record both sides, each on a channel of its own where the carrier can; gives the
    /// carrier's name for the recording.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the call has ended.
    async fn start_recording(&self, call: &CallId) -> Result<String> {
        let _ = call;
        Err(unsupported("start a recording"))
    }

    /// Ends a recording. One that has ended already is a success.
    ///
    /// # Errors
    ///
    /// As [`hang_up`](Self::hang_up).
    async fn stop_recording(&self, call: &CallId, recording: &str) -> Result<()> {
        let _ = (call, recording);
        Err(unsupported("stop a recording"))
    }

    /// Plays a file to the caller until [`resume`](Self::resume), while the media stream goes on.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the call has ended.
    async fn hold(&self, call: &CallId, music: &str) -> Result<()> {
        let _ = (call, music);
        Err(unsupported("hold"))
    }

    /// Ends the music of [`hold`](Self::hold).
    ///
    /// # Errors
    ///
    /// As [`hang_up`](Self::hang_up).
    async fn resume(&self, call: &CallId) -> Result<()> {
        let _ = call;
        Err(unsupported("resume"))
    }

    /// Hands the call to the target that is configured under this name, and waits for nothing. Who
    /// is not taken comes back to [`Directory::return_url`].
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) for a name that is not configured.
    async fn transfer(&self, call: &CallId, target: &str) -> Result<()> {
        let mut dial = match self.directory().target(target)? {
            TransferTarget::Number(number) => Dial::number(number),
            TransferTarget::Sip(uri) => Dial::sip(uri),
        };
        if let Some(url) = &self.directory().return_url {
            dial = dial.with_action(url);
        }
        self.redirect(call, &Response::new().with(dial)).await
    }

    /// Moves the call into a conference, which begins with it and goes on without it.
    ///
    /// # Errors
    ///
    /// As [`redirect`](Self::redirect).
    async fn join_conference(&self, call: &CallId, room: &str) -> Result<()> {
        let room = Conference::new(room);
        self.redirect(call, &Response::new().with(Verb::Conference(room))).await
    }

    /// Begins a warm transfer: calls the target that is configured under this name, tells them
    /// what it is about, and lets them wait, while the caller stays with the agent.
    ///
    /// [`merge`](Self::merge) or [`cancel`](Self::cancel) must follow.
    ///
    /// # Errors
    ///
    /// As [`dial`](Self::dial).
    async fn consult(&self, caller: &CallId, target: &str, brief: &str) -> Result<Consultation> {
        let room = Consultation::new_room()?;
        let call = NewCall::to(Callee::Target(target.to_owned()))
            .with_answer(Answer::Document(waiting(brief, &room)));
        let colleague = self.dial(&call).await?;
        Ok(Consultation::new(caller.clone(), colleague, room))
    }

    /// Tells the colleague more.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the colleague has not answered or has gone.
    async fn brief(&self, consultation: &Consultation, text: &str) -> Result<()> {
        self.redirect(consultation.colleague(), &waiting(text, consultation.room())).await
    }

    /// Brings caller and colleague together. The caller's media stream ends. A colleague whose
    /// phone still rings is waited for.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the caller or the colleague has gone: the caller stays
    /// with the agent, and is not left in an empty room.
    async fn merge(&self, consultation: &Consultation) -> Result<()> {
        if self.capabilities().status {
            let status = self.status(consultation.colleague()).await?;
            if status.is_final() {
                let message = "the colleague has gone";
                return Err(Error::new(ErrorKind::Closed, "merge", message));
            }
        }
        let room = Conference::new(consultation.room()).ending_on_exit();
        let document = Response::new().with(Verb::Conference(room)).with(Verb::Hangup);
        self.redirect(consultation.caller(), &document).await
    }

    /// Lets the colleague go. The caller stays with the agent.
    ///
    /// # Errors
    ///
    /// As [`hang_up`](Self::hang_up).
    async fn cancel(&self, consultation: &Consultation) -> Result<()> {
        self.hang_up(consultation.colleague()).await
    }
}

/// What a colleague gets: a word on what it is about, and then the room, in which music plays
/// until the caller comes.
fn waiting(brief: &str, room: &str) -> Response {
    let room = Conference::new(room).waiting().ending_on_exit();
    Response::new().with(Say::new(brief)).with(Verb::Conference(room)).with(Verb::Hangup)
}

fn unsupported(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, operation, "this carrier cannot")
}
