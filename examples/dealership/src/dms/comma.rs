use voiceagent_core::{Error, ErrorKind, Result};

use super::DmsConnector;
use crate::leads::{COLUMNS, Header, Row};

/// Comma-separated values, whose first row names the columns.
///
/// All that is known of a lead has its place.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct Comma;

impl DmsConnector for Comma {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn read(&self, text: &str) -> Result<Vec<Option<Row>>> {
        let unreadable = |cause: csv::Error| {
            // The message of the cause may quote what somebody has written.
            let line = cause.position().map_or(0, csv::Position::line);
            Error::config(format!("line {line} is not made of comma-separated values"))
        };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let header = Header::read(reader.headers().map_err(unreadable)?.iter())?;
        let rows = reader.records().map(|record| {
            let record = record.map_err(unreadable)?;
            Ok(header.row(&record.iter().collect::<Vec<_>>()))
        });
        rows.collect()
    }

    fn write(&self, leads: &[Row], _: &str) -> Result<String> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Protocol, "write leads", "they cannot be written as a table")
                .with_source(cause)
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let names = COLUMNS.iter().map(|(name, _)| *name);
        let header: Vec<&str> = ["phone"].into_iter().chain(names).chain(["consent"]).collect();
        writer.write_record(&header).map_err(|cause| failed(cause.into()))?;
        for Row { phone, known, consent } in leads {
            let cell = |name| known.get(name).and_then(|value| value.as_str()).unwrap_or_default();
            let consent = consent.join(" ");
            let mut cells = vec![phone.as_str()];
            cells.extend(COLUMNS.iter().map(|(name, _)| cell(*name)));
            cells.push(&consent);
            writer.write_record(&cells).map_err(|cause| failed(cause.into()))?;
        }
        let written = writer.into_inner().map_err(|cause| failed(cause.to_string().into()))?;
        String::from_utf8(written).map_err(|cause| failed(cause.into()))
    }
}
