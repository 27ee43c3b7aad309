use std::sync::Arc;

use tracing::info;
use voiceagent_core::{Error, Result};
use voiceagent_telephony::sip::{SipCall, SipConfig, SipReach, SipServer};

use super::answer;
use crate::{
    config::Config, departments::Departments, lobby::Lobby, metrics::Metrics, reception::Reception,
};

/// Begins to listen for calls over SIP, where the configuration has any. They ring until somebody
/// [receives](receive) them.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config), with the field of the table `[sip]`.
pub(super) async fn bind(config: &Config, metrics: &Metrics) -> Result<Option<SipServer>> {
    let Some(sip) = settings(config)?.filter(|_| config.server.roles.media) else {
        return Ok(None);
    };
    let server = SipServer::bind(sip).await.map_err(wrong)?;
    metrics.watch_sip(server.neighbors());
    Ok(Some(server))
}

/// Whether calls over SIP could be taken, and whether the trunk answers, where it is to be asked. It
/// is listened for a moment, and no registrar is told.
///
/// # Errors
///
/// As [`bind`].
pub(crate) async fn try_sip(config: &Config) -> Result<Option<SipReach>> {
    let Some(mut sip) = settings(config)? else { return Ok(None) };
    sip.check().map_err(wrong)?;
    sip.accounts.clear();
    let server = SipServer::bind(sip).await.map_err(wrong)?;
    let Some(trunk) = server.neighbors().iter().find(|one| one.is_trunk()) else {
        return Ok(None);
    };
    let mut reach = trunk.reach();
    // It is asked until the server is dropped, so that this ends with a word.
    let known = reach.wait_for(|reach| *reach != SipReach::Unknown).await;
    Ok(known.ok().map(|reach| *reach))
}

fn wrong(error: Error) -> Error {
    Error::config(format!("table `[sip]`: {}", error.message())).with_source(error)
}

/// The table, with the departments as those to whom calls may be handed.
fn settings(config: &Config) -> Result<Option<SipConfig>> {
    let Some(mut sip) = config.sip.clone() else { return Ok(None) };
    let departments = Departments::read(&config.dealership.departments)?.directory()?;
    for (name, target) in departments.targets {
        sip.directory.targets.entry(name).or_insert(target);
    }
    Ok(Some(sip))
}

/// Answers calls, each on a task of its own, until the future is dropped.
pub(super) async fn receive(server: SipServer, reception: Arc<Reception>, lobby: Lobby) {
    info!(listen = %server.local_addr(), "answering calls over SIP");
    let room = lobby.clone();
    server
        .with_room(move || room.is_open() && !room.is_full())
        .serve(move |call: SipCall| {
            let (reception, host) = (Arc::clone(&reception), lobby.clone());
            async move {
                if !host.is_open() || host.is_full() {
                    // It was let in together with the last one that found room.
                    let _ = call.refuse(503);
                    return;
                }
                let call = Box::pin(answer(&reception, call, &host));
                host.host(call).await;
            }
        })
        .await;
}
