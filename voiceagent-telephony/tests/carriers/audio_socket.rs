use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use voiceagent_core::{
    ErrorKind,
    transport::{Inbound, Outbound, Transport},
};
use voiceagent_telephony::{
    audio_socket::{AudioSocket, AudioSocketCall},
    media_stream::{Grant, StreamTokens, TokenCheck},
};
use voiceagent_testkit::{
    conformance::transport::{self, FarEnd},
    phone::AudioSocketPhone,
};

use crate::server::{SOON, Server};

/// A listener that ends with its test.
struct Asterisk {
    address: String,
    calls: mpsc::Receiver<AudioSocketCall>,
    task: JoinHandle<()>,
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Asterisk {
    fn start(tokens: TokenCheck) -> Self {
        let (sender, calls) = mpsc::channel(4);
        let socket = AudioSocket::new(tokens, move |call| {
            let sender = sender.clone();
            async move { sender.send(call).await.unwrap() }
        });
        let listener = Server::listen();
        let address = listener.local_addr().unwrap().to_string();
        let serving = socket.max_calls(2).serve(listener);
        Self { address, calls, task: tokio::spawn(async move { serving.await.unwrap() }) }
    }

    async fn call(&mut self) -> AudioSocketCall {
        timeout(SOON, self.calls.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn an_audio_socket_conforms_to_the_contract_of_a_transport() {
    let asterisk = tokio::sync::Mutex::new(Asterisk::start(TokenCheck::Off));
    let connect = || async {
        let mut asterisk = asterisk.lock().await;
        let phone = AudioSocketPhone::connect(&asterisk.address, [7; 16]).await;
        (Box::new(asterisk.call().await) as Box<dyn Transport>, phone)
    };
    let report = transport::transport("audio socket", connect).await;
    report.assert();
    assert_eq!(report.checks().len(), 9, "{report}");
}

#[tokio::test]
async fn the_name_of_a_call_is_its_token() {
    let tokens = Arc::new(StreamTokens::new());
    let mut asterisk = Asterisk::start(TokenCheck::Required(Arc::clone(&tokens)));
    let token = tokens.issue(Grant::for_call("PJSIP/alice-1")).unwrap();
    let digits = token.expose().as_bytes().as_chunks::<2>().0;
    let uuid: Vec<u8> = digits
        .iter()
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let uuid: [u8; 16] = uuid.try_into().unwrap();
    let mut stranger = AudioSocketPhone::connect(&asterisk.address, [7; 16]).await;
    assert!(stranger.closes().await);
    let _phone = AudioSocketPhone::connect(&asterisk.address, uuid).await;
    assert_eq!(asterisk.call().await.call().id.as_str(), "PJSIP/alice-1");
    let mut again = AudioSocketPhone::connect(&asterisk.address, uuid).await;
    assert!(again.closes().await);
    assert!(asterisk.calls.try_recv().is_err());
}

#[tokio::test]
async fn the_limit_of_calls_holds_and_nobody_is_handed_on() {
    let mut asterisk = Asterisk::start(TokenCheck::Off);
    let mut phones = Vec::new();
    let mut calls = Vec::new();
    for name in [1, 2] {
        phones.push(AudioSocketPhone::connect(&asterisk.address, [name; 16]).await);
        calls.push(asterisk.call().await);
    }
    let mut third = AudioSocketPhone::connect(&asterisk.address, [3; 16]).await;
    assert!(third.closes().await);
    let call = calls.pop().unwrap();
    assert!(!call.capabilities().transfer);
    let mut link = Box::new(call).open().await.unwrap();
    link.try_send(Outbound::Transfer("front desk".into())).unwrap();
    let told = timeout(SOON, link.recv()).await.unwrap().unwrap().unwrap();
    assert_eq!(told, Inbound::NotTransferred(ErrorKind::Unsupported));
}
