use std::{fs, path::PathBuf};

use clap::Subcommand;
use jiff::Timestamp;
use voiceagent_core::{Error, Result};

use super::{GoogleSheet, Imported, Sync};
use crate::{dms, store::Store};

/// What is done with leads from the command line.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum LeadsCommand {
    /// Shows all leads as another dealership system takes them.
    Export {
        /// `adf`, the XML of car dealers, or `csv`.
        #[arg(long, default_value = "csv")]
        form: String,
    },
    /// Takes in the leads of a file.
    Import {
        /// The file.
        file: PathBuf,
        /// `adf`, the XML of car dealers, or `csv`, whose first row names the columns.
        #[arg(long, default_value = "csv")]
        form: String,
    },
    /// Takes in what is new in the sheet of the configuration, and shows there what became of leads.
    Sync,
}

impl LeadsCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When the file or the sheet cannot be read, or the store cannot be written; the message says
    /// what.
    pub async fn run(
        &self,
        store: &Store,
        sheet: Option<&GoogleSheet>,
        now: Timestamp,
    ) -> Result<String> {
        match self {
            Self::Export { form } => dms::export(store, dms::connector(form)?).await,
            Self::Import { file, form } => {
                let name = file.display().to_string();
                let unreadable = |cause: std::io::Error| Error::config(format!("{name}: {cause}"));
                let form = dms::connector(form)?;
                let content = fs::read_to_string(file).map_err(unreadable)?;
                let done = dms::import(store, (form, &content), &name, now).await;
                let named = |error: Error| {
                    Error::config(format!("{name}: {}", error.message())).with_source(error)
                };
                done.map(told).map_err(named)
            }
            Self::Sync => {
                let sheet = sheet.ok_or_else(|| {
                    Error::config("field `leads.sheet` is missing; name the sheet with the leads")
                })?;
                let Sync { imported, written } = sheet.sync(store, now).await?;
                Ok(format!("{}{written} cells written.\n", told(imported)))
            }
        }
    }
}

fn told(Imported { new, known, unreadable }: Imported) -> String {
    format!("{new} new, {known} known, {unreadable} without a number.\n")
}
