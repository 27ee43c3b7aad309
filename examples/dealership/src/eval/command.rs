use std::{fs, path::Path};

use voiceagent_core::{Error, Result};

use super::{draft, judge_leads};
use crate::{
    store::{Place, Store},
    templates::{INBOUND, Template},
};

/// A call of a database as a scenario, which is only read: [`draft`].
///
/// # Errors
///
/// As [`draft`], and when the database cannot be opened.
pub async fn draft_call(database: Place, call: &str) -> Result<String> {
    let store = read_only(database).await?;
    let drafted = draft(&store, call).await;
    store.close().await;
    drafted
}

/// How the rule of a template judges leads that people have judged, as a table: that of the file
/// `template`, or of the newest version in a database.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when a file cannot be read, holds something else, or
/// there is no template; the message names it.
pub async fn score_leads(database: Place, file: &Path, template: Option<&Path>) -> Result<String> {
    let text = match template {
        Some(path) => fs::read_to_string(path).map_err(|cause| {
            Error::config(format!("{}: {cause}", path.display())).with_source(cause)
        })?,
        None => {
            let store = read_only(database).await?;
            let newest = store.templates(INBOUND).await.map(|all| all.into_iter().next());
            store.close().await;
            newest?.ok_or_else(|| Error::config("there is no template; name one"))?.config
        }
    };
    let rule = Template::read(&text)?.qualification.unwrap_or_default();
    Ok(judge_leads(&rule, file)?.to_string())
}

async fn read_only(database: Place) -> Result<Store> {
    Store::open_read_only(database).await.map_err(|error| {
        Error::config(format!("field `dealership.database`: {}", error.message()))
            .with_source(error)
    })
}
