use std::{fmt, sync::Arc};

use voiceagent_core::Result;

use super::{SipDial, office::Office};
use crate::control::Callee;

/// Makes calls over SIP, by the trunk of a server and to its directory.
#[derive(Clone)]
pub struct SipCaller(Arc<Office>);

impl SipCaller {
    pub(super) const fn new(office: Arc<Office>) -> Self {
        Self(office)
    }

    /// A call to somebody, which is made when it is opened.
    ///
    /// # Errors
    ///
    /// [`Rejected`](voiceagent_core::ErrorKind::Rejected) for somebody who is not in the directory,
    /// [`Config`](voiceagent_core::ErrorKind::Config) for a number without a trunk, and for an
    /// address that is none.
    pub fn call(&self, to: &Callee) -> Result<SipDial> {
        SipDial::new(Arc::clone(&self.0), to)
    }
}

impl fmt::Debug for SipCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SipCaller").finish_non_exhaustive()
    }
}
