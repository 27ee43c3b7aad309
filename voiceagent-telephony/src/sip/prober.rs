use std::net::SocketAddr;

use rsipstack::{
    sip::{
        Method, Request, Response, Transport, Uri,
        headers::CallId,
        typed::{From, To},
    },
    transaction::{endpoint::EndpointInnerRef, make_tag},
    transport::SipAddr,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};
use voiceagent_core::{Error, Result};

use super::{
    SipAccount, SipConfig, SipTrunk, answers,
    dial::address,
    outside::{ask, via},
    quiet::quiet,
    reach::{Asking, SipNeighbor, SipReach},
    refusal::code,
    streams::Streams,
};
use crate::random::random_name;

/// How many times the first pause between repetitions (T1, half a second) an answer may take. Over
/// UDP the question is sent five times until then.
const PATIENCE: u32 = 16;

/// Asks somebody whether they are there, again and again (`OPTIONS`; RFC 3261, section 11).
pub(super) struct Prober {
    name: String,
    is_trunk: bool,
    /// Who is asked.
    uri: Uri,
    /// Where that is, and by what it is reached, if it is not looked up.
    at: Option<(SocketAddr, Transport)>,
    from: Uri,
    asking: Asking,
    call: CallId,
    sequence: u32,
    reach: watch::Sender<SipReach>,
}

impl Prober {
    /// Asks the trunk, from now on.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when its address is none.
    pub(super) fn of_trunk(trunk: &SipTrunk, config: &SipConfig) -> Result<Self> {
        let number = config.directory.from.as_ref().map(|number| number.as_str());
        let user = trunk.user.as_deref().or(number).unwrap_or("anonymous");
        Ok(Self {
            name: trunk.address.clone(),
            is_trunk: true,
            uri: trunk.uri()?,
            at: None,
            from: address(user, &trunk.host()?),
            asking: Asking::new(trunk.keep_alive),
            call: random_name("name a question")?.into(),
            sequence: 0,
            reach: watch::Sender::default(),
        })
    }

    /// Asks a registrar, after the usual pause: until then its registration tells as much.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when its domain is none.
    pub(super) fn of_account(account: &SipAccount) -> Result<Self> {
        let uri: Uri = format!("sip:{}", account.host())
            .as_str()
            .try_into()
            .map_err(|_| Error::config("accounts.domain: the name of a host"))?;
        Ok(Self {
            name: account.registrar.to_string(),
            is_trunk: false,
            from: address(&account.user, &uri.host_with_port),
            uri,
            at: Some((account.registrar, account.transport.of_stack())),
            asking: Asking::new(account.keep_alive),
            call: random_name("name a question")?.into(),
            sequence: 0,
            reach: watch::Sender::default(),
        })
    }

    pub(super) fn neighbor(&self) -> SipNeighbor {
        let (name, reach) = (self.name.clone(), self.reach.subscribe());
        SipNeighbor { name, is_trunk: self.is_trunk, reach }
    }

    /// Asks until the future is dropped, and tells what comes of it.
    pub(super) async fn keep(mut self, endpoint: EndpointInnerRef, streams: Streams) {
        if self.at.is_some() {
            sleep(self.asking.every).await;
        }
        loop {
            let answer = quiet(self.attempt(&endpoint, &streams)).await;
            let (reach, wait) = self.asking.heard(answer.as_ref());
            self.tell(reach, answer.as_ref());
            sleep(wait).await;
        }
    }

    fn tell(&self, reach: SipReach, answer: Option<&Response>) {
        let was = self.reach.send_replace(reach);
        let who = &self.name;
        match (was, reach) {
            (SipReach::Unreachable, SipReach::Reachable) => info!(who, "answers again"),
            (SipReach::Unreachable, _) | (SipReach::Reachable, SipReach::Reachable) => {}
            (_, SipReach::Reachable) => info!(who, "answers"),
            _ => {
                let status = answer.map(|answer| code(&answer.status_code));
                let advice = "set its keep_alive to 0 if it never answers OPTIONS";
                warn!(who, status, advice, "does not answer, or is not available");
            }
        }
    }

    /// Asks once; the answer, if there is one.
    async fn attempt(
        &mut self,
        endpoint: &EndpointInnerRef,
        streams: &Streams,
    ) -> Option<Response> {
        let there = match self.at {
            None => streams.reach(&self.uri).await.ok()?,
            Some((host, transport)) => {
                let there = SipAddr::new(transport, host.into());
                let name = self.uri.host_with_port.host.to_string();
                streams.connect(&there, host, &name).await.ok()?;
                there
            }
        };
        let request = self.request(endpoint, there.r#type.unwrap_or_default())?;
        let limit = endpoint.option.t1 * PATIENCE;
        timeout(limit, ask(endpoint, request, &there)).await.ok()?
    }

    fn request(&mut self, endpoint: &EndpointInnerRef, by: Transport) -> Option<Request> {
        self.sequence = self.sequence.wrapping_add(1) & (u32::MAX >> 1);
        // What says how somebody is reached is no part of who they are (section 19.1.1).
        let to = Uri { params: vec![], ..self.uri.clone() };
        let mut request = endpoint.make_request(
            Method::Options,
            self.uri.clone(),
            via(endpoint, by)?,
            From::from(self.from.clone()).with_tag(make_tag()),
            To::from(to),
            self.sequence,
            Some(self.call.clone()),
        );
        request.headers.extend(answers::abilities());
        Some(request)
    }
}

/// Whom a server asks, as its configuration says: each once.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config), with the field.
pub(super) fn probers(config: &SipConfig) -> Result<Vec<Prober>> {
    let trunk = config.trunk.iter().filter(|trunk| !trunk.keep_alive.is_zero());
    let mut probers =
        trunk.map(|trunk| Prober::of_trunk(trunk, config)).collect::<Result<Vec<_>>>()?;
    for account in config.accounts.iter().filter(|account| !account.keep_alive.is_zero()) {
        let there = Some((account.registrar, account.transport.of_stack()));
        if probers.iter().all(|prober| prober.at != there) {
            probers.push(Prober::of_account(account)?);
        }
    }
    Ok(probers)
}

#[cfg(test)]
mod tests;
