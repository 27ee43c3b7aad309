use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// A carrier in the parent: it notes what processes ask of it, and outlives them.
pub(crate) struct Vendor {
    /// Where it listens.
    pub(crate) address: String,
    /// What happens at it.
    pub(crate) events: Receiver<Event>,
    book: Arc<Mutex<Book>>,
}

/// What the parent is told of a process.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// It is connected.
    Begun,
    /// It came to its end.
    Ended,
    /// It is to be killed now.
    Strike,
}

/// At which request a process is killed.
#[derive(Clone, Copy)]
pub(crate) enum Strike {
    /// Before this one is done.
    Before(u64),
    /// When this one is done, and before it is answered.
    Behind(u64),
    /// At none.
    Never,
}

#[derive(Default)]
struct Book {
    /// What was done, by what and for whom: `dial +16305550100`, `text +16305550101`, `booked key`.
    done: Vec<String>,
    strike: Option<Strike>,
    requests: u64,
}

impl Vendor {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, events) = channel();
        let book = Arc::new(Mutex::new(Book::default()));
        let kept = Arc::clone(&book);
        thread::spawn(move || {
            for line in listener.incoming() {
                serve(&line.unwrap(), &kept, &tell);
            }
        });
        Self { address, events, book }
    }

    /// Has the next process killed at a request.
    pub(crate) fn strike(&self, strike: Strike) {
        let mut book = self.book.lock().unwrap();
        (book.strike, book.requests) = (Some(strike), 0);
    }

    /// How often each thing was done.
    pub(crate) fn done(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for one in &self.book.lock().unwrap().done {
            *counts.entry(one.clone()).or_default() += 1;
        }
        counts
    }
}

/// Answers the requests of one process, a line each, until it is gone or is to be killed.
fn serve(line: &TcpStream, book: &Mutex<Book>, tell: &Sender<Event>) {
    let tell = |event| tell.send(event).unwrap();
    tell(Event::Begun);
    let mut writer = line;
    for request in BufReader::new(line).lines().map_while(Result::ok) {
        let mut book = book.lock().unwrap();
        book.requests += 1;
        let nth = book.requests;
        let strike = book.strike.unwrap_or(Strike::Never);
        if matches!(strike, Strike::Before(at) if at == nth) {
            return tell(Event::Strike);
        }
        let answer = book.answer(&request);
        if matches!(strike, Strike::Behind(at) if at == nth) {
            return tell(Event::Strike);
        }
        drop(book);
        if writeln!(writer, "{answer}").is_err() {
            break;
        }
    }
    tell(Event::Ended);
}

impl Book {
    /// What it does for a request: the name of what was done, or all names that a list has.
    fn answer(&mut self, request: &str) -> String {
        match request.strip_prefix("list ") {
            Some(wanted) => {
                let listed = self.done.iter().zip(1..).filter(|(done, _)| *done == wanted);
                listed.map(|(_, nth)| name(nth)).collect::<Vec<_>>().join(" ")
            }
            None => {
                self.done.push(request.to_owned());
                name(self.done.len())
            }
        }
    }
}

fn name(nth: usize) -> String {
    format!("N{nth}")
}
