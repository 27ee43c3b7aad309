use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{debug, warn};
use voiceagent_core::Error;

use super::{Fault, Store, fault, instant};
use crate::knowledge::{self, Document};

/// How often it is looked for documents that have no point yet.
const PACE: Duration = Duration::from_secs(60);

/// A passage that may answer a question.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Passage {
    /// The document.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// What it says.
    pub text: String,
    /// How well it answers, by its words and its meaning: 0 to 1.
    pub score: f64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Store {
    /// The passages that answer a question best, at most `count`, the best first. None, if nothing
    /// is known about it. Where the embedder does not answer in time, words alone decide.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn search(
        &self,
        question: &str,
        category: Option<&str>,
        count: usize,
    ) -> Result<Vec<Passage>, Fault> {
        let librarian = &self.librarian;
        let (documents, point) = tokio::join!(self.documents(), librarian.question(question));
        let mut documents = documents?;
        let unknown = librarian.unknown(&documents);
        if librarian.is_local() {
            let points = librarian.points(&unknown).await?;
            let digests = unknown.iter().map(|one| one.digest.clone());
            librarian.learn(digests.zip(points), &documents);
        } else if !unknown.is_empty() {
            self.learn_points(&documents).await?;
        }
        documents.retain(|one| category.is_none_or(|category| one.category == category));
        let mut ranked = librarian.rank(documents, question, point.as_ref());
        ranked.truncate(count);
        let passage = |(document, score): (Document, f64)| {
            let Document { id, title, text, updated_at, .. } = document;
            Ok::<_, Fault>(Passage { id, title, text, score, updated_at: instant(updated_at)? })
        };
        ranked.into_iter().map(passage).collect()
    }

    async fn documents(&self) -> Result<Vec<Document>, Fault> {
        let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT id, title, category, body, updated_at FROM knowledge_document ORDER BY id",
        )
        .fetch_all(&self.reader)
        .await?;
        let document = |(id, title, category, text, updated_at)| {
            Document::new((id, category), (title, text), updated_at)
        };
        Ok(rows.into_iter().map(document).collect())
    }

    /// Learns the points that any program has made.
    async fn learn_points(&self, documents: &[Document]) -> Result<(), Fault> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT digest, point FROM knowledge_point WHERE space = $1")
                .bind(self.librarian.space())
                .fetch_all(&self.reader)
                .await?;
        let mut points = Vec::new();
        for (digest, point) in rows {
            let point = knowledge::read(&point).map_err(|cause| {
                fault::strange("knowledge_point", "a point that is none").with_source(cause)
            })?;
            points.push((digest, point));
        }
        self.librarian.learn(points, documents);
        Ok(())
    }

    /// Has the embedder make points of all documents that have none, or have changed since. Returns
    /// how many. An embedder without a vendor makes them as they are needed.
    ///
    /// # Errors
    ///
    /// When the embedder fails, or the store cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future writes all of the points or none.
    pub async fn place_documents(&self) -> Result<usize, Fault> {
        if self.librarian.is_local() {
            return Ok(0);
        }
        let mut documents = self.documents().await?;
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT document, digest FROM knowledge_point WHERE space = $1")
                .bind(self.librarian.space())
                .fetch_all(&self.reader)
                .await?;
        let placed: BTreeMap<String, String> = rows.into_iter().collect();
        documents.retain(|one| placed.get(&one.id) != Some(&one.digest));
        if documents.is_empty() {
            return Ok(0);
        }
        let points = self.librarian.points(&documents).await?;
        let mut writes = self.begin().await?;
        for (document, point) in documents.iter().zip(&points) {
            // A document that has gone meanwhile needs no point.
            sqlx::query(
                "INSERT INTO knowledge_point (document, space, digest, point)
                 SELECT id, $2, $3, $4 FROM knowledge_document WHERE id = $1
                 ON CONFLICT (document, space) DO UPDATE SET digest = excluded.digest,
                                                             point = excluded.point",
            )
            .bind(&document.id)
            .bind(self.librarian.space())
            .bind(&document.digest)
            .bind(knowledge::written(point))
            .execute(&mut *writes)
            .await?;
        }
        writes.commit().await?;
        Ok(points.len())
    }

    /// Keeps points of all documents, for as long as it is waited for.
    pub(crate) async fn keep_points(&self) {
        while !self.librarian.is_local() {
            match self.place_documents().await.map_err(Error::from) {
                Ok(0) => {}
                Ok(count) => debug!(count, "documents have new points"),
                Err(error) => warn!(%error, "documents are found by their words alone"),
            }
            sleep(PACE).await;
        }
    }

    /// Writes a document, or a new version of it.
    ///
    /// # Errors
    ///
    /// When the store cannot be written, or there is no such category.
    pub async fn write_document(
        &self,
        id: &str,
        (title, category, text): (&str, &str, &str),
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "INSERT INTO knowledge_document (id, title, category, body, updated_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, category = excluded.category,
                                            body = excluded.body, updated_at = excluded.updated_at",
            )
            .bind(id)
            .bind(title)
            .bind(category)
            .bind(text)
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }
}
