//! How a call is handed on, and what is told of that.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use voiceagent_core::{
    ErrorKind, LinkPeer, Result,
    transport::{Inbound, Outbound},
};

use super::{
    super::transfer::{self, Outcome},
    Answered, Leg,
};

/// How long an answer to a transfer may be behind the other side's goodbye: as long as a datagram is
/// waited for before it is sent again (T1; RFC 3261, section 17.1.1.1).
const ANSWER: Duration = Duration::from_millis(500);

impl Leg {
    /// Asks for a transfer that has begun, or says that it has not.
    pub(super) async fn refer(
        &mut self,
        begun: Result<String, ErrorKind>,
        teller: Option<oneshot::Sender<Outcome>>,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        match begun {
            Ok(to) => {
                if teller.is_some() {
                    peer.send(Inbound::HandingOver(true)).await?;
                }
                self.teller = teller;
                let (dialog, credentials) = self.line.party();
                let asking = transfer::ask(dialog, credentials, to);
                self.asking.spawn(async move { Answered::Refer(asking.await) });
                Ok(())
            }
            Err(kind) => match teller {
                Some(teller) => {
                    // Whoever asked may not wait for it.
                    let _ = teller.send(Err(kind));
                    Ok(())
                }
                None => peer.send(Inbound::NotTransferred(kind)).await,
            },
        }
    }

    /// Tells what has come of a transfer to whoever has asked for it, and to the session.
    pub(super) async fn tell(
        &mut self,
        peer: &LinkPeer<Outbound, Inbound>,
        outcome: Outcome,
    ) -> Result<()> {
        let teller = self.teller.take();
        let is_told = teller.is_some();
        if let Some(teller) = teller {
            // Whoever asked may not wait for it.
            let _ = teller.send(outcome);
        }
        match outcome {
            Ok(()) => peer.send(Inbound::Transferred).await,
            Err(_) if is_told => peer.send(Inbound::HandingOver(false)).await,
            Err(kind) => peer.send(Inbound::NotTransferred(kind)).await,
        }
    }

    /// Nobody waits any more for what comes of a transfer that somebody is asked for who has gone.
    pub(super) async fn forget_transfer(
        &mut self,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        match self.teller.take() {
            Some(_) => peer.send(Inbound::HandingOver(false)).await,
            None => Ok(()),
        }
    }

    /// The other side has hung up. Where it was asked to hand the call on, its answer may be right
    /// behind that, or before it and not read yet.
    pub(super) async fn hear_of_transfer(
        &mut self,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        let until = Instant::now() + ANSWER;
        while self.transfers.is_asked()
            && let Ok(Some(Ok(answered))) = timeout_at(until, self.asking.join_next()).await
        {
            if let Answered::Refer(status) = answered
                && let Some(outcome) = self.transfers.answered(self.now(), status)
            {
                self.tell(peer, outcome).await?;
            }
        }
        Ok(())
    }
}
