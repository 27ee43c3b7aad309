//! One side of a call with software that others wrote; `.ci/peers` starts the other.
//!
//! `peer call CARRIER URL` is a phone. It speaks for a second, waits for an answer of three, presses
//! a key in the midst of it, and fails unless the answer is dropped then and every message was one
//! that the carrier takes. `peer answer` is an agent that behaves so, at the address that it prints.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::{env, time::Duration};

use tokio::{net::TcpListener, time::timeout};
use voiceagent_core::{
    Error, ErrorKind, Link, Result,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Media, Outbound, Transport},
};
use voiceagent_telephony::{
    media_stream::{MediaSocket, MediaStream, TokenCheck},
    server,
};
use voiceagent_testkit::{
    phone::{Carrier, Dial, Wire},
    tone::{level, speech},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call", carrier, url] => {
            let named = |it: &&Carrier| format!("{it:?}").eq_ignore_ascii_case(carrier);
            let carrier =
                Carrier::ALL.iter().find(named).ok_or("CARRIER: one that is simulated")?;
            println!("{}", timeout(30 * SECOND, call(*carrier, url)).await??);
        }
        ["answer"] => {
            let listener = server::bind(([127, 0, 0, 1], 0).into())?;
            println!("ws://{}/media", listener.local_addr()?);
            serve(listener).await?;
        }
        _ => return Err("peer call CARRIER URL, or peer answer".into()),
    }
    Ok(())
}

async fn call(carrier: Carrier, url: &str) -> Result<String> {
    let phone = Dial::to(url).carrier(carrier).connect().await?;
    let second = speech(carrier.format(), MediaTime(0), u64::from(carrier.format().sample_rate));
    phone.speak(second).await?;
    phone.wait_until_agent_speaks(10 * SECOND).await?;
    phone.silence(SECOND / 2).await?;
    phone.press('5').await?;
    phone.wait_until_agent_quiet(SECOND, 3 * SECOND).await?;
    let heard = phone.hang_up().await?;
    let fault = |what: String| Error::new(ErrorKind::Protocol, "call", what);
    let unknown = heard.wire.iter().find(|(_, message)| matches!(message, Wire::Unknown(_)));
    if let Some((_, message)) = unknown {
        return Err(fault(format!("the carrier would drop {message:?}")));
    }
    let dropped: usize = heard.clears.iter().map(|clear| clear.dropped).sum();
    if dropped < carrier.format().bytes_in(SECOND) {
        return Err(fault(format!("the answer was not dropped: {:?}", heard.clears)));
    }
    let (marks, played) =
        (heard.marks.len(), heard.marks.iter().filter(|mark| mark.played).count());
    let dropped = carrier.format().duration_of(carrier.format().samples(dropped)).as_secs_f64();
    Ok(format!("{dropped:.1} s dropped, {marks} marks answered, {played} of them played"))
}

async fn serve(listener: TcpListener) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let answer = |stream| async move {
        if let Err(error) = agent(stream).await {
            eprintln!("peer answer: {error}");
        }
    };
    let media = MediaSocket::any(TokenCheck::Off).on_call(answer).build()?;
    Ok(server::serve(listener, media.route("/media")).await?)
}

async fn agent(stream: MediaStream) -> Result<()> {
    let Media::Audio { outbound: format, .. } = stream.call().media else {
        return Err(Error::config("media: audio"));
    };
    let second = u64::from(format.sample_rate);
    let mut link = Box::new(stream).open().await?;
    let mut loud = 0;
    while let Some(said) = link.recv().await {
        match said? {
            Inbound::Audio(heard) if level(heard.format, &heard.payload) > 0.01 => {
                let before = loud;
                loud += heard.samples();
                if before < second / 2 && loud >= second / 2 {
                    answer(&link, format).await?;
                }
            }
            Inbound::Dtmf(_) => link.try_send(Outbound::Clear)?,
            Inbound::HungUp => break,
            _ => {}
        }
    }
    Ok(())
}

/// Sends three seconds at once, much faster than they are played.
async fn answer(link: &Link<Outbound, Inbound>, format: AudioFormat) -> Result<()> {
    let samples = u64::from(format.sample_rate) / 50;
    for number in 0..150 {
        let at = MediaTime(number * samples);
        let frame = AudioFrame::new(format, at, speech(format, at, samples));
        link.writable().await;
        link.try_send(Outbound::Audio(frame))?;
    }
    Ok(())
}
