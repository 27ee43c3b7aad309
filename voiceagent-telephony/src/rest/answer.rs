use std::time::SystemTime;

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::Value;
use voiceagent_core::{CallId, Error, ErrorKind, Result};

use super::{CallFields, failure::fault};
use crate::{control::LiveCall, front_door::CallStatus};

/// What a carrier said to a request that it took.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) provider: &'static str,
    pub(super) operation: &'static str,
    /// Null when it said nothing, or no JSON.
    pub(super) value: Value,
}

impl Answer {
    /// The text of the first of these fields that there is. The names are JSON pointers
    /// (RFC 6901).
    pub(crate) fn text(&self, pointers: &[&str]) -> Option<&str> {
        pointers.iter().find_map(|pointer| self.value.pointer(pointer)?.as_str())
    }

    /// The names in a list. What cannot be one is left out.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) when the answer holds no such list.
    pub(crate) fn names(&self, list: &str) -> Result<Vec<CallId>> {
        let names = self.entries(list)?.iter().filter_map(Value::as_str);
        Ok(names.filter(|name| super::is_name(name)).map(CallId::new).collect())
    }

    /// The calls in a list of those that go on. Entries without what can be a name are left out.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) when the answer holds no such list.
    pub(crate) fn calls(&self, list: &str, fields: &CallFields) -> Result<Vec<LiveCall>> {
        Ok(self.entries(list)?.iter().filter_map(|entry| fields.read(entry)).collect())
    }

    fn entries(&self, list: &str) -> Result<&Vec<Value>> {
        let entries = self.value.pointer(list).and_then(Value::as_array);
        entries.ok_or_else(|| self.fault("the answer holds no list"))
    }

    /// The names in a list of those entries that were made since then, to the second. Each has a
    /// `sid`, and a `date_created` as RFC 2822 writes it.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) when the answer holds no such list.
    pub(crate) fn made(&self, list: &str, since: SystemTime) -> Result<Vec<String>> {
        let strange = || self.fault("the answer holds no list of names and times");
        let entries = self.entries(list)?;
        let since = Timestamp::try_from(since).map_err(|_| strange())?.as_second();
        let mut made = Vec::new();
        for entry in entries {
            let name = entry["sid"].as_str().filter(|name| super::is_name(name));
            let created = entry["date_created"].as_str().and_then(|at| rfc2822::parse(at).ok());
            let (name, created) = name.zip(created).ok_or_else(strange)?;
            if created.timestamp().as_second() >= since {
                made.push(name.to_owned());
            }
        }
        Ok(made)
    }

    /// The names, each in this field, of those entries of a list that fit. The list is the answer
    /// itself where the pointer is empty. Entries without what can be a name are left out.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) when the answer holds no such list.
    pub(crate) fn named(
        &self,
        list: &str,
        field: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Vec<String>> {
        let entries = self.entries(list)?.iter().filter(|entry| fits(entry));
        let names = entries.filter_map(|entry| entry[field].as_str());
        Ok(names.filter(|name| super::is_name(name)).map(str::to_owned).collect())
    }

    /// How far a call has come.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) when the field is missing, or holds an unknown word.
    pub(crate) fn status(&self, pointer: &str) -> Result<CallStatus> {
        let status = self.text(&[pointer]).and_then(CallStatus::parse);
        status.ok_or_else(|| self.fault("the answer tells no known status"))
    }

    /// Whether this is true, if it is there.
    pub(crate) fn flag(&self, pointer: &str) -> Option<bool> {
        self.value.pointer(pointer)?.as_bool()
    }

    /// The name of what was made.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) when the answer does not hold it.
    pub(crate) fn name(&self, pointers: &[&str]) -> Result<String> {
        let name = self.text(pointers).filter(|name| super::is_name(name)).map(str::to_owned);
        name.ok_or_else(|| self.fault("the answer does not name what was made"))
    }

    fn fault(&self, message: &'static str) -> Error {
        fault(self.provider, ErrorKind::Protocol, self.operation, message)
    }
}
