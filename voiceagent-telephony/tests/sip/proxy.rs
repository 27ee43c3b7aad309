use std::{collections::HashMap, net::SocketAddr};

use tokio::{net::UdpSocket, task::JoinHandle};

use crate::phone::{Request, address_in};

/// A proxy that wants to see all requests of a call (`Record-Route`), and moves them by the rules of
/// RFC 3261, section 16. It repeats nothing.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// New calls go there.
    pub(crate) async fn to(next: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let office = Office { address, next, origins: HashMap::new() };
        Self { address, task: tokio::spawn(office.run(socket)) }
    }
}

struct Office {
    address: SocketAddr,
    next: SocketAddr,
    /// Where requests came from, by the branch that they got here.
    origins: HashMap<String, SocketAddr>,
}

impl Office {
    async fn run(mut self, socket: UdpSocket) {
        let mut buffer = [0; 8_192];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let message = Request { text, from };
            let (text, to) = if message.text.starts_with("SIP/2.0") {
                self.back(&message)
            } else {
                self.on(&message)
            };
            socket.send_to(text.as_bytes(), to).await.unwrap();
        }
    }

    /// Moves an answer to where its request came from.
    fn back(&self, answer: &Request) -> (String, SocketAddr) {
        let own = answer.header("Via").to_owned();
        let branch = own.split_once("branch=").unwrap().1.split(';').next().unwrap();
        (without(&answer.text, &format!("Via: {own}")), self.origins[branch])
    }

    /// Moves a request on.
    fn on(&mut self, request: &Request) -> (String, SocketAddr) {
        let mut text = request.text.clone();
        let mut routes = request.headers("Route");
        let mut route = routes.next();
        if let Some(own) = route.filter(|route| address_in(route) == self.address) {
            text = without(&text, &format!("Route: {own}"));
            route = routes.next();
        }
        let is_within = request.header("To").contains("tag=");
        let to = match route {
            Some(route) => address_in(route),
            None if is_within => address_in(request.uri()),
            None => self.next,
        };
        let (line, rest) = text.split_once("\r\n").unwrap();
        // The same for what belongs to one request: its repetitions, and what takes it back.
        let before = request.header("Via").split_once("branch=").unwrap().1;
        let branch = format!("{}of{}", before.split(';').next().unwrap(), self.address.port());
        self.origins.insert(branch.clone(), request.from);
        let via = format!("Via: SIP/2.0/UDP {};branch={branch}\r\n", self.address);
        let wish = if line.starts_with("INVITE") && !is_within {
            format!("Record-Route: <sip:{};lr>\r\n", self.address)
        } else {
            String::new()
        };
        (format!("{line}\r\n{wish}{via}{rest}"), to)
    }
}

/// A message without one of its lines.
fn without(text: &str, line: &str) -> String {
    assert!(text.contains(line), "{text}");
    text.replacen(&format!("{line}\r\n"), "", 1)
}
