use voiceagent_core::Secret;

/// The longest text of a vendor that an error repeats, in characters.
const LONGEST: usize = 160;

/// What a vendor was told and nobody else may hear: it may repeat the key that it refuses.
#[derive(Debug)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// From the values of headers; their words count one by one, such as the key in `Token key`.
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = &'a Secret>) -> Self {
        let words = values.into_iter().flat_map(|value| value.expose().split(' '));
        // What is so short is no secret, and would be found in every word.
        Self(words.filter(|word| word.len() > 3).map(Secret::new).collect())
    }

    /// A vendor's words in one line, fit for the message of an error.
    pub(crate) fn quote(&self, text: &str) -> String {
        // First the secrets: of one that is cut off at the end, the rest would stay.
        let text = self.cut_out_of(text);
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
    }

    fn cut_out_of(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "[secret]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new([&Secret::new("Token sk-12345")])
    }

    #[test]
    fn a_quotation_is_one_short_line_without_the_key() {
        let quoted = secrets().quote("Token\nsk-12345 \u{1b}[31mis unknown");
        assert_eq!(quoted, "[secret] [secret]  [31mis unknown");
        let long = secrets().quote(&format!("{}sk-12345", "x".repeat(LONGEST - 4)));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(!long.contains("sk-"), "{long}");
    }

    #[test]
    fn the_key_is_not_in_debug() {
        assert!(!format!("{:?}", secrets()).contains("12345"));
    }
}
