use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use rsipstack::{
    dialog::DialogId,
    sip::{Response, prelude::HeadersExt as _},
};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{keypad::Order, transfer::Outcome};

/// Hands a call over to somebody whom we have called and talked to: an attended transfer (RFC 5589,
/// section 7).
#[derive(Clone, Debug)]
pub struct SipHandover(pub(super) mpsc::Sender<Order>);

impl SipHandover {
    /// Asks the other side of this call to take the place that we have in the other one, and waits
    /// until it has: its agent is told too then, and its session ends as transferred. Until then
    /// the agent says to its end what it is saying and begins nothing; if it comes to nothing, it
    /// answers what was said meanwhile, and the conversation goes on.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when this call has ended or the other has not been taken,
    /// [`Stalled`](ErrorKind::Stalled) when too much waits,
    /// [`Overloaded`](ErrorKind::Overloaded) while the call is being handed on already,
    /// [`Timeout`](ErrorKind::Timeout) when nothing is told of it for about two minutes, and what the
    /// other side says where it does not do it, which is mostly
    /// [`Rejected`](ErrorKind::Rejected).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back; the agent is told all the same if the call is handed
    /// over.
    pub async fn to(&self, other: &SipConsultation) -> Result<()> {
        let asked = self.ask(other)?;
        match asked.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(kind)) => Err(failed(kind, "the call was not handed over")),
            Err(_) => Err(failed(ErrorKind::Closed, "the call is over")),
        }
    }

    fn ask(&self, other: &SipConsultation) -> Result<oneshot::Receiver<Outcome>> {
        let untaken = || failed(ErrorKind::Closed, "the other call has not been taken");
        let address = other.0.get().ok_or_else(untaken)?.clone();
        let (teller, told) = oneshot::channel();
        self.0.try_send(Order::HandTo(address, teller)).map_err(|refused| match refused {
            TrySendError::Full(_) => failed(ErrorKind::Stalled, "too much waits"),
            TrySendError::Closed(_) => failed(ErrorKind::Closed, "the call is over"),
        })?;
        Ok(told)
    }
}

fn failed(kind: ErrorKind, why: &'static str) -> Error {
    Error::new(kind, "hand over a call", why).with_provider("sip")
}

/// A call that we have made, as the place that another call can be handed to.
#[derive(Clone, Default)]
pub struct SipConsultation(Arc<OnceLock<String>>);

impl SipConsultation {
    /// The call has been taken, by this answer.
    pub(super) fn taken(&self, dialog: &DialogId, answer: &Response, callee: &str) {
        let contact = answer.header_value("contact");
        let contact = contact.as_deref().and_then(|value| address_of(value));
        // Opened once, so it is set once.
        let _ = self.0.set(place(contact.unwrap_or(callee), dialog));
    }
}

impl fmt::Debug for SipConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SipConsultation").field("is_taken", &self.0.get().is_some()).finish()
    }
}

/// The address in a `Contact`.
fn address_of(value: &str) -> Option<&str> {
    let address = match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>')?.0,
        None => value.split(';').next()?.trim(),
    };
    let is_clean = !address.contains(|c: char| c.is_control() || c.is_whitespace() || c == '"');
    (is_clean && !address.is_empty()).then_some(address)
}

/// The address that a request to take our place goes to: its tags are as the other side sees them
/// (RFC 3891, section 3).
fn place(address: &str, dialog: &DialogId) -> String {
    let address = address.split('?').next().unwrap_or(address);
    let name =
        format!("{};to-tag={};from-tag={}", dialog.call_id, dialog.remote_tag, dialog.local_tag);
    format!("<{address}?Replaces={}>", escape(&name))
}

/// Escapes what may not stand in the value of a header within an address (RFC 3261, section 25.1).
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_call_is_named_as_its_other_side_sees_it() {
        let dialog = DialogId {
            call_id: "a b@host".to_owned(),
            local_tag: "ours".to_owned(),
            remote_tag: "the=irs".to_owned(),
        };
        let text = "SIP/2.0 200 OK\r\nContact: \"Bo\" <sip:bo@192.0.2.7:5070>;x=y\r\n\r\n";
        let answer = Response::try_from(text.as_bytes()).unwrap();
        let consultation = SipConsultation::default();
        let (sender, mut orders) = mpsc::channel(1);
        let handover = SipHandover(sender);
        assert_eq!(handover.ask(&consultation).unwrap_err().kind(), ErrorKind::Closed);
        consultation.taken(&dialog, &answer, "sip:callee@host");
        let _told = handover.ask(&consultation).unwrap();
        let Some(Order::HandTo(address, _)) = orders.blocking_recv() else { panic!("no order") };
        assert_eq!(
            address,
            "<sip:bo@192.0.2.7:5070?Replaces=a%20b%40host%3Bto-tag%3Dthe%3Dirs%3Bfrom-tag%3Dours>"
        );
        for (contact, address) in [
            ("sip:bo@h;tag=1", Some("sip:bo@h")),
            ("<sip:bo@h\" x>", None),
            ("<sip:open", None),
            ("", None),
        ] {
            assert_eq!(address_of(contact), address);
        }
    }
}
