//! The targets of the dealership, row by row: how long a look-up, a stage of a turn and an
//! interruption take, and how many calls go on at once.
//!
//! The agent is the program `dealership` in a process of its own, with a database full of customers;
//! phones and vendors are those of [`e2e_latency`](crate::e2e_latency). `docs/benchmarks.md` defines
//! each row.

mod busy;
mod database;
mod house;
mod lookups;
mod pass;
mod row;
mod script;
mod stages;

use std::{error::Error, fs, path::PathBuf};

use clap::Parser;

use self::{database::Database, house::Program, pass::Pass, row::Row};

/// Holds the dealership to its targets.
#[derive(Debug, Parser)]
struct Args {
    /// How many calls at once, one pass after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [20, 100])]
    calls: Vec<u32>,
    /// Customers in the database.
    #[arg(long, default_value_t = 100_000)]
    customers: u32,
    /// The machine has other work as well: what is missed is told, and fails the run only where
    /// there is no figure.
    #[arg(long)]
    busy: bool,
    /// A Redis server on which sessions and what was looked up are kept; needs the feature `redis`.
    #[arg(long)]
    redis: Option<String>,
    /// A PostgreSQL server, on which the database is a schema for the length of the run; without it,
    /// it is a file.
    #[arg(long, env = "DEALERSHIP_TEST_POSTGRES")]
    postgres: Option<String>,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The dealership; built when not given.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Measures all rows, prints them and writes them to a folder.
///
/// # Errors
///
/// When the dealership cannot be built or started, the report cannot be written, or a target is not
/// met.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub async fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if args.calls.iter().sum::<u32>() > args.customers {
        return Err("there are more calls than customers".into());
    }
    fs::create_dir_all(&args.out)?;
    let database = Database::filled(args.postgres.as_deref(), args.customers).await?;
    let measured = measure(&args, &database).await.map_err(|error| error.to_string());
    database.remove().await?;
    let rows = measured?;
    println!("{}{}", row::heading(), rows.iter().map(Row::line).collect::<String>());
    fs::write(args.out.join("targets.json"), serde_json::to_string_pretty(&rows)?)?;
    println!("written to {}", args.out.display());
    match rows.iter().filter(|row| !row.holds(args.busy)).count() {
        0 => Ok(()),
        red => Err(format!("{red} of {} targets are not met", rows.len()).into()),
    }
}

async fn measure(args: &Args, database: &Database) -> Result<Vec<Row>, Box<dyn Error>> {
    eprintln!("look-ups among {} customers", args.customers);
    let mut rows = lookups::measure(database, args.redis.as_deref()).await?;
    rows.push(busy::measure().await?);
    let program = Program::find(args.program.clone()).await?;
    // Nobody calls twice: who does is known to be booked.
    let mut first = 0;
    for calls in &args.calls {
        eprintln!("{calls} calls at once");
        let callers = first..first + calls;
        first = callers.end;
        let pass = Pass::play(callers, &program, (database, args.redis.as_deref())).await?;
        rows.extend(pass.rows());
    }
    Ok(rows)
}
