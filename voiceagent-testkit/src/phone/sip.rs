use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{interval, timeout},
};

use super::Wire;
use crate::conformance::transport::FarEnd;

/// For anything that should happen at once; test machines are busy.
const SOON: Duration = Duration::from_secs(10);

/// 20 ms of G.711, and what they are filled with when there is nothing to say.
const FRAME: usize = 160;
const SILENCE: u8 = 0xFF;

/// The payload type of keys.
const KEYS: u8 = 101;

/// A phone that calls by SIP over UDP, with mu-law over RTP. It speaks only when a test does.
///
/// It is written on sockets and text alone, so that it shares no mistake with what it tests.
#[derive(Debug)]
pub struct SipPhone {
    orders: mpsc::Sender<Order>,
    seen: watch::Receiver<SipSeen>,
    task: JoinHandle<()>,
    dialog: Dialog,
    sequence: u16,
    timestamp: u32,
}

/// What has reached a [`SipPhone`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SipSeen {
    /// Packets of media that are no silence.
    pub wire: Vec<Wire>,
    /// What was to be heard, without silence.
    pub audio: Vec<u8>,
    /// Packets of media, silence among them.
    pub packets: usize,
    /// The payload type of the last packet.
    pub payload_type: Option<u8>,
    /// Messages of signalling, in order.
    pub messages: Vec<String>,
    /// The other side has hung up, or has taken our goodbye.
    pub is_over: bool,
    media: Option<SocketAddr>,
}

#[derive(Debug)]
enum Order {
    Media(Vec<u8>),
    Signal(String),
}

/// What the messages of a call have in common.
#[derive(Clone, Debug)]
struct Dialog {
    call: String,
    local: SocketAddr,
    media: SocketAddr,
    server: SocketAddr,
    sequence: u32,
}

impl Dialog {
    fn request(&self, method: &str, sequence: u32, to_tag: &str, rest: &str, body: &str) -> String {
        let Self { call, local, server, .. } = self;
        let kind = if body.is_empty() || rest.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:+14155550199@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK{call}{method}{sequence}\r\n\
             Max-Forwards: 70\r\n\
             From: \"Ann\" <sip:+14155550100@{local}>;tag=phone\r\n\
             To: <sip:+14155550199@{server}>{to_tag}\r\n\
             Call-ID: {call}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:+14155550100@{local}>\r\n{rest}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn offer(&self, formats: &str, direction: &str) -> String {
        let (ip, port) = (self.media.ip(), self.media.port());
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {formats}\r\na=rtpmap:{KEYS} telephone-event/8000\r\n\
             a={direction}\r\n"
        )
    }
}

impl SipPhone {
    /// Calls, with further headers, each with its line end. Does not wait for an answer.
    ///
    /// # Panics
    ///
    /// When no sockets can be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up.
    pub async fn call(server: SocketAddr, call: &str, headers: &str) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let signalling = bind().await.expect("a socket");
        let media = bind().await.expect("a socket");
        let dialog = Dialog {
            call: call.to_owned(),
            local: signalling.local_addr().expect("bound"),
            media: media.local_addr().expect("bound"),
            server,
            sequence: 1,
        };
        let offer = dialog.offer(&format!("0 8 {KEYS}"), "sendrecv");
        let invite = dialog.request("INVITE", 1, "", headers, &offer);
        // A test that sends more than this ahead of the network should know.
        let (orders, ordered) = mpsc::channel(1_024);
        let (seeing, seen) = watch::channel(SipSeen::default());
        let handset = Handset { dialog: dialog.clone(), signalling, media, seeing };
        let task = tokio::spawn(handset.run(ordered));
        let phone = Self { orders, seen, task, dialog, sequence: 7, timestamp: 7_000 };
        phone.order(Order::Signal(invite)).await;
        phone
    }

    /// Waits until what has been seen is so; what has been seen then.
    ///
    /// # Panics
    ///
    /// When it does not become so within some seconds.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn sees(&mut self, wanted: impl FnMut(&SipSeen) -> bool) -> SipSeen {
        let seen = timeout(SOON, self.seen.wait_for(wanted)).await;
        match seen {
            Ok(Ok(seen)) => seen.clone(),
            _ => panic!("not seen in time"),
        }
    }

    /// Waits for an answer that begins with this, such as `SIP/2.0 200`; the answer.
    ///
    /// # Panics
    ///
    /// When it does not come within some seconds.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn message(&mut self, begin: &str) -> String {
        let starts = |message: &&String| message.starts_with(begin);
        let seen = self.sees(|seen| seen.messages.iter().any(|message| starts(&message))).await;
        seen.messages.into_iter().rfind(|message| starts(&message)).unwrap_or_default()
    }

    /// Sends a request within the call, with further headers and a body; the answer.
    ///
    /// # Panics
    ///
    /// When there is no answer within some seconds.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the request may have been sent.
    pub async fn request(&mut self, method: &str, headers: &str, body: &str) -> String {
        self.dialog.sequence += 1;
        let sequence = self.dialog.sequence;
        let tag = self.seen.borrow().to_tag();
        let request = self.dialog.request(method, sequence, &tag, headers, body);
        self.order(Order::Signal(request)).await;
        let wanted = format!("CSeq: {sequence} {method}\r\n");
        let is_final =
            |message: &String| message.contains(&wanted) && !message.starts_with("SIP/2.0 1");
        let seen = self.sees(|seen| seen.messages.iter().any(is_final)).await;
        seen.messages.into_iter().find(is_final).unwrap_or_default()
    }

    /// Describes the media anew: payload types such as `8 101`, and `sendonly` and the like.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    ///
    /// # Cancel safety
    ///
    /// As [`request`](Self::request).
    pub async fn reinvite(&mut self, formats: &str, direction: &str) -> String {
        let offer = self.dialog.offer(formats, direction);
        self.request("INVITE", "", &offer).await
    }

    /// Gives up a call that has not been answered.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped it may have been given up.
    pub async fn cancel(&self) {
        let cancel = self.dialog.request("CANCEL", 1, "", "", "");
        let branch = |method| format!("{}{method}1\r\n", self.dialog.call);
        self.order(Order::Signal(cancel.replace(&branch("CANCEL"), &branch("INVITE")))).await;
    }

    /// Sends text to the signalling, as it is.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped it may have been sent.
    pub async fn send_raw(&self, text: &str) {
        self.order(Order::Signal(text.to_owned())).await;
    }

    async fn order(&self, order: Order) {
        self.orders.send(order).await.expect("the phone's task lives as long as the phone");
    }

    async fn send_packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(0x00C0_FFEE_u32.to_be_bytes());
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.order(Order::Media(packet)).await;
    }
}

impl Drop for SipPhone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SipSeen {
    /// What the answerer has put behind its address.
    fn to_tag(&self) -> String {
        let answer = self.messages.iter().rfind(|message| message.starts_with("SIP/2.0 200"));
        let to = answer.and_then(|answer| answer.lines().find(|line| line.starts_with("To:")));
        to.and_then(|to| to.split_once(";tag="))
            .map_or(String::new(), |(_, tag)| format!(";tag={tag}"))
    }
}

/// The task of a phone.
struct Handset {
    dialog: Dialog,
    signalling: UdpSocket,
    media: UdpSocket,
    seeing: watch::Sender<SipSeen>,
}

impl Handset {
    async fn run(self, mut ordered: mpsc::Receiver<Order>) {
        let (mut signals, mut packets) = ([0; 8_192], [0; 2_048]);
        loop {
            tokio::select! {
                order = ordered.recv() => match order {
                    None => return,
                    Some(Order::Signal(text)) => self.send(&text).await,
                    Some(Order::Media(packet)) => {
                        let to = self.seeing.borrow().media;
                        if let Some(to) = to {
                            let _ = self.media.send_to(&packet, to).await;
                        }
                    }
                },
                Ok((length, _)) = self.signalling.recv_from(&mut signals) => {
                    self.hear(&String::from_utf8_lossy(&signals[..length])).await;
                }
                Ok((length, _)) = self.media.recv_from(&mut packets) => {
                    self.listen(&packets[..length]);
                }
            }
        }
    }

    async fn send(&self, text: &str) {
        let _ = self.signalling.send_to(text.as_bytes(), self.dialog.server).await;
    }

    fn listen(&self, packet: &[u8]) {
        let Some((head, payload)) = packet.split_at_checked(12) else { return };
        let payload_type = head[1] & 0x7F;
        self.seeing.send_modify(|seen| {
            seen.packets += 1;
            seen.payload_type = Some(payload_type);
            if payload_type == KEYS {
                seen.wire.push(Wire::Unknown(format!("key {payload:?}")));
            } else if payload.iter().any(|sample| *sample != SILENCE && *sample != 0xD5) {
                seen.wire.push(Wire::Audio(payload.len()));
                seen.audio.extend_from_slice(payload);
            }
        });
    }

    /// Notes a message, and answers it as every phone must.
    async fn hear(&self, text: &str) {
        let port = text.split_once("m=audio ").and_then(|(_, rest)| {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            port.parse().ok()
        });
        let is_ours = field(text, "Call-ID: ") == self.dialog.call;
        let is_over = is_ours && field(text, "CSeq: ").ends_with(" BYE");
        self.seeing.send_modify(|seen| {
            if let Some(port) = port {
                seen.media = Some(SocketAddr::new(self.dialog.server.ip(), port));
            }
            seen.is_over |= is_over;
            seen.messages.push(text.to_owned());
        });
        let sequence = field(text, "CSeq: ");
        if let Some(status) = text.strip_prefix("SIP/2.0 ") {
            let number = sequence.strip_suffix(" INVITE").and_then(|number| number.parse().ok());
            if let Some(number) = number.filter(|_| !status.starts_with('1')) {
                let tag = field(text, "To: ").split_once(";tag=").map(|(_, tag)| tag);
                let tag = tag.map_or(String::new(), |tag| format!(";tag={tag}"));
                self.send(&self.dialog.request("ACK", number, &tag, "", "")).await;
            }
            return;
        }
        let status = if text.starts_with("REFER ") { "202 Accepted" } else { "200 OK" };
        if !text.starts_with("ACK ") {
            let copied = ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "];
            let copied: String =
                copied.iter().map(|name| format!("{name}{}\r\n", field(text, name))).collect();
            self.send(&format!("SIP/2.0 {status}\r\n{copied}Content-Length: 0\r\n\r\n")).await;
        }
    }
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default()
}

#[async_trait]
impl FarEnd for SipPhone {
    async fn speak(&mut self, audio: Bytes) {
        let _ = self.sees(|seen| seen.media.is_some()).await;
        // By moments, not by pauses: a timer that fires late must not slow the speech down.
        let mut packets = interval(Duration::from_millis(20));
        for frame in audio.chunks(FRAME) {
            packets.tick().await;
            self.send_packet(0, self.timestamp, frame).await;
            self.timestamp = self.timestamp.wrapping_add(160);
        }
    }

    async fn press(&mut self, key: char) {
        let _ = self.sees(|seen| seen.media.is_some()).await;
        let event = "0123456789*#ABCD".find(key).expect("a key of a phone") as u8;
        for step in 1..=4_u16 {
            let end = if step == 4 { 0x8A } else { 0x0A };
            let [high, low] = (step * 160).to_be_bytes();
            self.send_packet(KEYS, self.timestamp, &[event, end, high, low]).await;
        }
        self.timestamp = self.timestamp.wrapping_add(800);
    }

    async fn send_nonsense(&mut self) {
        let _ = self.sees(|seen| seen.media.is_some()).await;
        let long = "x".repeat(7_000);
        for text in
            ["", "\r\n\r\n", "INVITE", "SIP/2.0 200 OK\r\n\r\n", "BYE sip:a SIP/2.0\r\n\r\n", &long]
        {
            self.send_raw(text).await;
        }
        let stray = Dialog { call: "stray".to_owned(), ..self.dialog.clone() };
        self.send_raw(&stray.request("BYE", 9, ";tag=x", "", "")).await;
        for packet in [&[][..], &[0x80], &[0xFF; 40], &[0x80, 200, 0, 90, 0, 0], &[7; 1_400]] {
            self.order(Order::Media(packet.to_vec())).await;
        }
        self.send_packet(77, 5, &[1, 2, 3]).await;
    }

    async fn arrived(&mut self, count: usize) -> Vec<Wire> {
        let enough = self.seen.wait_for(|seen| seen.wire.len() >= count || seen.is_over);
        let _ = timeout(SOON, enough).await;
        self.seen.borrow().wire.clone()
    }

    async fn hang_up(&mut self) {
        // Only an answered call can be hung up.
        let _ = self.message("SIP/2.0 200").await;
        let _ = self.request("BYE", "", "").await;
    }

    async fn closes(&mut self) -> bool {
        matches!(timeout(SOON, self.seen.wait_for(|seen| seen.is_over)).await, Ok(Ok(_)))
    }

    fn hears_clears(&self) -> bool {
        false
    }

    fn can_hold(&self) -> bool {
        true
    }

    async fn hold(&mut self, held: bool) {
        // Only an answered call can be held.
        let _ = self.message("SIP/2.0 200").await;
        let direction = if held { "sendonly" } else { "sendrecv" };
        let _ = self.reinvite(&format!("0 8 {KEYS}"), direction).await;
    }
}
