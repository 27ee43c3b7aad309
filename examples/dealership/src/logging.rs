//! The log: its form, and how much is written, which can be changed while the program runs.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use clap::ValueEnum;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Registry, filter::LevelFilter, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};
use voiceagent_core::{Error, Result};

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "for people or for programs")]
pub enum LogFormat {
    /// For programs: an object on each line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// The filter of the process's log. There is one log.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Counts the lines that found no room.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Lines that wait to be written: some seconds of a busy program. Who reads them has then stopped,
/// and a call does not wait for that.
const WAITING: usize = 8_192;

/// Writes the log to standard error from now on, until the guard is dropped, which waits for a
/// second at most for what is still to be written. Where there is a log already, that one stays.
///
/// Whoever logs never waits: lines for which there is no room are left out and counted.
pub fn install(filter: EnvFilter, format: LogFormat) -> WorkerGuard {
    let (filter, handle) = reload::Layer::new(filter);
    let (writer, guard) = outlet(io::stderr());
    let counter = writer.error_counter();
    let log = tracing_subscriber::registry().with(filter);
    let installed = match format {
        LogFormat::Json => log.with(json(writer)).try_init(),
        LogFormat::Text => {
            let lines = fmt::layer().with_writer(writer);
            log.with(lines.with_ansi(io::stderr().is_terminal())).try_init()
        }
    };
    if installed.is_ok() {
        // They are the first that were installed.
        let _ = (FILTER.set(handle), DROPPED.set(counter));
    }
    guard
}

/// How many lines of the log were left out since the program began, because nobody read them.
pub(crate) fn dropped() -> u64 {
    DROPPED.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

/// Writes from a thread of its own.
fn outlet(writer: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let outlet = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING);
    outlet.thread_name("log").finish(writer)
}

/// Lines for programs: all fields of the spans stand with those of the line, so that a line says by
/// itself which call and which trace it is of.
fn json<S, W>(writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + 'static,
{
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_writer(writer)
}

/// Reads a filter, as it stands in `RUST_LOG`.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) if it is none; the message says how it is written.
pub fn filter(written: &str) -> Result<EnvFilter> {
    // A lone word that is no level would be taken for a part of the program, and log nothing.
    let is_level = |part: &str| part.trim().parse::<LevelFilter>().is_ok();
    let is_sound = written.split(',').all(|part| part.contains(['=', '[']) || is_level(part));
    let filter = EnvFilter::try_new(written).ok().filter(|_| is_sound).ok_or_else(|| {
        Error::config(
            "RUST_LOG is no filter; write it like `info` or `warn,dealership=debug`, with the \
             levels off, error, warn, info, debug and trace",
        )
    })?;
    // Whoever names it knows what it tells.
    if written.contains("rsipstack") { Ok(filter) } else { discreet(filter) }
}

/// Without what the SIP stack writes down at INFO: each message as a whole, and so who calls whom.
fn discreet(filter: EnvFilter) -> Result<EnvFilter> {
    if filter.max_level_hint().is_some_and(|level| level <= LevelFilter::WARN) {
        return Ok(filter);
    }
    let stack = "rsipstack=warn".parse();
    let stack = stack.map_err(|error| Error::config("a filter of logs").with_source(error))?;
    Ok(filter.add_directive(stack))
}

/// Changes how much is logged.
///
/// # Errors
///
/// As [`filter`], and where the program has another log.
pub fn refilter(written: &str) -> Result<()> {
    let filter = filter(written)?;
    let changed = FILTER.get().map(|handle| handle.reload(filter));
    match changed {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) | None => Err(Error::config("the log of this process cannot be changed")),
    }
}

/// The log of the process that runs the tests, as it is written for programs.
#[cfg(test)]
pub(crate) mod memory {
    use std::{
        io,
        sync::{Arc, LazyLock, Mutex},
    };

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// That of the whole process: what other tests do must not decide what is logged.
    static LOG: LazyLock<Log> = LazyLock::new(|| {
        let log = Log::default();
        let writer = log.clone();
        let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
        let layers = tracing_subscriber::registry().with(filter);
        layers.with(json(move || writer.clone())).try_init().unwrap();
        assert!(FILTER.set(handle).is_ok(), "there is one log");
        log
    });

    /// Begins to keep what is logged.
    pub(crate) fn begin() {
        LazyLock::force(&LOG);
    }

    /// What was logged, of which `is_meant`.
    pub(crate) fn lines(is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
        let log = LOG.0.lock().unwrap().clone();
        let log = String::from_utf8(log).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
        lines.filter(is_meant).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A pipe that nobody reads until somebody lets go of the other half.
    struct Pipe {
        let_go: mpsc::Receiver<()>,
        written: mpsc::Sender<usize>,
    }

    impl io::Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.let_go.recv();
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            self.written.send(lines).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn rg16_nobody_waits_for_a_log_that_is_not_read_and_what_is_left_out_is_counted() {
        let (hold, let_go) = mpsc::channel();
        let (written, lines) = mpsc::channel();
        let (writer, guard) = outlet(Pipe { let_go, written });
        let counter = writer.error_counter();
        let log = tracing_subscriber::registry().with(json(writer));
        let said = 2 * WAITING;
        tracing::subscriber::with_default(log, || {
            for number in 0..said {
                tracing::info!(number, "a call goes on");
            }
        });
        // One line may be on its way.
        let dropped = counter.dropped_lines();
        assert!((said - WAITING - 1..=said - WAITING).contains(&dropped), "{dropped} left out");
        drop((hold, guard));
        assert_eq!(lines.iter().sum::<usize>(), said - dropped, "the rest is written");
    }

    #[test]
    fn a_filter_that_would_log_nothing_is_refused_with_what_is_accepted() {
        for sound in ["info", "warn,dealership=debug", "off", "[call{id=CA1}]=trace"] {
            assert!(filter(sound).is_ok(), "{sound}");
        }
        for wrong in ["loud", "dealership", "dealership=loud", "?"] {
            let told = filter(wrong).unwrap_err();
            assert!(told.message().contains("warn,dealership=debug"), "{wrong}: {told}");
        }
    }

    #[test]
    fn how_much_is_logged_changes_while_the_program_runs() {
        memory::begin();
        let say = || tracing::debug!(target: "quiet_part", "more is told");
        let told = || memory::lines(|line| line["target"] == "quiet_part").len();
        say();
        assert_eq!(told(), 0);
        assert!(refilter("quiet_part=loud").is_err());
        refilter("info,quiet_part=debug").unwrap();
        say();
        assert_eq!(told(), 1);
    }
}
