//! The command line.

use std::{
    cell::RefCell,
    env::{self, VarError},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use dealership::{
    agenda,
    calendar::{GoogleAccess, GoogleConsent},
    calls::{self, CallsRequest},
    clock::Clock,
    config::{CalendarConfig, Config, Roles},
    demo::Demo,
    doctor::{
        Surroundings, examine, examine_production, examine_remote, examine_templates, is_ready,
        render,
    },
    eval, export,
    jobs::JobsCommand,
    leads::LeadsCommand,
    logging::{self, LogFormat},
    logs::LogsCommand,
    mcp::McpCommand,
    operator,
    phone::Phone,
    records::RecordsCommand,
    server::{self, Server},
    store::{Place, Store},
    templates::Vendors,
    unit::UnitCommand,
};
use tokio::runtime::Runtime;
use voiceagent_core::{CallId, Error, ErrorKind, Result, registry::Registry};

/// Where the database is named.
const DATABASE: &str = "field `dealership.database`";

/// A car dealership that answers its phone.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file; without one, everything has a default.
    #[arg(long, short, global = true, env = "DEALERSHIP_CONFIG")]
    config: Option<PathBuf>,
    /// How the log is written: for people, or for programs, an object on each line.
    #[arg(long, global = true, env = "DEALERSHIP_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the appointments to come.
    Appointments {
        /// The database; without it, the one of the configuration. It is only read.
        #[arg(long)]
        db: Option<Place>,
    },
    /// Connects with a calendar outside.
    Calendar {
        #[command(subcommand)]
        command: CalendarCommand,
    },
    /// Shows the calls that go on at the carrier, or ends one, or hands one on.
    Calls {
        /// The call to end.
        #[arg(long, value_name = "CALL", conflicts_with = "transfer")]
        hang_up: Option<String>,
        /// The call to hand on.
        #[arg(long, value_name = "CALL", requires = "to")]
        transfer: Option<String>,
        /// Whom it is handed to: a name of `dealership.departments`.
        #[arg(long, value_name = "DEPARTMENT", requires = "transfer")]
        to: Option<String>,
    },
    /// Talks with you here and in a browser, without keys and without a network.
    Demo(DemoArguments),
    /// Says what is missing before phone calls can be answered, and how to get it.
    Doctor(DoctorArguments),
    /// Plays made-up calls with the agent, without a network, and says which went as they should.
    Eval {
        /// A folder of scenarios in YAML.
        folder: PathBuf,
        /// A PostgreSQL server, on which each call has a schema of its own for its length; without
        /// it, each has a database in memory.
        #[arg(long, value_name = "URL", env = "DEALERSHIP_EVAL_DATABASE", hide_env_values = true)]
        database: Option<Place>,
        /// Shows what was said and done.
        #[arg(long, short)]
        verbose: bool,
    },
    /// Shows a call that is over as a scenario in YAML, to be played again by `eval`. It holds what was
    /// said.
    EvalDraft {
        /// The call.
        call: String,
    },
    /// Scores the rule by which a template qualifies leads against leads that people have judged.
    EvalLeads {
        /// The leads, with comma-separated values: `budget_monthly_usd`, `state`, `timeframe`,
        /// `vehicle_interest`, and `qualified` as people see it (`yes`, `no`, `unknown`).
        file: PathBuf,
        /// The template, in JSON; without it, the newest version of `inbound` in the database.
        #[arg(long)]
        template: Option<PathBuf>,
    },
    /// Shows calls that are over as lines of JSON, with what says who called masked.
    Export {
        /// Only calls that began then or later, such as `2026-11-01T00:00Z`.
        #[arg(long)]
        since: Option<jiff::Timestamp>,
    },
    /// Writes the unit by which systemd runs this program with this configuration.
    InstallUnit(UnitCommand),
    /// Shows and changes what the house does by itself: reminders, call backs, campaigns.
    Jobs {
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// Takes in leads, from a file or from the sheet of the configuration.
    Leads {
        #[command(subcommand)]
        command: LeadsCommand,
    },
    /// Shows what the log tells of one call or of one part of the program, and goes on if asked to.
    Logs(LogsCommand),
    /// Serves the tools of the agent to assistants, by the Model Context Protocol.
    Mcp(McpCommand),
    /// Shows the description of the operator's API, in OpenAPI 3.1.
    Openapi,
    /// What is done with the database.
    #[command(flatten)]
    Records(RecordsCommand),
    /// Answers phone calls, and does whatever else its roles say.
    Serve {
        /// What this program does of it: some of `web`, `media` and `jobs`; all if not set.
        #[arg(long, value_name = "ROLES")]
        roles: Option<Roles>,
    },
}

#[derive(Debug, Subcommand)]
enum CalendarCommand {
    /// Asks somebody in a browser on this machine whether the program may act for them at Google, and
    /// prints the token by which it does. Needs GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.
    Connect,
}

#[derive(Args, Debug)]
struct DoctorArguments {
    /// Asks a program that runs, and the carrier, whether calls come through: whether token,
    /// address or proxy is to blame if not; and whether its jobs are done.
    #[arg(long)]
    remote: bool,
    /// Refuses settings with which calls are answered, and real people should not be.
    #[arg(long, conflicts_with = "remote")]
    production: bool,
    /// Says that only the numbers of a test are to be called, so that `--production` lets them pass.
    #[arg(long, requires = "production")]
    test_numbers: bool,
}

#[derive(Args, Debug)]
struct DemoArguments {
    /// Where to serve the talk page.
    #[arg(long, default_value = "127.0.0.1:8787", value_parser = address)]
    listen: SocketAddr,
    /// The database, a file or a server; without it, it is gone at the end.
    #[arg(long)]
    db: Option<Place>,
    /// A file with the caller's lines, in place of standard input; `smoke` is a few that are built in.
    #[arg(long)]
    script: Option<PathBuf>,
    /// The phone number to call from; +16305550111 is a customer's.
    #[arg(long, value_parser = number)]
    from: Option<Phone>,
}

fn main() -> ExitCode {
    let Arguments { config: file, log_format, command } = Arguments::parse();
    match perform(command, file.as_deref(), log_format) {
        Ok(code) => code,
        Err(error) => {
            match error.kind() {
                ErrorKind::Config => eprintln!("dealership: {}", error.message()),
                _ => eprintln!("dealership: {error}"),
            }
            ExitCode::FAILURE
        }
    }
}

/// Does what can be done without a configuration, or is about one that may be wrong.
fn perform(command: Command, file: Option<&Path>, format: LogFormat) -> Result<ExitCode> {
    let config = load(file);
    match command {
        Command::Doctor(arguments) => run(doctor(config, file, arguments), ("off", format)),
        Command::Eval { folder, database, verbose } => {
            run(evaluate(folder, database, verbose), ("error", format))
        }
        Command::InstallUnit(command) => {
            show(&command.run(file)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Logs(command) => {
            run(command.run(show), ("error", format)).map(|()| ExitCode::SUCCESS)
        }
        Command::Openapi => {
            show(&format!("{:#}\n", operator::description()));
            Ok(ExitCode::SUCCESS)
        }
        command => configured(command, config?, format).map(|()| ExitCode::SUCCESS),
    }
}

/// Does what needs a configuration.
fn configured(command: Command, mut config: Config, format: LogFormat) -> Result<()> {
    let [error, warn, info] = ["error", "warn", "info"].map(|level| (level, format));
    match command {
        Command::Appointments { db } => {
            let (name, database) = match db {
                Some(db) => ("--db", db),
                None => (DATABASE, config.dealership.database),
            };
            run(appointments(name, database), error)
        }
        Command::Calendar { command: CalendarCommand::Connect } => run(connect(config), error),
        Command::Calls { hang_up, transfer, to } => {
            let request = match (hang_up, transfer.zip(to)) {
                (Some(call), _) => CallsRequest::HangUp(CallId::new(call)),
                (None, Some((call, department))) => {
                    CallsRequest::Transfer { call: CallId::new(call), department }
                }
                (None, None) => CallsRequest::Show,
            };
            let asked = async { calls::handle(&config, request).await.map(|told| show(&told)) };
            run(asked, error)
        }
        Command::Demo(arguments) => {
            let DemoArguments { listen, db: database, script, from } = arguments;
            let dealership = config.dealership;
            let demo = Demo { dealership, listen, database, script, from };
            run(demo.run(asked_to_stop()), error)
        }
        Command::EvalDraft { call } => {
            let drafted = eval::draft_call(config.dealership.database, &call);
            run(drafted, error).map(|text| show(&text))
        }
        Command::EvalLeads { file, template } => {
            let place = config.dealership.database;
            let scored = eval::score_leads(place, &file, template.as_deref());
            run(scored, error).map(|text| show(&text))
        }
        Command::Export { since } => run(exported(config, since), error),
        Command::Jobs { command } => run(jobs(command, config), error),
        Command::Leads { command } => run(leads(command, config), error),
        Command::Mcp(command) => run(command.run((&config, &registry()), asked_to_stop()), warn),
        Command::Records(command) => run(records(command, config), error),
        Command::Serve { roles } => {
            config.server.roles = roles.unwrap_or(config.server.roles);
            run(serve(config), info)
        }
        // Done before.
        Command::Doctor(_)
        | Command::Eval { .. }
        | Command::InstallUnit(_)
        | Command::Logs(_)
        | Command::Openapi => Ok(()),
    }
}

fn load(file: Option<&Path>) -> Result<Config> {
    let unreadable = RefCell::new(None);
    let environment = |name: &str| match env::var(name) {
        Err(VarError::NotUnicode(_)) => {
            unreadable.replace(Some(name.to_owned()));
            None
        }
        value => value.ok(),
    };
    let config = Config::load(file, &environment)?;
    match unreadable.take() {
        Some(name) => Err(Error::config(format!("{name} is not UTF-8"))),
        None => Ok(config),
    }
}

/// Runs a command to its end. A read of standard input that is left over does not hold it.
fn run<T>(command: impl Future<Output = Result<T>>, (log, format): (&str, LogFormat)) -> Result<T> {
    let _log = logging::install(logging::filter(&filter(log))?, format);
    let runtime = Runtime::new()
        .map_err(|error| Error::config("no threads can be started").with_source(error))?;
    let done = runtime.block_on(command);
    runtime.shutdown_background();
    done
}

/// What RUST_LOG asks for; where it is not set, `otherwise`.
fn filter(otherwise: &str) -> String {
    let asked = match env::var("RUST_LOG") {
        Err(VarError::NotPresent) => String::new(),
        // It is no filter, and is refused as such.
        Err(VarError::NotUnicode(_)) => "?".to_owned(),
        Ok(asked) => asked,
    };
    if asked.trim().is_empty() { otherwise.to_owned() } else { asked }
}

async fn appointments(name: &str, database: Place) -> Result<()> {
    let store = Store::open_read_only(database).await.map_err(|error| {
        Error::config(format!("{name}: {}", error.message())).with_source(error)
    })?;
    show(&agenda::table(&store.agenda(Clock::System.now()).await?));
    store.close().await;
    Ok(())
}

async fn connect(config: Config) -> Result<()> {
    let CalendarConfig { client_id, client_secret, .. } = config.calendar;
    if client_id.is_empty() || client_secret.is_empty() {
        return Err(Error::config(
            "GOOGLE_CLIENT_ID or GOOGLE_CLIENT_SECRET is not set; make them for a desktop app at \
             console.cloud.google.com/apis/credentials",
        ));
    }
    let pages = (GoogleConsent::PAGE, GoogleAccess::PAGE);
    let consent = GoogleConsent::open((&client_id, client_secret), pages).await?;
    show(&format!("Open this address in a browser on this machine:\n{}\n", consent.url()));
    let token = consent.finish().await?;
    show(&format!(
        "Connected. Keep this in the environment:\nGOOGLE_REFRESH_TOKEN={}\n",
        token.expose()
    ));
    Ok(())
}

/// Fails unless all pass.
async fn evaluate(folder: PathBuf, server: Option<Place>, verbose: bool) -> Result<ExitCode> {
    let scenarios = eval::scenarios(&folder)?;
    if scenarios.is_empty() {
        return Err(Error::config(format!("{}: there is no *.yaml in it", folder.display())));
    }
    let mut verdicts = Vec::new();
    for scenario in &scenarios {
        verdicts.push(eval::judge(scenario, server.as_ref()).await);
    }
    show(&eval::render(&verdicts, verbose));
    let passed = verdicts.iter().all(|verdict| verdict.failures.is_empty());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn exported(config: Config, since: Option<jiff::Timestamp>) -> Result<()> {
    let store = Store::open_read_only(config.dealership.database).await.map_err(|error| {
        Error::config(format!("{DATABASE}: {}", error.message())).with_source(error)
    })?;
    let done = export::calls(&store, since, |line| show(&format!("{line}\n"))).await;
    store.close().await;
    done
}

/// Opens the database, and brings its tables up to date.
async fn open(database: impl Into<Place>) -> Result<Store> {
    Store::open(database).await.map_err(|error| {
        Error::config(format!("{DATABASE}: {}", error.message())).with_source(error)
    })
}

async fn jobs(command: JobsCommand, config: Config) -> Result<()> {
    let store = open(&config.dealership.database).await?;
    let done = match server::worker(&config, store.clone(), Clock::System) {
        Ok(worker) => command.run(&store, &worker, Clock::System.now()).await,
        Err(error) => Err(error),
    };
    store.close().await;
    done.map(|text| show(&text))
}

async fn leads(command: LeadsCommand, config: Config) -> Result<()> {
    let sheet = server::sheet(&config.leads)?;
    let store = open(&config.dealership.database).await?;
    let done = command.run(&store, sheet.as_ref(), Clock::System.now()).await;
    store.close().await;
    done.map(|text| show(&text))
}

/// Does something with the database, and shows what that tells.
async fn records(command: RecordsCommand, config: Config) -> Result<()> {
    let store = open(&config.dealership.database).await?;
    let known = (&registry(), &vendors());
    let done = command.run((&store, &config), known, Clock::System.now()).await;
    store.close().await;
    done.map(|text| show(&text))
}

async fn serve(config: Config) -> Result<()> {
    let server =
        Server::with_vendors(&config, (&registry(), Some(vendors())), Clock::System).await?;
    let listen = config.server.listen;
    let listener = server::listen(listen)?;
    tracing::info!(%listen, public_url = config.server.public_url, "answering calls");
    server.run(listener, asked_to_stop()).await
}

async fn doctor(
    config: Result<Config>,
    file: Option<&Path>,
    arguments: DoctorArguments,
) -> Result<ExitCode> {
    let mut findings = match &config {
        // The port is taken by the program that is asked.
        Ok(config) if arguments.remote => examine_remote(config, Clock::System.now()).await,
        config => examine(config, &registry(), Clock::System).await,
    };
    if let (Ok(config), false) = (&config, arguments.remote) {
        findings.push(examine_templates(config, &vendors()).await);
    }
    if let (Ok(config), true) = (&config, arguments.production) {
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        let log = filter("info");
        let test_numbers = arguments.test_numbers;
        let around = Surroundings { file: text.as_deref(), log: &log, test_numbers };
        findings.extend(examine_production(config, around));
    }
    show(&render(&findings));
    Ok(if is_ready(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the output of a command. Whoever closes the pipe has read enough.
fn show(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

/// The vendors that templates may name, with the keys of the environment.
fn vendors() -> Vendors {
    Vendors::new(registry(), |name| env::var(name).ok())
}

fn number(written: &str) -> Result<Phone, &'static str> {
    Phone::parse(written).ok_or("write it like +16305550111")
}

fn address(written: &str) -> Result<SocketAddr, &'static str> {
    written.parse().map_err(|_| "write it like 127.0.0.1:8787")
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
