//! Customers, as tables of other systems have them.

use std::{fs::File, io::Read, path::PathBuf};

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use voiceagent_core::{Error, ErrorKind, Result};

use crate::{
    phone::Phone,
    store::{CustomerId, Fault, NewCustomer, Profile, Refusal, Store},
};

/// What is done with customers from the command line.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum CustomersCommand {
    /// Shows all customers as comma-separated values, one line for each number.
    Export,
    /// Takes in customers of a file with comma-separated values, whose first row names the columns:
    /// `phone`, `first_name`, `last_name` and any other field. An empty cell leaves what is known.
    Import {
        /// The file.
        file: PathBuf,
        /// The system that the column `external_id` is of.
        #[arg(long, default_value = "dms")]
        system: String,
    },
    /// Lets one customer count in place of another: numbers, vehicles and visits become theirs.
    Merge {
        /// The row that counts no more.
        #[arg(value_parser = customer)]
        from: CustomerId,
        /// The row that counts.
        #[arg(value_parser = customer)]
        into: CustomerId,
    },
}

/// The columns of an export; an import takes all but the first.
const COLUMNS: [&str; 19] = [
    "id",
    "phone",
    "first_name",
    "last_name",
    "preferred_name",
    "email",
    "language",
    "dob",
    "address_line",
    "street_number",
    "city",
    "state",
    "postal_code",
    "tz",
    "preferred_advisor_id",
    "preferred_channel",
    "notes",
    "external_id",
    "phrase",
];

impl CustomersCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or a line of it makes no sense, or the store cannot be used; the
    /// message says what, and quotes nothing that somebody has written.
    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<String> {
        match self {
            Self::Export => export(store, now).await,
            Self::Import { file, system } => {
                let name = file.display().to_string();
                let unreadable = |cause: std::io::Error| Error::config(format!("{name}: {cause}"));
                let content = File::open(file).map_err(unreadable)?;
                let (new, known) = import(store, content, (&name, system), now).await?;
                Ok(format!("{new} new, {known} known.\n"))
            }
            Self::Merge { from, into } => {
                let moved = store.merge_customers((*from, *into), now).await;
                let moved = moved.map_err(|fault| match fault {
                    Fault::Refused(Refusal::NotFound) => {
                        Error::config("there are no two such customers that count")
                    }
                    fault => fault.into(),
                })?;
                Ok(format!("{moved} visits have moved.\n"))
            }
        }
    }
}

/// Takes in the customers of a table, by their number and name. Returns how many are new, and how
/// many were known.
async fn import(
    store: &Store,
    file: impl Read + Send,
    (source, system): (&str, &str),
    now: Timestamp,
) -> Result<(usize, usize)> {
    let wrong = |line: u64, what: &str| Error::config(format!("{source}: line {line}: {what}"));
    // The message of the cause may quote what somebody has written.
    let unreadable = |cause: csv::Error| {
        wrong(cause.position().map_or(0, csv::Position::line), "it is not comma-separated values")
    };
    let mut reader = csv::Reader::from_reader(file);
    let header: Vec<String> =
        reader.headers().map_err(unreadable)?.iter().map(|name| name.trim().to_owned()).collect();
    if let Some(name) = header.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let known = COLUMNS.join(", ");
        return Err(wrong(1, &format!("there is no column `{name}`; there are {known}")));
    }
    let (mut new, mut known) = (0, 0);
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |name: &str| {
            let at = header.iter().position(|column| column == name)?;
            record.get(at).map(str::trim).filter(|cell| !cell.is_empty())
        };
        let text = |name: &str| cell(name).map(str::to_owned);
        let phone = cell("phone").and_then(Phone::parse);
        let (Some(phone), Some(first_name), Some(last_name)) =
            (phone, text("first_name"), text("last_name"))
        else {
            return Err(wrong(line, "it has no `phone`, `first_name` or `last_name`"));
        };
        let who = NewCustomer {
            first_name,
            last_name,
            phone,
            email: None,
            postal_code: None,
            language: None,
            call: None,
        };
        let (id, is_new) = store.upsert_customer(&who, now).await?;
        let mut patch: Map<String, Value> = COLUMNS
            .iter()
            .filter(|name| !matches!(**name, "id" | "phone" | "external_id"))
            .filter_map(|name| Some(((*name).to_owned(), json!(cell(name)?))))
            .collect();
        if let Some(external) = cell("external_id") {
            patch.insert("external_ids".to_owned(), json!({ system: external }));
        }
        store.update_profile(id, &patch, now).await.map_err(|fault| match fault {
            Fault::Refused(Refusal::Unfit) => wrong(line, "a cell does not fit its column"),
            fault => fault.into(),
        })?;
        if is_new {
            new += 1;
        } else {
            known += 1;
        }
    }
    Ok((new, known))
}

async fn export(store: &Store, now: Timestamp) -> Result<String> {
    let failed = |cause: csv::Error| {
        Error::new(ErrorKind::Protocol, "export", "the customers cannot be written")
            .with_source(cause)
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    // A phrase is not told: it is kept as a hash.
    let columns = &COLUMNS[..COLUMNS.len() - 1];
    writer.write_record(columns).map_err(failed)?;
    for (id, phone) in store.customers_with_numbers().await? {
        let profile = store.profile(id, now).await?;
        writer
            .write_record(columns.iter().map(|name| told(&profile, &phone, name)))
            .map_err(failed)?;
    }
    let written = writer
        .into_inner()
        .map_err(|cause| Error::new(ErrorKind::Protocol, "export", cause.to_string()))?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}

/// A cell of an export.
fn told(profile: &Profile, phone: &str, name: &str) -> String {
    match name {
        "phone" => phone.to_owned(),
        "external_id" => {
            let ids = profile.external_ids.values().filter_map(Value::as_str);
            ids.collect::<Vec<_>>().join(" ")
        }
        name => match &json!(profile)[name] {
            Value::String(text) => text.clone(),
            _ => String::new(),
        },
    }
}

fn customer(written: &str) -> std::result::Result<CustomerId, &'static str> {
    CustomerId::parse(written).ok_or("write the identifier of a customer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::friday;

    const TABLE: &str = "phone,first_name,last_name,dob,tz,preferred_name,external_id,phrase\n\
        630-555-0170,Lena,Ortiz,1975-02-03,America/Chicago,Len,K-1,blue heron\n\
        (630) 555-0111,Ana,Morales,,,,K-2,\n";

    #[tokio::test]
    async fn customers_of_another_system_are_taken_in_twice_and_told_again() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let taken = async || import(&store, TABLE.as_bytes(), ("t.csv", "dms"), friday()).await;
        assert_eq!(taken().await.unwrap(), (1, 1));
        assert_eq!(taken().await.unwrap(), (0, 2), "nobody is there twice");
        let told = CustomersCommand::Export.run(&store, friday()).await.unwrap();
        let lena = told.lines().find(|line| line.contains("Ortiz")).unwrap();
        assert!(lena.contains(",+16305550170,Lena,Ortiz,Len,"), "{lena}");
        assert!(lena.ends_with(",America/Chicago,,,,K-1") && !told.contains("heron"), "{lena}");
        assert_eq!(told.lines().count(), 7, "six customers below the names of the columns");
        let clients = store.export("SELECT * FROM clients").await.unwrap();
        assert!(clients.contains(&json!({
            "phone": "+16305550170", "first_name": "Lena", "last_name": "Ortiz",
        })));
    }

    #[tokio::test]
    async fn a_line_that_makes_no_sense_is_told_by_its_number_and_not_quoted() {
        let store = Store::fresh().await;
        for (table, what) in [
            ("phone,shoe\n1,2\n", "line 1: there is no column `shoe`"),
            ("phone,first_name,last_name\n12,Lena,Ortiz\n", "line 2: it has no `phone`"),
            (
                "phone,first_name,last_name,tz\n+16305550170,Lena,Ortiz,Mars\n",
                "line 2: a cell does not fit its column",
            ),
        ] {
            let error = import(&store, table.as_bytes(), ("t.csv", "dms"), friday()).await;
            let error = error.unwrap_err();
            assert!(error.message().contains(what), "{error}");
            assert!(!error.message().contains("Lena") && !error.message().contains("Mars"));
        }
    }
}
