use std::fmt::Write as _;

use serde_json::{Map, Value};
use voiceagent_core::{Error, Result};
use xmlparser::{ElementEnd, Token, Tokenizer};

use super::DmsConnector;
use crate::{leads::Row, phone::Phone};

/// Auto-lead Data Format, the XML in which car dealers hand on prospects.
///
/// Wire facts: "ADF Standard 1.0" of 2000. A prospect without a vehicle that it asks for is read too,
/// though the standard wants one. It has no place for the language, for the channels on which somebody
/// has agreed to be reached, nor for when they are best called; names beside the first and the last are
/// left out.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct Adf;

/// Deeper than this no prospect goes.
const DEEPEST: usize = 32;

impl DmsConnector for Adf {
    fn name(&self) -> &'static str {
        "adf"
    }

    fn read(&self, text: &str) -> Result<Vec<Option<Row>>> {
        // What stands before is `<?ADF VERSION "1.0"?>` in many spellings, not all of them XML.
        let begin = text.to_ascii_lowercase().find("<adf").ok_or_else(other)?;
        let mut reader = Reader::default();
        for token in Tokenizer::from(&text[begin..]) {
            reader.take(token.map_err(|_| other())?)?;
        }
        if reader.path.is_empty() { Ok(reader.leads) } else { Err(other()) }
    }

    fn write(&self, leads: &[Row], house: &str) -> Result<String> {
        let mut text = "<?ADF VERSION \"1.0\"?>\n<?xml version=\"1.0\"?>\n<adf>\n".to_owned();
        for lead in leads {
            prospect(&mut text, lead, house);
        }
        text.push_str("</adf>\n");
        Ok(text)
    }
}

fn other() -> Error {
    Error::config("the text is no ADF, or it is cut off")
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    leads: Vec<Option<Row>>,
    /// The elements that are open, each with what tells it from others of its name.
    path: Vec<(String, String)>,
    text: String,
    phone: Option<Phone>,
    known: Map<String, Value>,
    /// Year, make and model of the vehicle that is read.
    vehicle: Vec<String>,
}

impl Reader {
    fn take(&mut self, token: Token<'_>) -> Result<()> {
        match token {
            Token::ElementStart { local, .. } => {
                if self.path.len() == DEEPEST {
                    return Err(other());
                }
                self.path.push((local.as_str().to_ascii_lowercase(), String::new()));
                self.text.clear();
            }
            Token::Attribute { local, value, .. } => {
                let name = local.as_str().to_ascii_lowercase();
                if let (Some((_, which)), "part" | "interest") = (self.path.last_mut(), &*name) {
                    *which = value.as_str().to_ascii_lowercase();
                }
            }
            Token::ElementEnd { end: ElementEnd::Close(..) | ElementEnd::Empty, .. } => {
                self.close();
                self.path.pop().ok_or_else(other)?;
                self.text.clear();
            }
            Token::Text { text } => self.text.push_str(&plain(text.as_str())),
            Token::Cdata { text, .. } => self.text.push_str(text.as_str()),
            // Entities of its own are not needed by anybody who means well.
            Token::DtdStart { .. } | Token::EmptyDtd { .. } | Token::EntityDeclaration { .. } => {
                return Err(other());
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes in what an element held.
    fn close(&mut self) {
        let path: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let which = self.path.last().map(|(_, which)| which.clone()).unwrap_or_default();
        let text = self.text.trim().to_owned();
        match path.as_slice() {
            ["adf", "prospect"] => {
                let known = std::mem::take(&mut self.known);
                let row = self.phone.take().map(|phone| Row { phone, known, consent: Vec::new() });
                self.leads.push(row);
            }
            [.., "customer", "contact", "phone"] if self.phone.is_none() => {
                self.phone = Phone::parse(&text);
            }
            [.., "customer", "contact", "name"] => match which.as_str() {
                "last" => self.know("last_name", text),
                "first" | "full" | "" => self.know("first_name", text),
                _ => {}
            },
            [.., "customer", "contact", "email"] => self.know("email", text),
            [.., "customer", "contact", "address", "city"] => self.know("city", text),
            [.., "customer", "contact", "address", "regioncode"] => self.know("state", text),
            [.., "customer", "contact", "address", "postalcode"] => self.know("postal_code", text),
            [.., "customer", "timeframe", "description"] => self.know("timeframe", text),
            [.., "customer", "comments"] => self.know("notes", text),
            [.., "vehicle", "year" | "make" | "model" | "comments"] if !text.is_empty() => {
                self.vehicle.push(text);
            }
            [.., "prospect", "vehicle"] => {
                let vehicle = std::mem::take(&mut self.vehicle).join(" ");
                let column = if which == "trade-in" { "trade_in" } else { "vehicle_interest" };
                self.know(column, vehicle);
            }
            _ => {}
        }
    }

    /// The first that is said counts.
    fn know(&mut self, column: &str, text: String) {
        if !text.is_empty() {
            self.known.entry(column).or_insert(Value::String(text));
        }
    }
}

/// Text with its references read. A reference that is none stays as it is.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = behind.split_once(';').and_then(|(name, after)| {
            let code = match name {
                "amp" => Some('&'),
                "apos" => Some('\''),
                "gt" => Some('>'),
                "lt" => Some('<'),
                "quot" => Some('"'),
                _ => number(name).and_then(char::from_u32),
            };
            code.map(|code| (code, after))
        });
        match reference {
            Some((code, after)) => {
                plain.push(code);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = behind;
            }
        }
    }
    plain + rest
}

/// `#65` or `#x41`.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix('#')?;
    match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// Text as it may stand between tags. Characters that XML 1.0 has no place for are left out.
fn written(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                written.push(letter);
            }
            _ => {}
        }
    }
    written
}

fn prospect(out: &mut String, Row { phone, known, .. }: &Row, house: &str) {
    let get = |name: &str| known.get(name).and_then(Value::as_str);
    out.push_str("<prospect status=\"new\">\n");
    for (interest, column) in [("buy", "vehicle_interest"), ("trade-in", "trade_in")] {
        if let Some(words) = get(column) {
            // Written into a string, which does not fail.
            let _ = writeln!(out, "<vehicle interest=\"{interest}\">");
            element(out, "comments", Some(words));
            out.push_str("</vehicle>\n");
        }
    }
    out.push_str("<customer>\n<contact>\n");
    element(out, "name part=\"first\"", get("first_name"));
    element(out, "name part=\"last\"", get("last_name"));
    element(out, "email", get("email"));
    element(out, "phone type=\"voice\"", Some(phone.as_str()));
    let places = [("city", "city"), ("regioncode", "state"), ("postalcode", "postal_code")];
    if places.iter().any(|(_, column)| get(column).is_some()) {
        out.push_str("<address>\n");
        for (tag, column) in places {
            element(out, tag, get(column));
        }
        out.push_str("</address>\n");
    }
    out.push_str("</contact>\n");
    if let Some(words) = get("timeframe") {
        out.push_str("<timeframe>\n");
        element(out, "description", Some(words));
        out.push_str("</timeframe>\n");
    }
    element(out, "comments", get("notes"));
    out.push_str("</customer>\n<vendor>\n<contact>\n");
    element(out, "name part=\"full\"", Some(house));
    out.push_str("</contact>\n</vendor>\n</prospect>\n");
}

/// An element with text, on a line of its own; none where there is no text.
fn element(out: &mut String, opening: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    let tag = opening.split(' ').next().unwrap_or(opening);
    // Written into a string, which does not fail.
    let _ = writeln!(out, "<{opening}>{}</{tag}>", written(text));
}
