//! What a flood of calls costs those that go on: `cargo bench -p voiceagent-telephony --features
//! sip --bench flood [running calls]`.
//!
//! Some calls run on a server, each sending a packet every 20 ms. They are looked at twice for the
//! same time: alone, and while 10,000 other calls begin, of which nobody goes on with any. Told are
//! the packets that left 20 ms or more late by the server's own count, those that were left out, by
//! their timestamps, and how far apart packets came for whoever hears them. The flood and the
//! listeners are threads of their own on sockets that block; they share the machine with the server.

#![expect(clippy::print_stdout, reason = "a bench tells what it found")]

use std::{
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};
use voiceagent_core::{
    Link, Result,
    transport::{Inbound, Outbound, Transport as _},
};
use voiceagent_telephony::sip::{RtpCodec, RtpQuality, SipCall, SipConfig, SipServer};

const CALLS: usize = 20;
const FLOOD: usize = 10_000;
const TIME: Duration = Duration::from_secs(5);
const FRAME: Duration = Duration::from_millis(20);

/// Mu-law packets have so many samples.
const STEP: u32 = 160;

/// Somebody who is called by nobody: a socket for signalling and one for media.
struct Caller {
    signals: UdpSocket,
    media: UdpSocket,
}

/// What one of them has heard.
#[derive(Default)]
struct Heard {
    gaps: Vec<Duration>,
    left_out: u32,
}

/// What the running calls were like for some time.
struct Look {
    packets: u64,
    overdue: u64,
    left_out: u32,
    gaps: Vec<Duration>,
}

impl Caller {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            signals: UdpSocket::bind("127.0.0.1:0")?,
            media: UdpSocket::bind("127.0.0.1:0")?,
        })
    }

    fn say(&self, server: SocketAddr, method: &str, call: &str, tag: &str) -> std::io::Result<()> {
        let (local, port) = (self.signals.local_addr()?, self.media.local_addr()?.port());
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\n"
        );
        let text = format!(
            "{method} sip:agent@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{call}{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:ann@{local}>;tag=ann\r\nTo: <sip:agent@{server}>{tag}\r\n\
             Call-ID: {call}\r\nCSeq: 1 {method}\r\nContact: <sip:ann@{local}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.signals.send_to(text.as_bytes(), server).map(|_| ())
    }

    /// Says that the answer was heard.
    fn acknowledge(&self, server: SocketAddr, call: &str) -> std::io::Result<()> {
        let mut buffer = [0; 4_096];
        loop {
            let length = self.signals.recv(&mut buffer)?;
            let text = String::from_utf8_lossy(&buffer[..length]);
            if text.starts_with("SIP/2.0 200") {
                let tag =
                    text.lines().find_map(|line| line.strip_prefix("To: ")?.split_once(";tag="));
                let tag = tag.map_or("", |(_, tag)| tag);
                return self.say(server, "ACK", call, &format!(";tag={tag}"));
            }
        }
    }

    /// Listens until it is over.
    fn listen(&self, is_over: &AtomicBool) -> std::io::Result<Heard> {
        let (mut heard, mut last) = (Heard::default(), None);
        let mut buffer = [0; 2_048];
        self.media.set_nonblocking(true)?;
        while self.media.recv(&mut buffer).is_ok() {}
        self.media.set_nonblocking(false)?;
        self.media.set_read_timeout(Some(FRAME * 10))?;
        while !is_over.load(Ordering::Relaxed) {
            let Ok(length) = self.media.recv(&mut buffer) else { continue };
            let Some(time) = buffer[..length].get(4..8).and_then(|bytes| bytes.try_into().ok())
            else {
                continue;
            };
            let (now, time) = (Instant::now(), u32::from_be_bytes(time));
            if let Some((before, told)) = last.replace((now, time)) {
                heard.gaps.push(now - before);
                heard.left_out += (time.wrapping_sub(told) / STEP).saturating_sub(1);
            }
        }
        Ok(heard)
    }
}

/// Begins calls that nobody goes on with, evenly over the time; how many were refused.
fn flood(server: SocketAddr) -> std::io::Result<(usize, usize)> {
    let caller = Caller::new()?;
    caller.signals.set_nonblocking(true)?;
    let (begin, mut buffer) = (Instant::now(), [0; 4_096]);
    let (mut refused, mut others) = (0, 0);
    let mut read = || {
        while let Ok(length) = caller.signals.recv(&mut buffer) {
            if buffer[..length].starts_with(b"SIP/2.0 503") {
                refused += 1;
            } else {
                others += 1;
            }
        }
    };
    for number in 0..FLOOD {
        let due = begin + TIME.mul_f64(number as f64 / FLOOD as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        caller.say(server, "INVITE", &format!("flood{number}"), "")?;
        read();
    }
    thread::sleep(FRAME * 10);
    read();
    Ok((refused, others))
}

/// Looks at the calls while something happens.
fn look<T>(
    callers: &Arc<Vec<Caller>>,
    qualities: &[watch::Receiver<RtpQuality>],
    during: impl FnOnce() -> std::io::Result<T>,
) -> std::io::Result<(Look, T)> {
    // The count is told every second.
    let overdue = || qualities.iter().map(|quality| quality.borrow().overdue).sum::<u64>();
    let settle = || thread::sleep(Duration::from_millis(1_500));
    settle();
    let before = overdue();
    let is_over = Arc::new(AtomicBool::new(false));
    let listeners: Vec<_> = (0..callers.len())
        .map(|index| {
            let (callers, is_over) = (Arc::clone(callers), Arc::clone(&is_over));
            thread::spawn(move || callers[index].listen(&is_over))
        })
        .collect();
    let done = during();
    is_over.store(true, Ordering::Relaxed);
    let mut look = Look { packets: 0, overdue: 0, left_out: 0, gaps: Vec::new() };
    for listener in listeners {
        let heard = listener.join().expect("a listener does not panic")?;
        look.left_out += heard.left_out;
        look.gaps.extend(heard.gaps);
    }
    settle();
    look.overdue = overdue() - before;
    look.packets = look.gaps.len() as u64;
    look.gaps.sort_unstable();
    Ok((look, done?))
}

impl Look {
    fn tell(&self, name: &str) {
        let at = |share: f64| {
            let index = (self.gaps.len() as f64 * share) as usize;
            self.gaps.get(index.min(self.gaps.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        let thousandths = self.overdue as f64 * 1_000.0 / self.packets.max(1) as f64;
        println!(
            "| {name} | {} | {} ({thousandths:.2} ‰) | {} | {:.1} | {:.1} | {:.1} |",
            self.packets,
            self.overdue,
            self.left_out,
            at(0.5).as_secs_f64() * 1e3,
            at(0.999).as_secs_f64() * 1e3,
            at(1.0).as_secs_f64() * 1e3,
        );
    }
}

/// A server whose calls are answered and hear nothing but silence.
async fn serve(
    config: SipConfig,
    opened: mpsc::Sender<(Link<Outbound, Inbound>, watch::Receiver<RtpQuality>)>,
    address: std::sync::mpsc::Sender<SocketAddr>,
) -> Result<()> {
    let server = SipServer::bind(config).await?;
    let _ = address.send(server.local_addr());
    server
        .serve(move |call: SipCall| {
            let opened = opened.clone();
            async move {
                let quality = call.quality();
                if let Ok(link) = Box::new(call).open().await {
                    let _ = opened.send((link, quality)).await;
                }
            }
        })
        .await;
    Ok(())
}

fn run(count: usize) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let peers = vec!["127.0.0.0/8".parse()?];
    let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), peers);
    config.codecs = vec![RtpCodec::Pcmu];
    // The flood finds no room: its calls are refused, some at the gate and some behind it.
    config.max_calls = count;
    config.calls_per_second = 50;
    config.media_timeout = Duration::from_secs(600);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (opened, mut links) = mpsc::channel(count);
    let (sender, address) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        if let Err(error) = serve(config, opened, sender).await {
            eprintln!("{error}");
        }
    });
    let server = address.recv()?;
    let callers = Arc::new((0..count).map(|_| Caller::new()).collect::<std::io::Result<Vec<_>>>()?);
    let mut qualities = Vec::new();
    for (index, caller) in callers.iter().enumerate() {
        let name = format!("running{index}");
        caller.say(server, "INVITE", &name, "")?;
        let (mut link, quality) = links.blocking_recv().ok_or("a call was not opened")?;
        caller.acknowledge(server, &name)?;
        qualities.push(quality);
        // What is heard is read away.
        runtime.spawn(async move { while let Some(Ok(_)) = link.recv().await {} });
        thread::sleep(FRAME * 2);
    }
    println!("{count} running calls for {} s each time", TIME.as_secs());
    println!(
        "| | packets | left 20 ms late or more | left out | apart: median, ms | 99.9 % | longest |"
    );
    println!("|---|---|---|---|---|---|---|");
    let (alone, ()) = look(&callers, &qualities, || {
        thread::sleep(TIME);
        Ok(())
    })?;
    alone.tell("alone");
    let (flooded, (refused, others)) = look(&callers, &qualities, || flood(server))?;
    flooded.tell("during the flood");
    println!("answers to the {FLOOD} calls of the flood: {refused} times 503, {others} others");
    Ok(())
}

fn main() -> ExitCode {
    // Cargo gives benches an argument of its own.
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    match run(count.unwrap_or(CALLS)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
