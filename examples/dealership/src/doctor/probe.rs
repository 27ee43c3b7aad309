use std::{
    fs::{self, OpenOptions},
    io,
    net::TcpListener,
    path::Path,
};

use crate::config::Config;

/// What was tried on this machine. An `Err` says why it did not work.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Probed {
    /// Whether the database's file can be written, or made.
    pub database: Result<(), String>,
    /// Whether the port can be listened on.
    pub port: Result<(), String>,
}

/// Tries what only trying tells. Nothing stays behind.
#[must_use]
pub fn probe(config: &Config) -> Probed {
    let listen = config.server.listen;
    Probed {
        database: writable(&config.dealership.database).map_err(|error| error.to_string()),
        port: TcpListener::bind(listen).map(drop).map_err(|error| format!("{listen}: {error}")),
    }
}

fn writable(database: &Path) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", database.display()));
    if database.exists() {
        return OpenOptions::new().append(true).open(database).map(drop).map_err(named);
    }
    // Made and removed again, so that a look changes nothing.
    OpenOptions::new().write(true).create_new(true).open(database).map_err(named)?;
    fs::remove_file(database).map_err(named)
}
