use std::time::Duration;

use rsipstack::{
    sip::{
        HasHeaders as _, Header, Method, Request, Response, StatusCode, StatusCodeKind, Uri,
        headers::CallId,
        prelude::HeadersExt as _,
        typed::{Contact, From, To},
    },
    transaction::{endpoint::EndpointInnerRef, make_tag},
    transport::SipAddr,
};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use voiceagent_core::{Error, Result};

use super::{
    SipAccount, SipConfig,
    addresses::{Addresses, contact},
    answers,
    digest::{Asked, Challenge},
    lists,
    outside::{ask, via},
    quiet::quiet,
    reach::SipNeighbor,
    refusal::retry_after,
    streams::Streams,
};
use crate::random::random_name;

/// Between attempts: the first wait after a failure, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How many challenges one attempt answers, where all but the first say that only the nonce was too
/// old.
const MOST_PROOFS: u32 = 3;

/// Lets a registrar know where we are.
pub(super) struct Registrar {
    account: SipAccount,
    domain: Uri,
    contact: Uri,
    call: CallId,
    sequence: u32,
    /// Whether it answers, where it is asked that between two registrations.
    neighbor: Option<SipNeighbor>,
}

impl Registrar {
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the domain is none.
    pub(super) fn new(
        account: &SipAccount,
        config: &SipConfig,
        addresses: Addresses,
    ) -> Result<Self> {
        let transport = account.transport.of_stack();
        let at = addresses.seen_from(config, transport, account.registrar)?;
        let domain = format!("sip:{}", account.host());
        Ok(Self {
            domain: domain
                .as_str()
                .try_into()
                .map_err(|_| Error::config("accounts.domain: the name of a host"))?,
            contact: contact(at, transport, Some(&account.user)),
            account: account.clone(),
            call: random_name("name a registration")?.into(),
            sequence: 0,
            neighbor: None,
        })
    }

    /// Sets who is asked whether they are there.
    pub(super) fn with_neighbor(mut self, neighbor: Option<SipNeighbor>) -> Self {
        self.neighbor = neighbor;
        self
    }

    /// Lets the registrar know where we are, until the future is dropped.
    ///
    /// What was granted is renewed after three quarters of its time. After a failure it is tried
    /// again after a second, twice that, and so on up to a minute, or when the registrar says. A
    /// connection that is lost is made anew in the same way. A registrar that has been away and
    /// answers again may have forgotten us: it is told at once.
    pub(super) async fn keep(mut self, endpoint: EndpointInnerRef, streams: Streams) {
        let registrar = self.account.registrar;
        let mut asked = self.account.expires.as_secs() as u32;
        let mut failures = 0;
        let mut was_known = false;
        // Connections that were lost one after the other, each soon after it had been made.
        let mut losses = 0;
        loop {
            let outcome = quiet(self.attempt(asked, &endpoint, &streams)).await;
            let wait = match outcome {
                Some(answer) if answer.status_code.kind() == StatusCodeKind::Successful => {
                    if !std::mem::replace(&mut was_known, true) {
                        info!(%registrar, "registered");
                    }
                    failures = 0;
                    Duration::from_secs(self.granted(&answer, asked).max(1).into()) * 3 / 4
                }
                Some(answer) if longer(&answer).is_some_and(|least| least > asked) => {
                    asked = longer(&answer).unwrap_or(asked);
                    Duration::ZERO
                }
                refused => {
                    was_known = false;
                    let wait = refused.as_ref().and_then(retry_after).unwrap_or_default();
                    let status = refused.map(|answer| answer.status_code.to_string());
                    let status = status.as_deref().unwrap_or("no answer");
                    failures += 1;
                    warn!(%registrar, status, failures, "not registered");
                    backoff(failures).max(wait)
                }
            };
            if failures > 0 || wait.is_zero() {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.returns() => {
                        info!(%registrar, "the registrar answers again, and is asked anew");
                    }
                }
                continue;
            }
            let (since, address) = (Instant::now(), self.address());
            tokio::select! {
                () = sleep(wait) => {
                    losses = 0;
                    continue;
                }
                () = self.returns() => {
                    info!(%registrar, "the registrar answers again, and is told anew");
                    continue;
                }
                // What comes to us came by that connection.
                () = streams.lost(&address) => {}
            }
            losses = if since.elapsed() < LONGEST_WAIT { losses + 1 } else { 1 };
            warn!(%registrar, losses, "the connection to the registrar is lost");
            sleep(backoff(losses)).await;
        }
    }

    /// Waits until a registrar that has been away answers again.
    async fn returns(&self) {
        match &self.neighbor {
            Some(neighbor) => neighbor.returns().await,
            None => std::future::pending().await,
        }
    }

    /// Asks, and proves who we are when that is asked for; the last answer.
    async fn attempt(
        &mut self,
        asked: u32,
        endpoint: &EndpointInnerRef,
        streams: &Streams,
    ) -> Option<Response> {
        let address = self.address();
        let name = self.domain.host_with_port.host.to_string();
        streams.connect(&address, self.account.registrar, &name).await.ok()?;
        let mut proof = None;
        for proofs in 0.. {
            let request = self.request(asked, endpoint, proof.take())?;
            let answer = ask(endpoint, request, &address).await?;
            let challenge = Challenge::of(&answer);
            let may_prove =
                |challenge: &Challenge| proofs == 0 || challenge.is_stale && proofs < MOST_PROOFS;
            let Some(challenge) = challenge.filter(may_prove) else { return Some(answer) };
            let uri = self.domain.to_string();
            let asked = Asked { method: "REGISTER", uri: &uri, body: b"" };
            proof = Some(challenge.answer(&self.account.credentials(), asked).ok()?);
        }
        None
    }

    fn address(&self) -> SipAddr {
        SipAddr::new(self.account.transport.of_stack(), self.account.registrar.into())
    }

    fn request(
        &mut self,
        asked: u32,
        endpoint: &EndpointInnerRef,
        proof: Option<Header>,
    ) -> Option<Request> {
        self.sequence += 1;
        let transport = self.account.transport.of_stack();
        let mut account = self.domain.clone();
        account.auth.clone_from(&self.contact.auth);
        let mut request = endpoint.make_request(
            Method::Register,
            self.domain.clone(),
            via(endpoint, transport)?,
            From::from(account.clone()).with_tag(make_tag()),
            To::from(account),
            self.sequence,
            Some(self.call.clone()),
        );
        let contact = Contact { display_name: None, uri: self.contact.clone(), params: vec![] };
        request.headers.push(contact.into());
        request.headers.push(Header::Expires(asked.to_string().into()));
        request.headers.extend(answers::abilities());
        request.headers.extend(proof.into_iter().collect());
        Some(request)
    }

    /// For how long we are known: what stands at our address among those that the registrar knows,
    /// or for all of them (RFC 3261, section 10.2.4).
    fn granted(&self, answer: &Response, asked: u32) -> u32 {
        let ours = self.contact.to_string();
        let known = answer.headers().iter().filter(|header| matches!(header, Header::Contact(_)));
        let at_ours = known.flat_map(|header| lists::entries(header.value())).find_map(|entry| {
            let (address, parameters) = lists::address(entry);
            let is_ours = address.split(';').next() == ours.split(';').next();
            let expires = lists::parameters(parameters).find_map(|part| {
                let (name, value) = part.split_once('=')?;
                name.trim().eq_ignore_ascii_case("expires").then_some(value)
            })?;
            is_ours.then(|| expires.trim().parse().ok()).flatten()
        });
        let at_all = || answer.header_value("expires")?.trim().parse().ok();
        at_ours.or_else(at_all).unwrap_or(asked)
    }
}

/// Between attempts, after so many that failed.
pub(super) fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(10));
    (FIRST_WAIT * doubled).min(LONGEST_WAIT)
}

/// The shortest time that a registrar takes, where what we asked for is shorter.
fn longer(answer: &Response) -> Option<u32> {
    (answer.status_code == StatusCode::IntervalTooBrief)
        .then(|| answer.header_value("min-expires")?.trim().parse().ok())
        .flatten()
}
