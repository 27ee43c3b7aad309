use std::{collections::BTreeMap, fmt, time::Duration};

/// An element of XML.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: BTreeMap<&'static str, String>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, attributes: BTreeMap::new(), text: String::new(), children: Vec::new() }
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    pub(super) fn attribute(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.insert(name, value.to_string());
        self
    }

    pub(super) fn optional(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// Whole seconds, rounded up, since half a second of patience is not none.
    pub(super) fn seconds(self, name: &'static str, value: Option<Duration>) -> Self {
        self.optional(name, value.map(|value| value.as_millis().div_ceil(1_000)))
    }

    pub(super) fn push(&mut self, child: Self) {
        self.children.push(child);
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.push(child);
        self
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"")?;
            escape(value, true, f)?;
            f.write_str("\"")?;
        }
        if self.text.is_empty() && self.children.is_empty() {
            return f.write_str(" />");
        }
        f.write_str(">")?;
        escape(&self.text, false, f)?;
        for child in &self.children {
            write!(f, "{child}")?;
        }
        write!(f, "</{}>", self.name)
    }
}

/// Writes text so that it stays text. What XML 1.0 cannot carry at all is left out.
fn escape(text: &str, quoted: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;

    for character in text.chars() {
        match character {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '"' if quoted => f.write_str("&quot;")?,
            // A parser would turn these into spaces inside an attribute.
            '\n' if quoted => f.write_str("&#10;")?,
            '\t' if quoted => f.write_str("&#09;")?,
            '\r' => f.write_str("&#13;")?,
            '\n' | '\t' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => {
                f.write_char(character)?;
            }
            _ => {}
        }
    }
    Ok(())
}
