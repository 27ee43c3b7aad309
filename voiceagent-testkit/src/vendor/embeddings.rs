use std::io;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use voiceagent_core::embedding::HashingEmbedder;

use super::{
    http::HttpRequest,
    openai_http::{Connection, Endpoint},
};

/// How many numbers a point has unless another number is asked for.
const DIMENSIONS: usize = 64;

/// OpenAI's `/v1/embeddings`, which takes 2,048 texts of 300,000 tokens together (OpenAI API
/// reference, "Create embeddings").
pub(super) struct OpenAi;

/// Vertex AI's `predict` of a model of embeddings, which takes 250 texts of 20,000 tokens together
/// (Vertex AI documentation, "Text embeddings API").
pub(super) struct Vertex;

impl Endpoint for OpenAi {
    const PATH: &'static str = "/v1/embeddings";

    fn note(&self, request: &HttpRequest) -> String {
        String::from_utf8_lossy(&request.body).into_owned()
    }

    async fn answer(
        &mut self,
        request: &HttpRequest,
        connection: &mut Connection,
    ) -> io::Result<Result<(), &'static str>> {
        respond(connection, openai(&self.note(request))).await
    }
}

impl Endpoint for Vertex {
    const PATH: &'static str = "/v1/projects/scripted/locations/europe-west4/publishers/google/\
        models/text-embedding-005:predict";

    fn note(&self, request: &HttpRequest) -> String {
        String::from_utf8_lossy(&request.body).into_owned()
    }

    async fn answer(
        &mut self,
        request: &HttpRequest,
        connection: &mut Connection,
    ) -> io::Result<Result<(), &'static str>> {
        respond(connection, vertex(&self.note(request))).await
    }
}

async fn respond(
    connection: &mut Connection,
    answer: Result<Value, &'static str>,
) -> io::Result<Result<(), &'static str>> {
    let answer = match answer {
        Ok(answer) => answer.to_string(),
        Err(code) => return Ok(Err(code)),
    };
    let length = answer.len().to_string();
    connection.http.respond(200, &[("content-length", &length)], &answer).await.map(Ok)
}

/// The error is the name of a field that is refused.
fn openai(body: &str) -> Result<Value, &'static str> {
    let request: Value = serde_json::from_str(body).map_err(|_| "body")?;
    let fields = request.as_object().ok_or("body")?;
    let known = ["dimensions", "encoding_format", "input", "model", "user"];
    if fields.keys().any(|key| !known.contains(&&**key)) {
        return Err("unknown_field");
    }
    request["model"].as_str().ok_or("model")?;
    let input = request["input"].as_array().ok_or("input")?;
    if !(1..=2_048).contains(&input.len()) || words(input.iter()) > 300_000 {
        return Err("input");
    }
    let size = size(&request["dimensions"]).ok_or("dimensions")?;
    let is_base64 = request["encoding_format"] == "base64";
    let mut data = Vec::with_capacity(input.len());
    for (index, text) in input.iter().enumerate() {
        let point = point(text, size).ok_or("input")?;
        let embedding = if is_base64 {
            let bytes: Vec<u8> = point.iter().flat_map(|value| value.to_le_bytes()).collect();
            json!(STANDARD.encode_to_string(bytes))
        } else {
            json!(point)
        };
        data.push(json!({ "object": "embedding", "index": index, "embedding": embedding }));
    }
    // The order is told by the index.
    data.reverse();
    let usage = json!({ "prompt_tokens": 1, "total_tokens": 1 });
    Ok(json!({ "object": "list", "data": data, "model": request["model"], "usage": usage }))
}

/// The error is the name of a field that is refused.
fn vertex(body: &str) -> Result<Value, &'static str> {
    let request: Value = serde_json::from_str(body).map_err(|_| "body")?;
    let instances = request["instances"].as_array().ok_or("instances")?;
    let contents = instances.iter().map(|instance| &instance["content"]);
    if !(1..=250).contains(&instances.len()) || words(contents) > 20_000 {
        return Err("instances");
    }
    let size = size(&request["parameters"]["outputDimensionality"]).ok_or("dimensions")?;
    let mut predictions = Vec::with_capacity(instances.len());
    for instance in instances {
        if !matches!(instance["task_type"].as_str(), Some("RETRIEVAL_DOCUMENT" | "RETRIEVAL_QUERY"))
        {
            return Err("task_type");
        }
        // Such points are of any length.
        let values = point(&instance["content"], size).ok_or("content")?;
        let values: Vec<f32> = values.iter().map(|value| value * 3.0).collect();
        let statistics = json!({ "token_count": 1, "truncated": false });
        predictions.push(json!({ "embeddings": { "values": values, "statistics": statistics } }));
    }
    Ok(json!({ "predictions": predictions }))
}

fn size(asked: &Value) -> Option<usize> {
    if asked.is_null() {
        return Some(DIMENSIONS);
    }
    usize::try_from(asked.as_u64()?).ok().filter(|size| *size > 0)
}

/// How many tokens texts have at the least: vendors limit the tokens of a request.
fn words<'a>(texts: impl Iterator<Item = &'a Value>) -> usize {
    texts.filter_map(Value::as_str).map(|text| text.split_whitespace().count()).sum()
}

/// The point of a text that is not empty.
fn point(text: &Value, size: usize) -> Option<Vec<f32>> {
    let text = text.as_str().filter(|text| !text.is_empty())?;
    Some(HashingEmbedder::new(size).point(text).values().to_vec())
}
