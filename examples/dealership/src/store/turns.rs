use sqlx::{Row, any::AnyRow};

use super::{Fault, Store};

/// Something that was said in a call.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct CallTurn {
    /// Whether the agent said it, rather than the caller.
    pub by_agent: bool,
    /// When it began, in milliseconds from the beginning of the call.
    pub from_ms: i64,
    /// When it was over.
    pub to_ms: i64,
    /// The words; of the agent those that were heard.
    pub words: String,
    /// Whether the agent had more to say.
    pub interrupted: bool,
    /// How long the parts of the answer to it took.
    pub stages: Stages,
}

impl std::fmt::Debug for CallTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What people say is no matter for logs.
        f.debug_struct("CallTurn")
            .field("by_agent", &self.by_agent)
            .field("from_ms", &self.from_ms)
            .field("to_ms", &self.to_ms)
            .finish_non_exhaustive()
    }
}

/// How long the parts of an answer took, in milliseconds. What was not measured is `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Stages {
    /// From the caller's last sound to the decision that the turn is over.
    pub end_of_turn: Option<i64>,
    /// From the caller's last sound to the last transcript.
    pub transcription: Option<i64>,
    /// From the request to the model's first token.
    pub first_token: Option<i64>,
    /// From the request to the first text for the voice.
    pub first_sentence: Option<i64>,
    /// From that text to the voice's first audio.
    pub first_audio: Option<i64>,
    /// From the caller's last sound to the agent's first.
    pub response: Option<i64>,
    /// From the agent's first sound, as it left, until it was heard.
    pub playout: Option<i64>,
}

impl Store {
    /// Writes turns of a call, each in its place, counted from 0. What stood there before is
    /// replaced: words grow, and some come late.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future writes all of them, or none.
    pub async fn note_turns(&self, call: &str, turns: &[(usize, CallTurn)]) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        for (place, turn) in turns {
            let stages = &turn.stages;
            sqlx::query(
                "INSERT INTO call_turn (call, no, speaker, from_ms, to_ms, words, interrupted,
                                        end_of_turn_ms, transcription_ms, first_token_ms,
                                        first_sentence_ms, first_audio_ms, response_ms, playout_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                 ON CONFLICT (call, no) DO UPDATE SET
                     speaker = $3, from_ms = $4, to_ms = $5, words = $6, interrupted = $7,
                     end_of_turn_ms = $8, transcription_ms = $9, first_token_ms = $10,
                     first_sentence_ms = $11, first_audio_ms = $12, response_ms = $13,
                     playout_ms = $14",
            )
            .bind(call)
            .bind(i64::try_from(place + 1).unwrap_or(i64::MAX))
            .bind(if turn.by_agent { "agent" } else { "caller" })
            .bind(turn.from_ms)
            .bind(turn.to_ms)
            .bind(&turn.words)
            .bind(i64::from(turn.interrupted))
            .bind(stages.end_of_turn)
            .bind(stages.transcription)
            .bind(stages.first_token)
            .bind(stages.first_sentence)
            .bind(stages.first_audio)
            .bind(stages.response)
            .bind(stages.playout)
            .execute(&mut *writes)
            .await?;
        }
        writes.commit().await?;
        Ok(())
    }

    /// What was said in a call, in order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn turns(&self, call: &str) -> Result<Vec<CallTurn>, Fault> {
        let rows = sqlx::query(
            "SELECT speaker, interrupted, from_ms, to_ms, words, end_of_turn_ms, transcription_ms,
                    first_token_ms, first_sentence_ms, first_audio_ms, response_ms, playout_ms
             FROM call_turn WHERE call = $1 ORDER BY no",
        )
        .bind(call)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(CallTurn::read).collect()
    }
}

impl CallTurn {
    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let speaker: &str = row.try_get("speaker")?;
        let interrupted: i64 = row.try_get("interrupted")?;
        Ok(Self {
            by_agent: speaker == "agent",
            from_ms: row.try_get("from_ms")?,
            to_ms: row.try_get("to_ms")?,
            words: row.try_get("words")?,
            interrupted: interrupted != 0,
            stages: Stages {
                end_of_turn: row.try_get("end_of_turn_ms")?,
                transcription: row.try_get("transcription_ms")?,
                first_token: row.try_get("first_token_ms")?,
                first_sentence: row.try_get("first_sentence_ms")?,
                first_audio: row.try_get("first_audio_ms")?,
                response: row.try_get("response_ms")?,
                playout: row.try_get("playout_ms")?,
            },
        })
    }
}
