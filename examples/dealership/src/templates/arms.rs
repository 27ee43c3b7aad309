use sha2::{Digest, Sha256};
use voiceagent_core::Result;

use super::{INBOUND, Template};
use crate::store::{Arm, Store};

/// The version of a template that answers a call.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a template and where it is from")]
pub struct Chosen {
    /// The template that the call asked for, or the one that stands in for it.
    pub slug: String,
    /// Its version.
    pub version: i64,
    /// What it sets.
    pub template: Template,
}

/// The template for a call; `None` if none is active. Where none is for that reason of a call, the
/// one for calls that come in is taken. Of several arms, a caller gets the same one in every call, as
/// long as the arms stay.
///
/// # Errors
///
/// When the store cannot be read, or holds a template that this version of the program does not
/// understand.
pub async fn choose(store: &Store, slug: &str, caller: &str) -> Result<Option<Chosen>> {
    let mut slug = slug;
    let mut arms = store.active_template(slug).await?;
    if arms.is_empty() && slug != INBOUND {
        slug = INBOUND;
        arms = store.active_template(slug).await?;
    }
    match arm(&arms, slug, caller) {
        Some(version) => versioned(store, (slug, version)).await,
        None => Ok(None),
    }
}

/// The template of a name, or with a version behind it the one of that version: `inbound`,
/// `inbound@3`. `None` if there is none, or none is active.
///
/// # Errors
///
/// As [`choose`].
pub async fn named(store: &Store, name: &str) -> Result<Option<Chosen>> {
    let (slug, version) = match name.split_once('@') {
        Some((slug, version)) => (slug, version.parse().ok()),
        None => (name, arm(&store.active_template(name).await?, name, "")),
    };
    match version {
        Some(version) => versioned(store, (slug, version)).await,
        None => Ok(None),
    }
}

async fn versioned(store: &Store, (slug, version): (&str, i64)) -> Result<Option<Chosen>> {
    let stored = store.templates(slug).await?;
    match stored.into_iter().find(|stored| stored.version == version) {
        Some(stored) => {
            let template = Template::read(&stored.config)?;
            Ok(Some(Chosen { slug: slug.to_owned(), version, template }))
        }
        None => Ok(None),
    }
}

fn arm(arms: &[Arm], slug: &str, caller: &str) -> Option<i64> {
    let all: u64 = arms.iter().map(|arm| u64::from(arm.weight)).sum();
    let mut hash = Sha256::new();
    hash.update(slug.as_bytes());
    hash.update([0]);
    hash.update(caller.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let number = hash.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let mut place = number.checked_rem(all)?;
    arms.iter().find_map(|arm| {
        let weight = u64::from(arm.weight);
        let is_here = place < weight;
        place = place.saturating_sub(weight);
        is_here.then_some(arm.version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_taken_by_weight_and_a_caller_stays_in_one() {
        let arms = [(1, 70), (2, 0), (3, 30)].map(|(version, weight)| Arm { version, weight });
        let callers: Vec<String> = (0..2_000).map(|n| format!("+1630555{n:04}")).collect();
        let taken: Vec<Option<i64>> =
            callers.iter().map(|caller| arm(&arms, INBOUND, caller)).collect();
        let of = |version| taken.iter().filter(|taken| **taken == Some(version)).count();
        assert!((1_320..1_480).contains(&of(1)), "{}", of(1));
        assert_eq!((of(2), of(1) + of(3)), (0, callers.len()));
        assert_eq!(arm(&arms, INBOUND, &callers[0]), taken[0]);
        assert_eq!(arm(&[], INBOUND, "+16305550111"), None);
    }
}
