use std::{path::Path, sync::Arc};

use voiceagent_core::{Error, Result, llm::LanguageModel, stt::SpeechToText, tts::TextToSpeech};

use super::messenger;
use crate::{
    config::Config,
    payments::Payments,
    reception::Reception,
    recordings::Recordings,
    replicas::Replica,
    templates::Vendors,
    tools::Targets,
    trace::Spans,
    vin::{Decoder, Vpic},
    weather::WeatherService,
};

/// Who hears and who speaks.
pub(super) type Voice = (Arc<dyn SpeechToText>, Arc<dyn TextToSpeech>);

/// What a reception may have, made by the configuration.
#[derive(Debug)]
pub(super) struct Furniture {
    pub(super) vendors: Option<Vendors>,
    pub(super) voice: Option<Voice>,
    pub(super) llm: Option<Arc<dyn LanguageModel>>,
    pub(super) recordings: Option<Recordings>,
    pub(super) spans: Option<Spans>,
}

/// A reception with all that needs no part of a vendor.
pub(super) async fn bare_reception(config: &Config, replica: &Replica) -> Result<Reception> {
    let Replica { store, clock, shared, .. } = replica;
    let decoder = Decoder::new(store.clone(), Some(Vpic::new(Vpic::BASE_URL)?));
    let weather = WeatherService::new(WeatherService::PLACES_URL, WeatherService::FORECAST_URL)?;
    let reception = Reception::open(store.clone(), *clock, &config.dealership).await?;
    Ok(reception
        .with_endpointing(config.turns.endpointing)
        .with_decoder(decoder)
        .with_shared(shared.clone())
        .with_weather(weather))
}

/// What a reception has only where the configuration says so.
pub(super) fn furnish(
    mut reception: Reception,
    config: &Config,
    furniture: Furniture,
) -> Result<Reception> {
    let Furniture { vendors, voice, llm, recordings, spans } = furniture;
    if let Some((stt, tts)) = voice {
        reception = reception.with_voice(stt, tts);
    }
    if !config.switches.model {
        reception = reception.by_rules_alone();
    }
    if let Some(messenger) = messenger(config)? {
        reception = reception.with_messenger(messenger);
    }
    if let Some(payments) = Payments::of(config)? {
        reception = reception.with_payments(payments);
    }
    reception = reception.with_targets(Targets::new(config.targets.clone())?);
    if let Some(vendors) = vendors {
        reception = reception.with_vendors(vendors);
    }
    if let Some(model) = llm {
        reception = reception.with_model(model);
    }
    if let Some(folder) = config.journals() {
        reception = reception.with_journals(folder);
    }
    if let Some(recordings) = recordings {
        reception = reception.with_recordings(recordings);
    }
    if let Some(spans) = spans {
        let model = config.llm.as_ref().filter(|_| config.switches.model);
        let model = model.map(|llm| llm.to_value()["model"].clone());
        let model = model.and_then(|model| Some(model.as_str()?.to_owned()));
        reception = reception.with_spans(spans, model);
    }
    Ok(reception)
}

/// Makes the folders that the configuration names.
pub(super) fn make_folders(config: &Config) -> Result<()> {
    if let Some(folder) = config.journals() {
        make_folder("server.journals", folder)?;
    }
    if let Some(folder) = &config.recordings.folder {
        make_folder("recordings.folder", folder)?;
    }
    Ok(())
}

/// Makes a folder that a field names, and sees that files can be made in it.
pub(crate) fn make_folder(field: &str, folder: &Path) -> Result<()> {
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&trial, ""))
        .and_then(|()| std::fs::remove_file(&trial))
        .map_err(|error| {
            let why = format!(
                "field `{field}`: {}: {error}; name a folder in which files can be made",
                folder.display()
            );
            Error::config(why).with_source(error)
        })
}
