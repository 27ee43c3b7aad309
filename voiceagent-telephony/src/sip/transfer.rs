use std::time::Duration;

use rsipstack::{
    dialog::invite_dialog::InviteDialog,
    sip::{Header, Method, Request, StatusCode, prelude::HeadersExt as _},
};
use tokio::time::timeout;
use voiceagent_core::{CallTime, ErrorKind, Result};

use super::{addresses::contact, digest::Credentials, peer::Peer, quiet::quiet, within};
use crate::control::{Directory, TransferTarget};

/// How long the other side may take to say whether it hands a call on, and then to do it. Phones
/// ring for half a minute and more.
const ASKING: Duration = Duration::from_secs(32);
const HANDING_ON: Duration = Duration::from_secs(90);

/// The longest that all of it takes, and a little more, so that what comes of it is always told.
pub(super) const LONGEST: Duration =
    Duration::from_secs(ASKING.as_secs() + HANDING_ON.as_secs() + 3);

/// What comes of handing a call on.
pub(super) type Outcome = Result<(), ErrorKind>;

/// Hands a call on by `REFER` (RFC 3515), one attempt at a time.
#[derive(Debug)]
pub(super) struct Transfers {
    directory: Directory,
    peer: Peer,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    Idle,
    Asked,
    /// The other side tries, until then.
    Tried(CallTime),
}

impl Transfers {
    pub(super) const fn new(directory: Directory, peer: Peer) -> Self {
        Self { directory, peer, state: State::Idle }
    }

    /// Begins an attempt; the address that is to be asked for.
    pub(super) fn begin(&mut self, target: &str) -> Result<String, ErrorKind> {
        if self.state != State::Idle {
            return Err(ErrorKind::Overloaded);
        }
        let target = self.directory.target(target).map_err(|error| error.kind())?;
        let address = match target {
            TransferTarget::Number(number) => {
                let Peer { address, transport } = self.peer;
                format!("{};user=phone", contact(address, transport, Some(number.as_str())))
            }
            TransferTarget::Sip(address) => address,
        };
        // It stands between brackets in a header.
        if address.contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"".contains(c)) {
            return Err(ErrorKind::Config);
        }
        self.state = State::Asked;
        Ok(format!("<{address}>"))
    }

    /// Begins an attempt with the address of a call that we have, in brackets.
    pub(super) fn begin_at(&mut self, address: String) -> Result<String, ErrorKind> {
        if self.state != State::Idle {
            return Err(ErrorKind::Overloaded);
        }
        self.state = State::Asked;
        Ok(address)
    }

    /// Takes the answer to the request; what that means, if it is the end.
    pub(super) fn answered(
        &mut self,
        now: CallTime,
        status: Option<u16>,
    ) -> Option<Result<(), ErrorKind>> {
        // The end may be told before the request is answered.
        if self.state != State::Asked {
            return None;
        }
        let failure = match status {
            Some(200..=299) => {
                self.state = State::Tried(now + HANDING_ON);
                return None;
            }
            None => ErrorKind::Timeout,
            Some(status) => kind_of(status),
        };
        self.state = State::Idle;
        Some(Err(failure))
    }

    /// Takes what the other side tells of its attempt.
    pub(super) fn notified(&mut self, request: &Request) -> Option<Result<(), ErrorKind>> {
        let status = told_status(request)?;
        if self.state == State::Idle || status < 200 {
            return None;
        }
        self.state = State::Idle;
        Some(if status < 300 { Ok(()) } else { Err(kind_of(status)) })
    }

    /// Whether the other side has been asked and has not answered.
    pub(super) fn is_asked(&self) -> bool {
        self.state == State::Asked
    }

    /// The other side has hung up: whether it had taken over. Some do so at once.
    pub(super) const fn hung_up(&self) -> bool {
        matches!(self.state, State::Tried(_))
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Result<(), ErrorKind>> {
        let is_late = matches!(self.state, State::Tried(until) if now >= until);
        is_late.then(|| {
            self.state = State::Idle;
            Err(ErrorKind::Timeout)
        })
    }

    pub(super) const fn poll_timeout(&self) -> Option<CallTime> {
        if let State::Tried(until) = self.state { Some(until) } else { None }
    }
}

/// Asks the other side to hand the call on; the status of its answer.
pub(super) async fn ask(
    dialog: InviteDialog,
    credentials: Option<Credentials>,
    to: String,
) -> Option<u16> {
    let headers = vec![Header::ReferTo(to.into())];
    let asking = within::ask(&dialog, credentials.as_ref(), Method::Refer, headers, None);
    let answer = timeout(ASKING, quiet(asking)).await.ok()??;
    Some(code(answer.status_code))
}

/// The status in what the other side tells of its attempt: `SIP/2.0 180 Ringing` (RFC 3515, section
/// 2.4.5). The stack's own reader looks for the headers under a form that its parser never gives.
fn told_status(request: &Request) -> Option<u16> {
    let event = request.header_value("event")?;
    if event.split(';').next()?.trim() != "refer" {
        return None;
    }
    let line = str::from_utf8(&request.body).ok()?.lines().next()?;
    line.strip_prefix("SIP/2.0 ")?.split_whitespace().next()?.parse().ok()
}

fn code(status: StatusCode) -> u16 {
    u16::from(status)
}

fn kind_of(status: u16) -> ErrorKind {
    match status {
        405 | 420 | 489 | 501 => ErrorKind::Unsupported,
        408 | 487 | 504 => ErrorKind::Timeout,
        481 => ErrorKind::Closed,
        _ => ErrorKind::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::Transport;

    use super::*;

    fn transfers() -> Transfers {
        let directory = Directory::default()
            .with_target("desk", "+14155550100".parse().unwrap())
            .with_target("sales", "sip:sales@example.org".parse().unwrap())
            .with_target("broken", "sip:a@b>\r\nX-Evil: 1".parse().unwrap());
        let peer = Peer { address: ([192, 0, 2, 9], 5_060).into(), transport: Transport::Udp };
        Transfers::new(directory, peer)
    }

    fn notify(body: &str) -> Request {
        let text = format!(
            "NOTIFY sip:a@b SIP/2.0\r\nEvent: refer\r\nSubscription-State: active\r\n\
             Content-Type: message/sipfrag\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Request::try_from(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_configured_targets_are_asked_for_and_no_header_is_smuggled_in() {
        let asked = |name| transfers().begin(name);
        assert_eq!(asked("desk").unwrap(), "<sip:+14155550100@192.0.2.9:5060;user=phone>");
        assert_eq!(asked("sales").unwrap(), "<sip:sales@example.org>");
        assert_eq!(asked("+19005550100"), Err(ErrorKind::Rejected));
        assert_eq!(asked("broken"), Err(ErrorKind::Config));
    }

    #[test]
    fn an_attempt_ends_with_what_the_other_side_tells_last() {
        let now = CallTime::ZERO;
        let mut transfers = transfers();
        transfers.begin("desk").unwrap();
        assert_eq!(transfers.begin("sales"), Err(ErrorKind::Overloaded));
        assert_eq!(transfers.answered(now, Some(202)), None);
        assert!(transfers.hung_up());
        assert_eq!(transfers.notified(&notify("SIP/2.0 180 Ringing\r\n")), None);
        let last = transfers.notified(&notify("SIP/2.0 603 Decline\r\n"));
        assert_eq!(last, Some(Err(ErrorKind::Rejected)));
        transfers.begin("sales").unwrap();
        assert_eq!(transfers.answered(now, Some(202)), None);
        assert_eq!(transfers.notified(&notify("SIP/2.0 200 OK\r\n")), Some(Ok(())));
        assert_eq!(transfers.notified(&notify("SIP/2.0 200 OK\r\n")), None);
    }

    #[test]
    fn an_end_that_comes_before_the_answer_is_the_end() {
        let mut transfers = transfers();
        transfers.begin("desk").unwrap();
        assert_eq!(transfers.notified(&notify("SIP/2.0 200 OK\r\n")), Some(Ok(())));
        assert_eq!(transfers.answered(CallTime::ZERO, Some(202)), None);
        assert_eq!(transfers.poll_timeout(), None);
    }

    #[test]
    fn a_refused_or_forgotten_attempt_leaves_the_call_as_it_was() {
        let mut transfers = transfers();
        transfers.begin("desk").unwrap();
        let refused = transfers.answered(CallTime::ZERO, Some(405));
        assert_eq!(refused, Some(Err(ErrorKind::Unsupported)));
        transfers.begin("desk").unwrap();
        assert_eq!(transfers.answered(CallTime::ZERO, Some(202)), None);
        let late = transfers.poll_timeout().unwrap();
        assert_eq!(transfers.poll(CallTime::ZERO), None);
        assert_eq!(transfers.poll(late), Some(Err(ErrorKind::Timeout)));
        assert!(!transfers.hung_up());
    }
}
