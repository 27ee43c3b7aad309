//! What a log tells of one call, or of one part of the program.

use std::{fmt::Write, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::Value;
use tokio::{
    fs::File,
    io::{AsyncBufRead, AsyncBufReadExt, BufReader, stdin},
    time::sleep,
};
use voiceagent_core::{CallId, Error, Result};

use crate::trace::Trace;

/// How often it is looked whether a file has grown.
const LOOK: Duration = Duration::from_millis(250);

/// What is shown of a log.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct LogsCommand {
    /// The log, an object on each line (`--log-format json`); without it, standard input.
    pub file: Option<PathBuf>,
    /// Only lines of this call, by the carrier's name for it or by its trace.
    #[arg(long, value_name = "CALL")]
    pub call: Option<String>,
    /// Only lines of this part of the program, such as `dealership::jobs` or `voiceagent_core`.
    #[arg(long, value_name = "PART")]
    pub part: Option<String>,
    /// Goes on when the file has been read, and shows what is added.
    #[arg(long, short, requires = "file")]
    pub follow: bool,
    /// Shows the lines as they are, rather than for people.
    #[arg(long)]
    pub json: bool,
}

impl LogsCommand {
    /// Hands each line that is meant to `show`.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the file cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends it between two lines.
    pub async fn run(&self, show: impl Fn(&str) + Send + Sync) -> Result<()> {
        let Some(file) = &self.file else {
            return self.read(&mut BufReader::new(stdin()), &mut Vec::new(), &show).await;
        };
        let unreadable = |error: std::io::Error| {
            Error::config(format!("{}: {error}", file.display())).with_source(error)
        };
        let mut lines = BufReader::new(File::open(file).await.map_err(unreadable)?);
        let mut begun = Vec::new();
        loop {
            self.read(&mut lines, &mut begun, &show).await?;
            if !self.follow {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    /// Reads up to the end of what there is. The line that `begun` holds then is not complete.
    async fn read(
        &self,
        log: &mut (impl AsyncBufRead + Send + Unpin),
        begun: &mut Vec<u8>,
        show: &(impl Fn(&str) + Send + Sync),
    ) -> Result<()> {
        loop {
            let count = log.read_until(b'\n', begun).await;
            let count = count
                .map_err(|error| Error::config("the log cannot be read").with_source(error))?;
            let is_complete = begun.ends_with(b"\n") || !self.follow && !begun.is_empty();
            if is_complete {
                let line = String::from_utf8_lossy(begun);
                if let Some(shown) = self.shown(line.trim_end()) {
                    show(&shown);
                }
                begun.clear();
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// A line as it is shown; `None` for what is not meant, and for what is no line of ours.
    fn shown(&self, line: &str) -> Option<String> {
        let told: Value = serde_json::from_str(line).ok()?;
        let is_of = |call: &String| {
            let trace = Trace::of(&CallId::new(call.as_str()));
            fields(&told).any(|(name, value)| match name {
                "call" | "call.id" => value == call,
                "trace_id" => value == call || value == trace.id(),
                _ => false,
            })
        };
        let target = told["target"].as_str().unwrap_or_default();
        let is_below = |part: &String| {
            target
                .strip_prefix(part.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let is_meant =
            self.call.as_ref().is_none_or(is_of) && self.part.as_ref().is_none_or(is_below);
        is_meant.then(|| if self.json { format!("{line}\n") } else { written(&told, target) })
    }
}

/// The texts in a line and in the spans that it stands in.
fn fields(line: &Value) -> impl Iterator<Item = (&str, &str)> {
    let spans = line["spans"].as_array().into_iter().flatten();
    let objects = spans.chain([line]).filter_map(Value::as_object).flatten();
    objects.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// A line for people: when, how grave, where, what, and the rest.
fn written(line: &Value, target: &str) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let mut told =
        format!("{} {:>5} {target}: {}", text("timestamp"), text("level"), text("message"));
    for (name, value) in line.as_object().into_iter().flatten() {
        if matches!(&**name, "timestamp" | "level" | "message" | "target" | "span" | "spans") {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Writing to a string does not fail.
        let _ = write!(told, " {name}={value}");
    }
    told.push('\n');
    told
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const LOG: &str = r#"{"timestamp":"2026-11-20T18:00:00Z","level":"INFO","message":"call.incoming","call":"CA1","target":"dealership::events"}
{"timestamp":"2026-11-20T18:00:01Z","level":"WARN","message":"slow","ms":7,"target":"voiceagent_core::driver","spans":[{"name":"trace","call":"CA1","trace_id":"x"}]}
{"timestamp":"2026-11-20T18:00:02Z","level":"INFO","message":"call.incoming","call":"CA12","target":"dealership::events"}
what somebody else has written
{"timestamp":"2026-11-20T18:00:03Z","level":"INFO","message":"beat","target":"voiceagent_core_other"}
"#;

    fn command() -> LogsCommand {
        LogsCommand { file: None, call: None, part: None, follow: false, json: false }
    }

    async fn shown(command: &LogsCommand) -> Vec<String> {
        let lines = Mutex::new(Vec::new());
        let show = |line: &str| lines.lock().unwrap().push(line.to_owned());
        command.read(&mut LOG.as_bytes(), &mut Vec::new(), &show).await.unwrap();
        lines.into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_call_is_followed_through_all_parts_and_a_part_through_all_calls() {
        assert_eq!(shown(&command()).await.len(), 4);
        let call = LogsCommand { call: Some("CA1".to_owned()), ..command() };
        let of_call = shown(&call).await;
        let [first, second] = of_call.as_slice() else { panic!("{of_call:?}") };
        assert_eq!(
            first,
            "2026-11-20T18:00:00Z  INFO dealership::events: call.incoming call=CA1\n"
        );
        assert_eq!(second, "2026-11-20T18:00:01Z  WARN voiceagent_core::driver: slow ms=7\n");
        let trace = LogsCommand { call: Some("x".to_owned()), ..command() };
        assert_eq!(shown(&trace).await.len(), 1);
        let part = LogsCommand { part: Some("voiceagent_core".to_owned()), ..command() };
        assert_eq!(shown(&part).await.len(), 1, "a part is no beginning of a word");
        let both = LogsCommand { call: Some("CA12".to_owned()), json: true, ..command() };
        assert_eq!(shown(&both).await[0].trim_end(), LOG.lines().nth(2).unwrap());
    }
}
