use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use voiceagent_core::{Private, Result, Secret, transport::Direction};

use super::Place;
use crate::random::random_name;

/// How long a token may be used. Carriers open the socket within seconds of the answer that holds
/// the token; the rest is for their retries.
const LIFETIME: Duration = Duration::from_secs(60);

/// Tokens that are kept at once. One is 200 bytes, so that a flood of webhooks costs a megabyte
/// and pushes out the oldest.
const CAPACITY: usize = 4_096;

/// Tokens that each let one media stream in, once, within a minute.
///
/// Carriers do not sign what they send over a media socket, and its address is no secret. The
/// token is given out in the answer to a signed webhook and comes back in the `start` message.
///
/// ```
/// use voiceagent_telephony::media_stream::{Grant, StreamTokens, TokenRefusal};
///
/// let tokens = StreamTokens::new();
/// let token = tokens.issue(Grant::for_call("CA1"))?;
/// assert!(tokens.take(token.expose(), "CA1").is_ok());
/// assert_eq!(tokens.take(token.expose(), "CA1").unwrap_err(), TokenRefusal::Used);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
pub struct StreamTokens {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// By digest, so that the time of a look-up says nothing about any token.
    entries: BTreeMap<[u8; 32], Entry>,
    /// Oldest first.
    order: VecDeque<[u8; 32]>,
}

struct Entry {
    /// `None` once it has been used.
    grant: Option<Grant>,
    expires: Instant,
}

impl StreamTokens {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { held: Mutex::default() }
    }

    /// Makes a token of 128 random bits.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn issue(&self, grant: Grant) -> Result<Secret> {
        // Digits and letters, since one carrier passes nothing else on.
        let token = random_name("issue a token")?;
        let key: [u8; 32] = Sha256::digest(&token).into();
        let now = Instant::now();
        let mut held = self.held();
        held.forget_old(now);
        held.entries.insert(key, Entry { grant: Some(grant), expires: now + LIFETIME });
        held.order.push_back(key);
        Ok(Secret::new(token))
    }

    /// Uses a token up, whether or not it lets `call` in.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn take(&self, token: &str, call: &str) -> Result<Grant, TokenRefusal> {
        self.redeem(token, Some(call))
    }

    /// A stream that does not name its call is that of the token.
    fn redeem(&self, token: &str, call: Option<&str>) -> Result<Grant, TokenRefusal> {
        let key: [u8; 32] = Sha256::digest(token).into();
        let mut held = self.held();
        let entry = held.entries.get_mut(&key).ok_or(TokenRefusal::Unknown)?;
        let grant = entry.grant.take().ok_or(TokenRefusal::Used)?;
        if Instant::now() >= entry.expires {
            return Err(TokenRefusal::Expired);
        }
        match (&grant.call, call) {
            (Some(granted), Some(call)) if granted != call => Err(TokenRefusal::OtherCall),
            (_, _) => {
                grant.place.iter().for_each(Place::take_up);
                Ok(grant)
            }
        }
    }

    /// Gives back the places of calls that did not come while their token was good.
    pub(super) fn free_expired(&self) {
        let now = Instant::now();
        let Held { entries, order } = &mut *self.held();
        // All live equally long: behind the first that is good, all are.
        for key in order {
            match entries.get_mut(key) {
                Some(entry) if now < entry.expires => break,
                Some(Entry { grant: Some(grant), .. }) => grant.place = None,
                Some(_) | None => {}
            }
        }
    }

    /// Gives back the place of a call that has ended before its stream came.
    pub(crate) fn free_place_of(&self, call: &str) {
        let grants = &mut self.held().entries;
        let grants = grants.values_mut().filter_map(|entry| entry.grant.as_mut());
        for grant in grants.filter(|grant| grant.call.as_deref() == Some(call)) {
            grant.place = None;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Each change is complete before anything in it can panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Makes room. Expired and used tokens stay for another lifetime, so that the log can say
    /// what was wrong with them.
    fn forget_old(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let stale =
                self.entries.get(oldest).is_none_or(|entry| now >= entry.expires + LIFETIME);
            if !stale && self.order.len() < CAPACITY {
                break;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }
}

impl Default for StreamTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StreamTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamTokens").field("held", &self.held().entries.len()).finish()
    }
}

/// What a token stands for: facts from the signed webhook that never leave the process.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Grant {
    /// The one call that the token lets in; `None` when it was not known.
    pub call: Option<String>,
    /// The one account whose streams the token lets in; `None` when it was not known.
    pub account: Option<String>,
    /// Who calls.
    pub from: Option<Private>,
    /// Who is called.
    pub to: Option<Private>,
    /// Which side began the call; `None` when it was not known.
    pub direction: Option<Direction>,
    /// The parameters that the webhook's answer sent along, which the stream may not change.
    pub parameters: BTreeMap<String, String>,
    /// The place that is kept for the call.
    pub(crate) place: Option<Place>,
}

impl Grant {
    /// Lets this call in and says nothing more about it.
    pub fn for_call(call: impl Into<String>) -> Self {
        Self { call: Some(call.into()), ..Self::default() }
    }
}

/// Why a token lets nobody in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// It is older than a minute.
    Expired,
    /// The stream brought none.
    Missing,
    /// It was given out for a call of another account.
    OtherAccount,
    /// It was given out for another call.
    OtherCall,
    /// It was never given out, or long ago.
    Unknown,
    /// It has been used.
    Used,
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the token has expired",
            Self::Missing => "the start message holds no token",
            Self::OtherAccount => "the token was given out for another account",
            Self::OtherCall => "the token was given out for another call",
            Self::Unknown => "the token was not given out by this process",
            Self::Used => "the token has been used",
        })
    }
}

/// Whether a media stream needs a token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenCheck {
    /// Whoever finds the address may speak with the agent, at your cost. For development.
    Off,
    /// A stream without a token of this store is closed before anything else happens.
    Required(Arc<StreamTokens>),
}

impl TokenCheck {
    /// The name of the parameter that carries the token.
    pub const PARAMETER: &'static str = "token";

    pub(crate) fn check(
        &self,
        (account, call): (Option<&str>, Option<&str>),
        parameters: &mut BTreeMap<String, String>,
    ) -> Result<Grant, TokenRefusal> {
        let token = parameters.remove(Self::PARAMETER);
        match self {
            Self::Off => Ok(Grant { parameters: std::mem::take(parameters), ..Grant::default() }),
            Self::Required(tokens) => {
                let token = token.ok_or(TokenRefusal::Missing)?;
                let mut grant = tokens.redeem(&token, call)?;
                if let (Some(granted), Some(told)) = (&grant.account, account)
                    && granted != told
                {
                    return Err(TokenRefusal::OtherAccount);
                }
                let told: BTreeSet<_> = grant.parameters.keys().cloned().collect();
                // What the webhook said wins; what else the carrier sent along is kept.
                grant.parameters.extend(
                    std::mem::take(parameters).into_iter().filter(|(name, _)| !told.contains(name)),
                );
                Ok(grant)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_lets_its_call_in_once_and_for_a_minute() {
        let tokens = StreamTokens::new();
        let token = |call| tokens.issue(Grant::for_call(call)).unwrap();
        let (first, second, third) = (token("CA1"), token("CA2"), token("CA3"));
        assert_eq!(tokens.take("guess", "CA1").unwrap_err(), TokenRefusal::Unknown);
        assert!(tokens.take(first.expose(), "CA1").is_ok());
        assert_eq!(tokens.take(first.expose(), "CA1").unwrap_err(), TokenRefusal::Used);
        assert_eq!(tokens.take(second.expose(), "CA1").unwrap_err(), TokenRefusal::OtherCall);
        assert_eq!(tokens.take(second.expose(), "CA2").unwrap_err(), TokenRefusal::Used);
        tokio::time::advance(LIFETIME).await;
        assert_eq!(tokens.take(third.expose(), "CA3").unwrap_err(), TokenRefusal::Expired);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_pushes_out_the_oldest() {
        let tokens = StreamTokens::new();
        let oldest = tokens.issue(Grant::default()).unwrap();
        for _ in 0..CAPACITY {
            tokens.issue(Grant::default()).unwrap();
        }
        assert_eq!(tokens.held().entries.len(), CAPACITY);
        assert_eq!(tokens.held().order.len(), CAPACITY);
        assert_eq!(tokens.take(oldest.expose(), "CA1").unwrap_err(), TokenRefusal::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn old_tokens_are_forgotten() {
        let tokens = StreamTokens::new();
        for _ in 0..10 {
            tokens.issue(Grant::default()).unwrap();
        }
        tokio::time::advance(2 * LIFETIME).await;
        tokens.issue(Grant::default()).unwrap();
        assert_eq!(tokens.held().entries.len(), 1);
    }
}
