//! What this machine charges for being woken: a process that does nothing but read and write as
//! often as an agent with one call.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::TcpStream as BlockingStream,
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    time::{MissedTickBehavior, interval, timeout},
};

const FRAME: Duration = Duration::from_millis(20);
/// 20 s of frames.
const FRAMES: u32 = 1_000;
/// A frame of a phone line as a WebSocket message.
const INBOUND: usize = 387;
/// Four frames for a recognizer, or five for the phone.
const OUTBOUND: usize = 700;
const START: Duration = Duration::from_secs(10);

/// CPU seconds a minute of a process that is woken for each frame and answers every second one:
/// the writes of an agent whose caller speaks half of the time.
pub(crate) async fn measure() -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let mut process = Command::new(env::current_exe()?)
        .args(["--only-read-and-write", &address])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = process.id().ok_or_else(|| io::Error::other("the process has ended"))?;
    let (socket, _) = timeout(START, listener.accept()).await??;
    socket.set_nodelay(true)?;
    let before = running_time(pid)?;
    let (mut read, mut write) = socket.into_split();
    let taken = tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while read.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
    });
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..FRAMES {
        ticks.tick().await;
        write.write_all(&[7; INBOUND]).await?;
    }
    let after = running_time(pid)?;
    drop(write);
    let _ = timeout(START, taken).await;
    let _ = timeout(START, process.wait()).await;
    let minutes = (FRAME * FRAMES).as_secs_f64() / 60.0;
    Ok((after - before).as_secs_f64() / minutes)
}

/// What the only thread of a process has run, to the nanosecond (Linux, scheduler statistics).
fn running_time(pid: u32) -> io::Result<Duration> {
    let statistics = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let nanos = statistics.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| io::Error::other("/proc cannot be understood"))
}

/// The process that is measured: reads until the other side closes.
pub(crate) fn only_read_and_write(address: &str) -> io::Result<()> {
    let mut socket = BlockingStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut buffer = [0; 4_096];
    let mut is_even = false;
    while socket.read(&mut buffer)? > 0 {
        is_even = !is_even;
        if is_even {
            socket.write_all(&buffer[..OUTBOUND])?;
        }
    }
    Ok(())
}
