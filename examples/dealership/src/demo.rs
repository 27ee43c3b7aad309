//! A dealership to try out, without keys and without a network: a conversation in the terminal,
//! and the talk page for a browser on this machine.

use std::{
    future::pending,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use tokio::{fs::File, io::BufReader, net::TcpListener, sync::mpsc, task::JoinSet};
use voiceagent_core::{Call, CallId, Error, Result, transport::Transport};
use voiceagent_telephony::server;

use crate::{
    agenda,
    clock::Clock,
    config::DealershipConfig,
    phone::Phone,
    reception::Reception,
    store::{AppointmentId, Place, Store},
    talk::{Talk, Visitor},
    terminal::Terminal,
};

/// The script that is built in: a few questions to which everybody knows the answer.
pub const SMOKE: &str = "smoke";

const SMOKE_LINES: &str = include_str!("smoke.txt");

/// How to try the dealership out.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the command line states every field")]
pub struct Demo {
    /// The business.
    pub dealership: DealershipConfig,
    /// Where to serve the talk page.
    pub listen: SocketAddr,
    /// The database; `None` keeps it in memory.
    pub database: Option<Place>,
    /// A file with the caller's lines, or [`SMOKE`]; `None` reads them from standard input.
    pub script: Option<PathBuf>,
    /// The number from which the caller seems to call.
    pub from: Option<Phone>,
}

impl Demo {
    /// Holds the conversation, and prints the appointments that came out of it. On a terminal the
    /// talk page stays up after it, until `stop` ends.
    ///
    /// A read of standard input may outlive this: end the process, or shut the runtime down in
    /// the background.
    ///
    /// # Errors
    ///
    /// When the database or the script cannot be opened.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let clock = Clock::System;
        let store = self.store(clock).await?;
        let mut dealership = self.dealership.clone();
        dealership.address.get_or_insert_with(|| {
            "We are at 100 Main Street in Naperville, just off the Riverwalk.".to_owned()
        });
        let reception = Arc::new(Reception::open(store.clone(), clock, &dealership).await?);
        let leg = self.leg(clock).await?;
        let id = leg.call().id.clone();
        let page = Page::open(self.listen, &reception, self.from.as_ref());
        let began = clock.now();
        tokio::pin!(stop);
        let call = reception.answer(leg).await?;
        let stopped = talk(call, &mut stop).await;
        reception.conclude(&id).await;
        print("\nAppointments of this conversation:\n");
        let before = print_changes(&store, began).await?;
        let stays = self.script.is_none() && io::stdin().is_terminal() && !stopped;
        if let Some(page) = page.filter(|_| stays) {
            print(&format!("\nThe talk page stays up at {}; Ctrl-C ends it.\n", page.url));
            stop.await;
            if !store.changed_after(before).await?.is_empty() {
                print("\nAppointments since then:\n");
                print_changes(&store, before).await?;
            }
        }
        store.close().await;
        Ok(())
    }

    async fn store(&self, clock: Clock) -> Result<Store> {
        let store = match &self.database {
            Some(place) => Store::open(place.clone()).await.map_err(|error| {
                Error::config(format!("--db: {}", error.message())).with_source(error)
            })?,
            None => Store::in_memory().await?,
        };
        let DealershipConfig { name, timezone, .. } = &self.dealership;
        if store.establish(name, timezone, clock.now()).await? {
            store.populate(clock.now()).await?;
        }
        Ok(store)
    }

    async fn leg(&self, clock: Clock) -> Result<Box<dyn Transport>> {
        // Bookings remember their call, so calls of several runs must differ.
        let call = CallId::new(format!("demo-{}", AppointmentId::new(clock.now())));
        let from = self.from.as_ref().map(Phone::as_str);
        let Some(script) = &self.script else {
            let leg = Terminal::stdio(call);
            return Ok(match from {
                Some(from) => Box::new(leg.with_from(from)),
                None => Box::new(leg),
            });
        };
        if script.as_os_str() == SMOKE {
            let leg = Terminal::piped(call, SMOKE_LINES.as_bytes(), tokio::io::stdout());
            return Ok(match from {
                Some(from) => Box::new(leg.with_from(from)),
                None => Box::new(leg),
            });
        }
        let lines = File::open(script).await.map_err(|error| {
            Error::config(format!("--script: {}: {error}", script.display())).with_source(error)
        })?;
        if lines.metadata().await.is_ok_and(|script| script.is_dir()) {
            let why = format!("--script: {}: it is a folder; name a file", script.display());
            return Err(Error::config(why));
        }
        let leg = Terminal::piped(call, BufReader::new(lines), tokio::io::stdout());
        Ok(match from {
            Some(from) => Box::new(leg.with_from(from)),
            None => Box::new(leg),
        })
    }
}

/// Lets the conversation run to its end, and says whether it was told to stop before.
async fn talk(call: Call, stop: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    tokio::select! {
        () = call.finished() => false,
        () = stop => true,
    }
}

/// Prints the appointments that were made or changed, and returns up to when it has looked.
async fn print_changes(store: &Store, since: Timestamp) -> Result<Timestamp> {
    let until = Timestamp::now();
    print(&agenda::table(&store.changed_after(since).await?));
    Ok(until)
}

/// The talk page, for as long as it is not dropped.
struct Page {
    url: String,
    _tasks: JoinSet<()>,
}

impl Page {
    /// Serves the page at `listen`, or at another port if that one is taken. Without a page the
    /// conversation goes on.
    fn open(listen: SocketAddr, reception: &Arc<Reception>, from: Option<&Phone>) -> Option<Self> {
        let elsewhere = |error: io::Error| {
            let free = SocketAddr::new(listen.ip(), 0);
            print(&format!("{listen} cannot be listened on ({error}); trying another port.\n"));
            server::bind(free)
        };
        match server::bind(listen).or_else(elsewhere).and_then(|listener| {
            let url = url(listener.local_addr()?);
            Ok((listener, url))
        }) {
            Ok((listener, url)) => {
                print(&format!(
                    "Talk in a browser at {url}, or type here. Ctrl-D or \"goodbye\" ends the \
                     call.\n\n"
                ));
                Some(Self::serve(listener, url, Arc::clone(reception), from.cloned()))
            }
            Err(error) => {
                print(&format!("There is no talk page: {error}.\n\n"));
                None
            }
        }
    }

    fn serve(
        listener: TcpListener,
        url: String,
        reception: Arc<Reception>,
        from: Option<Phone>,
    ) -> Self {
        let Talk { router, visitors } = Talk::new(&[]);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = server::serve(listener, router).await {
                tracing::warn!(%error, "the talk page failed");
            }
        });
        tasks.spawn(receive(visitors, reception, from));
        Self { url, _tasks: tasks }
    }
}

/// Where a browser finds the page: under a name of this machine, also where all are listened on.
fn url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}/", address.port()),
        false => format!("http://{address}/"),
    }
}

async fn receive(
    mut visitors: mpsc::Receiver<Visitor>,
    reception: Arc<Reception>,
    from: Option<Phone>,
) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            visitor = visitors.recv() => {
                let Some(mut visitor) = visitor else { return };
                if let Some(from) = &from {
                    visitor.leg = visitor.leg.with_from(from.as_str());
                }
                let reception = Arc::clone(&reception);
                talks.spawn(async move { reception.receive(visitor, pending()).await });
            }
            Some(_) = talks.join_next() => {}
        }
    }
}

/// Prints, even where nobody reads: a closed pipe is no reason to lose a booking.
fn print(text: &str) {
    let mut screen = io::stdout().lock();
    let _ = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_named_as_it_answers() {
        for (address, told) in [
            ("0.0.0.0:8788", "http://localhost:8788/"),
            ("[::]:8788", "http://localhost:8788/"),
            ("127.0.0.1:8788", "http://127.0.0.1:8788/"),
            ("[::1]:8788", "http://[::1]:8788/"),
        ] {
            assert_eq!(url(address.parse().unwrap()), told);
        }
    }
}
