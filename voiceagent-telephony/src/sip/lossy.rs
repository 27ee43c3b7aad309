//! A call over the sockets of this host, through a network that loses and delays packets of media.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use voiceagent_core::{
    Link,
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound, Transport as _},
};
use voiceagent_testkit::clips;

use super::{RtpQuality, SipConfig, SipServer};
use crate::rtp::{RtpCodec, understood};

const SPEECH: Duration = Duration::from_secs(20);

/// What the network between does to packets, in both directions.
#[derive(Clone, Copy)]
struct Weather {
    loss_percent: u64,
    jitter_millis: u64,
}

/// Stands between a phone and the server, at an address of its own.
struct Relay {
    socket: UdpSocket,
    phone: SocketAddr,
    server: SocketAddr,
    weather: Weather,
    dice: u64,
    on_the_way: Vec<(Instant, SocketAddr, Vec<u8>)>,
}

impl Relay {
    fn roll(&mut self, below: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.dice >> 33) % below
    }

    async fn run(mut self) {
        let mut buffer = [0; 2_048];
        loop {
            let first = self.on_the_way.iter().map(|(at, ..)| *at).min();
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, from) = received.unwrap();
                    let to = if from == self.phone { self.server } else { self.phone };
                    let delay = 20 + self.roll(self.weather.jitter_millis + 1);
                    if self.roll(100) >= self.weather.loss_percent {
                        let at = Instant::now() + Duration::from_millis(delay);
                        self.on_the_way.push((at, to, buffer[..length].to_vec()));
                    }
                }
                () = sleep_until(first.unwrap_or_else(Instant::now)), if first.is_some() => {}
            }
            let now = Instant::now();
            let due = |(at, ..): &mut (Instant, SocketAddr, Vec<u8>)| *at <= now;
            for (_, to, packet) in self.on_the_way.extract_if(.., due) {
                self.socket.send_to(&packet, to).await.unwrap();
            }
        }
    }
}

/// A call whose media goes through the relay.
struct Call {
    phone: UdpSocket,
    relay: SocketAddr,
    link: Link<Outbound, Inbound>,
    quality: tokio::sync::watch::Receiver<RtpQuality>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Call {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn call(weather: Weather) -> Call {
    let peers = vec!["127.0.0.0/8".parse().unwrap()];
    let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), peers);
    config.codecs = vec![RtpCodec::Pcmu];
    let server = SipServer::bind(config).await.unwrap();
    let at = server.local_addr();
    let (sender, mut calls) = mpsc::channel(1);
    let serving = tokio::spawn(server.serve(move |call| {
        let sender = sender.clone();
        async move { drop(sender.send(call).await) }
    }));
    let (signals, phone, between) = (socket().await, socket().await, socket().await);
    let (local, relay) = (signals.local_addr().unwrap(), between.local_addr().unwrap());
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {} RTP/AVP 0\r\n",
        relay.port()
    );
    let head = |method: &str, to: &str, length: usize| {
        format!(
            "{method} sip:agent@{at} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:ann@{local}>;tag=phone\r\nTo: {to}\r\n\
             Call-ID: lossy{}\r\nCSeq: 1 {method}\r\nContact: <sip:ann@{local}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n",
            local.port()
        )
    };
    let to = format!("<sip:agent@{at}>");
    let invite = head("INVITE", &to, offer.len()) + &offer;
    signals.send_to(invite.as_bytes(), at).await.unwrap();
    let call = calls.recv().await.unwrap();
    let quality = call.quality();
    let link = Box::new(call).open().await.unwrap();
    let mut buffer = [0; 8_192];
    let answer = loop {
        let length = signals.recv(&mut buffer).await.unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if answer.starts_with("SIP/2.0 200") {
            break answer;
        }
    };
    let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
    signals.send_to(head("ACK", to, 0).as_bytes(), at).await.unwrap();
    let port = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap();
    let server = SocketAddr::new(at.ip(), port.parse().unwrap());
    let relaying = Relay {
        socket: between,
        phone: phone.local_addr().unwrap(),
        server,
        weather,
        dice: 7,
        on_the_way: Vec::new(),
    };
    let tasks = [serving, tokio::spawn(relaying.run())];
    Call { phone, relay, link, quality, tasks }
}

/// Puts what has come to its place.
fn place(heard: &mut [u8], at: usize, payload: &[u8]) {
    for (place, sample) in heard.iter_mut().skip(at).zip(payload) {
        *place = *sample;
    }
}

/// Both sides say the same speech; how much of it the agent has understood, and how many of its
/// packets have come to the phone.
async fn talk(weather: Weather) -> (f64, usize, RtpQuality) {
    let mut call = call(weather).await;
    let said = clips::speech(SPEECH);
    let (mut heard, mut came) = (vec![0xFF; said.len()], 0);
    let begin = Instant::now();
    for (number, piece) in (0_u16..).zip(said.chunks(160)) {
        let mut packet = vec![0x80, 0];
        packet.extend(number.to_be_bytes());
        packet.extend((u32::from(number) * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend_from_slice(piece);
        call.phone.send_to(&packet, call.relay).await.unwrap();
        let at = MediaTime(u64::from(number) * 160);
        let frame = AudioFrame::new(AudioFormat::MULAW_8K, at, Bytes::copy_from_slice(piece));
        call.link.try_send(Outbound::Audio(frame)).unwrap();
        let next = begin + Duration::from_millis(20) * (u32::from(number) + 1);
        let mut buffer = [0; 2_048];
        loop {
            tokio::select! {
                told = call.link.recv() => if let Inbound::Audio(frame) = told.unwrap().unwrap() {
                    place(&mut heard, usize::try_from(frame.at.0).unwrap(), &frame.payload);
                },
                length = call.phone.recv(&mut buffer) => {
                    // Silence is before the speech and behind it.
                    came += usize::from(buffer[12..length.unwrap()].iter().any(|it| *it != 0xFF));
                }
                () = sleep_until(next) => break,
            }
        }
    }
    // As it stands when all has come.
    call.quality.mark_unchanged();
    timeout(Duration::from_secs(2), call.quality.changed()).await.unwrap().unwrap();
    let quality = *call.quality.borrow();
    (understood(&said, &heard), came, quality)
}

#[tokio::test(start_paused = true)]
async fn a_call_through_a_network_that_loses_5_percent_and_jitters_by_60_ms_is_understood() {
    let (clean, all, quality) = talk(Weather { loss_percent: 0, jitter_millis: 0 }).await;
    assert!(clean > 0.999, "{clean} {quality:?}");
    assert_eq!((quality.lost, quality.repeated, quality.foreign), (0, 0, 0), "{quality:?}");
    let (lossy, some, quality) = talk(Weather { loss_percent: 5, jitter_millis: 60 }).await;
    println!("STOI {clean:.3} on a clean network, {lossy:.3} on a bad one: {quality:?}");
    assert!(lossy > 0.9, "{lossy} {quality:?}");
    let share = quality.lost as f64 / (quality.lost + quality.played) as f64;
    assert!((0.03..0.08).contains(&share), "{quality:?}");
    assert!((3.0..4.0).contains(&quality.estimated_mos), "{quality:?}");
    assert!((90..98).contains(&(some * 100 / all)), "{some} of {all} packets came to the phone");
}
