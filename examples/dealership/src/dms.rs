//! Leads in the forms of other dealership systems: read, and written for them.

mod adf;
mod comma;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use jiff::Timestamp;
use tracing::info;
use voiceagent_core::{Error, Result};

use crate::{
    leads::{self, Imported, Row},
    store::Store,
};

pub use self::{adf::Adf, comma::Comma};

/// The longest text with leads that is taken in at once: tens of thousands of them.
pub(crate) const LONGEST: usize = 16 << 20;

/// The form in which another system hands leads on and takes them.
///
/// ```
/// use dealership::dms::{Adf, Comma, DmsConnector};
///
/// let table = "phone,first_name,vehicle_interest\n+16305550111,Ana,a used SUV\n";
/// let leads = Comma.read(table)?;
/// let prospects = Adf.write(&leads.into_iter().flatten().collect::<Vec<_>>(), "Nair Motors")?;
/// assert!(prospects.contains("<comments>a used SUV</comments>"));
/// assert_eq!(Adf.read(&prospects)?.len(), 1);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
///
/// # Implementing
///
/// What is written is read as the same leads, as far as the form has a place for what is known of
/// them; what it has no place for is told in its documentation.
pub trait DmsConnector: Debug + Send + Sync {
    /// Its name on the command line and in the API.
    fn name(&self) -> &'static str;

    /// Reads the leads of a text; `None` for one without a number.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the text has another form. The message
    /// quotes nothing of it.
    fn read(&self, text: &str) -> Result<Vec<Option<Row>>>;

    /// Writes leads for another system, from a house of this name.
    ///
    /// # Errors
    ///
    /// When they cannot be written in this form.
    fn write(&self, leads: &[Row], house: &str) -> Result<String>;
}

/// All forms.
const ALL: [&dyn DmsConnector; 2] = [&Adf, &Comma];

/// The form with a name.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when there is none; the message names those that
/// there are.
pub fn connector(name: &str) -> Result<&'static dyn DmsConnector> {
    ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| {
        let known = ALL.map(DmsConnector::name).join(" and ");
        Error::config(format!("there is no form of leads with this name; there are {known}"))
    })
}

/// Takes in the leads of a text, each once.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when the text has another form or no end, and when
/// the store cannot be written.
///
/// # Cancel safety
///
/// Dropping the future leaves the leads that were taken in; the next time they are known.
pub async fn import(
    store: &Store,
    (form, text): (&dyn DmsConnector, &str),
    source: &str,
    now: Timestamp,
) -> Result<Imported> {
    if text.len() > LONGEST {
        return Err(Error::config("there is too much of it; cut it into parts"));
    }
    leads::take_in(store, form.read(text)?, source, now).await
}

/// All leads, for another system.
///
/// # Errors
///
/// When the store cannot be read, or the leads cannot be written in this form.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub async fn export(store: &Store, form: &dyn DmsConnector) -> Result<String> {
    let house = store.location().await?.name;
    let leads = store.known_leads().await?;
    info!(leads = leads.len(), form = form.name(), "leads were handed on");
    form.write(&leads, &house)
}
