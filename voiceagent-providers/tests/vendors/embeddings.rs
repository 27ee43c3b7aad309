//! Embedders against the suite and scripted vendors.

use std::sync::Arc;

use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind,
    embedding::{Embedder, Purpose},
    registry::Registry,
};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeechVendor},
};

use crate::clock::Clock;

fn build(settings: Value) -> voiceagent_core::Result<Arc<dyn Embedder>> {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry.embedding.build(settings)
}

fn make(settings: Value) -> Arc<dyn Embedder> {
    build(settings).expect("the settings are right")
}

#[tokio::test]
async fn hashing_conforms() {
    let _clock = Clock::start();
    let make = |_: &str| make(json!({ "provider": "hashing", "dimensions": 256 }));
    conformance::embedder::<SpeechVendor>("hashing", None, make).await.assert();
}

#[cfg(feature = "openai")]
mod openai {
    use super::*;

    fn settings(url: &str, provider: &str) -> Value {
        json!({
            "provider": provider,
            "api_key": SpeechVendor::KEY,
            "base_url": format!("{}/v1", url.replace("ws://", "http://")),
            "dimensions": 96,
            "timeout": 5,
        })
    }

    #[tokio::test]
    async fn openai_embeddings_conform() {
        let _clock = Clock::start();
        for provider in ["openai", "openai-compatible"] {
            let vendor = SpeechVendor::openai_embeddings().await;
            let make = |url: &str| make(settings(url, provider));
            conformance::embedder(provider, Some(&vendor), make).await.assert();
        }
    }

    #[tokio::test]
    async fn what_is_not_set_is_not_sent() {
        let vendor = SpeechVendor::openai_embeddings().await;
        let mut settings = settings(&vendor.url(), "openai");
        settings.as_object_mut().unwrap().remove("dimensions");
        make(settings).embed(&["Hello".into()], Purpose::Query).await.unwrap();
        let sent = vendor.records().remove(0).texts;
        let expected = json!({
            "model": "text-embedding-3-small", "input": ["Hello"], "encoding_format": "base64"
        });
        assert_eq!(serde_json::from_str::<Value>(&sent[0]).unwrap(), expected);
    }

    #[test]
    fn wrong_settings_are_told_by_their_fields() {
        for (field, wrong) in [
            ("api_key", json!("")),
            ("dimensions", json!(0)),
            ("model", json!("")),
            ("name", json!(" ")),
            ("timeout", json!(0)),
            ("colour", json!("red")),
        ] {
            let mut settings = json!({ "provider": "openai", "api_key": "k" });
            settings[field] = wrong;
            let error = build(settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
        }
    }
}

#[cfg(feature = "gemini")]
mod vertex {
    use super::*;

    fn settings(url: &str) -> Value {
        json!({
            "provider": "vertex",
            "project": "scripted",
            "location": "europe-west4",
            "access_token": SpeechVendor::KEY,
            "base_url": url.replace("ws://", "http://"),
            "dimensions": 96,
            "timeout": 5,
        })
    }

    #[tokio::test]
    async fn vertex_embeddings_conform() {
        let _clock = Clock::start();
        let vendor = SpeechVendor::vertex_embeddings().await;
        let make = |url: &str| make(settings(url));
        conformance::embedder("vertex", Some(&vendor), make).await.assert();
    }

    #[tokio::test]
    async fn a_text_is_placed_by_its_purpose() {
        let vendor = SpeechVendor::vertex_embeddings().await;
        let embedder = make(settings(&vendor.url()));
        for (purpose, name) in
            [(Purpose::Document, "RETRIEVAL_DOCUMENT"), (Purpose::Query, "RETRIEVAL_QUERY")]
        {
            embedder.embed(&["Hello".into()], purpose).await.unwrap();
            let sent = vendor.records().into_iter().flat_map(|record| record.texts).last().unwrap();
            let sent: Value = serde_json::from_str(&sent).unwrap();
            let instances = json!([{ "content": "Hello", "task_type": name }]);
            assert_eq!(sent["instances"], instances);
            assert_eq!(sent["parameters"], json!({ "outputDimensionality": 96 }));
        }
    }
}
