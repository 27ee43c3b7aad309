//! What an operator does with the database.

use clap::Subcommand;
use jiff::Timestamp;
use voiceagent_core::{Result, registry::Registry};

use crate::{
    attendance::AttendanceCommand,
    config::{Config, DealershipConfig},
    customers::CustomersCommand,
    locations::LocationsCommand,
    report::ReportCommand,
    server,
    store::Store,
    templates::{TemplateCommand, Vendors},
};

/// A command about the database.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum RecordsCommand {
    /// Notes whether somebody came to their appointment.
    Attendance(AttendanceCommand),
    /// Takes in customers of other systems, shows them, and puts two rows of one together.
    Customers {
        /// What is done with them.
        #[command(subcommand)]
        command: CustomersCommand,
    },
    /// Shows and changes the places of business.
    Locations {
        /// What is done with them.
        #[command(subcommand)]
        command: LocationsCommand,
    },
    /// Brings the tables of the database up to date, which `serve` does too when it starts.
    Migrate,
    /// Shows how calls went, week by week.
    Report(ReportCommand),
    /// Fills an empty database with a dealership, invented customers and their visits, to try out.
    Seed,
    /// Shows and changes how the agent behaves, while it answers.
    Template(TemplateCommand),
}

impl RecordsCommand {
    /// Does it with a database that is open, and tells what to show.
    ///
    /// # Errors
    ///
    /// Those of each command, and of a database that does not answer.
    pub async fn run(
        self,
        (store, config): (&Store, &Config),
        (registry, vendors): (&Registry, &Vendors),
        now: Timestamp,
    ) -> Result<String> {
        let dealership = &config.dealership;
        match self {
            Self::Attendance(command) => command.run(store, now).await,
            Self::Customers { command } => command.run(store, now).await,
            Self::Locations { command } => command.run(store, now).await,
            // Tables are brought up to date when a database is opened.
            Self::Migrate => Ok(format!("{}: the tables are up to date\n", dealership.database)),
            Self::Report(command) => command.run(store, now).await,
            Self::Seed => seed(store, dealership, now).await,
            Self::Template(command) => {
                let llm = config.model();
                let model = llm.map(|llm| server::provider("llm", Some(llm), &registry.llm));
                command.run(store, (vendors, model), now).await
            }
        }
    }
}

async fn seed(store: &Store, dealership: &DealershipConfig, now: Timestamp) -> Result<String> {
    if !store.establish(&dealership.name, &dealership.timezone, now).await? {
        return Ok("There is a dealership already; nothing was invented.\n".to_owned());
    }
    store.populate(now).await?;
    Ok("A dealership with invented customers and visits.\n".to_owned())
}
