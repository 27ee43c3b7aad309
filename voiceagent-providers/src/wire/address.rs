use std::{fmt::Write as _, time::Duration};

use voiceagent_core::{Error, Result};

/// Builds the address of a streaming endpoint, parameter by parameter.
#[derive(Debug)]
pub(crate) struct Address {
    url: String,
    separator: char,
}

impl Address {
    /// `base` with `path` (which begins with a slash) behind it.
    pub(crate) fn new(base: &str, path: &str) -> Result<Self> {
        Ok(Self { url: websocket_base(base)? + path, separator: '?' })
    }

    /// Appends a parameter, percent-encoded (RFC 3986, section 2.1).
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.url.push(self.separator);
        self.separator = '&';
        encode(&mut self.url, key);
        self.url.push('=');
        encode(&mut self.url, value);
    }

    pub(crate) fn set_all(&mut self, key: &str, values: &[String]) {
        values.iter().for_each(|value| self.set(key, value));
    }

    pub(crate) fn set_pairs(&mut self, pairs: &[(String, String)]) {
        pairs.iter().for_each(|(key, value)| self.set(key, value));
    }

    pub(crate) fn set_millis(&mut self, key: &str, duration: Duration) {
        self.set(key, &duration.as_millis().to_string());
    }

    /// The address with all parameters.
    pub(crate) fn into_url(self) -> String {
        self.url
    }
}

/// Turns a base address of any of the four schemes into a WebSocket address without final slash.
pub(crate) fn websocket_base(base: &str) -> Result<String> {
    let accepted =
        || Error::config("field `base_url` must be ws://, wss://, http:// or https:// with a host");
    let (scheme, rest) = base.trim().split_once("://").ok_or_else(accepted)?;
    let scheme = match scheme {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return Err(accepted()),
    };
    let rest = rest.trim_end_matches('/');
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() || rest.contains(['?', '#', '@', ' ']) {
        return Err(accepted());
    }
    Ok(format!("{scheme}://{rest}"))
}

fn encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("a String takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_and_a_path_prefix_are_accepted() {
        for (base, expected) in [
            ("wss://api.deepgram.com", "wss://api.deepgram.com"),
            ("https://eu.example/", "wss://eu.example"),
            ("http://127.0.0.1:80/dg/", "ws://127.0.0.1:80/dg"),
            ("ws://localhost", "ws://localhost"),
        ] {
            assert_eq!(websocket_base(base).unwrap(), expected);
        }
    }

    #[test]
    fn other_addresses_are_refused_by_name_of_the_field() {
        for base in ["", "api.deepgram.com", "ftp://x", "ws://", "ws://k@h", "ws://h/?a=b"] {
            let error = websocket_base(base).unwrap_err();
            assert!(error.message().contains("`base_url`"), "{base}");
        }
    }

    #[test]
    fn parameters_are_percent_encoded_and_repeated() {
        let mut address = Address::new("ws://h", "/v1/listen").unwrap();
        address.set_all("keyterm", &["oil change".to_owned(), "Bart's & Söhne".to_owned()]);
        assert_eq!(
            address.url,
            "ws://h/v1/listen?keyterm=oil%20change&keyterm=Bart%27s%20%26%20S%C3%B6hne"
        );
    }
}
