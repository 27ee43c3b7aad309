use std::sync::Arc;

use voiceagent_core::{Result, llm::LanguageModel};

use super::messenger;
use crate::{
    config::Config, reception::Reception, recordings::Recordings, templates::Vendors, trace::Spans,
};

/// What a reception may have, made by the configuration.
#[derive(Debug)]
pub(super) struct Furniture {
    pub(super) vendors: Option<Vendors>,
    pub(super) llm: Option<Arc<dyn LanguageModel>>,
    pub(super) recordings: Option<Recordings>,
    pub(super) spans: Option<Spans>,
}

/// What a reception has only where the configuration says so.
pub(super) fn furnish(
    mut reception: Reception,
    config: &Config,
    furniture: Furniture,
) -> Result<Reception> {
    let Furniture { vendors, llm, recordings, spans } = furniture;
    if let Some(messenger) = messenger(config)? {
        reception = reception.with_messenger(messenger);
    }
    if let Some(vendors) = vendors {
        reception = reception.with_vendors(vendors);
    }
    if let Some(model) = llm {
        reception = reception.with_model(model);
    }
    if let Some(folder) = &config.server.journals {
        reception = reception.with_journals(folder);
    }
    if let Some(recordings) = recordings {
        reception = reception.with_recordings(recordings);
    }
    if let Some(spans) = spans {
        let model = config.llm.as_ref().map(|llm| llm.to_value()["model"].clone());
        let model = model.and_then(|model| Some(model.as_str()?.to_owned()));
        reception = reception.with_spans(spans, model);
    }
    Ok(reception)
}
