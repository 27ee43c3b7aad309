//! A server that says the same to everybody.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server that answers each request with this; its address.
pub(crate) async fn one(status: u16, body: &str) -> String {
    let length = body.len();
    answering(format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}")).await
}

/// A server that answers each request with this stream of events; its address.
pub(crate) async fn events(body: &str) -> String {
    let head = format!("content-type: text/event-stream\r\ncontent-length: {}", body.len());
    answering(format!("HTTP/1.1 200 x\r\n{head}\r\n\r\n{body}")).await
}

/// A server whose pages have all moved to the same path of another one; its address.
pub(crate) async fn moved_to(address: &str) -> String {
    let head = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n";
    answering(format!("{head}location: {address}/v1/elsewhere\r\n\r\n")).await
}

async fn answering(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, answer.clone()));
        }
    });
    format!("http://{address}")
}

async fn answer_all(mut stream: TcpStream, answer: String) {
    while request(&mut stream).await.is_some() {
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The head of the next request, whose body was read too; `None` at the end.
pub(crate) async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if read.len() >= head.len() + 4 + length {
                return Some(head);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}
