use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Html,
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{Shared, refusal::Refusal},
    Trouble, call_link, moment, shell,
};
use crate::phone::Phone;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    phone: String,
}

/// Something that happened between the house and a person, on whatever way.
struct Entry {
    at: i64,
    way: &'static str,
    told: Markup,
}

pub(super) async fn page(
    State(desk): State<Shared>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Html<String>, Trouble> {
    let content = content(&desk, asked).await;
    let content = content.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(shell(&desk, "People", &content))
}

async fn content(
    desk: &Shared,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Markup, Refusal> {
    let Query(Asked { phone: written }) = asked?;
    let entries = match written.trim() {
        "" => None,
        written => {
            let phone = Phone::parse(written)
                .ok_or_else(|| Refusal::bad("write the number like +16305550111"))?;
            Some(timeline(desk, &phone).await?)
        }
    };
    Ok(html! {
        form.filter method="get" {
            label { "Number "
                input name="phone" type="tel" required placeholder="+16305550111" value=(written);
            }
            button type="submit" { "Show" }
        }
        @if let Some(entries) = entries {
            @if entries.is_empty() {
                p.empty { "Nothing has happened with this number." }
            } @else {
                ol #timeline {
                    @for entry in &entries {
                        li {
                            (moment(desk, Timestamp::from_millisecond(entry.at).ok())) " "
                            strong { (entry.way) } " " (entry.told)
                        }
                    }
                }
            }
        }
    })
}

/// Calls, messages, visits and wishes of a person in one list, the latest first.
async fn timeline(desk: &Shared, phone: &Phone) -> Result<Vec<Entry>, Refusal> {
    let tables = desk.office.store.person(phone).await?;
    let rows = |table: &str| tables.get(table).into_iter().flatten();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or("–").to_owned();
    let mut entries = Vec::new();
    for row in rows("call_record") {
        let Some(at) = row["started_at"].as_i64() else { continue };
        let call = text(row, "call");
        let noted = rows("interaction").find(|note| note["call"] == row["call"]);
        let outcome = noted.map_or("–".to_owned(), |note| text(note, "disposition"));
        let direction = text(row, "direction");
        let told = html! { (call_link(&call, &html! { (direction) })) ": " (outcome) };
        entries.push(Entry { at, way: "call", told });
    }
    for (table, way, field, moment) in [
        ("message", "message", "template", "created_at"),
        ("appointment", "visit booked", "local_start", "created_at"),
        ("appointment", "visit cancelled", "local_start", "cancelled_at"),
        ("callback", "call back", "reason", "created_at"),
        ("consent", "consent", "status", "captured_at"),
        ("dnc_entry", "do not contact", "channel", "added_at"),
    ] {
        for row in rows(table) {
            let Some(at) = row[moment].as_i64() else { continue };
            let channel = row["channel"].as_str().filter(|_| table != "dnc_entry");
            let told = html! {
                (text(row, field))
                @if let Some(channel) = channel { " (" (channel) ")" }
            };
            entries.push(Entry { at, way, told });
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    Ok(entries)
}
