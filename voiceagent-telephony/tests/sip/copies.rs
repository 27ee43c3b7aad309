//! A call whose request comes by two ways, as a proxy that forks to us twice sends it.

use std::net::SocketAddr;

use tokio::sync::mpsc::error::TryRecvError;

use crate::{phone::Phone, server::Server};

/// A request for a call by this way.
fn invite(phone: &Phone, server: SocketAddr, way: &str, number: u32) -> String {
    let (local, body) = (phone.address(), phone.description());
    format!(
        "INVITE sip:agent@{server} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};branch=z9hG4bK{way}{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:ann@{local}>;tag=phone\r\nTo: <sip:agent@{server}>\r\n\
         Call-ID: forked\r\nCSeq: {number} INVITE\r\nContact: <sip:ann@{local}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_call_that_comes_by_two_ways_rings_once_and_the_other_way_is_told_so() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    let address = server.address;
    let send = async |phone: &Phone, way: &str, number| {
        let text = invite(phone, address, way, number);
        phone.signals.send_to(text.as_bytes(), address).await.unwrap();
    };
    send(&phone, "one", 1).await;
    let rings = phone.request("SIP/2.0 180").await;
    assert!(rings.header("Via").contains("z9hG4bKone1"), "{}", rings.text);
    send(&phone, "two", 1).await;
    let merged = phone.answer_to("INVITE", 1).await;
    assert!(merged.text.starts_with("SIP/2.0 482 "), "{}", merged.text);
    assert!(merged.header("Via").contains("z9hG4bKtwo1"), "{}", merged.text);
    // What is only repeated is no other way: it hears again that it rings.
    phone.forget(&rings);
    send(&phone, "one", 1).await;
    assert!(phone.request("SIP/2.0 180").await.header("Via").contains("z9hG4bKone1"));
    // A new attempt, such as one with a proof, has the next number.
    send(&phone, "one", 2).await;
    assert_eq!(phone.request("SIP/2.0 180").await.header("CSeq"), "2 INVITE");
    let (first, second) = (server.call().await, server.call().await);
    assert_eq!(server.calls.try_recv().unwrap_err(), TryRecvError::Empty);
    drop((first, second));
}

#[tokio::test]
async fn the_other_way_is_told_so_when_the_first_has_been_answered_too() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    let text = invite(&phone, server.address, "one", 1);
    phone.signals.send_to(text.as_bytes(), server.address).await.unwrap();
    let _link = server.open().await;
    let taken = phone.answer_to("INVITE", 1).await;
    assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
    phone.ask(&taken, "ACK", 1, "", "").await;
    let text = invite(&phone, server.address, "two", 1);
    phone.signals.send_to(text.as_bytes(), server.address).await.unwrap();
    let merged = phone.answer_to("INVITE", 1).await;
    assert!(merged.text.starts_with("SIP/2.0 482 "), "{}", merged.text);
}
