//! Settings by name: `endpointing.min_delay=250ms`.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use voiceagent_core::{Error, Result, SessionConfig};

use crate::clock;

/// More values than this are a typing mistake.
const MOST_VALUES: usize = 1_000;

/// Another value of one setting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Setting {
    pub(crate) path: String,
    pub(crate) value: String,
}

/// Reads `path=value`, each.
pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Setting>> {
    texts.iter().map(|text| Setting::parse(text)).collect()
}

/// The settings with all of these changed.
pub(crate) fn apply_all(settings: &[Setting], config: &SessionConfig) -> Result<SessionConfig> {
    let changed = settings.iter().try_fold(config.clone(), |config, it| it.apply(&config))?;
    changed.validate()?;
    Ok(changed)
}

impl Setting {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refuse = || Error::config(format!("`{text}` is not of the form setting=value"));
        let (path, value) = text.split_once('=').ok_or_else(refuse)?;
        Ok(Self { path: path.trim().to_owned(), value: value.trim().to_owned() })
    }

    /// The settings of a sweep: `path=from..to/step` or `path=a,b,c`.
    pub(crate) fn parse_many(text: &str) -> Result<Vec<Self>> {
        let Self { path, value } = Self::parse(text)?;
        let values = match value.split_once("..") {
            Some((from, rest)) => {
                let (to, step) = rest.split_once('/').ok_or_else(|| {
                    Error::config(format!("`{value}` needs a step, as in 100ms..1000ms/50ms"))
                })?;
                range(from.trim(), to.trim(), step.trim())?
            }
            None => value.split(',').map(|value| value.trim().to_owned()).collect(),
        };
        Ok(values.into_iter().map(|value| Self { path: path.clone(), value }).collect())
    }

    /// The settings with this one changed. Whether they fit together is not checked.
    pub(crate) fn apply<T: DeserializeOwned + Serialize>(&self, settings: &T) -> Result<T> {
        let mut tree = serde_json::to_value(settings).expect("settings are plain data");
        let place = self.find(&mut tree)?;
        let before = place.clone();
        for candidate in candidates(&self.value, &before) {
            *self.find(&mut tree)? = candidate;
            if let Ok(changed) = serde_json::from_value(tree.clone()) {
                return Ok(changed);
            }
        }
        let (path, value) = (&self.path, &self.value);
        let wanted = wanted(&before);
        Err(Error::config(format!("setting `{path}` does not take `{value}`; {wanted}")))
    }

    /// What the setting is, as JSON.
    pub(crate) fn value_in(&self, config: &SessionConfig) -> Result<Value> {
        let mut tree = serde_json::to_value(config).expect("settings are plain data");
        self.find(&mut tree).cloned()
    }

    fn find<'a>(&self, tree: &'a mut Value) -> Result<&'a mut Value> {
        let mut place = tree;
        let mut passed = String::new();
        for name in self.path.split('.') {
            let Some(group) = place.as_object_mut().filter(|group| !is_duration(group)) else {
                return Err(Error::config(format!("setting `{passed}` has no parts")));
            };
            if !group.contains_key(name) {
                return Err(Error::config(format!(
                    "no setting `{}`; there {}",
                    self.path,
                    accepted(&passed, group)
                )));
            }
            if !passed.is_empty() {
                passed.push('.');
            }
            passed.push_str(name);
            place = group.get_mut(name).expect("it was found above");
        }
        match place.as_object().filter(|group| !is_duration(group)) {
            Some(group) => Err(Error::config(format!(
                "`{}` is a group; there {}",
                self.path,
                accepted(&self.path, group)
            ))),
            None => Ok(place),
        }
    }
}

fn accepted(group: &str, fields: &Map<String, Value>) -> String {
    let names: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let is_group = value.as_object().is_some_and(|fields| !is_duration(fields));
            let path = if group.is_empty() { name.clone() } else { format!("{group}.{name}") };
            if is_group { format!("{path}.*") } else { path }
        })
        .collect();
    format!("are {}", names.join(", "))
}

fn is_duration(fields: &Map<String, Value>) -> bool {
    fields.len() == 2 && fields.contains_key("secs") && fields.contains_key("nanos")
}

/// What a text may mean, the likeliest first; the first that the settings take is it.
fn candidates(text: &str, before: &Value) -> Vec<Value> {
    if before.as_object().is_some_and(is_duration) {
        // A bare number would be seconds, and most who write one mean milliseconds.
        return duration(text).into_iter().collect();
    }
    let mut found = Vec::new();
    if before.is_string() {
        found.push(Value::from(text));
    }
    found.extend(scalar(text));
    found.push(
        text.split(',')
            .map(|part| scalar(part.trim()).unwrap_or_else(|| part.trim().into()))
            .collect(),
    );
    found.push(Value::from(text));
    found
}

/// A duration, or whatever is JSON: a number, a boolean, `null`, a list.
fn scalar(text: &str) -> Option<Value> {
    duration(text).or_else(|| serde_json::from_str(text).ok())
}

fn duration(text: &str) -> Option<Value> {
    clock::parse(text).ok().and_then(|duration| serde_json::to_value(duration).ok())
}

fn wanted(before: &Value) -> &'static str {
    match before {
        Value::Bool(_) => "it is true or false",
        Value::Number(number) if number.is_f64() => "it is a number",
        Value::Number(_) => "it is a whole number, from 0",
        Value::String(_) => "it is a text, or one of a few names",
        Value::Array(_) => "it is a list: JSON, or values with commas",
        Value::Object(_) => "it is a duration with its unit, like 250ms, 1.5s or 2min",
        Value::Null => "it is not set, and takes null or JSON",
    }
}

fn range(from: &str, to: &str, step: &str) -> Result<Vec<String>> {
    let refuse = |why: &str| Error::config(format!("`{from}..{to}/{step}` {why}"));
    let durations = [from, to, step].map(clock::parse);
    if let [Ok(from), Ok(to), Ok(step)] = durations {
        if step.is_zero() || from > to {
            return Err(refuse("has no values: from the smaller to the larger, by a step"));
        }
        let values = std::iter::successors(Some(from), |at| Some(*at + step));
        let values = values.take_while(|at| *at <= to).take(MOST_VALUES + 1);
        let values: Vec<String> = values.map(|at| format!("{}us", at.as_micros())).collect();
        return if values.len() > MOST_VALUES {
            Err(refuse("has too many values"))
        } else {
            Ok(values)
        };
    }
    let numbers: Vec<f64> = [from, to, step].iter().filter_map(|it| it.parse().ok()).collect();
    let [first, last, by] = numbers[..] else {
        return Err(refuse("needs three durations with units, or three numbers"));
    };
    if !(by > 0.0 && first <= last && last.is_finite()) {
        return Err(refuse("has no values: from the smaller to the larger, by a step"));
    }
    let count = ((last - first) / by + 1e-9).floor();
    if count >= MOST_VALUES as f64 {
        return Err(refuse("has too many values"));
    }
    let rounded = |value: f64| (value * 1e9).round() / 1e9;
    Ok((0..=count as u64).map(|nth| rounded(first + nth as f64 * by).to_string()).collect())
}

#[cfg(test)]
mod tests;
