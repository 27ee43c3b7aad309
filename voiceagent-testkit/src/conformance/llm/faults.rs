use std::{error::Error as _, sync::Arc, time::Duration};

use voiceagent_core::{
    Error, ErrorKind, Retry,
    llm::{LanguageModel, LlmEvent},
};

use super::{KEY, LlmScene, LlmVendor, Outcome, ask, checks, ensure, only_error, question};

type Model = Arc<dyn LanguageModel>;

pub(super) async fn unauthorized(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    for status in [401, 403] {
        vendor.play(LlmScene::Refuse { status, retry_after: None });
        let error = only_error(ask(model, question("Hi.")).await)?;
        let right = error.kind() == ErrorKind::Unauthorized && error.retry() == Retry::Never;
        ensure(right, || format!("{status} is `{error}`"))?;
    }
    Ok(())
}

pub(super) async fn rate_limited(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Refuse { status: 429, retry_after: Some(7) });
    let error = only_error(ask(model, question("Hi.")).await)?;
    let wait = Retry::After(Duration::from_secs(7));
    let right = error.kind() == ErrorKind::RateLimited && error.retry() == wait;
    ensure(right, || format!("`{error}`, {:?}", error.retry()))
}

pub(super) async fn overloaded(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    for status in [500, 503] {
        vendor.play(LlmScene::Refuse { status, retry_after: None });
        let error = only_error(ask(model, question("Hi.")).await)?;
        ensure(error.kind() == ErrorKind::Overloaded, || format!("{status} is `{error}`"))?;
    }
    Ok(())
}

pub(super) async fn silent_vendor(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Silence);
    let error = only_error(ask(model, question("Hi.")).await)?;
    ensure(error.kind() == ErrorKind::Timeout, || error.to_string())
}

pub(super) async fn stalled_answer(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::SayThenStall(vec!["Well,".to_owned()]));
    let error = words_then_error(model, "Well,").await?;
    let right = matches!(error.kind(), ErrorKind::Stalled | ErrorKind::Timeout);
    ensure(right, || error.to_string())
}

pub(super) async fn cut_connection(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::SayThenCut(vec!["Your ".to_owned(), "appointment".to_owned()]));
    let error = words_then_error(model, "Your appointment").await?;
    ensure(error.kind() == ErrorKind::Disconnected, || error.to_string())
}

pub(super) async fn cut_tool_call(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::CutToolCall);
    let items = ask(model, checks::with_tools("Do it.")).await;
    let called = items.iter().any(|item| matches!(item, Ok(LlmEvent::ToolCall(_))));
    ensure(!called, || "it was called".to_owned())?;
    let error = only_error(items)?;
    ensure(error.kind() == ErrorKind::Disconnected, || error.to_string())
}

pub(super) async fn garbage(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    let endless = [b"data: ".as_slice(), &[b'x'; 3 << 20]].concat();
    for bytes in [
        b"<html>busy</html>".to_vec(),
        b"data: {\"choices\":[{\"delta\":{\"content\":\n\n".to_vec(),
        b"data: [[[[\n\ndata: null\n\n".to_vec(),
        vec![0xff; 1024],
        Vec::new(),
        endless,
    ] {
        vendor.play(LlmScene::Garbage(bytes.clone()));
        let error = only_error(ask(model, question("Hi.")).await)?;
        let right = matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Protocol);
        ensure(right, || format!("{} bytes are `{error}`", bytes.len()))?;
    }
    Ok(())
}

pub(super) async fn key_is_kept(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    ensure(!format!("{model:?} {model:#?}").contains(KEY), || "`Debug` shows it".to_owned())?;
    for status in [400, 401, 500] {
        vendor.play(LlmScene::Refuse { status, retry_after: None });
        let error = only_error(ask(model, question("A secret question.")).await)?;
        let mut shown = format!("{error} {error:?}");
        let mut cause = error.source();
        while let Some(error) = cause {
            shown += &format!(" {error} {error:?}");
            cause = error.source();
        }
        ensure(!shown.contains(KEY), || format!("the error of a {status} shows it"))?;
        ensure(!shown.contains("secret question"), || "the error shows the prompt".to_owned())?;
    }
    Ok(())
}

/// The error of an answer that says these words first.
async fn words_then_error(model: &Model, words: &str) -> Result<Error, String> {
    let items = ask(model, question("Hi.")).await;
    let texts = items.iter().filter_map(|item| match item {
        Ok(LlmEvent::Text(text)) => Some(text.as_str()),
        Ok(_) | Err(_) => None,
    });
    let said: String = texts.collect();
    ensure(said == words, || format!("said {said:?}"))?;
    let finished = items.iter().any(|item| matches!(item, Ok(LlmEvent::Finished(_))));
    ensure(!finished, || "it claims to be complete".to_owned())?;
    only_error(items)
}
