use std::{fs, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Line, VERSION};
use crate::{
    CallTime, Error, Result,
    session::{Command, Input, Session, SessionConfig},
};

/// No call is as long as a year; a time beyond is a damaged one.
const LATEST: CallTime = CallTime::from_millis(365 * 86_400_000);
const NEWER: &str = "replay it with the version that recorded it";

/// A journal that was read.
#[derive(Clone, Debug)]
pub struct Recording {
    config: SessionConfig,
    inputs: Vec<(CallTime, Input)>,
    commands: Vec<String>,
    /// For each input, how many commands there were once it had been handled.
    ends: Vec<usize>,
    rewritten: Vec<usize>,
    complete: bool,
}

/// An input of a [`Recording`] and what followed from it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Step<'a> {
    /// When it happened.
    pub at: CallTime,
    /// What happened.
    pub input: &'a Input,
    /// What the session did, each command as one line of JSON, as this version writes it.
    pub commands: &'a [String],
}

/// Where a replay first does something else than the call did.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The input after which it happens, as an index of [`Recording::inputs`].
    pub input: usize,
    /// When that input came.
    pub at: CallTime,
    /// The command, counted from 0 through the whole call.
    pub command: usize,
    /// What the call did; `None` if it did nothing more then.
    pub recorded: Option<String>,
    /// What the replay does; `None` if it does nothing more then.
    pub replayed: Option<String>,
}

impl Recording {
    /// Reads a journal from a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the file, and the line that cannot
    /// be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refuse = |why: &str| Error::config(format!("{}: {why}", path.display()));
        let bytes = fs::read(path).map_err(|error| {
            refuse(&format!("cannot be read: {}", error.kind())).with_source(error)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|b| *b == b'\n');
            refuse(&format!("line {} is not text; no journal, or a damaged one", line.count()))
        })?;
        Self::parse(&text).map_err(|error| refuse(error.message()))
    }

    /// Reads a journal from its text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the line that is not one of a
    /// journal, or not of this version, or saying that the journal is empty: that it has no input.
    /// A last line that was cut off is ignored.
    pub fn parse(text: &str) -> Result<Self> {
        let (whole, rest) = text.rfind('\n').map_or(("", text), |end| text.split_at(end + 1));
        let mut lines = whole.split_terminator('\n').enumerate();
        let Some((_, head)) = lines.next() else {
            return Err(Error::config("holds no whole line; no journal, or one that was cut off"));
        };
        let mut recording = Self {
            config: head_of(head)?,
            inputs: Vec::new(),
            commands: Vec::new(),
            ends: Vec::new(),
            rewritten: Vec::new(),
            complete: false,
        };
        for (index, line) in lines {
            recording.read(index + 1, line)?;
        }
        if recording.inputs.is_empty() {
            return Err(Error::config("is empty: it has no input, so there is nothing to replay"));
        }
        recording.complete =
            rest.is_empty() && recording.commands.contains(&written(&Command::End));
        Ok(recording)
    }

    fn read(&mut self, number: usize, line: &str) -> Result<()> {
        let refuse = |why: &str| Error::config(format!("line {number} {why}"));
        let damaged = "is damaged; copy the journal anew, or cut it off before this line";
        let mut record: Map<String, Value> =
            serde_json::from_str(line).map_err(|_| refuse(damaged))?;
        if let Some(input) = record.remove("input") {
            let at = record.remove("at").and_then(|at| serde_json::from_value(at).ok());
            let at = at.filter(|at| *at < LATEST);
            let at = at.ok_or_else(|| refuse("has no time of a call; copy the journal anew"))?;
            let input = known(number, "input", input)?;
            self.compare(number, line, &Line::Input { at, input: &input });
            self.inputs.push((at, input));
            self.ends.push(self.commands.len());
        } else if let Some(command) = record.remove("command") {
            let Some(end) = self.ends.last_mut() else {
                return Err(refuse("is a command before any input; copy the journal anew"));
            };
            let command: Command = known(number, "command", command)?;
            self.commands.push(written(&command));
            *end = self.commands.len();
            self.compare(number, line, &Line::Command { command: &command });
        } else if record.contains_key("voiceagent_journal") {
            return Err(refuse("begins a second journal; split the file before this line"));
        } else {
            return Err(refuse(damaged));
        }
        Ok(())
    }

    /// Notes a line that this version would have written otherwise.
    fn compare(&mut self, number: usize, line: &str, read: &Line<'_>) {
        if written(read) != line {
            self.rewritten.push(number);
        }
    }

    /// What the session decided by.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// What happened, and when.
    #[must_use]
    pub fn inputs(&self) -> &[(CallTime, Input)] {
        &self.inputs
    }

    /// What the session did, each command as one line of JSON, as this version writes it.
    #[must_use]
    pub fn commands(&self) -> &[String] {
        &self.commands
    }

    /// The inputs, each with what the session did then.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let begins = std::iter::once(&0).chain(&self.ends);
        self.inputs.iter().zip(begins.zip(&self.ends)).map(|((at, input), (begin, end))| Step {
            at: *at,
            input,
            commands: &self.commands[*begin..*end],
        })
    }

    /// The lines of inputs and commands, counted from 1, whose bytes are not those that this
    /// version writes for what they say: another version wrote them, or another program.
    #[must_use]
    pub fn rewritten(&self) -> &[usize] {
        &self.rewritten
    }

    /// Whether the journal reaches to the end of the call, and was not cut off.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// What a session does with the same inputs, in the same form.
    #[must_use]
    pub fn replay(&self) -> Vec<String> {
        self.replay_with(self.config.clone())
    }

    /// What a session with other settings does with the same inputs.
    #[must_use]
    pub fn replay_with(&self, config: SessionConfig) -> Vec<String> {
        let mut session = Session::new(config);
        let mut commands = Vec::with_capacity(self.commands.len());
        for (at, input) in &self.inputs {
            commands.extend(handle(&mut session, *at, input));
        }
        commands
    }

    /// Plays the call again and compares each command. `None` if none differs: the same commands
    /// follow, byte for byte but for the lines that were [written otherwise](Self::rewritten).
    ///
    /// A journal that was cut off is compared as far as it goes.
    #[must_use]
    pub fn first_difference(&self) -> Option<Difference> {
        let mut session = Session::new(self.config.clone());
        let mut before = 0;
        for (number, step) in self.steps().enumerate() {
            let replayed: Vec<String> = handle(&mut session, step.at, step.input).collect();
            let is_cut = !self.complete && number + 1 == self.inputs.len();
            let same = step.commands.iter().zip(&replayed).take_while(|(a, b)| a == b).count();
            let ends = step.commands.len() == same && (replayed.len() == same || is_cut);
            if !ends {
                return Some(Difference {
                    input: number,
                    at: step.at,
                    command: before + same,
                    recorded: step.commands.get(same).cloned(),
                    replayed: replayed.get(same).cloned(),
                });
            }
            before += step.commands.len();
        }
        None
    }
}

fn handle(session: &mut Session, at: CallTime, input: &Input) -> impl Iterator<Item = String> {
    session.handle(at, input.clone());
    std::iter::from_fn(|| session.poll().map(|command| written(&command)))
}

fn head_of(line: &str) -> Result<SessionConfig> {
    let foreign = "line 1 is not the head of a journal; `AgentBuilder::journals` writes them";
    let head: Map<String, Value> =
        serde_json::from_str(line).map_err(|_| Error::config(foreign))?;
    let version = head.get("voiceagent_journal").and_then(Value::as_u64);
    let version = version.ok_or_else(|| Error::config(foreign))?;
    if version != u64::from(VERSION) {
        return Err(Error::config(format!(
            "line 1: a journal of version {version}, and version {VERSION} is understood; {NEWER}"
        )));
    }
    let config = head.get("config").cloned().unwrap_or_default();
    let config: SessionConfig = serde_json::from_value(config).map_err(|error| {
        // What follows the comma lists all settings; other messages may quote the file.
        let message = error.to_string();
        let (what, _) = message.split_once(',').unwrap_or((&message, ""));
        let what = if what.starts_with("unknown field") { what } else { "not all are understood" };
        Error::config(format!("line 1: settings of another version ({what}); {NEWER}"))
    })?;
    config.validate().map_err(|error| Error::config(format!("line 1: {}", error.message())))?;
    Ok(config)
}

/// Reads an input or a command. The value itself is never quoted: it may hold what was said.
fn known<T: DeserializeOwned>(number: usize, kind: &str, value: Value) -> Result<T> {
    let name = value.get(kind).and_then(Value::as_str).unwrap_or_default();
    let is_name = !name.is_empty() && name.len() < 40;
    let is_name = is_name && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let name = if is_name { format!(" `{name}`") } else { String::new() };
    serde_json::from_value(value).map_err(|_| {
        let what = format!("line {number}: the {kind}{name} is not one of this version");
        Error::config(format!("{what}; {NEWER}"))
    })
}

fn written(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("lines and commands are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = r#"{"voiceagent_journal":1,"config":{}}
{"at":0,"input":{"input":"opened"}}
{"at":5,"input":{"input":"dtmf","digit":"1"}}
{"command":{"command":"emit","event":{"event":"dtmf","pii_digit":"1"}}}
{"at":9,"input":{"input":"end_call","reason":"agent_hung_up"}}
{"command":{"command":"send","outbound":"hang_up"}}
{"command":{"command":"emit","event":{"event":"ended","reason":"agent_hung_up"}}}
{"command":{"command":"end"}}
"#;

    #[test]
    fn each_step_has_the_commands_that_followed_from_it() {
        let recording = Recording::parse(CALL).unwrap();
        let counts: Vec<usize> = recording.steps().map(|step| step.commands.len()).collect();
        assert_eq!(counts, [0, 1, 3]);
        assert!(recording.is_complete());
        assert_eq!(recording.first_difference(), None);
        assert_eq!(recording.rewritten(), [0; 0]);
    }

    #[test]
    fn lines_that_say_the_same_in_other_bytes_are_told() {
        for (number, this, other) in [
            (2, r#"{"at":0,"#, r#"{"at": 0,"#),
            (3, r#""digit":"1"}"#, r#""digit":"1","tone":2}"#),
            (
                4,
                r#""event":{"event":"dtmf","pii_digit":"1"}"#,
                r#""event":{"pii_digit":"1","event":"dtmf"}"#,
            ),
            (6, r#""hang_up"}}"#, r#""hang_up"},"at":9}"#),
            (8, "{\"command\":\"end\"}}\n", "{\"command\":\"end\"}}\r\n"),
        ] {
            let recording = Recording::parse(&CALL.replacen(this, other, 1)).unwrap();
            assert_eq!(recording.rewritten(), [number], "{other}");
            assert_eq!(recording.first_difference(), None, "{other}");
        }
    }

    #[test]
    fn a_journal_without_an_input_is_empty_and_one_with_senseless_settings_is_refused() {
        let refused = |journal: &str| Recording::parse(journal).unwrap_err().message().to_owned();
        let head: String = CALL.split_inclusive('\n').take(1).collect();
        assert!(refused(&head).starts_with("is empty"), "{}", refused(&head));
        let never = r#"{"playout":{"lead":{"secs":18446744073709551615,"nanos":0}}}"#;
        let message = refused(&CALL.replacen("{}", never, 1));
        assert!(message.starts_with("line 1: field `playout.lead` is "), "{message}");
    }

    #[test]
    fn a_difference_has_its_input_and_its_command() {
        let recording = Recording::parse(
            &CALL.replace("\"reason\":\"agent_hung_up\"}}}", "\"reason\":\"failed\"}}}"),
        );
        let difference = recording.unwrap().first_difference().unwrap();
        assert_eq!((difference.input, difference.command), (2, 2));
        assert_eq!(difference.at, CallTime::from_micros(9));
        assert!(difference.recorded.unwrap().contains("failed"));
        assert!(difference.replayed.unwrap().contains("agent_hung_up"));
    }

    #[test]
    fn what_was_cut_off_is_no_difference_and_what_is_missing_in_between_is() {
        for lines in 2..7 {
            let cut: String = CALL.split_inclusive('\n').take(lines).collect();
            let recording = Recording::parse(&cut).unwrap();
            assert!(!recording.is_complete(), "{lines}");
            assert_eq!(recording.first_difference(), None, "{lines}");
        }
        let gap: String =
            CALL.split_inclusive('\n').filter(|it| !it.contains("pii_digit")).collect();
        let difference = Recording::parse(&gap).unwrap().first_difference().unwrap();
        assert_eq!((difference.input, difference.recorded), (1, None));
    }
}
