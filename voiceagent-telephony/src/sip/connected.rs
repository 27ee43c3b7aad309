use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use rsipstack::{
    transaction::endpoint::EndpointInner,
    transport::{SipAddr, SipConnection},
};

use super::handles::Handles;

/// The connections over TLS that we have made, with the names that the other sides have proven, and
/// which connection the stack goes by.
///
/// A host may have several names, and who has connected to us has proven none: what is for a name
/// goes by a connection to that name (RFC 5923, section 4).
#[derive(Default)]
pub(super) struct Connected(Mutex<Known>);

#[derive(Default)]
struct Known {
    made: Vec<Made>,
    /// What the stack was given last for each address, by which all requests to it go.
    last: HashMap<SipAddr, Weak<Handles>>,
}

struct Made {
    host: SocketAddr,
    name: String,
    handles: Arc<Handles>,
}

impl Connected {
    /// The connection to a host by this name, if it is there.
    pub(super) fn find(&self, host: SocketAddr, name: &str) -> Option<Arc<Handles>> {
        let mut known = self.lock();
        known.made.retain(|made| made.handles.is_there());
        let is_it = |made: &&Made| made.host == host && made.name.eq_ignore_ascii_case(name);
        known.made.iter().rev().find(is_it).map(|made| Arc::clone(&made.handles))
    }

    /// Notes a connection to a host that has proven this name.
    pub(super) fn note(&self, host: SocketAddr, name: &str, handles: Arc<Handles>) {
        let made = Made { host, name: name.to_owned(), handles };
        self.lock().made.push(made);
    }

    /// Gives the stack a handle, which has not been given before: from now on requests to its
    /// address go by it.
    pub(super) fn give(
        &self,
        endpoint: &EndpointInner,
        handles: &Arc<Handles>,
        connection: SipConnection,
    ) {
        let mut known = self.lock();
        known.last.retain(|_, last| last.upgrade().is_some_and(|last| last.is_there()));
        known.last.insert(handles.address().clone(), Arc::downgrade(handles));
        // Within the lock, so that both go by the same order.
        endpoint.transport_layer.add_connection(connection);
    }

    /// Lets requests to the address of this connection go by it; whether it was there.
    pub(super) async fn prefer(&self, endpoint: &EndpointInner, handles: &Arc<Handles>) -> bool {
        let is_last = |last: &Weak<Handles>| std::ptr::eq(last.as_ptr(), Arc::as_ptr(handles));
        if self.lock().last.get(handles.address()).is_some_and(is_last) {
            return handles.is_there();
        }
        let Some(connection) = handles.renew().await else { return false };
        self.give(endpoint, handles, connection);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
