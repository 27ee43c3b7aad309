use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{
    Error, Result, Secret,
    tool::{Effect, Repeat},
};

/// Settings of an [`McpServer`](super::McpServer): a `command` or a `url`, and what is known of its
/// tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct McpConfig {
    /// The server's name, in errors and before the names of its tools.
    pub name: Arc<str>,
    /// The program to run. It is found in `PATH`.
    #[serde(default)]
    pub command: Option<String>,
    /// The program's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The program's environment, besides `HOME`, `LANG`, `PATH`, `TMPDIR` and `USER`. Nothing else
    /// of our own environment is passed on: it holds the keys of other vendors.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
    /// Where the server is found, for one over HTTP.
    #[serde(default)]
    pub url: Option<String>,
    /// The bearer token of a server over HTTP.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Further headers for a server over HTTP.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// What stands before the name of each tool. The server's name and `_` unless set.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The only tools that are offered, by the server's names. All unless set.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// What is known of a tool, by the server's name for it.
    #[serde(default)]
    pub tools: BTreeMap<String, McpToolConfig>,
    /// Whether the server's own word counts for which tools only read. Without it, and where
    /// `tools` does not say otherwise, every tool is taken to change something.
    #[serde(default)]
    pub trust_hints: bool,
    /// How long the server may take to start and to list its tools. 10 s unless set.
    #[serde(default = "ten", deserialize_with = "voiceagent_core::duration::deserialize")]
    pub open_timeout: Duration,
    /// How long a call may take, unless its tool has a time of its own. 10 s unless set.
    #[serde(default = "ten", deserialize_with = "voiceagent_core::duration::deserialize")]
    pub timeout: Duration,
    /// The longest result that the model is given, in bytes. 16,384 unless set: the model reads all
    /// of it while the caller waits.
    #[serde(default = "longest")]
    pub max_result: usize,
    /// How many calls may be under way at once, of all conversations. 512 unless set. One more is
    /// refused, and the server is not asked.
    #[serde(default = "most")]
    pub max_calls: usize,
}

/// What is known of one tool of a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct McpToolConfig {
    /// What it does to the world.
    pub effect: Option<Effect>,
    /// How long a call may take.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub timeout: Option<Duration>,
    /// Whether an interruption by the user stops it. Unless set, only tools that read are stopped.
    pub cancellable: Option<bool>,
    /// Whether the answer goes on without the result.
    pub detached: bool,
    /// What happens when it is called again with the same arguments.
    pub repeat: Repeat,
    /// What is said while it keeps the caller waiting.
    pub fillers: Vec<Arc<str>>,
    /// What it does and when to use it, for the model, in place of the server's words.
    pub description: Option<Arc<str>>,
}

impl McpConfig {
    /// A server that is a program.
    pub fn command(name: impl Into<Arc<str>>, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..Self::named(name.into()) }
    }

    /// A server at a URL.
    pub fn url(name: impl Into<Arc<str>>, url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::named(name.into()) }
    }

    fn named(name: Arc<str>) -> Self {
        Self {
            name,
            command: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            url: None,
            token: None,
            headers: BTreeMap::new(),
            prefix: None,
            only: None,
            tools: BTreeMap::new(),
            trust_hints: false,
            open_timeout: ten(),
            timeout: ten(),
            max_result: longest(),
            max_calls: most(),
        }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let check = |holds: bool, otherwise: &str| {
            if holds { Ok(()) } else { Err(Error::config(format!("field {otherwise}"))) }
        };
        check(!self.name.trim().is_empty(), "`name` must not be empty")?;
        check(
            self.command.is_some() != self.url.is_some(),
            "`command` or field `url` is needed, and not both",
        )?;
        let over_http = self.token.is_some() || !self.headers.is_empty();
        check(self.url.is_some() || !over_http, "`token` and `headers` are for a `url`")?;
        let for_a_program = !self.args.is_empty() || !self.env.is_empty();
        check(self.command.is_some() || !for_a_program, "`args` and `env` are for a `command`")?;
        check(!self.open_timeout.is_zero(), "`open_timeout` must be longer than 0")?;
        check(!self.timeout.is_zero(), "`timeout` must be longer than 0")?;
        check(self.max_result > 0, "`max_result` must be at least 1")?;
        check(self.max_calls > 0, "`max_calls` must be at least 1")
    }
}

fn ten() -> Duration {
    Duration::from_secs(10)
}

fn most() -> usize {
    512
}

fn longest() -> usize {
    16 << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_program_or_a_url() {
        let right = [McpConfig::command("a", "x"), McpConfig::url("a", "http://h/mcp")];
        assert!(right.iter().all(|config| config.validate().is_ok()));
        let neither = McpConfig::named("a".into());
        let both = McpConfig { url: Some("http://h".into()), ..McpConfig::command("a", "x") };
        let token = McpConfig { token: Some(Secret::new("k")), ..McpConfig::command("a", "x") };
        let args = McpConfig { args: vec!["-v".into()], ..McpConfig::url("a", "http://h") };
        let nameless = McpConfig::command(" ", "x");
        for wrong in [neither, both, token, args, nameless] {
            let error = wrong.validate().unwrap_err();
            assert!(error.message().starts_with("field `"), "{error}");
        }
    }
}
