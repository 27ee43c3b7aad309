use std::time::Duration;

use rsipstack::{
    dialog::invite_dialog::InviteDialog,
    sip::{Header, Method, Response, prelude::HeadersExt as _},
};

use super::{
    digest::Credentials,
    refusal::retry_after,
    session_timer::{SessionExpires, SessionTimer},
    target, within,
};

/// A request of ours that confirms a call (RFC 4028, section 10).
pub(super) struct Refresh {
    method: Method,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
}

/// What becomes of such a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refreshed {
    Confirmed(Option<SessionExpires>),
    /// It has crossed one of the other side.
    Crossed,
    /// The other side does not know the method.
    Untaken,
    /// The other side cannot now, or could not be reached; perhaps it says for how long.
    Later(Option<Duration>),
    /// The other side wants to be asked no more often than this.
    TooShort(Duration),
    /// The other side does not know the call, or says nothing: no other request would help.
    Gone,
    Refused(u16),
}

impl Refresh {
    /// An `UPDATE`, or where the other side takes none an `INVITE` with the description that holds.
    pub(super) fn new(timer: &SessionTimer, can_update: bool, description: Option<&str>) -> Self {
        let mut headers = vec![
            Header::SessionExpires(timer.header_of_refresh().into()),
            Header::Supported("timer".into()),
        ];
        headers.extend(timer.least_of_refresh().map(|least| Header::MinSE(least.into())));
        if can_update {
            return Self { method: Method::Update, headers, body: None };
        }
        headers.push(Header::ContentType("application/sdp".into()));
        let body = description.map(|text| text.as_bytes().to_vec());
        Self { method: Method::Invite, headers, body }
    }

    /// What the answer means, and how it describes the media where the request has done so.
    pub(super) async fn ask(
        self,
        dialog: InviteDialog,
        credentials: Option<Credentials>,
    ) -> (Refreshed, Option<String>) {
        let Self { method, headers, body } = self;
        let is_described = body.is_some();
        let answer = within::ask(&dialog, credentials.as_ref(), method, headers, body).await;
        let outcome = Refreshed::by(answer.as_ref());
        let is_confirmed = matches!(outcome, Refreshed::Confirmed(_));
        if let Some(answer) = answer.as_ref().filter(|_| is_confirmed) {
            target::refresh(&dialog, answer);
        }
        let is_taken = is_described && is_confirmed;
        let body = answer.filter(|answer| is_taken && !answer.body.is_empty());
        (outcome, body.and_then(|answer| String::from_utf8(answer.body).ok()))
    }
}

impl Refreshed {
    /// Reads the answer; there is none where the request could not be sent. The stack answers 408
    /// itself where nobody else does in time.
    fn by(answer: Option<&Response>) -> Self {
        let Some(answer) = answer else { return Self::Later(None) };
        let header = |name| answer.header_value(name);
        match u16::from(answer.status_code.clone()) {
            200..=299 => {
                let expires = header("session-expires").or_else(|| header("x"));
                Self::Confirmed(expires.and_then(|value| SessionExpires::parse_answer(&value)))
            }
            // They end the call, whatever else they say (RFC 4028, section 10).
            408 | 481 => Self::Gone,
            405 | 501 => Self::Untaken,
            422 => {
                let least = header("min-se").and_then(|value| SessionExpires::parse(&value));
                least.map_or(Self::Refused(422), |least| Self::TooShort(least.interval))
            }
            491 => Self::Crossed,
            status => match retry_after(answer) {
                None if status / 100 != 5 => Self::Refused(status),
                wait => Self::Later(wait),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(status: u16, headers: &str) -> Refreshed {
        let text = format!("SIP/2.0 {status} x\r\n{headers}\r\n");
        Refreshed::by(Some(&Response::try_from(text.as_bytes()).unwrap()))
    }

    #[test]
    fn an_answer_tells_whether_and_when_to_ask_again() {
        let seconds = Duration::from_secs;
        assert_eq!(Refreshed::by(None), Refreshed::Later(None));
        assert_eq!(by(500, ""), Refreshed::Later(None));
        assert_eq!(by(503, "Retry-After: 1\r\n"), Refreshed::Later(Some(seconds(1))));
        assert_eq!(by(480, "Retry-After: 7\r\n"), Refreshed::Later(Some(seconds(7))));
        assert_eq!(by(480, ""), Refreshed::Refused(480));
        assert_eq!(by(491, "Retry-After: 7\r\n"), Refreshed::Crossed);
        assert_eq!((by(405, ""), by(501, "")), (Refreshed::Untaken, Refreshed::Untaken));
        assert_eq!(by(422, "Min-SE: 120;x=y\r\n"), Refreshed::TooShort(seconds(120)));
        assert_eq!(by(422, ""), Refreshed::Refused(422));
        assert_eq!(
            (by(481, ""), by(408, "Retry-After: 1\r\n")),
            (Refreshed::Gone, Refreshed::Gone)
        );
    }

    #[test]
    fn what_confirms_a_call_may_say_how_often_it_wants_to() {
        assert_eq!(by(200, ""), Refreshed::Confirmed(None));
        for name in ["Session-Expires", "x"] {
            let answer = by(200, &format!("{name}: 600;refresher=uas\r\n"));
            let Refreshed::Confirmed(Some(expires)) = answer else { panic!("{answer:?}") };
            assert_eq!(expires, SessionExpires::parse_answer("600;refresher=uas").unwrap());
        }
    }
}
