use std::{env, net::SocketAddr};

use clap::Args;
use rmcp::{ServiceExt, transport::stdio};
use voiceagent_core::{Error, ErrorKind, Result, Secret, registry::Registry};

use super::{Counter, http};
use crate::{
    agent,
    clock::Clock,
    config::Config,
    departments::Departments,
    knowledge::Librarian,
    phone::Phone,
    server,
    store::Store,
    tools::{Desk, Identity},
    vin::{Decoder, Vpic},
    weather::WeatherService,
};

/// What clients over HTTP bring: one token or several.
const TOKEN: &str = "DEALERSHIP_MCP_TOKEN";
/// It must not be guessed.
const SHORTEST_TOKEN: usize = 20;

/// Serves the tools of the agent to assistants that speak the Model Context Protocol.
#[derive(Args, Debug)]
pub struct McpCommand {
    /// Listens here, at the path `/mcp`, for clients that bring a token of DEALERSHIP_MCP_TOKEN, each
    /// of which has a desk of its own; without it, one client talks over standard input and output.
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
    pub async fn run(
        self,
        (config, registry): (&Config, &Registry),
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let clock = Clock::System;
        let librarian = Librarian::of(config, registry)?;
        let store = Store::open(&config.dealership.database).await.map_err(|error| {
            let why = format!("field `dealership.database`: {}", error.message());
            Error::config(why).with_source(error)
        })?;
        let store = store.reading_by(librarian);
        let served = match self.counters(config, store.clone(), clock).await {
            Ok(counters) => self.serve(counters, stop).await,
            Err(error) => Err(error),
        };
        store.close().await;
        served
    }

    /// What sets up a desk.
    async fn counters(
        &self,
        config: &Config,
        store: Store,
        clock: Clock,
    ) -> Result<impl Fn() -> Result<Counter> + use<>> {
        let dealership = &config.dealership;
        store.establish(&dealership.name, &dealership.timezone, clock.now()).await?;
        let decoder = Decoder::new(store.clone(), Some(Vpic::new(Vpic::BASE_URL)?));
        let departments = Departments::read(&dealership.departments)?;
        let weather =
            WeatherService::new(WeatherService::PLACES_URL, WeatherService::FORECAST_URL)?;
        let (messenger, from) = (server::messenger(config)?, self.from.clone());
        Ok(move || {
            let mut desk = Desk::new(store.clone(), clock, from.clone(), agent::call_secret()?)
                .with_identity(Identity::Facts)
                .with_decoder(decoder.clone())
                .with_departments(departments.clone())
                .with_weather(weather.clone());
            if let Some(messenger) = messenger.clone() {
                desk = desk.with_messenger(messenger);
            }
            Counter::new(desk, clock.now())
        })
    }

    async fn serve(
        self,
        counters: impl Fn() -> Result<Counter>,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let Some(address) = self.http else {
            let failed =
                |why: &'static str| Error::new(ErrorKind::Disconnected, "serve tools", why);
            let serving = counters()?.serve(stdio()).await.map_err(|cause| {
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
        let desks = tokens(&env::var(TOKEN).unwrap_or_default())?
            .into_iter()
            .map(|token| Ok((token, counters()?)))
            .collect::<Result<_>>()?;
        http::serve(desks, address, self.host, stop).await
    }
}

/// The tokens that a variable holds, with commas between them.
fn tokens(written: &str) -> Result<Vec<Secret>> {
    let tokens: Vec<_> = written.split(',').map(str::trim).collect();
    if tokens.iter().any(|token| token.len() < SHORTEST_TOKEN) {
        return Err(Error::config(format!(
            "{TOKEN}: a token is missing or shorter than {SHORTEST_TOKEN} characters; take what \
             `openssl rand -hex 32` prints, with commas between the tokens of several people"
        )));
    }
    Ok(tokens.into_iter().map(Secret::new).collect())
}

fn number(written: &str) -> Result<Phone, &'static str> {
    Phone::parse(written).ok_or("write it like +16305550111")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_long_enough_and_there_is_one() {
        let (one, two) = ("a".repeat(20), "b".repeat(20));
        let read = |written: &str| {
            let tokens = tokens(written)?;
            Ok::<_, Error>(tokens.iter().map(|token| token.expose().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(&one).unwrap(), [one.as_str()]);
        assert_eq!(read(&format!("{one}, {two}")).unwrap(), [one.as_str(), two.as_str()]);
        for wrong in [String::new(), "short".to_owned(), format!("{one},"), format!("{one},b")] {
            let error = read(&wrong).unwrap_err().to_string();
            assert!(error.contains(TOKEN) && !error.contains(&one), "{error}");
        }
    }
}
