use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};
use voiceagent_core::{Error, ErrorKind, Result, tool::cut};

/// What a model is given of a result: the structured content where there is some, else the texts.
/// Pictures and sounds are named and left out.
///
/// # Errors
///
/// [`ErrorKind::Rejected`] with the server's words, for a call that failed.
pub(crate) fn read(result: CallToolResult, longest: usize) -> Result<Value> {
    let texts: Vec<_> = result.content.iter().map(words).collect();
    let text = cut(texts.join("\n"), longest);
    if result.is_error == Some(true) {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        return Err(Error::new(ErrorKind::Rejected, "call", line));
    }
    let structured = result.structured_content.filter(|content| !content.is_null());
    match structured {
        Some(content) if content.to_string().len() <= longest => Ok(content),
        Some(content) => Ok(json!({ "cut": cut(content.to_string(), longest) })),
        None => Ok(object(&text).unwrap_or_else(|| json!({ "text": text }))),
    }
}

fn words(block: &ContentBlock) -> String {
    if let Some(text) = block.as_text() {
        return text.text.clone();
    }
    let kind = serde_json::to_value(block).ok();
    let kind = kind.as_ref().and_then(|block| block["type"].as_str()).unwrap_or("content");
    format!("[{kind}]")
}

/// Servers of older versions write objects as text.
fn object(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(json: Value) -> CallToolResult {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_result_is_what_can_be_said_of_it() {
        let text = |text: &str| json!({ "type": "text", "text": text });
        for (given, expected) in [
            (json!({ "content": [text("At nine.")] }), json!({ "text": "At nine." })),
            (json!({ "content": [text("{\"slots\":[9]}")] }), json!({ "slots": [9] })),
            (json!({ "content": [text("9"), text("10")] }), json!({ "text": "9\n10" })),
            (json!({ "content": [text("x")], "structuredContent": { "n": 1 } }), json!({ "n": 1 })),
            (
                json!({ "content": [{ "type": "image", "data": "", "mimeType": "image/png" }] }),
                json!({ "text": "[image]" }),
            ),
            (json!({ "content": [] }), json!({ "text": "" })),
        ] {
            assert_eq!(read(result(given), 100).unwrap(), expected);
        }
    }

    #[test]
    fn a_failed_call_is_rejected_with_the_servers_words_in_one_line() {
        let content = json!([{ "type": "text", "text": "No such\ncustomer." }]);
        let error = read(result(json!({ "content": content, "isError": true })), 100).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Rejected, "No such customer."));
    }

    #[test]
    fn a_long_result_is_cut_at_a_character() {
        let long = json!({ "content": [{ "type": "text", "text": "\u{e9}".repeat(9) }] });
        let text = read(result(long), 5).unwrap();
        assert_eq!(text["text"], "\u{e9}\u{e9} [the rest is left out]");
        let structured = json!({ "content": [], "structuredContent": { "a": "x".repeat(99) } });
        assert!(read(result(structured), 9).unwrap()["cut"].is_string());
    }
}
