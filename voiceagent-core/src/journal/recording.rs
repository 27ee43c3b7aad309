use std::{fs, path::Path};

use super::Line;
use crate::{
    CallTime, Error, Result,
    session::{Command, Input, Session, SessionConfig},
};

/// A journal that was read.
#[derive(Clone, Debug)]
pub struct Recording {
    config: SessionConfig,
    inputs: Vec<(CallTime, Input)>,
    commands: Vec<String>,
}

impl Recording {
    /// Reads a journal from a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| {
            Error::config(format!("{} cannot be read", path.display())).with_source(error)
        })?;
        Self::parse(&text)
    }

    /// Reads a journal from its text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the line that is not one of a
    /// journal. A last line that was cut off is ignored.
    pub fn parse(text: &str) -> Result<Self> {
        let mut config = None;
        let (mut inputs, mut commands) = (Vec::new(), Vec::new());
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.lines().enumerate() {
            let read = serde_json::from_str(line).map_err(|error| {
                Error::config(format!("line {} is not one of a journal", number + 1))
                    .with_source(error)
            })?;
            match read {
                Line::Head { config: head, .. } => config = Some(*head),
                Line::Input { at, input } => inputs.push((at, input.into_owned())),
                Line::Command { command } => commands.push(written(&command)),
            }
        }
        let config = config.ok_or_else(|| Error::config("the journal has no head"))?;
        Ok(Self { config, inputs, commands })
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

    /// What the session did, each command as one line of JSON.
    #[must_use]
    pub fn commands(&self) -> &[String] {
        &self.commands
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
            session.handle(*at, input.clone());
            while let Some(command) = session.poll() {
                commands.push(written(&command));
            }
        }
        commands
    }
}

fn written(command: &Command) -> String {
    serde_json::to_string(command).expect("commands are plain data")
}
