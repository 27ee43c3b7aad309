use std::{sync::Arc, time::Duration};

use futures_util::future::{Fuse, FusedFuture, FutureExt};
use rmcp::{
    Peer, RoleClient,
    service::{QuitReason, RunningService},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use voiceagent_core::{Error, ErrorKind, LinkPeer, Result, tool::Schema};

use super::{
    McpConfig, McpToolConfig,
    connect::{Ear, connect},
    names::unique,
    tool::Offer,
};

/// A server that lived for less is not started again before somebody needs it: it would end again.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// How long a server has to end in good order.
const GOODBYE: Duration = Duration::from_millis(80);

/// A server as everybody sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Who answers calls, while the server is there.
    pub(crate) peer: Option<Peer<RoleClient>>,
    /// What it offers, or has last offered.
    pub(crate) offers: Arc<[Offer]>,
    /// How often opening it has failed, and how it did last.
    pub(crate) failed: (usize, Option<Arc<Error>>),
}

/// Somebody needs the server.
#[derive(Debug)]
pub(crate) struct Needed;

/// Keeps a server open: starts it again when it has ended, and follows what it offers.
pub(crate) async fn keep(
    config: Arc<McpConfig>,
    state: watch::Sender<State>,
    mut owner: LinkPeer<Needed, ()>,
) -> Result<()> {
    loop {
        let begun = Instant::now();
        let opened = tokio::select! {
            opened = open(&config) => opened,
            () = gone(&mut owner) => return Ok(()),
        };
        let lived = match opened {
            Ok((service, ear, offers)) => {
                let peer = service.peer().clone();
                state.send_modify(|state| {
                    *state = State { peer: Some(peer), offers, failed: (0, None) };
                });
                let Some(end) = follow(&config, service, &ear, &state, &mut owner).await else {
                    return Ok(());
                };
                state.send_modify(|state| state.peer = None);
                tracing::warn!(server = &*config.name, reason = ?end.reason, "an MCP server has ended");
                if end.needed { SHORT_LIFE } else { begun.elapsed() }
            }
            Err(error) => {
                tracing::warn!(server = &*config.name, %error, "an MCP server does not open");
                state.send_modify(|state| {
                    state.failed = (state.failed.0 + 1, Some(Arc::new(error)));
                });
                Duration::ZERO
            }
        };
        if lived < SHORT_LIFE && owner.recv().await.is_none() {
            return Ok(());
        }
    }
}

/// Waits until the owner has gone. Whoever needs the server meanwhile waits for it anyway.
async fn gone(owner: &mut LinkPeer<Needed, ()>) {
    while owner.recv().await.is_some() {}
}

async fn open(config: &McpConfig) -> Result<(RunningService<RoleClient, Ear>, Ear, Arc<[Offer]>)> {
    let ear = Ear::default();
    let opening = async {
        let service = connect(config, ear.clone()).await?;
        let offers = offers(config, service.peer()).await?;
        Ok((service, ear, offers))
    };
    let late = || Error::new(ErrorKind::Timeout, "open", "the server does not open in time");
    let opened = timeout(config.open_timeout, opening).await.unwrap_or_else(|_| Err(late()));
    opened.map_err(|error: Error| error.with_provider(config.name.to_string()))
}

/// How a server ended.
struct End {
    reason: QuitReason,
    /// Whether somebody has noticed it before us, and waits for the next one.
    needed: bool,
}

/// Follows a server until it ends; `None` when the owner has gone.
async fn follow(
    config: &McpConfig,
    service: RunningService<RoleClient, Ear>,
    ear: &Ear,
    state: &watch::Sender<State>,
    owner: &mut LinkPeer<Needed, ()>,
) -> Option<End> {
    let (peer, end) = (service.peer().clone(), service.cancellation_token());
    let ended = service.waiting();
    let listing = Fuse::terminated();
    tokio::pin!(ended, listing);
    let mut needed = false;
    loop {
        tokio::select! {
            reason = &mut ended => {
                return Some(End { reason: reason.unwrap_or(QuitReason::Closed), needed });
            }
            () = ear.changed.notified(), if listing.is_terminated() => {
                listing.set(timeout(config.open_timeout, offers(config, &peer)).fuse());
            }
            listed = &mut listing => match listed {
                Ok(Ok(offers)) => state.send_modify(|state| state.offers = offers),
                // What was offered before is tried all the same; the server says no itself.
                _ => tracing::warn!(server = &*config.name, "the new list does not come"),
            },
            asked = owner.recv() => match asked {
                Some(Needed) => needed = peer.is_transport_closed(),
                None => {
                    end.cancel();
                    let _ = timeout(GOODBYE, ended).await;
                    return None;
                }
            },
        }
    }
}

/// What a server offers, under names that models may call.
async fn offers(config: &McpConfig, peer: &Peer<RoleClient>) -> Result<Arc<[Offer]>> {
    let listed = peer.list_all_tools().await.map_err(|_| {
        Error::new(ErrorKind::Disconnected, "list", "the server does not list its tools")
    })?;
    let is_wanted = |name: &str| {
        config.only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted == name))
    };
    let mut listed: Vec<_> = listed.into_iter().filter(|tool| is_wanted(&tool.name)).collect();
    listed.retain(|tool| {
        let schema = serde_json::Value::Object((*tool.input_schema).clone());
        let compiled = Schema::compile(&schema);
        if let Err(error) = &compiled {
            let (server, tool) = (&*config.name, &*tool.name);
            tracing::warn!(server, tool, %error, "a tool is left out for its schema");
        }
        compiled.is_ok()
    });
    let prefix = config.prefix.clone().unwrap_or_else(|| format!("{}_", config.name));
    let names = unique(&prefix, listed.iter().map(|tool| &*tool.name));
    let known = McpToolConfig::default();
    let offers = listed.iter().zip(names).map(|(tool, name)| {
        Offer::new(config, config.tools.get(&*tool.name).unwrap_or(&known), tool, name)
    });
    Ok(offers.collect())
}
