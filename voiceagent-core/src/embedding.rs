//! The contract of embedders: texts as points, so that what means the same lies close together.

mod hashing;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Result;

pub use hashing::{HashingConfig, HashingEmbedder};

/// Makes points of texts.
///
/// # Implementing
///
/// `embed` returns a point for each text, in order, each of
/// [`dimensions`](EmbedderCapabilities::dimensions) numbers and of length one; only a text without
/// any content may have none. It takes any number of texts, and asks the vendor as often as that
/// takes; without texts it does not ask.
#[async_trait]
pub trait Embedder: Debug + Send + Sync + 'static {
    /// The provider's name, as in the registry.
    fn name(&self) -> &str;

    /// What the embedder can do.
    fn capabilities(&self) -> EmbedderCapabilities;

    /// Makes a point of each text.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses. There are no partial results.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request.
    async fn embed(&self, texts: &[Arc<str>], purpose: Purpose) -> Result<Vec<Embedding>>;
}

/// What an embedder can do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbedderCapabilities {
    /// How many numbers a point has; `None` if only the vendor knows.
    pub dimensions: Option<usize>,
    /// How many texts one request takes; more are several requests. `None` where there is no vendor.
    pub batch: Option<usize>,
}

impl EmbedderCapabilities {
    /// An embedder of points with so many numbers, and requests of so many texts.
    #[must_use]
    pub const fn new(dimensions: Option<usize>, batch: Option<usize>) -> Self {
        Self { dimensions, batch }
    }
}

/// What a text is made a point for. Some vendors place questions and answers differently.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "one is looked for, or looks")]
pub enum Purpose {
    /// It is kept, and looked for.
    #[default]
    Document,
    /// It looks for others.
    Query,
}

/// A point: the direction in which a text lies.
///
/// ```
/// use voiceagent_core::embedding::Embedding;
///
/// let point = Embedding::new(vec![3.0, 4.0]);
/// assert_eq!(point.values(), [0.6, 0.8]);
/// assert_eq!(point.similarity(&point), 1.0);
/// assert_eq!(point.similarity(&Embedding::new(vec![-4.0, 3.0])), 0.0);
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// A point in this direction. Its length becomes one, unless it has none.
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Self {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length.is_normal() {
            values.iter_mut().for_each(|value| *value /= length);
        }
        Self(values.into())
    }

    /// Its numbers.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// How close two points are, from -1 to 1: the cosine of the angle between them. Zero where
    /// they have different numbers of dimensions.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f32 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        self.0.iter().zip(other.0.iter()).map(|(one, other)| one * other).sum()
    }
}
