use std::{env, net::SocketAddr};

use clap::Args;
use rmcp::{ServiceExt, transport::stdio};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{Counter, http};
use crate::{
    agent,
    clock::Clock,
    config::Config,
    departments::Departments,
    phone::Phone,
    server,
    store::Store,
    tools::{Desk, Identity},
    vin::{Decoder, Vpic},
    weather::WeatherService,
};

/// What clients over HTTP bring.
const TOKEN: &str = "DEALERSHIP_MCP_TOKEN";
/// It must not be guessed.
const SHORTEST_TOKEN: usize = 20;

/// Serves the tools of the agent to assistants that speak the Model Context Protocol.
#[derive(Args, Debug)]
pub struct McpCommand {
    /// Listens here, at the path `/mcp`, for clients that bring the token of DEALERSHIP_MCP_TOKEN;
    /// without it, one client talks over standard input and output.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// A name under which clients may address it beside this machine's, such as `tools.example.com`.
    #[arg(long, value_name = "HOST", requires = "http")]
    host: Vec<String>,
    /// The number that the other side calls from, if they are on the phone.
    #[arg(long, value_parser = number)]
    from: Option<Phone>,
}

impl McpCommand {
    /// Serves until the client is gone, or `stop` ends.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when something is missing or wrong; the message names it.
    pub async fn run(self, config: &Config, stop: impl Future<Output = ()>) -> Result<()> {
        let clock = Clock::System;
        let store = Store::open(&config.dealership.database).await.map_err(|error| {
            let why = format!("field `dealership.database`: {}", error.message());
            Error::config(why).with_source(error)
        })?;
        let counter = self.counter(config, store.clone(), clock).await;
        let served = match counter {
            Ok(counter) => self.serve(counter, stop).await,
            Err(error) => Err(error),
        };
        store.close().await;
        served
    }

    async fn counter(&self, config: &Config, store: Store, clock: Clock) -> Result<Counter> {
        let dealership = &config.dealership;
        store.establish(&dealership.name, &dealership.timezone, clock.now()).await?;
        let mut desk = Desk::new(store.clone(), clock, self.from.clone(), agent::call_secret()?)
            .with_identity(Identity::Facts)
            .with_decoder(Decoder::new(store, Some(Vpic::new(Vpic::BASE_URL)?)))
            .with_departments(Departments::read(&dealership.departments)?)
            .with_weather(WeatherService::new(
                WeatherService::PLACES_URL,
                WeatherService::FORECAST_URL,
            )?);
        if let Some(messenger) = server::messenger(config)? {
            desk = desk.with_messenger(messenger);
        }
        Counter::new(desk, clock.now())
    }

    async fn serve(self, counter: Counter, stop: impl Future<Output = ()>) -> Result<()> {
        let Some(address) = self.http else {
            let failed =
                |why: &'static str| Error::new(ErrorKind::Disconnected, "serve tools", why);
            let serving = counter.serve(stdio()).await.map_err(|cause| {
                failed("nobody speaks MCP on standard input").with_source(cause)
            })?;
            let token = serving.cancellation_token();
            tokio::select! {
                done = serving.waiting() => {
                    done.map_err(|cause| failed("the server broke down").with_source(cause))?;
                }
                () = stop => token.cancel(),
            }
            return Ok(());
        };
        let token = env::var(TOKEN).unwrap_or_default();
        if token.len() < SHORTEST_TOKEN {
            return Err(Error::config(format!(
                "{TOKEN} is missing or shorter than {SHORTEST_TOKEN} characters; set it to what \
                 `openssl rand -hex 32` prints"
            )));
        }
        http::serve(counter, address, (Secret::new(token), self.host), stop).await
    }
}

fn number(written: &str) -> Result<Phone, &'static str> {
    Phone::parse(written).ok_or("write it like +16305550111")
}
