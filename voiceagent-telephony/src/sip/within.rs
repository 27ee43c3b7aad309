use rsipstack::{
    dialog::{DialogId, dialog_layer::DialogLayer, invite_dialog::InviteDialog},
    sip::{Header, Method, Response, SipMessage, StatusCode},
    transaction::key::TransactionRole,
};

use super::digest::{Asked, Challenge, Credentials};

/// How many challenges a request within a call answers, where all but the first say that only the
/// nonce was too old.
const MOST_PROOFS: usize = 3;

/// The numbers under which the stack sees challenges (401 and 407) within a call. It would end the
/// call for them, or answer them by a digest that knows MD5 alone.
const VEILED: [(StatusCode, u16); 2] =
    [(StatusCode::Unauthorized, 498), (StatusCode::ProxyAuthenticationRequired, 499)];

/// Shows the stack a challenge within a call as another refusal, which [`ask`] knows.
pub(super) fn veil(dialogs: &DialogLayer, message: SipMessage) -> SipMessage {
    let SipMessage::Response(mut answer) = message else { return message };
    let veiled = VEILED.iter().find(|(status, _)| *status == answer.status_code);
    if let Some((_, number)) = veiled
        && let Ok(id) = DialogId::try_from((&answer, TransactionRole::Client))
        && dialogs.get_dialog(&id).is_some()
    {
        answer.status_code = StatusCode::Other(*number, "Challenge".to_owned());
    }
    SipMessage::Response(answer)
}

fn unveiled(mut answer: Response) -> Response {
    let number = u16::from(answer.status_code.clone());
    if let Some((status, _)) = VEILED.iter().find(|(_, veiled)| *veiled == number) {
        answer.status_code = status.clone();
    }
    answer
}

/// Sends a request within a call, and again with a proof of who we are where that is asked for; the
/// last answer, or `None` where there is none.
pub(super) async fn ask(
    dialog: &InviteDialog,
    credentials: Option<&Credentials>,
    method: Method,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
) -> Option<Response> {
    let mut proof = None;
    for proofs in 0.. {
        let headers = headers.iter().cloned().chain(proof.take()).collect();
        let answer = match method {
            Method::Invite => dialog.reinvite(Some(headers), body.clone()).await,
            _ => dialog.request(method, Some(headers), body.clone()).await,
        };
        let answer = unveiled(answer.ok()??);
        let may_prove =
            |challenge: &Challenge| proofs == 0 || challenge.is_stale && proofs < MOST_PROOFS;
        let challenge = Challenge::of(&answer).filter(may_prove);
        let Some((challenge, credentials)) = challenge.zip(credentials) else {
            return Some(answer);
        };
        let uri = dialog.snapshot().remote_uri.to_string();
        let asked = Asked {
            method: &method.to_string(),
            uri: &uri,
            body: body.as_deref().unwrap_or_default(),
        };
        proof = challenge.answer(credentials, asked).ok();
        if proof.is_none() {
            return Some(answer);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_veiled_is_read_as_it_was_sent() {
        for (status, number) in VEILED {
            let answer = Response {
                status_code: StatusCode::Other(number, "Challenge".to_owned()),
                ..Response::default()
            };
            assert_eq!(unveiled(answer).status_code, status);
        }
        let busy = Response { status_code: StatusCode::BusyHere, ..Response::default() };
        assert_eq!(unveiled(busy).status_code, StatusCode::BusyHere);
    }
}
