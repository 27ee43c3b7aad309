use jiff::{Timestamp, ToSpan};

use super::{Fault, Store, slots::later};

/// For how many days what is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the configuration states every field")]
pub struct Keep {
    /// What was said, and how calls went.
    pub transcripts: u32,
    /// Who failed to show who they are.
    pub failures: u32,
}

/// What was too old.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Turns of calls that were deleted.
    pub turns: u64,
    /// Notes of calls that were emptied.
    pub notes: u64,
    /// Codes of which the hash was deleted.
    pub codes: u64,
    /// Failed checks that were deleted.
    pub failures: u64,
}

impl Forgotten {
    /// Whether nothing was.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.turns + self.notes + self.codes + self.failures == 0
    }
}

impl Store {
    /// Deletes what has been kept for long enough. Any number of programs may do it at once.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future deletes all of it, or nothing.
    pub async fn forget(&self, keep: Keep, now: Timestamp) -> Result<Forgotten, Fault> {
        let before = |days: u32| later(now, (-i64::from(days) * 24).hours()).as_millisecond();
        let mut writes = self.begin().await?;
        let mut delete = async |sql: &'static str, moment: i64| {
            let done = sqlx::query(sql).bind(moment).execute(&mut *writes).await?;
            Ok::<u64, Fault>(done.rows_affected())
        };
        let forgotten = Forgotten {
            turns: delete(
                "DELETE FROM call_turn
                 WHERE call IN (SELECT call FROM call_record WHERE started_at < $1)",
                before(keep.transcripts),
            )
            .await?,
            notes: delete(
                "UPDATE conversation_state SET memory = '{}'
                 WHERE updated_at < $1 AND memory <> '{}'",
                before(keep.transcripts),
            )
            .await?
                + delete(
                    "UPDATE interaction SET summary = '', topics = '[]', commitments = '[]',
                                        follow_up = NULL
                 WHERE created_at < $1 AND summary <> ''",
                    before(keep.transcripts),
                )
                .await?,
            // A code is good for ten minutes, and nobody needs its hash after that.
            codes: delete(
                "UPDATE verification_code SET code_hash = ''
                 WHERE expires_at < $1 AND code_hash <> ''",
                now.as_millisecond(),
            )
            .await?,
            failures: delete(
                "DELETE FROM identity_failure WHERE failed_at < $1",
                before(keep.failures),
            )
            .await?,
        };
        writes.commit().await?;
        Ok(forgotten)
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::transport::Direction;

    use super::*;
    use crate::store::{CallTurn, Ending, Stages};

    #[tokio::test]
    async fn what_is_older_than_it_is_kept_is_forgotten_once_and_the_rest_stays() {
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::fresh().await;
        store.seed(now).await.unwrap();
        let (old, new) = (later(now, (-800 * 24).hours()), later(now, (-10 * 24).hours()));
        for (call, at) in [("old", old), ("new", new)] {
            store.begin_call(call, None, Direction::Inbound, at).await.unwrap();
            let turn = CallTurn {
                by_agent: false,
                from_ms: 0,
                to_ms: 1,
                words: "hello".to_owned(),
                interrupted: false,
                stages: Stages::default(),
            };
            store.note_turns(call, &[(0, turn)]).await.unwrap();
            store.conclude(call, Ending::default(), at).await.unwrap();
        }
        let keep = Keep { transcripts: 730, failures: 30 };
        let forgotten = store.forget(keep, now).await.unwrap();
        assert_eq!((forgotten.turns, forgotten.notes), (1, 1));
        assert!(store.turns("old").await.unwrap().is_empty());
        assert_eq!(store.turns("new").await.unwrap().len(), 1);
        let call = store.call("old").await.unwrap().unwrap();
        assert_eq!(call.disposition.as_deref(), Some("abandoned"), "counts stay");
        assert!(store.forget(keep, now).await.unwrap().is_nothing());
    }
}
