use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A telephone exchange in the parent, with callers who type. It puts a call through to whatever
/// process asks for one, and a call that broke off to the next, as a carrier does.
pub(crate) struct Switch {
    /// Where it listens.
    pub(crate) address: String,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Caller>,
    gone: Vec<Caller>,
}

/// Somebody who calls to book an oil change.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The name of the call at the carrier.
    pub(crate) call: String,
    /// From where they call.
    pub(crate) number: String,
    /// Whether the agent has said anything.
    pub(crate) was_greeted: bool,
    /// Whether they heard that they are booked.
    pub(crate) was_booked: bool,
    /// How often the line broke.
    pub(crate) breaks: u64,
    /// When they want to come.
    day: String,
    /// How often they hold on when the line breaks.
    patience: u64,
    /// Who had the call last.
    last: String,
}

impl Switch {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(Mutex::new(Calls::default()));
        let kept = Arc::clone(&calls);
        thread::spawn(move || {
            for line in listener.incoming() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || put_through(&line.unwrap(), &kept));
            }
        });
        Self { address, calls }
    }

    /// Has somebody call.
    pub(crate) fn dial_in(&self, (call, number): (&str, &str), day: &str, patience: u64) {
        let caller = Caller {
            call: call.to_owned(),
            number: number.to_owned(),
            was_greeted: false,
            was_booked: false,
            breaks: 0,
            day: day.to_owned(),
            patience,
            last: "-".to_owned(),
        };
        self.calls.lock().unwrap().waiting.push_back(caller);
    }

    /// Calls that wait for a process.
    pub(crate) fn waiting(&self) -> usize {
        self.calls.lock().unwrap().waiting.len()
    }

    /// Those whose calls are over, by number.
    pub(crate) fn gone(&self) -> BTreeMap<String, Caller> {
        let calls = self.calls.lock().unwrap();
        calls.gone.iter().map(|caller| (caller.number.clone(), caller.clone())).collect()
    }
}

/// Puts one call through, to its end or to the end of the line.
fn put_through(line: &TcpStream, calls: &Mutex<Calls>) {
    let mut reader = BufReader::new(line);
    let mut life = String::new();
    if reader.read_line(&mut life).is_err() {
        return;
    }
    let next = calls.lock().unwrap().waiting.pop_front();
    let mut writer = line;
    let Some(mut caller) = next else {
        let _ = writeln!(writer, "NONE");
        return;
    };
    let told = writeln!(writer, "CALL {} {} {}", caller.call, caller.number, caller.last);
    let is_over = told.is_ok() && converse(&mut caller, reader, writer);
    caller.last = life.trim().to_owned();
    let mut calls = calls.lock().unwrap();
    if is_over {
        calls.gone.push(caller);
        return;
    }
    caller.breaks += 1;
    if caller.breaks <= caller.patience {
        calls.waiting.push_front(caller);
    } else {
        calls.gone.push(caller);
    }
}

/// Talks to the end. Returns whether there was a goodbye.
fn converse(caller: &mut Caller, reader: impl BufRead, mut writer: impl Write) -> bool {
    for said in reader.lines().map_while(Result::ok) {
        let Some(said) = said.strip_prefix("Agent: ") else { continue };
        caller.was_greeted = true;
        caller.was_booked |= said.contains("You're booked for");
        if said.contains("Goodbye!") {
            return true;
        }
        // Who hears the agent out is gone when the process is.
        if writeln!(writer, "{}", answer(said, &caller.day)).is_err() {
            return false;
        }
    }
    false
}

fn answer<'a>(said: &str, day: &'a str) -> &'a str {
    let answers = [
        ("anything else", "no thanks, goodbye"),
        ("Is that right", "yes"),
        ("first and last name", "Jane Smith"),
        ("hat day", day),
        ("orks best", "the first one"),
        ("Which car", "a 2018 Subaru Forester"),
        ("How can I help you", "I need an oil change"),
    ];
    let fits = answers.iter().find(|(part, _)| said.contains(part));
    fits.map_or("I need an oil change", |(_, answer)| answer)
}
