//! The command line.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use dealership::{
    agenda,
    clock::Clock,
    config::Config,
    demo::Demo,
    doctor::{examine, is_ready, probe, render},
    phone::Phone,
    server::Server,
    store::Store,
};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use voiceagent_core::{Error, Result, registry::Registry};
use voiceagent_telephony::server;

/// A car dealership that answers its phone.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file; without one, everything has a default.
    #[arg(long, short, global = true, env = "DEALERSHIP_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the appointments to come.
    Appointments {
        /// The database; without it, the one of the configuration.
        #[arg(long)]
        db: Option<PathBuf>,
    },
    /// Talks with you here and in a browser, without keys and without a network.
    Demo(DemoArguments),
    /// Says what is missing before phone calls can be answered, and how to get it.
    Doctor,
    /// Answers phone calls.
    Serve,
}

#[derive(Args, Debug)]
struct DemoArguments {
    /// Where to serve the talk page.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// The file that keeps the database; without it, it is gone at the end.
    #[arg(long)]
    db: Option<PathBuf>,
    /// A file with the caller's lines, in place of standard input.
    #[arg(long)]
    script: Option<PathBuf>,
    /// The phone number to call from; +16305550111 is a customer's.
    #[arg(long, value_parser = number)]
    from: Option<Phone>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let environment = |name: &str| std::env::var(name).ok();
    let config = Config::load(arguments.config.as_deref(), &environment);
    let done = match arguments.command {
        Command::Doctor => return doctor(&config),
        Command::Appointments { db } => config.and_then(|config| {
            run(appointments(db.unwrap_or(config.dealership.database)), "error")
        }),
        Command::Demo(arguments) => config.and_then(|config| {
            let DemoArguments { listen, db: database, script, from } = arguments;
            let dealership = config.dealership;
            run(Demo { dealership, listen, database, script, from }.run(asked_to_stop()), "error")
        }),
        Command::Serve => config.and_then(|config| run(serve(config), "info")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dealership: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command to its end. A read of standard input that is left over does not hold it.
fn run(command: impl Future<Output = Result<()>>, log: &str) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(log));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = Runtime::new()
        .map_err(|error| Error::config("no threads can be started").with_source(error))?;
    let done = runtime.block_on(command);
    runtime.shutdown_background();
    done
}

#[expect(clippy::print_stdout, reason = "the list is the command's output")]
async fn appointments(database: PathBuf) -> Result<()> {
    if !database.exists() {
        return Err(Error::config(format!("there is no database {}", database.display())));
    }
    let store = Store::open(database).await?;
    print!("{}", agenda::table(&store.agenda(Clock::System.now()).await?));
    store.close().await;
    Ok(())
}

async fn serve(config: Config) -> Result<()> {
    let server = Server::new(&config, &registry(), Clock::System).await?;
    let listen = config.server.listen;
    let listener = server::bind(listen).map_err(|error| {
        Error::config(format!("field `server.listen`: {listen}: {error}")).with_source(error)
    })?;
    tracing::info!(%listen, public_url = config.server.public_url, "answering calls");
    server.run(listener, asked_to_stop()).await
}

#[expect(clippy::print_stdout, reason = "the report is the command's output")]
fn doctor(config: &Result<Config>) -> ExitCode {
    let probed = probe(config.as_ref().unwrap_or(&Config::default()));
    let findings = examine(config, &probed, &registry());
    print!("{}", render(&findings));
    if is_ready(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

fn number(written: &str) -> Result<Phone, &'static str> {
    Phone::parse(written).ok_or("write it like +16305550111")
}

/// Ends with Ctrl-C, and when the system asks to stop.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Where signals cannot be waited for, they end the process themselves.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
