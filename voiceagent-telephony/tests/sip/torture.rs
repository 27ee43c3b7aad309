//! The messages of RFC 4475, at which many stacks have broken.

use std::{fs, path::PathBuf};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use voiceagent_telephony::sip::SipTransport;

use crate::server::{SOON, Server};

fn message(name: &str) -> Vec<u8> {
    let file = format!("testdata/rfc4475/{name}.dat");
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn all() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/rfc4475");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut names: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "dat"))
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn options(protocol: &str, number: usize) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/{protocol} 127.0.0.1:9;rport;branch=z9hG4bK{number}\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: alive{number}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn no_torture_message_stops_a_server() {
    let server = Server::start(Server::config()).await;
    let (sender, asker) = (udp().await, udp().await);
    let mut buffer = [0; 4_096];
    for (number, name) in all().iter().enumerate() {
        sender.send_to(&message(name), server.address).await.unwrap();
        asker.send_to(options("UDP", number).as_bytes(), server.address).await.unwrap();
        let length = timeout(SOON, asker.recv(&mut buffer)).await.expect(name).unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]);
        assert!(
            answer.starts_with("SIP/2.0 200 ") && answer.contains(&format!("alive{number}\r\n"))
        );
    }
}

async fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// What is answered to a message on a stream, before an `OPTIONS` behind it is: statuses, with
/// `closed` where no next message could be found.
async fn answers(server: &Server, number: usize, name: &str) -> Vec<String> {
    let mut socket = TcpStream::connect(server.address_of(SipTransport::Tcp)).await.unwrap();
    socket.write_all(&message(name)).await.unwrap();
    let _ = socket.write_all(options("TCP", number).as_bytes()).await;
    let (mut heard, mut told) = (Vec::new(), Vec::new());
    let reading = async {
        while let Ok(1..) = socket.read_buf(&mut heard).await {
            if String::from_utf8_lossy(&heard).contains(&format!("alive{number}\r\n")) {
                return;
            }
        }
        told.push("closed".to_owned());
    };
    let _ = timeout(SOON * 2, reading).await;
    let text = String::from_utf8_lossy(&heard).into_owned();
    let starts = text.split("SIP/2.0 ").skip(1).filter(|rest| !rest.contains("alive"));
    let mut statuses: Vec<_> = starts
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .filter_map(|rest| rest.split(' ').next())
        .map(str::to_owned)
        .collect();
    statuses.sort();
    statuses.append(&mut told);
    statuses
}

/// What each is to be answered with: section 3.1.1 (unusual and right), 3.1.2 and 3.2 (wrong), 3.3
/// (right, and not to be done), 3.4 (old). Responses get no answer. Where the standard lets us be
/// liberal we are: spaces within brackets, quotes left out, a time zone.
const ANSWERS: [(&str, &[&str]); 49] = [
    // Within a call that is none.
    ("wsinv", &["481"]),
    // Methods that nobody knows.
    ("intmeth", &["501"]),
    ("esc02", &["501"]),
    ("esc01", &["180"]),
    ("lwsdisp", &["200"]),
    ("longreq", &["180"]),
    ("semiuri", &["200"]),
    ("transports", &["200"]),
    // `REGISTER` and `MESSAGE` are known and not for us.
    ("escnull", &["405"]),
    ("mpart01", &["405"]),
    ("unreason", &[]),
    ("noreason", &[]),
    // Two, of which the second has no `Contact`, and is longer than it says.
    ("dblreq", &["400", "405", "closed"]),
    ("badinv01", &["400"]),
    ("clerr", &["closed"]),
    ("ncl", &["closed"]),
    ("scalar02", &["400"]),
    ("scalarlg", &[]),
    ("quotbal", &["400"]),
    ("ltgtruri", &["400"]),
    ("lwsruri", &["400"]),
    ("lwsstart", &["400"]),
    ("trws", &["200"]),
    ("escruri", &["400"]),
    ("baddate", &["180"]),
    ("regbadct", &["405"]),
    ("badaspec", &["200"]),
    ("baddn", &["200"]),
    ("badvers", &["505"]),
    ("mismatch01", &["400"]),
    ("mismatch02", &["400"]),
    ("bigcode", &[]),
    ("badbranch", &["200"]),
    ("insuf", &["400"]),
    ("unkscm", &["416"]),
    ("novelsc", &["416"]),
    ("unksm2", &["405"]),
    ("bext01", &["420"]),
    ("invut", &["415"]),
    ("regaut01", &["405"]),
    ("multi01", &["400"]),
    ("mcl01", &["closed"]),
    ("bcast", &[]),
    ("zeromf", &["200"]),
    ("cparam01", &["405"]),
    ("cparam02", &["405"]),
    ("regescrt", &["405"]),
    ("sdp01", &["406"]),
    // Without a length it has no end on a stream.
    ("inv2543", &["closed"]),
];

#[tokio::test]
async fn torture_messages_are_answered_as_they_should_be() {
    let mut config = Server::config();
    config.listen_tcp = Some(([127, 0, 0, 1], 0).into());
    let server = Server::start(config).await;
    let mut names: Vec<_> = ANSWERS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(names, all());
    for (number, (name, expected)) in ANSWERS.iter().enumerate() {
        assert_eq!(answers(&server, number, name).await, *expected, "{name}");
    }
}
