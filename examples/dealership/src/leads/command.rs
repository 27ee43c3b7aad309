use std::{fs::File, path::PathBuf};

use clap::Subcommand;
use jiff::Timestamp;
use voiceagent_core::{Error, Result};

use super::{GoogleSheet, Imported, Sync, import};
use crate::store::Store;

/// What is done with leads from the command line.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum LeadsCommand {
    /// Takes in the leads of a file with comma-separated values, whose first row names the columns.
    Import {
        /// The file.
        file: PathBuf,
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
            Self::Import { file } => {
                let name = file.display().to_string();
                let unreadable = |cause: std::io::Error| Error::config(format!("{name}: {cause}"));
                let content = File::open(file).map_err(unreadable)?;
                Ok(told(import(store, content, &name, now).await?))
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
