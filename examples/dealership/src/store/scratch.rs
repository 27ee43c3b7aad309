use voiceagent_core::{Result, Secret};

use super::{Place, Store, named, server, unusable};

/// An empty database for a while, and what is to be removed in the end.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scratch {
    /// The database.
    pub store: Store,
    /// Where it is, for other programs; `None` in memory.
    pub place: Option<Place>,
    schema: Option<(Secret, String)>,
}

impl Scratch {
    /// Opens one: in memory, or as a schema of its own in the database of a server.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the memory cannot be had, when the place
    /// is a file, or when the server cannot be used; the message says why.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, a schema whose name begins with `scratch_` may be left.
    pub async fn open(server: Option<&Place>) -> Result<Self> {
        match server {
            None => Ok(Self { store: Store::in_memory().await?, place: None, schema: None }),
            Some(Place::File(_)) => Err(unusable("it is a file; name a server, or nothing")),
            Some(place @ Place::Server(address)) => {
                let made = server::make_schema(address).await;
                let (own, name) = made.map_err(|error| named(place, error))?;
                let store = Store::open(&own).await?;
                Ok(Self { store, place: Some(own), schema: Some((address.clone(), name)) })
            }
        }
    }

    /// Closes it and removes it.
    ///
    /// # Errors
    ///
    /// When the server cannot be used any more.
    ///
    /// # Cancel safety
    ///
    /// As [`open`](Self::open).
    pub async fn remove(self) -> Result<()> {
        self.store.close().await;
        match self.schema {
            Some((address, name)) => server::drop_schema(&address, &name).await,
            None => Ok(()),
        }
    }
}
