use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::UdpSocket,
    time::{sleep, timeout},
};

use crate::server::SOON;

/// Somebody who calls or is called, message by message.
pub(crate) struct Phone {
    pub(crate) signals: UdpSocket,
    media: UdpSocket,
    /// Of the next packet that [`say`](Self::say) sends.
    number: u16,
    /// Messages that have been read, so that repetitions are told from news.
    known: Vec<String>,
}

/// A message to a phone.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) text: String,
    pub(crate) from: SocketAddr,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers(name).next().unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    pub(crate) fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let head = self.text.split_once("\r\n\r\n").unwrap().0;
        head.lines().filter_map(move |line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    /// The number in its `CSeq`.
    pub(crate) fn number(&self) -> u32 {
        self.header("CSeq").split(' ').next().unwrap().parse().unwrap()
    }

    /// Where a request goes.
    pub(crate) fn uri(&self) -> &str {
        self.text.split(' ').nth(1).unwrap()
    }

    /// The address in its `Contact`.
    pub(crate) fn contact(&self) -> &str {
        let contact = self.header("Contact");
        contact.split_once('<').unwrap().1.split_once('>').unwrap().0
    }

    /// A part of the proof.
    pub(crate) fn proof(&self, name: &str) -> &str {
        let parts = self.header("Proxy-Authorization").trim_start_matches("Digest ").split(", ");
        let mut parts = parts.filter_map(|part| part.split_once('='));
        parts.find(|(known, _)| *known == name).unwrap().1.trim_matches('"')
    }
}

impl Phone {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1").await
    }

    /// A phone on another host.
    pub(crate) async fn start_at(host: &str) -> Self {
        let bind = || UdpSocket::bind((host, 0));
        let (signals, media) = (bind().await.unwrap(), bind().await.unwrap());
        Self { signals, media, number: 0, known: Vec::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.signals.local_addr().unwrap()
    }

    /// The next message that begins with this, such as a method.
    pub(crate) async fn request(&mut self, begin: &str) -> Request {
        self.request_within(begin, SOON).await
    }

    /// The next message that begins with this, which comes within so long.
    pub(crate) async fn request_within(&mut self, begin: &str, limit: Duration) -> Request {
        let mut buffer = [0; 8_192];
        let reading = async {
            loop {
                let (length, from) = self.signals.recv_from(&mut buffer).await.unwrap();
                // Reports about media come to the port behind its own, which may be this one.
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with(begin) && !self.known.contains(&text) {
                    self.known.push(text.clone());
                    return Request { text, from };
                }
            }
        };
        match timeout(limit, reading).await {
            Ok(message) => message,
            Err(_) => panic!("no {begin} behind {:#?}", self.known),
        }
    }

    pub(crate) async fn answer(&self, request: &Request, status: &str, headers: &str, body: &str) {
        let contact = format!("sip:phone@{}", self.address());
        self.answer_from(request, status, &contact, headers, body).await;
    }

    /// The same, from somebody who is at another address from now on, or says none.
    pub(crate) async fn answer_from(
        &self,
        request: &Request,
        status: &str,
        contact: &str,
        headers: &str,
        body: &str,
    ) {
        let copied: String = ["Via", "Record-Route", "From", "Call-ID", "CSeq"]
            .into_iter()
            .flat_map(|name| request.headers(name).map(move |value| format!("{name}: {value}\r\n")))
            .collect();
        let tag = if request.header("To").contains("tag=") { "" } else { ";tag=phone" };
        let contact = match contact {
            "" => String::new(),
            contact => format!("Contact: <{contact}>\r\n"),
        };
        let answer = format!(
            "SIP/2.0 {status}\r\n{copied}To: {}{tag}\r\n{contact}{headers}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            request.header("To"),
            body.len()
        );
        self.signals.send_to(answer.as_bytes(), request.from).await.unwrap();
    }

    /// Calls an agent at a server, through whoever is at the address.
    pub(crate) async fn call(&self, server: SocketAddr, through: SocketAddr, headers: &str) {
        let call = format!("of{}", self.address());
        self.invite((server, through), &call, headers, &self.description()).await;
    }

    /// Asks a server whether it is there.
    pub(crate) async fn probe(&self, server: SocketAddr) {
        let local = self.address();
        let probe = format!(
            "OPTIONS sip:agent@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bKprobe\r\nMax-Forwards: 70\r\n\
             From: <sip:ann@{local}>;tag=phone\r\nTo: <sip:agent@{server}>\r\n\
             Call-ID: probe{local}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        self.signals.send_to(probe.as_bytes(), server).await.unwrap();
    }

    /// Calls an agent at a server with this description, and a name of its own for the call.
    pub(crate) async fn call_with(&self, server: SocketAddr, call: &str, body: &str) {
        self.invite((server, server), call, "", body).await;
    }

    /// Calls so with such headers, through whoever is at the second address.
    pub(crate) async fn invite(
        &self,
        (server, through): (SocketAddr, SocketAddr),
        call: &str,
        headers: &str,
        body: &str,
    ) {
        let local = self.address();
        let branch = call.replace([':', '.'], "");
        let invite = format!(
            "INVITE sip:agent@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:ann@{local}>;tag=phone\r\nTo: <sip:agent@{server}>\r\n\
             Call-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:ann@{local}>\r\n{headers}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.signals.send_to(invite.as_bytes(), through).await.unwrap();
    }

    /// Sends a request within a call, of which this is a message of the other side: its `INVITE`,
    /// or its answer to ours.
    pub(crate) async fn ask(
        &self,
        call: &Request,
        method: &str,
        number: u32,
        headers: &str,
        body: &str,
    ) {
        self.ask_as(call, (method, number), &format!("{method}{number}"), headers, body).await;
    }

    /// The same, from somebody who is at another address from now on.
    pub(crate) async fn ask_from(
        &self,
        call: &Request,
        (method, number): (&str, u32),
        contact: &str,
        headers: &str,
        body: &str,
    ) {
        let branch = format!("{method}{number}");
        self.write(call, (method, number), (&branch, contact), headers, body).await;
    }

    /// The same, as a part of the transaction with this branch.
    async fn ask_as(
        &self,
        call: &Request,
        request: (&str, u32),
        branch: &str,
        headers: &str,
        body: &str,
    ) {
        let contact = format!("sip:phone@{}", self.address());
        self.write(call, request, (branch, &contact), headers, body).await;
    }

    async fn write(
        &self,
        call: &Request,
        (method, number): (&str, u32),
        (branch, contact): (&str, &str),
        headers: &str,
        body: &str,
    ) {
        let is_answer = call.text.starts_with("SIP/2.0");
        let (local, remote) = if is_answer { ("From", "To") } else { ("To", "From") };
        // We have put our own behind it.
        let tag = if call.header(local).contains("tag=") { "" } else { ";tag=phone" };
        let mut routes: Vec<_> = call.headers("Record-Route").collect();
        if is_answer {
            routes.reverse();
        }
        // Its own address leads to us too, where nobody stands between.
        let first = routes.first().map(|route| address_in(route)).unwrap_or(call.from);
        let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\n{routes}From: {}{tag}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {number} {method}\r\nContact: <{contact}>\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            call.contact(),
            self.address(),
            call.header(local),
            call.header(remote),
            call.header("Call-ID"),
            body.len()
        );
        self.signals.send_to(text.as_bytes(), first).await.unwrap();
    }

    /// Asks within a call to go by this description; the answer.
    pub(crate) async fn describe(&mut self, call: &Request, number: u32, body: &str) -> Request {
        self.ask(call, "INVITE", number, "Content-Type: application/sdp\r\n", body).await;
        let answer = self.answer_to("INVITE", number).await;
        // A refusal is acknowledged within the transaction, and what is taken is not.
        let is_taken = answer.text.starts_with("SIP/2.0 2");
        let branch = if is_taken { format!("ACK{number}") } else { format!("INVITE{number}") };
        self.ask_as(call, ("ACK", number), &branch, "", "").await;
        answer
    }

    /// The answer, which is no provisional one, to a request of ours.
    pub(crate) async fn answer_to(&mut self, method: &str, number: u32) -> Request {
        loop {
            let answer = self.request("SIP/2.0").await;
            let is_final = !answer.text.starts_with("SIP/2.0 1");
            if is_final && answer.header("CSeq") == format!("{number} {method}") {
                return answer;
            }
        }
    }

    pub(crate) fn description(&self) -> String {
        let port = self.media.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\n"
        )
    }

    /// Sends mu-law to where a message of the other side says that it listens, at its pace.
    pub(crate) async fn speak(&self, described: &Request, audio: &[u8]) {
        let port = described.body().split_once("m=audio ").unwrap().1;
        let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
        for (number, frame) in (0_u16..).zip(audio.chunks(160)) {
            let mut packet = vec![0x80, 0];
            packet.extend(number.to_be_bytes());
            packet.extend((u32::from(number) * 160).to_be_bytes());
            packet.extend(7_u32.to_be_bytes());
            packet.extend_from_slice(frame);
            self.media.send_to(&packet, ("127.0.0.1", port)).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends the next packet of 20 ms to where a message of the other side says that it listens.
    pub(crate) async fn say(&mut self, described: &Request, payload_type: u8, payload: &[u8]) {
        let port = described.body().split_once("m=audio ").unwrap().1;
        let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.number.to_be_bytes());
        packet.extend((u32::from(self.number) * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend_from_slice(payload);
        self.number += 1;
        self.media.send_to(&packet, ("127.0.0.1", port)).await.unwrap();
    }

    /// Sends such a datagram to where a message of the other side says that it listens.
    pub(crate) async fn send(&self, described: &Request, datagram: &[u8]) {
        let port = described.body().split_once("m=audio ").unwrap().1;
        let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
        self.media.send_to(datagram, ("127.0.0.1", port)).await.unwrap();
    }

    /// Takes a message for news when it comes again.
    pub(crate) fn forget(&mut self, message: &Request) {
        self.known.retain(|known| *known != message.text);
    }

    /// Listens at another port from now on, and says so in its next description.
    pub(crate) async fn move_media(&mut self) {
        self.media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    }

    /// The type of the next packet, and what it carries.
    pub(crate) async fn packet(&self) -> (u8, Vec<u8>) {
        let mut buffer = [0; 2_048];
        let length = timeout(SOON, self.media.recv(&mut buffer)).await.unwrap().unwrap();
        (buffer[1] & 0x7F, buffer[12..length].to_vec())
    }

    /// The numbers and timestamps of all packets that have come since the last that was read.
    pub(crate) fn stream(&self) -> Vec<(u16, u32)> {
        let mut buffer = [0; 2_048];
        let next = || {
            self.media.try_recv(&mut buffer).ok()?;
            let number = u16::from_be_bytes([buffer[2], buffer[3]]);
            Some((number, u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]])))
        };
        std::iter::from_fn(next).collect()
    }

    /// Whether no packet of media has come since the last that was read.
    pub(crate) fn has_heard_nothing(&self) -> bool {
        self.media.try_recv(&mut [0; 2_048]).is_err()
    }

    /// Waits until no packet has come for ten times as long as between two.
    pub(crate) async fn hears_no_more(&self) {
        let pause = Duration::from_millis(200);
        while timeout(pause, self.media.recv(&mut [0; 2_048])).await.is_ok() {}
    }

    /// Waits for a packet: the other side knows that the call has begun.
    pub(crate) async fn hears_silence(&self) {
        timeout(SOON, self.media.recv(&mut [0; 2_048])).await.unwrap().unwrap();
    }

    /// Waits for a packet that is no silence.
    pub(crate) async fn hears(&self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        let listening = async {
            loop {
                let length = self.media.recv(&mut buffer).await.unwrap();
                if buffer[12..length].iter().any(|sample| *sample != 0xFF) {
                    return buffer[12..length].to_vec();
                }
            }
        };
        timeout(SOON, listening).await.unwrap()
    }
}

/// The address in a route, or in what else names a host by its address.
pub(crate) fn address_in(text: &str) -> SocketAddr {
    let host = text.split_once("sip:").unwrap().1;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let end = host.find([';', '>', ' ']).unwrap_or(host.len());
    host[..end].parse().unwrap_or_else(|_| panic!("no address in {text}"))
}
