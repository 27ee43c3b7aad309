use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use rsipstack::transport::SipConnection;

/// The connections over TLS that we have made, with the names that the other sides have proven.
///
/// A host may have several names, and who has connected to us has proven none: what is for a name
/// goes by a connection to that name (RFC 5923, section 4).
#[derive(Default)]
pub(super) struct Connected(Mutex<Vec<Made>>);

struct Made {
    host: SocketAddr,
    name: String,
    connection: SipConnection,
}

impl Connected {
    /// The connection to a host by this name, if it is there.
    pub(super) fn find(&self, host: SocketAddr, name: &str) -> Option<SipConnection> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|made| is_there(&made.connection));
        let is_it = |made: &&Made| made.host == host && made.name.eq_ignore_ascii_case(name);
        made.iter().rev().find(is_it).map(|made| made.connection.clone())
    }

    /// Notes a connection to a host that has proven this name.
    pub(super) fn note(&self, host: SocketAddr, name: &str, connection: SipConnection) {
        let made = Made { host, name: name.to_owned(), connection };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }
}

fn is_there(connection: &SipConnection) -> bool {
    connection.cancel_token().is_some_and(|token| !token.is_cancelled())
}
