use jiff::Timestamp;

use super::{Fault, Store, instant};

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
    /// The share of the question's words, weighed by how rare they are, that occur in it: 0 to 1.
    pub score: f64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Words that say nothing about what is asked.
const EMPTY: [&str; 48] = [
    "a", "about", "an", "and", "any", "are", "at", "can", "cost", "could", "do", "does", "for",
    "get", "have", "how", "i", "if", "in", "is", "it", "me", "much", "my", "no", "of", "on", "or",
    "our", "please", "tell", "that", "the", "there", "this", "to", "want", "was", "we", "what",
    "when", "where", "which", "will", "with", "would", "you", "your",
];

/// A passage that has less of the question than this does not answer it.
const LEAST: f64 = 0.3;

impl Store {
    /// The passages that answer a question best, at most `count`, the best first. None, if nothing
    /// is known about it.
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
        let documents: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT id, title, body, updated_at FROM knowledge_document
             WHERE category = coalesce($1, category) ORDER BY id",
        )
        .bind(category)
        .fetch_all(&self.reader)
        .await?;
        let stems: Vec<Vec<String>> =
            documents.iter().map(|(_, title, body, _)| stems(&format!("{title} {body}"))).collect();
        let mut asked = stems_of_question(question);
        asked.dedup();
        // A word of few documents tells more than one of many.
        let weight = |stem: &String| {
            let holding = stems.iter().filter(|document| document.contains(stem)).count();
            (1.0 + stems.len() as f64 / (1.0 + holding as f64)).ln()
        };
        let all: f64 = asked.iter().map(weight).sum();
        let mut passages = Vec::new();
        for ((id, title, text, updated_at), stems) in documents.into_iter().zip(&stems) {
            let has: f64 = asked.iter().filter(|stem| stems.contains(stem)).map(weight).sum();
            let score = if all > 0.0 { has / all } else { 0.0 };
            if score >= LEAST {
                passages.push(Passage { id, title, text, score, updated_at: instant(updated_at)? });
            }
        }
        passages.sort_by(|one, other| other.score.total_cmp(&one.score));
        passages.truncate(count);
        Ok(passages)
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

fn stems_of_question(question: &str) -> Vec<String> {
    let mut asked = stems(question);
    asked.retain(|stem| !EMPTY.contains(&stem.as_str()));
    asked.sort_unstable();
    asked
}

/// Words without what English adds to their ends, so that "loaners" finds "loaner".
fn stems(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let word = word.to_lowercase();
            let stem = ["ies", "ing", "es", "ed", "s", "y", "e"]
                .iter()
                .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() >= 3));
            stem.map_or(word.clone(), str::to_owned)
        })
        .collect()
}
