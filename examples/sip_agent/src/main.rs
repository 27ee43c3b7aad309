//! Answers phone calls over SIP, without any key and without a cloud: it plays two seconds of a
//! tone and then says everything again that it hears, which is what one wants of a new trunk.
//!
//! ```text
//! PEERS=192.0.2.0/24 LISTEN=0.0.0.0:5060 cargo run -p sip_agent
//! ```
//!
//! Keys are pressed back. `REGISTRAR` (an address), `ACCOUNT` and `PASSWORD` tell a registrar where the
//! agent is; `TRUNK`, such as `sip:192.0.2.10`, is asked every `KEEP_ALIVE` seconds whether it is
//! there.
//!
//! `LISTEN_TCP` adds TCP, and `LISTEN_TLS` with the files `CERTIFICATE` and `KEY` adds TLS. Where
//! `TRANSFER_TO` is an address, such as `sip:desk@192.0.2.10`, the key `#` hands the caller on to it.
//!
//! With an [`Agent`](voiceagent_core::Agent) in its place, `echo` is `agent.answer(Box::new(call))`.

use std::{env, process::ExitCode, time::Duration};

use tracing::info;
use voiceagent_core::{
    Error, Link, Result, Secret,
    audio::{AudioFormat, AudioFrame, DtmfDetector, Encoder, MediaTime},
    transport::{Inbound, Media, Outbound, Transport},
};
use voiceagent_telephony::{
    DtmfKey,
    sip::{Keypad, SipAccount, SipCall, SipConfig, SipServer, SipTls, SipTrunk},
};

/// A tone that no speech resembles.
const TONE: char = 'D';
const TONE_LENGTH: Duration = Duration::from_secs(2);

/// Whom callers are handed to.
const DESK: &str = "desk";

#[expect(clippy::print_stderr, reason = "the program says where it listens, and why it does not")]
#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter(filter()).init();
    let served = async {
        let server = SipServer::bind(config()?).await?;
        eprintln!("sip_agent: listening at {}", server.local_addr());
        server.serve(answer).await;
        Ok::<(), Error>(())
    };
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sip_agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn filter() -> String {
    env::var("RUST_LOG").unwrap_or_else(|_| "info,rsipstack=warn".to_owned())
}

fn config() -> Result<SipConfig> {
    let wrong = |name| Error::config(format!("{name} cannot be understood"));
    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:5060".to_owned());
    let peers = env::var("PEERS").unwrap_or_else(|_| "127.0.0.0/8".to_owned());
    let peers = peers.split(',').map(str::parse).collect::<Result<_>>()?;
    let mut config = SipConfig::new(listen.parse().map_err(|_| wrong("LISTEN"))?, peers);
    if let Ok(listen) = env::var("LISTEN_TCP") {
        config.listen_tcp = Some(listen.parse().map_err(|_| wrong("LISTEN_TCP"))?);
    }
    if let Ok(listen) = env::var("LISTEN_TLS") {
        let file = |name| env::var(name).map_err(|_| Error::config(format!("{name} is not set")));
        let listen = listen.parse().map_err(|_| wrong("LISTEN_TLS"))?;
        config.tls = Some(SipTls::listening(listen, file("CERTIFICATE")?, file("KEY")?));
    }
    if let Ok(ip) = env::var("PUBLIC_IP") {
        config.public_ip = Some(ip.parse().map_err(|_| wrong("PUBLIC_IP"))?);
    }
    if let Ok(registrar) = env::var("REGISTRAR") {
        let of = |name| env::var(name).map_err(|_| Error::config(format!("{name} is not set")));
        let registrar = registrar.parse().map_err(|_| wrong("REGISTRAR"))?;
        let password = Secret::new(of("PASSWORD")?);
        config.accounts.push(SipAccount::new(registrar, of("ACCOUNT")?, password));
    }
    if let Ok(trunk) = env::var("TRUNK") {
        let mut trunk = SipTrunk::new(trunk);
        if let Ok(seconds) = env::var("KEEP_ALIVE") {
            let seconds = seconds.parse().map_err(|_| wrong("KEEP_ALIVE"))?;
            trunk = trunk.with_keep_alive(Duration::from_secs(seconds));
        }
        config.trunk = Some(trunk);
    }
    if let Ok(desk) = env::var("TRANSFER_TO") {
        config.directory = config.directory.with_target(DESK, desk.parse()?);
    }
    Ok(config)
}

async fn answer(call: SipCall) {
    // Lets the phone ring for a while.
    let rings = env::var("RING_MS").ok().and_then(|millis| millis.parse().ok()).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(rings)).await;
    let Media::Audio { outbound, .. } = call.call().media else { return };
    let keypad = call.keypad();
    if let Ok(link) = Box::new(call).open().await {
        // What went wrong stands in the log, and the call is over either way.
        let _ = echo(link, outbound, &keypad).await;
    }
}

/// Until the caller hangs up.
async fn echo(
    mut link: Link<Outbound, Inbound>,
    format: AudioFormat,
    keypad: &Keypad,
) -> Result<()> {
    let mut at = MediaTime(0);
    for piece in tone(format)?.chunks(format.bytes_in(Duration::from_millis(100))) {
        link.writable().await;
        link.try_send(frame(format, &mut at, piece))?;
    }
    while let Some(heard) = link.recv().await {
        match heard? {
            Inbound::Audio(audio) if link.is_writable() => {
                link.try_send(frame(format, &mut at, &audio.payload))?;
            }
            Inbound::Dtmf('#') => link.try_send(Outbound::Transfer(DESK.into()))?,
            Inbound::Transferred => {
                info!("the call was handed over");
                break;
            }
            Inbound::NotTransferred(kind) => info!(?kind, "the call was not handed on"),
            // A key drops what is still to be said, and comes back.
            Inbound::Dtmf(key) => {
                link.try_send(Outbound::Clear)?;
                if let Some(key) = DtmfKey::new(key) {
                    keypad.press(key)?;
                }
            }
            Inbound::HungUp => break,
            _ => {}
        }
    }
    Ok(())
}

fn frame(format: AudioFormat, at: &mut MediaTime, piece: &[u8]) -> Outbound {
    let frame = AudioFrame::new(format, *at, bytes::Bytes::copy_from_slice(piece));
    at.0 += frame.samples();
    Outbound::Audio(frame)
}

fn tone(format: AudioFormat) -> Result<Vec<u8>> {
    let samples = DtmfDetector::tone(TONE, format.sample_rate, TONE_LENGTH).unwrap_or_default();
    let mut bytes = bytes::BytesMut::new();
    Encoder::new(format)?.encode(&samples, &mut bytes);
    Ok(bytes.to_vec())
}
