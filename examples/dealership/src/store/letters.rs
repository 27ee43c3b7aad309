use jiff::{Timestamp, ToSpan};
use sqlx::{AnyConnection, Row};

use crate::phone::Phone;

use super::{
    Attempt, Channel, Fault, Store, contact, fault::strange, follow_ups, ids::version_7,
    slots::later,
};

/// A letter that was sent, or is about to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Letter {
    /// By what it is known.
    pub token: String,
    /// The number of whoever gets it.
    pub phone: Phone,
    /// Where it goes.
    pub address: String,
}

/// Something that somebody wrote.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Reply {
    /// The carrier's name for it, or the letter's own: it counts once.
    pub key: String,
    /// From which number it came, if it came from one.
    pub phone: Option<Phone>,
    /// From which address it came, if it is a letter.
    pub address: Option<String>,
    /// The letters of ours that it names.
    pub tokens: Vec<String>,
    /// What it is.
    pub kind: ReplyKind,
    /// The rating of a call that it is, if it is one: 1 to 5.
    pub stars: Option<u8>,
}

/// What somebody wrote.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an answer, or one of two that have consequences")]
pub enum ReplyKind {
    /// Anything.
    #[default]
    Answer,
    /// That they want no more of it.
    Stop,
    /// Nobody: the letter came back.
    Returned,
}

impl ReplyKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Returned => "returned",
            Self::Stop => "stop",
        }
    }
}

impl Store {
    /// Notes a letter that is about to be sent, and gives the token of it: this one, or the one that
    /// was noted before for the same attempt.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn prepare_letter(
        &self,
        attempt: &Attempt,
        (address, token): (&str, &str),
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut writes = self.begin().await?;
        let token = sqlx::query_scalar(
            "INSERT INTO letter (token, attempt_id, phone_e164, address, created_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (attempt_id) DO UPDATE SET attempt_id = excluded.attempt_id
             RETURNING token",
        )
        .bind(token)
        .bind(&attempt.id)
        .bind(attempt.phone.as_str())
        .bind(address)
        .bind(now.as_millisecond())
        .fetch_one(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(token)
    }

    /// The letter with this token; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn letter(&self, token: &str) -> Result<Option<Letter>, Fault> {
        let mut connection = self.reader.acquire().await?;
        find(&mut connection, token).await
    }

    /// Sends no more letters to whoever got this one, and ends their campaigns. Returns whether there
    /// is such a letter.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops all of it, or nothing.
    pub async fn unsubscribe(&self, token: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let Some(letter) = find(&mut writes, token).await? else { return Ok(false) };
        mark(&mut writes, token, "unsubscribed").await?;
        let why = ("email", Some("unsubscribed"));
        contact::stop(&mut writes, &letter.phone, &["email"], why, now).await?;
        writes.commit().await?;
        Ok(true)
    }

    /// Takes in what somebody wrote, with what follows: an answer ends the campaigns of whoever it is
    /// from, and may rate a call that they were asked about, a wish for no more is one for all of its kind, and no more letters go where one came
    /// back from. Returns whether it was news.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes it in, or nothing of it.
    pub async fn note_reply(
        &self,
        (reply, channel): (&Reply, Channel),
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let letter = letter_of(&mut writes, reply).await?;
        let phone = reply.phone.clone().or(letter.as_ref().map(|letter| letter.phone.clone()));
        let noted = sqlx::query(
            "INSERT INTO reply (id, key, channel, phone_e164, kind, received_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO NOTHING",
        )
        .bind(version_7(now).to_string())
        .bind(&reply.key)
        .bind(channel.word())
        .bind(phone.as_ref().map(Phone::as_str))
        .bind(reply.kind.word())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        if noted.rows_affected() == 0 {
            return Ok(false);
        }
        let state = match reply.kind {
            ReplyKind::Answer => "answered",
            ReplyKind::Returned => "returned",
            ReplyKind::Stop => "unsubscribed",
        };
        if let Some(letter) = &letter {
            mark(&mut writes, &letter.token, state).await?;
        }
        match (reply.kind, &phone) {
            (_, None) => {}
            (ReplyKind::Answer, Some(phone)) => {
                end_campaigns(&mut writes, phone, now).await?;
                if let Some(stars) = reply.stars {
                    follow_ups::rate(&mut writes, phone, stars, now).await?;
                }
            }
            (ReplyKind::Returned, Some(phone)) => {
                contact::block(&mut writes, (phone, "email"), ("bounce", None), now).await?;
            }
            (ReplyKind::Stop, Some(phone)) => {
                // Who writes from a phone wants no more of it anywhere.
                let what = if channel == Channel::Email { "email" } else { "all" };
                let why = (channel.word(), Some("they wrote so"));
                contact::stop(&mut writes, phone, &[what], why, now).await?;
            }
        }
        writes.commit().await?;
        Ok(true)
    }
}

/// Whether somebody wrote by this channel within a day.
pub(super) async fn wrote_lately(
    connection: &mut AnyConnection,
    phone: &Phone,
    channel: Channel,
    now: Timestamp,
) -> Result<bool, Fault> {
    let replies: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM reply
         WHERE phone_e164 = $1 AND channel = $2 AND received_at > $3",
    )
    .bind(phone.as_str())
    .bind(channel.word())
    .bind(later(now, (-24).hours()).as_millisecond())
    .fetch_one(connection)
    .await?;
    Ok(replies > 0)
}

/// The letter that a reply is about: one that it names, else the last to its address.
async fn letter_of(connection: &mut AnyConnection, reply: &Reply) -> Result<Option<Letter>, Fault> {
    for token in &reply.tokens {
        if let Some(letter) = find(connection, token).await? {
            return Ok(Some(letter));
        }
    }
    let Some(address) = &reply.address else { return Ok(None) };
    let token: Option<String> = sqlx::query_scalar(
        "SELECT token FROM letter WHERE lower(address) = lower($1)
         ORDER BY created_at DESC, token LIMIT 1",
    )
    .bind(address)
    .fetch_optional(&mut *connection)
    .await?;
    match token {
        Some(token) => find(connection, &token).await,
        None => Ok(None),
    }
}

async fn find(connection: &mut AnyConnection, token: &str) -> Result<Option<Letter>, Fault> {
    let row = sqlx::query("SELECT token, phone_e164, address FROM letter WHERE token = $1")
        .bind(token)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let phone: &str = row.try_get("phone_e164")?;
    Ok(Some(Letter {
        token: row.try_get("token")?,
        phone: Phone::parse(phone).ok_or_else(|| strange("letter", "a number that is none"))?,
        address: row.try_get("address")?,
    }))
}

async fn mark(connection: &mut AnyConnection, token: &str, state: &str) -> Result<(), Fault> {
    sqlx::query("UPDATE letter SET state = $2 WHERE token = $1")
        .bind(token)
        .bind(state)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lets whoever has answered out of all campaigns; a person goes on with them.
async fn end_campaigns(
    connection: &mut AnyConnection,
    phone: &Phone,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE enrollment SET node = 'talked', reason = 'replied', updated_at = $2
         WHERE node IN ('call', 'message')
           AND lead_id IN (SELECT id FROM lead WHERE phone_e164 = $1)",
    )
    .bind(phone.as_str())
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}
