//! Where leads come from: tables of a file, or of Google Sheets, which also shows what became of them.

mod command;
mod sheet;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io::Read};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::info;
use voiceagent_core::{Error, Result};

use crate::{phone::Phone, store::Store};

pub use self::{
    command::LeadsCommand,
    sheet::{GoogleSheet, Sync},
};

/// The columns that a lead has, by the names that tables give them.
pub(crate) const COLUMNS: [(&str, &[&str]); 12] = [
    ("best_time", &["best_time", "best time", "best time to call"]),
    ("city", &["city"]),
    ("email", &["email", "e-mail", "mail"]),
    ("first_name", &["first_name", "first name", "given name", "name"]),
    ("language", &["language", "locale"]),
    ("last_name", &["last_name", "last name", "family name", "surname"]),
    ("notes", &["notes", "note", "comment"]),
    ("postal_code", &["postal_code", "postal code", "zip", "zip code"]),
    ("state", &["state"]),
    ("timeframe", &["timeframe", "when"]),
    ("trade_in", &["trade_in", "trade in", "trade-in"]),
    ("vehicle_interest", &["vehicle_interest", "vehicle", "car", "interest"]),
];
/// The names of the column with the number.
const PHONE: &[&str] = &["phone", "phone_number", "phone number", "telephone", "mobile"];
/// The names of the column with the channels on which somebody has agreed to be reached.
const CONSENT: &[&str] = &["consent", "agreed to"];
/// The channels that it may name.
const CHANNELS: [&str; 4] = ["email", "sms", "voice_ai", "whatsapp"];

/// The first row of a table: what stands in which column.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    columns: BTreeMap<&'static str, usize>,
    names: Vec<String>,
}

/// A lead as a table has it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The number, by which leads are told apart.
    pub phone: Phone,
    /// What is known of them, by column.
    pub known: Map<String, Value>,
    /// On which channels they have agreed to be reached.
    pub consent: Vec<&'static str>,
}

/// What became of the rows of a table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "what can become of a row")]
pub struct Imported {
    /// Leads that are new.
    pub new: usize,
    /// Leads that were there already, here or further up in the table.
    pub known: usize,
    /// Rows without a number.
    pub unreadable: usize,
}

impl Header {
    /// Reads the first row of a table.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when no column has the numbers.
    pub fn read<'a>(cells: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let names: Vec<String> = cells.into_iter().map(|cell| cell.trim().to_lowercase()).collect();
        let place = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let all = COLUMNS.iter().chain(&[("phone", PHONE), ("consent", CONSENT)]);
        let columns: BTreeMap<_, _> =
            all.filter_map(|(column, known)| Some((*column, place(known)?))).collect();
        if !columns.contains_key("phone") {
            return Err(Error::config(
                "the table has no column with numbers; call it `phone` in the first row",
            ));
        }
        Ok(Self { columns, names })
    }

    /// The place of a column by the name that the table gives it.
    fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Reads a row. `None` if it has no number.
    #[must_use]
    pub fn row(&self, cells: &[&str]) -> Option<Row> {
        let cell = |column: &str| {
            let text = cells.get(*self.columns.get(column)?)?.trim();
            (!text.is_empty()).then_some(text)
        };
        let phone = Phone::parse(cell("phone")?)?;
        let known = COLUMNS
            .iter()
            .filter_map(|(column, _)| Some(((*column).to_owned(), json!(cell(column)?))))
            .collect();
        let agreed = cell("consent").unwrap_or_default().to_lowercase();
        let agreed: Vec<&str> = agreed.split([',', ';', ' ']).collect();
        let consent = CHANNELS.into_iter().filter(|channel| agreed.contains(channel)).collect();
        Some(Row { phone, known, consent })
    }
}

/// Takes in the leads of a file with comma-separated values, whose first row names the columns.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when it is no such file, and when the store cannot
/// be written.
///
/// # Cancel safety
///
/// Dropping the future leaves the rows that were taken in; the next time they are known.
pub async fn import(
    store: &Store,
    file: impl Read + Send,
    source: &str,
    now: Timestamp,
) -> Result<Imported> {
    let unreadable = |cause: csv::Error| {
        // The message of the cause may quote what somebody has written.
        let line = cause.position().map_or(0, csv::Position::line);
        Error::config(format!("{source}: line {line} is not made of comma-separated values"))
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let header = Header::read(reader.headers().map_err(unreadable)?.iter())?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        rows.push(header.row(&record.iter().collect::<Vec<_>>()));
    }
    take_in(store, rows, source, now).await
}

/// Takes in rows: who is new is noted with all that is known of them. Of who is known already,
/// nothing is changed: the database may know better by now.
pub(crate) async fn take_in(
    store: &Store,
    rows: Vec<Option<Row>>,
    source: &str,
    now: Timestamp,
) -> Result<Imported> {
    let mut imported = Imported::default();
    for row in rows {
        let Some(Row { phone, known, consent }) = row else {
            imported.unreadable += 1;
            continue;
        };
        let (lead, is_new) = store.meet_lead(&phone, now).await?;
        if !is_new {
            imported.known += 1;
            continue;
        }
        imported.new += 1;
        store.fill_in_lead(lead, (&known, source), now).await?;
        for channel in consent {
            let evidence = format!("import: {source}");
            let agreed = (true, evidence.as_str());
            store.note_consent(&phone, (channel, "marketing"), agreed, now).await?;
        }
    }
    let Imported { new, known, unreadable } = imported;
    info!(new, known, unreadable, "leads were taken in");
    Ok(imported)
}
