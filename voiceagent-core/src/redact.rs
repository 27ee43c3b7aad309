//! Values that must not reach logs, errors or `Debug`.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny},
};

/// A key, password or token. It prints as `[secret]` and is read with [`Secret::expose`].
///
/// ```
/// use voiceagent_core::Secret;
///
/// let key = Secret::new("sk-123");
/// assert_eq!(format!("{key:?}"), "[secret]");
/// assert_eq!(key.expose(), "sk-123");
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, to be put on a wire and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A deserializer quotes the value that it did not expect.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Other(IgnoredAny),
        }
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(Self::new(text)),
            Written::Other(_) => Err(D::Error::custom("a secret must be a text in quotes")),
        }
    }
}

/// Personal data, such as a phone number. It prints as `[private]` and is read with
/// [`Private::expose`]; it is stored in clear where a store or journal is asked to keep it.
#[derive(Clone, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(transparent)]
pub struct Private(Arc<str>);

impl Private {
    /// Wraps a personal value.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl Serialize for Private {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_that_is_no_text_is_refused_without_being_quoted() {
        for value in [json!(8675309), json!(8.675309), json!(["8675309"]), json!({ "8675309": 1 })]
        {
            let error = serde_json::from_value::<Secret>(value).unwrap_err().to_string();
            assert_eq!(error, "a secret must be a text in quotes");
        }
        assert_eq!(serde_json::from_value::<Secret>(json!("hush")).unwrap().expose(), "hush");
    }
}
