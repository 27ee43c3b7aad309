use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::settings::{check, check_named};

/// Where machines on Google Cloud are told who they are.
const METADATA: &str = "http://metadata.google.internal";

/// The most texts of one request (Vertex AI documentation, "Text embeddings API").
const BATCH: usize = 250;

/// Settings of a [`VertexEmbedder`](super::VertexEmbedder).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VertexEmbedderConfig {
    /// The project that is billed.
    pub project: Arc<str>,
    /// The region, such as `europe-west4`.
    pub location: Arc<str>,
    /// The model. `text-embedding-005` unless set.
    #[serde(default = "model")]
    pub model: Arc<str>,
    /// How many numbers to make of each text; the model's own unless set.
    #[serde(default)]
    pub dimensions: Option<usize>,
    /// An access token, which ends after an hour. Unless set, the metadata server is asked for one
    /// as often as it takes.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// Where the metadata server is found.
    #[serde(default = "metadata_url")]
    pub metadata_url: Arc<str>,
    /// Up to and without `/v1`; the region's own unless set.
    #[serde(default)]
    pub base_url: Option<Arc<str>>,
    /// Further headers. Their values are kept out of `Debug`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How long one request may take. 10 s unless set.
    #[serde(default = "timeout", deserialize_with = "voiceagent_core::duration::deserialize")]
    pub timeout: Duration,
}

fn model() -> Arc<str> {
    "text-embedding-005".into()
}

fn metadata_url() -> Arc<str> {
    METADATA.into()
}

const fn timeout() -> Duration {
    Duration::from_secs(10)
}

impl VertexEmbedderConfig {
    /// The embeddings of a project in a region.
    pub fn new(project: impl Into<Arc<str>>, location: impl Into<Arc<str>>) -> Self {
        Self {
            project: project.into(),
            location: location.into(),
            model: model(),
            dimensions: None,
            access_token: None,
            metadata_url: metadata_url(),
            base_url: None,
            headers: BTreeMap::new(),
            timeout: timeout(),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check(!self.project.trim().is_empty(), "`project` must name a project")?;
        check(!self.location.trim().is_empty(), "`location` must name a region")?;
        check_named("model", &self.model, "name a model")?;
        check(self.dimensions != Some(0), "`dimensions` must be at least 1")?;
        check(!self.timeout.is_zero(), "`timeout` must be longer than 0")
    }

    pub(super) fn base_url(&self) -> String {
        match (&self.base_url, &*self.location) {
            (Some(base), _) => base.trim_end_matches('/').to_owned(),
            (None, "global") => "https://aiplatform.googleapis.com".to_owned(),
            (None, region) => format!("https://{region}-aiplatform.googleapis.com"),
        }
    }

    /// How many numbers a point has, and how many texts a request takes (Vertex AI documentation,
    /// "Text embeddings API").
    pub(super) fn point_size(&self) -> Option<usize> {
        self.dimensions.or(match &*self.model {
            "text-embedding-004" | "text-embedding-005" | "text-multilingual-embedding-002" => {
                Some(768)
            }
            "gemini-embedding-001" => Some(3_072),
            _ => None,
        })
    }

    /// The later models take one text at a time.
    pub(super) fn batch(&self) -> usize {
        if self.model.starts_with("gemini-embedding") { 1 } else { BATCH }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_region_has_its_own_address() {
        let base = |location: &str| VertexEmbedderConfig::new("p", location).base_url();
        assert_eq!(base("europe-west4"), "https://europe-west4-aiplatform.googleapis.com");
        assert_eq!(base("global"), "https://aiplatform.googleapis.com");
    }

    #[test]
    fn a_value_out_of_its_range_is_refused_by_the_name_of_its_field() {
        for (field, wrong) in [
            ("project", json!(" ")),
            ("location", json!("")),
            ("model", json!("")),
            ("dimensions", json!(0)),
            ("timeout", json!(0)),
        ] {
            let mut settings = json!({ "project": "p", "location": "l" });
            let read = |settings: &Value| {
                serde_json::from_value::<VertexEmbedderConfig>(settings.clone()).unwrap().validate()
            };
            read(&settings).unwrap();
            settings[field] = wrong;
            let error = read(&settings).unwrap_err();
            assert!(error.message().starts_with(&format!("field `{field}` ")), "{error}");
        }
    }
}
