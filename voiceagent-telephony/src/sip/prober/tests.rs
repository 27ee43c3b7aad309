use std::time::Duration;

use rsipstack::transaction::endpoint::EndpointOption;
use tokio::net::UdpSocket;
use voiceagent_core::{Secret, transport::Transport as _};

use super::*;
use crate::{
    control::Callee,
    sip::{SipCaller, SipRefusal, incoming::Stack},
};

/// For anything that should happen soon; test machines are busy.
const SOON: Duration = Duration::from_secs(20);

fn config() -> SipConfig {
    SipConfig::new(([127, 0, 0, 1], 0).into(), vec!["127.0.0.0/8".parse().unwrap()])
}

/// A trunk that answers when a test does.
struct Trunk(UdpSocket);

impl Trunk {
    async fn start() -> (Self, SipConfig) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut config = config();
        let address = format!("sip:{}", socket.local_addr().unwrap());
        config.trunk = Some(SipTrunk::new(address).with_user("+14155550199"));
        config.directory = config.directory.with_target("ann", "+14155550100".parse().unwrap());
        (Self(socket), config)
    }

    /// Answers all questions, until a request comes that is none: its first line.
    async fn answers(&self) -> String {
        let mut buffer = [0; 4_096];
        let answering = async {
            loop {
                let (length, from) = self.0.recv_from(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if !text.starts_with("OPTIONS ") {
                    return text.lines().next().unwrap().to_owned();
                }
                let copied = ["Via", "From", "To", "Call-ID", "CSeq"];
                let is_copied = |line: &&str| copied.iter().any(|name| line.starts_with(name));
                let copied: Vec<_> = text.lines().filter(is_copied).collect();
                let answer = format!(
                    "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
                    copied.join("\r\n")
                );
                self.0.send_to(answer.as_bytes(), from).await.unwrap();
            }
        };
        timeout(SOON, answering).await.unwrap()
    }
}

#[tokio::test]
async fn a_trunk_that_is_silent_costs_a_call_no_time_and_is_called_once_it_answers() {
    let (trunk, config) = Trunk::start().await;
    // A sixteenth of the usual times.
    let t1 = Duration::from_millis(32);
    let times = EndpointOption { t1, t1x64: t1 * 64, ..EndpointOption::default() };
    let (_stack, office, _arrived) = Stack::start_with(config, times).await.unwrap();
    let mut reach = office.neighbors[0].reach();
    assert_eq!(*reach.borrow(), SipReach::Unknown);
    timeout(SOON, reach.wait_for(|reach| *reach == SipReach::Unreachable)).await.unwrap().unwrap();
    let caller = SipCaller::new(office);
    let dial = || Box::new(caller.call(&Callee::Target("ann".to_owned())).unwrap());
    let refused = dial().open().await.unwrap_err();
    assert_eq!(SipRefusal::of(&refused), Some(SipRefusal::Unreachable));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(30)));
    let opening = async {
        let there = reach.wait_for(|reach| *reach == SipReach::Reachable);
        drop(timeout(SOON, there).await.unwrap().unwrap());
        dial().open().await
    };
    tokio::select! {
        _ = opening => panic!("nobody has picked up"),
        first = trunk.answers() => {
            assert!(first.starts_with("INVITE sip:+14155550100@"), "and not before: {first}");
        }
    }
}

#[test]
fn each_is_asked_once_and_nobody_where_that_is_turned_off() {
    let account = |registrar: [u8; 4], user: &str| {
        SipAccount::new((registrar, 5060).into(), user, Secret::new("p"))
    };
    let mut config = config();
    assert!(probers(&config).unwrap().is_empty());
    config.trunk = Some(SipTrunk::new("sip:trunk.example.com;transport=tls").with_user("agent"));
    config.accounts = vec![account([192, 0, 2, 1], "a"), account([192, 0, 2, 1], "b")];
    config.accounts.push(account([192, 0, 2, 2], "c").with_keep_alive(Duration::ZERO));
    let names = |config: &SipConfig| -> Vec<_> {
        let neighbors = probers(config).unwrap().into_iter().map(|prober| prober.neighbor());
        neighbors.map(|one| (one.is_trunk(), one.name().to_owned())).collect()
    };
    let trunk = (true, "sip:trunk.example.com;transport=tls".to_owned());
    let registrar = (false, "192.0.2.1:5060".to_owned());
    assert_eq!(names(&config), [trunk, registrar.clone()]);
    config.trunk = config.trunk.map(|trunk| trunk.with_keep_alive(Duration::ZERO));
    assert_eq!(names(&config), [registrar]);
}
