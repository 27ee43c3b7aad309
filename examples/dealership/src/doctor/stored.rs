use std::path::PathBuf;

use super::{Finding, State, finding, ok};
use crate::{
    clock::Clock,
    config::Config,
    reception::Reception,
    store::{Place, Store},
    templates::{SLUGS, Template, Vendors},
};

pub(super) async fn database(config: &Config, clock: Clock) -> Finding {
    let trial = Trial::of(config);
    let tried = async {
        let store = Store::open(&trial.config.dealership.database).await?;
        let opened = Reception::open(store.clone(), clock, &config.dealership).await;
        store.close().await;
        opened.map(drop)
    };
    let place = &config.dealership.database;
    match tried.await {
        Ok(()) if trial.made.is_some() => ok("database", &format!("{place} can be made")),
        Ok(()) => ok("database", &format!("{place} can be read and written")),
        Err(error) => finding(
            "database",
            State::Wrong,
            &error
                .message()
                .replace(&trial.config.dealership.database.to_string(), &place.to_string()),
            match place {
                Place::File(_) => {
                    "Set `dealership.database` or DEALERSHIP_DATABASE to another file."
                }
                Place::Server(_) => {
                    "Correct the address in `dealership.database` or DEALERSHIP_DATABASE, or what \
                     it says is wrong on the server."
                }
            },
        ),
    }
}

/// A configuration that may be tried. Where there is no file of the database, it is one beside it,
/// which is removed in the end; nobody is told that we take calls over SIP.
pub(super) struct Trial {
    pub(super) config: Config,
    made: Option<PathBuf>,
}

impl Trial {
    pub(super) fn of(config: &Config) -> Self {
        let mut config = config.clone();
        let missing = config.dealership.database.file().filter(|file| !file.exists());
        let made = missing.map(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            file.with_file_name(format!(".{name}.trial-{}", std::process::id()))
        });
        if let Some(made) = &made {
            config.dealership.database = made.into();
        }
        if let Some(sip) = &mut config.sip {
            sip.accounts.clear();
        }
        Self { config, made }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let Some(made) = &self.made else { return };
        for suffix in ["", "-wal", "-shm"] {
            let mut file = made.clone().into_os_string();
            file.push(suffix);
            // Those that were not made cannot be removed.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Whether every version of a template that answers calls is understood by this program, and the
/// vendors that it names can be made.
///
/// Nobody is connected to, and nothing is changed.
pub async fn examine_templates(config: &Config, vendors: &Vendors) -> Finding {
    const WHAT: &str = "templates";
    let place = &config.dealership.database;
    if place.file().is_some_and(|file| !file.exists()) {
        return ok(WHAT, "none yet; the configuration counts");
    }
    let Ok(store) = Store::open_read_only(place).await else {
        return finding(WHAT, State::Optional, "not looked at: see the database", "");
    };
    let looked = active(&store, vendors).await;
    store.close().await;
    let next = "Go back with `dealership template rollback`, or import a version that is right.";
    match looked {
        Ok(0) => ok(WHAT, "none is active; the configuration counts"),
        Ok(count) => ok(WHAT, &format!("{count} active, and understood")),
        Err(why) => finding(WHAT, State::Wrong, &why, next),
    }
}

/// How many versions answer calls, or which of them cannot.
async fn active(store: &Store, vendors: &Vendors) -> Result<usize, String> {
    let mut count = 0;
    for slug in SLUGS {
        let arms = store.active_template(slug).await.map_err(|fault| fault.to_string())?;
        let stored = store.templates(slug).await.map_err(|fault| fault.to_string())?;
        for arm in arms {
            let version = stored.iter().find(|stored| stored.version == arm.version);
            let read = version.map(|version| Template::read(&version.config));
            let Some(read) = read else { continue };
            read.and_then(|template| vendors.parts(&template)).map_err(|error| {
                format!("`{slug}`, version {}: {}", arm.version, error.message())
            })?;
            count += 1;
        }
    }
    Ok(count)
}
