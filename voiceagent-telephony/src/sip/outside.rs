//! Requests of ours that belong to no call.

use std::sync::Arc;

use rsipstack::{
    sip::{Request, Response, SipMessage, StatusCodeKind, Transport, typed::Via},
    transaction::{
        endpoint::EndpointInnerRef,
        key::{TransactionKey, TransactionRole},
        transaction::Transaction,
    },
    transport::SipAddr,
};

/// Where answers to a request by this transport go.
pub(super) fn via(endpoint: &EndpointInnerRef, transport: Transport) -> Option<Via> {
    let listeners = endpoint.transport_layer.get_listen_addrs();
    let own = listeners.iter().find(|address| address.r#type == Some(transport));
    let mut own = own.or_else(|| listeners.first())?.clone();
    own.r#type = Some(transport);
    endpoint.get_via(Some(own), None).ok()
}

/// Sends a request and waits for its last answer.
///
/// # Cancel safety
///
/// When the future is dropped the request is not repeated any more, and its answer is passed over.
pub(super) async fn ask(
    endpoint: &EndpointInnerRef,
    request: Request,
    to: &SipAddr,
) -> Option<Response> {
    let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
    let mut transaction = Transaction::new_client(key, request, Arc::clone(endpoint), None);
    transaction.destination = Some(to.clone());
    transaction.send().await.ok()?;
    while let Some(message) = transaction.receive().await {
        if let SipMessage::Response(answer) = message
            && answer.status_code.kind() != StatusCodeKind::Provisional
        {
            return Some(answer);
        }
    }
    None
}
